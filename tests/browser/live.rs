//! Pages that are left open: they follow the fleet by themselves, and say so when they cannot.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use landmark_proto::wire::Location;
use landmark_tests::browser::person::signed_in;
use landmark_tests::browser::{Driver, Key, Person, Tab};
use landmark_tests::fleet::{Agent, Crowd, Server, facts};
use landmark_tests::reference::recorder::Recorder;
use landmark_tests::scratch::test;
use landmark_tests::wait::LIMIT;

use crate::everyone::ensure_for_everyone;

/// Lets a page be told from the same one read anew.
const MARK: &str = "window.isTheSame = true";

/// Where the page has been since it was marked: here.
async fn ensure_not_read_anew(tab: &Tab) -> Result<()> {
    ensure!(tab.run("return window.isTheSame === true").await? == true, "the page was read anew");
    Ok(())
}

/// Waits until the tile with this title has this number.
async fn see_tile(tab: &Tab, title: &str, n: u64) -> Result<()> {
    let wanted = format!("{n} {title}");
    tab.until(Duration::from_secs(20), &format!("{wanted:?} is on a tile"), async || {
        let tiles = tab.text_of(".tile").await?;
        ensure!(tiles.contains(&wanted), "the tiles are {tiles:?}");
        Ok(())
    })
    .await
}

/// Waits until the row with this text has these words, too.
async fn see_row(tab: &Tab, text: &str, words: &[&str]) -> Result<()> {
    tab.until(Duration::from_secs(20), &format!("the row {text:?} says {words:?}"), async || {
        let rows = tab.text_of("#agents tbody tr").await?;
        let row = rows.iter().find(|row| row.contains(text)).with_context(|| format!("{rows:?}"))?;
        ensure!(words.iter().all(|word| row.contains(word)), "it says {row:?}");
        Ok(())
    })
    .await
}

/// Nothing but requests that found no server is in the log.
async fn only_the_server_was_away(tab: &Tab) -> Result<()> {
    for entry in tab.log().await? {
        // The second is what htmx says of the first.
        let is_meant = entry.message.contains("net::ERR_") || entry.message.contains("\"htmx:");
        ensure!(entry.level != "SEVERE" || is_meant, "{entry}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_overview_and_an_open_table_follow_the_fleet() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let server = Server::started(scratch).await?;
        let overview = signed_in(&driver, &server, Person::Administrator).await?;
        ensure_for_everyone(&overview).await?;
        let table = signed_in(&driver, &server, Person::Viewer).await?;
        table.open("/agents").await?;
        table.see("No agent yet").await?;
        ensure_for_everyone(&table).await?;
        for tab in [&overview, &table] {
            tab.run(MARK).await?;
        }

        let mut agent = Agent::started(scratch, "agent", &server).await?;
        let id = agent.id().await?;
        let shown = server.ctl().agent(&id).await?;
        let name = shown["host_name"].as_str().context("it has no name")?;
        see_row(&table, name, &["online", "internal"]).await?;
        see_tile(&overview, "Online", 1).await?;
        see_tile(&overview, "Internal", 1).await?;

        let mut crowd = Crowd::join(&server, 1).await?;
        let other = crowd.members().first_mut().context("nobody joined")?;
        let other_name = landmark_tests::fleet::simulated::host_name(0);
        see_row(&table, &other_name, &["online", "internal"]).await?;
        other.report(Location::External).await?;
        see_row(&table, &other_name, &["online", "external"]).await?;
        see_tile(&overview, "External", 1).await?;
        other.disconnect();
        see_row(&table, &other_name, &["offline", "was external"]).await?;
        see_tile(&overview, "Offline", 1).await?;

        agent.stop().await?;
        see_row(&table, name, &["offline"]).await?;
        see_tile(&overview, "Offline", 2).await?;
        for tab in [&overview, &table] {
            ensure_not_read_anew(tab).await?;
            ensure_for_everyone(tab).await?;
        }
        overview.nothing_went_wrong().await?;
        table.nothing_went_wrong_but("422").await
    })
    .await
}

/// What stands in the page for a moment, and what should: as the browser's own language and time zone have it.
const LOCAL_TIMES: &str = r##"
const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
return [...document.querySelectorAll("#status time[data-local]")]
    .map((time) => [time.textContent, format.format(new Date(time.dateTime))]);
