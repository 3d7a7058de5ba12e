//! The reference server list, from its first entry to the agents that hold it: by the page of the computer location, and by
//! that of the firewall profiles.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use landmark_tests::browser::axe::ensure_usable;
use landmark_tests::browser::person::signed_in;
use landmark_tests::browser::{Driver, Key, Person, Tab};
use landmark_tests::fleet::{Agent, Ctl, Server, facts};
use landmark_tests::reference::recorder::Recorder;
use landmark_tests::scratch::test;
use landmark_tests::wait::LIMIT;

/// Agents look again every 10 s, the shortest interval there is.
const NEXT_LOOK: Duration = Duration::from_secs(10).saturating_add(LIMIT);

/// More stops than any of the pages has.
const MAX_STOPS: u32 = 80;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_made_by_the_page_computer_location_and_assigned_to_agents() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let web = Recorder::start().await?;
        let mut server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let agents = [
            Agent::started(scratch, "agent-1", &server).await?,
            Agent::started(scratch, "agent-2", &server).await?,
        ];
        let tab = signed_in(&driver, &server, Person::Administrator).await?;
        tab.open("/agents").await?;
        tab.click("Computer location").await?;
        tab.see("No reference server yet").await?;
        ensure_usable(&tab).await?;

        tab.check("Enable the reference server list").await?;
        tab.click("Save whether the list is enabled").await?;
        tab.until_alert("the reference server list is enabled").await?;
        let port = web.port().to_string();
        for (address, port) in [("127.0.0.1", port.as_str()), ("fd00:5::1", "8443"), ("files", "445")] {
            add(&tab, address, port).await?;
            ensure!(tab.focused().await? == "Address or name", "{}", tab.focused().await?);
        }
        add(&tab, "db.corp.example", "5432").await?;
        tab.see("4 of at most 32 servers").await?;
        // The same address again with another port: both are tried, the first one first.
        add(&tab, "files", "139").await?;
        let hosts = ["127.0.0.1", "fd00:5::1", "files", "db.corp.example"];
        rows_are(&tab, &hosts).await?;
        ensure!(tab.text_of(PORTS).await?[2] == "445, 139", "{:?}", tab.text_of(PORTS).await?);

        // The same as a script that reads the list.
        let draft = ctl.draft().await?;
        ensure!(facts::hosts(&draft["settings"]) == hosts, "{draft}");
        agents_hold(&ctl, &agents, None).await?;
        ensure_usable(&tab).await?;

        tab.click_at("unassigned changes", "Assign to agents").await?;
        tab.see("Look at this first").await?;
        tab.see("db.corp.example").await?;
        tab.see("Reference server fd00:5::1").await?;
        ensure_usable(&tab).await?;
        tab.fill("Note", "the first list").await?;
        tab.click_at("Note", "Assign to agents").await?;
        tab.see_page("/assignments/1").await?;
        tab.see("2 of 2 agents hold it.").await?;
        tab.see_no("unassigned change").await?;
        ensure_usable(&tab).await?;
        agents_hold(&ctl, &agents, Some(1)).await?;
        tab.nothing_went_wrong().await?;
        tab.close().await?;

        // It is theirs: they are inside by it, while their server is away.
        server.stop().await?;
        for agent in &agents {
            let by_web = |status: &_| facts::is_internal_by(status, "127.0.0.1", web.port());
            agent.wait_for(NEXT_LOOK, "it is internal by the list", by_web).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_firewall_profiles_open_the_same_list_and_lead_back() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let agents = [Agent::started(scratch, "agent-1", &server).await?];
        ctl.add("10.1.1.5", 1433).await?;
        ctl.add("10.1.1.6", 1433).await?;
        ctl.ok(&["servers", "enable"]).await?;
        ctl.assign().await?;
        let tab = signed_in(&driver, &server, Person::Administrator).await?;

        tab.open("/agents").await?;
        tab.click("Firewall").await?;
        tab.click("Edit reference server list").await?;
        rows_are(&tab, &["10.1.1.5", "10.1.1.6"]).await?;
        add(&tab, "10.1.1.7", "1433").await?;
        tab.click("10.1.1.5").await?;
        tab.fill("Ports", "1433, 1434").await?;
        tab.click("Save").await?;
        tab.until_alert("reference server 10.1.1.5").await?;
        tab.press_on("Move 10.1.1.7 up", Key::Enter).await?;
        rows_are(&tab, &["10.1.1.5", "10.1.1.7", "10.1.1.6"]).await?;
        tab.check("Choose 10.1.1.6").await?;
        tab.click("Delete (1)").await?;
        tab.click("Delete").await?;
        rows_are(&tab, &["10.1.1.5", "10.1.1.7"]).await?;
        tab.see("removed, still assigned").await?;
        ensure_usable(&tab).await?;
        tab.click("Firewall profiles").await?;
        tab.see_page("/firewall").await?;

        agents_hold(&ctl, &agents, Some(1)).await?;
        tab.click_at("unassigned changes", "Assign to agents").await?;
        for text in ["1433, 1434", "Reference server 10.1.1.7", "Reference server 10.1.1.6"] {
            tab.see(text).await?;
        }
        tab.click_at("Note", "Assign to agents").await?;
        tab.see("1 of 1 agent holds it.").await?;
        agents_hold(&ctl, &agents, Some(2)).await?;
        tab.click("Computer location").await?;
        rows_are(&tab, &["10.1.1.5", "10.1.1.7"]).await?;
        tab.nothing_went_wrong().await
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_said_at_its_field_and_what_was_typed_stays() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        ctl.add("10.1.1.5", 1433).await?;
        let tab = signed_in(&driver, &server, Person::Operator).await?;
        tab.open("/location").await?;

        let wrong = [
            ("10.1.1.300", "80", "Address or name", "10.1.1.300"),
            ("", "80", "Address or name", "missing"),
            ("10.1.1.6", "70000", "Port", "70000"),
            ("10.1.1.6", "web", "Port", "web"),
            ("10.1.1.6", "", "Port", "port"),
        ];
        for (address, port, field, said) in wrong {
            tab.fill("Address or name", address).await?;
            tab.fill("Port", port).await?;
            tab.click("Add").await?;
            tab.until(LIMIT, "the error is about what was typed", async || {
                let told = tab.field_error(field).await?;
                ensure!(told.contains(said), "{told}");
                Ok(())
            })
            .await?;
            ensure!(
                tab.value("Address or name").await? == address,
                "{}",
                tab.value("Address or name").await?
            );
            ensure!(tab.value("Port").await? == port, "{}", tab.value("Port").await?);
            ensure!(tab.focused().await? == field, "{port} {}", tab.focused().await?);
        }
        ensure_usable(&tab).await?;
        tab.fill("Port", "1433").await?;
        tab.press(Key::Enter).await?;
        tab.until_alert("reference server 10.1.1.6 with port 1433").await?;
        ensure!(tab.value("Address or name").await?.is_empty());

        tab.click("10.1.1.6").await?;
        tab.fill("Ports", "1433, 0").await?;
        tab.click("Save").await?;
        let told = tab.field_error("Ports").await?;
        ensure!(told.contains('0'), "{told}");
        ensure!(tab.value("Ports").await? == "1433, 0");
        ensure_usable(&tab).await?;
        // To another entry's name.
        tab.fill("Ports", "1433").await?;
        tab.fill("Address or name", "10.1.1.5").await?;
        tab.click("Save").await?;
        let told = tab.field_error("Address or name").await?;
        ensure!(told.contains("10.1.1.5"), "{told}");
        tab.fill("Address or name", "Backup.Corp.Example").await?;
        tab.click("Save").await?;
        rows_are(&tab, &["10.1.1.5", "backup.corp.example"]).await?;
        ensure!(focused_row(&tab).await? == "server-backup.corp.example", "{}", focused_row(&tab).await?);
        tab.nothing_went_wrong_but("422").await
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_order_is_changed_by_keys_by_buttons_and_by_the_mouse() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        for host in ["one.example", "two.example", "three.example", "four.example"] {
            ctl.add(host, 1433).await?;
        }
        let tab = signed_in(&driver, &server, Person::Operator).await?;
        tab.open("/location").await?;

        // By keys alone; the focus goes with the row, so that the next press moves it on.
        tab_to(&tab, "Choose four.example").await?;
        for order in [
            ["one.example", "two.example", "four.example", "three.example"],
            ["one.example", "four.example", "two.example", "three.example"],
        ] {
            tab.press_with(&[Key::Alt], Key::Up).await?;
            rows_are(&tab, &order).await?;
            focus_is_in(&tab, "server-four.example").await?;
        }
        tab.press_with(&[Key::Alt], Key::Down).await?;
        rows_are(&tab, &["one.example", "two.example", "four.example", "three.example"]).await?;
        focus_is_in(&tab, "server-four.example").await?;

        // By the buttons, pressed again and again.
        tab.press_on("Move one.example down", Key::Enter).await?;
        rows_are(&tab, &["two.example", "one.example", "four.example", "three.example"]).await?;
        focus_is_on(&tab, "Move one.example down").await?;
        tab.press(Key::Enter).await?;
        rows_are(&tab, &["two.example", "four.example", "one.example", "three.example"]).await?;
        focus_is_on(&tab, "Move one.example down").await?;
        tab.press(Key::Enter).await?;
        rows_are(&tab, &["two.example", "four.example", "three.example", "one.example"]).await?;
        // It is the last, and its button has no use any more.
        focus_is_in(&tab, "server-one.example").await?;
        tab.click("Move four.example up").await?;
        rows_are(&tab, &["four.example", "two.example", "three.example", "one.example"]).await?;

        // By the mouse, down and up.
        tab.drag("four.example", "three.example").await?;
        rows_are(&tab, &["two.example", "three.example", "four.example", "one.example"]).await?;
        tab.drag("one.example", "two.example").await?;
        let order = ["one.example", "two.example", "three.example", "four.example"];
        rows_are(&tab, &order).await?;
        focus_is_in(&tab, "server-one.example").await?;
        let draft = ctl.draft().await?;
        ensure!(facts::hosts(&draft["settings"]) == order, "{draft}");
        tab.nothing_went_wrong().await
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_are_deleted_at_once_and_only_after_a_yes() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        for host in ["10.1.1.5", "10.1.1.6", "10.1.1.7"] {
            ctl.add(host, 1433).await?;
        }
        let tab = signed_in(&driver, &server, Person::Operator).await?;
        tab.open("/location").await?;
        let all = ["10.1.1.5", "10.1.1.6", "10.1.1.7"];
        tab.check("Choose 10.1.1.5").await?;
        tab.check("Choose 10.1.1.7").await?;
        tab.click("Delete (2)").await?;
        tab.see("Delete the chosen reference servers").await?;
        ensure_usable(&tab).await?;
        tab.click("Cancel").await?;
        tab.see_no("Delete the chosen reference servers").await?;
        rows_are(&tab, &all).await?;
        tab.click("Delete (2)").await?;
        tab.see("Delete the chosen reference servers").await?;
        tab.press(Key::Escape).await?;
        tab.see_no("Delete the chosen reference servers").await?;
        ensure!(facts::hosts(&ctl.draft().await?["settings"]) == all, "deleted without a yes");

        tab.click("Delete (2)").await?;
        tab.click("Delete").await?;
        tab.until_alert("2 reference servers are deleted").await?;
        rows_are(&tab, &["10.1.1.6"]).await?;
        // One alone, on its own page.
        tab.click("10.1.1.6").await?;
        tab.click("Delete this reference server").await?;
        tab.click("Delete").await?;
        tab.see("No reference server yet").await?;
        ensure!(facts::hosts(&ctl.draft().await?["settings"]).is_empty());
        tab.nothing_went_wrong().await
    })
    .await
}