"##;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_an_agent_shows_what_it_sees_when_it_looks_again() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let server = Server::started(scratch).await?;
        let agent = Agent::started(scratch, "agent", &server).await?;
        let id = agent.id().await?;
        let reference = Recorder::start().await?;
        let ctl = server.ctl();
        ctl.add("127.0.0.1", reference.port()).await?;
        ctl.ok(&["servers", "enable"]).await?;
        ctl.ok(&["location", "set", "--server-connection", "says-nothing"]).await?;
        ctl.assign().await?;
        let by_reference = |status: &_| facts::is_internal_by(status, "127.0.0.1", reference.port());
        agent.wait_for(LIMIT, "it is internal by the reference server", by_reference).await?;
        let tab = signed_in(&driver, &server, Person::Operator).await?;
        tab.devtools("Emulation.setTimezoneOverride", serde_json::json!({ "timezoneId": "Asia/Tokyo" }))
            .await?;
        tab.open(&format!("/agents/{id}")).await?;
        let n_before = tab.count(".record").await?;
        tab.click("Look again now").await?;
        tab.until_alert("asked to look again").await?;
        tab.run(MARK).await?;
        let n_records = async |n: usize| {
            tab.until(Duration::from_secs(20), &format!("{n} evaluations are told"), async || {
                let there = tab.count(".record").await?;
                ensure!(there == n, "there are {there}");
                Ok(())
            })
            .await
        };
        n_records(n_before + 1).await?;

        // It is no less readable than a page that was read anew: local times, and what was opened stays open.
        tab.run("document.querySelector('.record summary').focus()").await?;
        tab.press(Key::Enter).await?;
        server.ctl().ok(&["agents", "recheck", &id]).await?;
        n_records(n_before + 2).await?;
        ensure_not_read_anew(&tab).await?;
        let times = tab.run(LOCAL_TIMES).await?;
        let times = times.as_array().filter(|times| times.len() > 3).context("few times are told")?;
        ensure!(times.iter().all(|time| time[0] == time[1]), "{times:?}");
        let ages = tab.text_of("#status [data-age-of]").await?;
        // What is folded has none to be seen.
        ensure!(ages.len() >= times.len(), "{ages:?}");
        ensure!(ages.iter().all(|age| age.is_empty() || age.starts_with('(')), "{ages:?}");
        ensure!(ages.contains(&"(just now)".to_owned()), "{ages:?}");
        ensure!(tab.count(".record details[open] pre").await? == 1, "what was opened is closed");
        let focused = tab.run("return document.activeElement.textContent").await?;
        ensure!(focused == "The whole record", "the focus is at {focused}");
        ensure_for_everyone(&tab).await?;
        tab.nothing_went_wrong_but("422").await
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_restarts_under_open_pages_is_told_and_nothing_is_lost() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let mut server = Server::started(scratch).await?;
        let mut agent = Agent::started(scratch, "agent", &server).await?;
        server.ctl().ok(&["servers", "add", "10.1.1.5", "443"]).await?;
        let table = signed_in(&driver, &server, Person::Administrator).await?;
        table.open("/agents").await?;
        table.see("online").await?;
        let form = signed_in(&driver, &server, Person::Administrator).await?;
        form.open("/accounts").await?;
        form.fill("Name", "nina").await?;
        for tab in [&table, &form] {
            tab.nothing_went_wrong().await?;
            tab.run(MARK).await?;
        }

        server.stop().await?;
        for tab in [&table, &form] {
            tab.until_alert("The server does not answer").await?;
        }
        ensure_for_everyone(&table).await?;
        table.until_alert("1 agent").await?;
        table.click("Discard").await?;
        table.click_at("Discard all unassigned changes?", "Discard").await?;
        table.until_alert("nothing was saved").await?;
        form.write("Name", ".s").await?;
        form.choose("Role", "operator").await?;
        form.click("Make account").await?;
        form.until_alert("nothing was saved").await?;
        ensure!(form.value("Name").await? == "nina.s", "{:?}", form.value("Name").await?);

        agent.stop().await?;
        server.start().await?;
        for tab in [&table, &form] {
            tab.until_alert("The server was restarted.").await?;
            ensure_not_read_anew(tab).await?;
        }
        table.see("offline").await?;
        table.see_no("online").await?;
        table.see("1 unassigned change").await?;
        ensure!(form.value("Name").await? == "nina.s" && form.value("Role").await? == "operator");
        form.click("Make account").await?;
        form.see("A one-time password for nina.s").await?;
        let accounts = server.ctl().ok(&["accounts", "list"]).await?;
        ensure!(accounts.to_string().contains("nina.s"), "{accounts}");
        for tab in [&table, &form] {
            only_the_server_was_away(tab).await?;
        }
        Ok(())
    })
    .await
}