/// Of the rows of the list, one below the other.
const NAMES: &str = "#reference-servers tbody tr th a";
const PORTS: &str = "#reference-servers tbody td[data-label=Ports]";

async fn add(tab: &Tab, address: &str, port: &str) -> Result<()> {
    tab.fill("Address or name", address).await?;
    tab.fill("Port", port).await?;
    tab.click("Add").await?;
    tab.until_alert(&format!("reference server {address} with port {port}")).await
}

/// Waits until the list has these names, in this order.
async fn rows_are(tab: &Tab, names: &[&str]) -> Result<()> {
    tab.until(LIMIT, &format!("the list is {names:?}"), async || {
        let shown = tab.text_of(NAMES).await?;
        ensure!(shown == names, "it is {shown:?}");
        Ok(())
    })
    .await
}

/// Goes on by the key Tab until this has the focus.
async fn tab_to(tab: &Tab, name: &str) -> Result<()> {
    for _ in 0..MAX_STOPS {
        if tab.focused().await? == name {
            return Ok(());
        }
        tab.press(Key::Tab).await?;
    }
    anyhow::bail!("the key Tab does not lead to {name:?}")
}

async fn focused_row(tab: &Tab) -> Result<String> {
    let id = tab.run("return document.activeElement?.closest('tr')?.id ?? ''").await?;
    Ok(id.as_str().context("no text")?.to_owned())
}

async fn focus_is_in(tab: &Tab, row: &str) -> Result<()> {
    tab.until(LIMIT, &format!("the focus is in {row}"), async || {
        let focused = focused_row(tab).await?;
        ensure!(focused == row, "it is in {focused:?}");
        Ok(())
    })
    .await
}

async fn focus_is_on(tab: &Tab, name: &str) -> Result<()> {
    tab.until(LIMIT, &format!("the focus is on {name}"), async || {
        let focused = tab.focused().await?;
        ensure!(focused == name, "it is on {focused:?}");
        Ok(())
    })
    .await
}

/// What a script sees of the fleet, and what the agents say themselves.
async fn agents_hold(ctl: &Ctl, agents: &[Agent], revision: Option<u64>) -> Result<()> {
    let list = ctl.ok(&["agents", "list"]).await?;
    let listed = list["agents"].as_array().context("no agents")?;
    ensure!(listed.len() == agents.len(), "{list}");
    ensure!(listed.iter().all(|agent| facts::held_revision(agent) == revision), "{list}");
    let digest = match revision {
        Some(revision) => ctl.ok(&["assignments", "show", &revision.to_string()]).await?["digest"].clone(),
        None => serde_json::Value::Null,
    };
    for agent in agents {
        let status = agent.status().await?;
        ensure!(
            facts::held_revision(&status) == revision && status["held_digest"] == digest,
            "{status}, {digest}"
        );
    }
    Ok(())
}
