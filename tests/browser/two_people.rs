//! Two people at once, each in a browser of their own.

use anyhow::{Context as _, Result, ensure};
use landmark_tests::browser::axe::ensure_usable;
use landmark_tests::browser::person::signed_in;
use landmark_tests::browser::{Driver, Person, Tab};
use landmark_tests::fleet::{Server, facts};
use landmark_tests::scratch::test;

/// An administrator and an operator, both at the computer location, whose list has two servers.
async fn both(driver: &Driver, server: &Server) -> Result<(Tab, Tab)> {
    let ctl = server.ctl();
    ctl.add("10.1.1.5", 1433).await?;
    ctl.add("10.1.1.6", 1433).await?;
    ctl.assign().await?;
    let alex = signed_in(driver, server, Person::Administrator).await?;
    let olga = signed_in(driver, server, Person::Operator).await?;
    for tab in [&alex, &olga] {
        tab.open("/location").await?;
        tab.see("10.1.1.6").await?;
    }
    Ok((alex, olga))
}

async fn add(tab: &Tab, address: &str, port: &str) -> Result<()> {
    tab.fill("Address or name", address).await?;
    tab.fill("Port", port).await?;
    tab.click("Add").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_saves_second_sees_both_versions_and_may_save_over() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let (alex, olga) = both(&driver, &server).await?;
        for tab in [&alex, &olga] {
            tab.click("10.1.1.5").await?;
            tab.see("A reference server of the draft.").await?;
        }
        alex.fill("Ports", "1433, 80").await?;
        alex.click("Save").await?;
        alex.until_alert("Saved to the draft: reference server 10.1.1.5").await?;

        olga.fill("Ports", "1434").await?;
        olga.click("Save").await?;
        olga.until_alert("The draft was changed meanwhile").await?;
        olga.see("alex changed it").await?;
        let versions = olga.text_of("[role=alert] tbody tr").await?;
        ensure!(versions.iter().any(|row| row == "Ports 1433, 80 1434"), "{versions:?}");
        ensure!(olga.value("Ports").await? == "1434", "{}", olga.value("Ports").await?);
        ensure!(ports(&ctl.draft().await?)? == [1433, 80], "it was saved without a choice");
        ensure_usable(&olga).await?;
        olga.click("Save yours over it").await?;
        olga.until_alert("Saved to the draft: reference server 10.1.1.5").await?;
        ensure!(ports(&ctl.draft().await?)? == [1434]);
        olga.nothing_went_wrong_but("409").await?;

        // The other way: what is saved stays.
        add(&alex, "10.1.1.7", "21").await?;
        alex.until_alert("The draft was changed meanwhile").await?;
        alex.see("olga changed it").await?;
        ensure!(alex.value("Address or name").await? == "10.1.1.7" && alex.value("Port").await? == "21");
        ensure_usable(&alex).await?;
        alex.click("Keep what is saved").await?;
        alex.see_no("The draft was changed meanwhile").await?;
        ensure!(alex.value("Address or name").await?.is_empty(), "{}", alex.value("Address or name").await?);
        let hosts = facts::hosts(&ctl.draft().await?["settings"]);
        ensure!(hosts == ["10.1.1.5", "10.1.1.6"], "{hosts:?}");
        alex.nothing_went_wrong_but("409").await
    })
    .await
}

/// Of the first server of the draft.
fn ports(draft: &serde_json::Value) -> Result<Vec<u64>> {
    let ports = draft["settings"]["reference_servers"]["servers"][0]["ports"].as_array();
    let ports = ports.with_context(|| format!("no ports in {draft}"))?;
    Ok(ports.iter().filter_map(serde_json::Value::as_u64).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_saves_or_discards_is_seen_by_the_other_at_once() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let (alex, olga) = both(&driver, &server).await?;
        alex.see_no("unassigned change").await?;
        // What alex is typing stays where it is while the page is told the news.
        alex.fill("Address or name", "10.1.1.9").await?;
        add(&olga, "10.1.1.7", "21").await?;
        alex.see("1 unassigned change last by olga").await?;
        add(&olga, "10.1.1.8", "21").await?;
        alex.see("2 unassigned changes last by olga").await?;
        ensure!(alex.value("Address or name").await? == "10.1.1.9");
        ensure!(olga.text().await?.contains("An administrator can assign them."));
        ensure_usable(&alex).await?;
        // So is what somebody does at the command line.
        ctl.ok(&["servers", "enable"]).await?;
        alex.see("3 unassigned changes").await?;
        alex.see_no("last by olga").await?;
        alex.fill("Address or name", "").await?;

        alex.click_at("unassigned changes", "Show").await?;
        alex.see("3 unassigned changes Last changed by").await?;
        ensure_usable(&alex).await?;
        alex.click_at("In force nowhere yet.", "Discard").await?;
        alex.see("Discard all unassigned changes?").await?;
        alex.click("Cancel").await?;
        olga.see("3 unassigned changes").await?;
        alex.click_at("In force nowhere yet.", "Discard").await?;
        alex.click_at("Discard all unassigned changes?", "Discard").await?;
        alex.until_alert("Discarded: the draft is what agents hold.").await?;
        olga.see_no("unassigned change").await?;
        let hosts = facts::hosts(&ctl.draft().await?["settings"]);
        ensure!(hosts == ["10.1.1.5", "10.1.1.6"], "{hosts:?}");
        alex.nothing_went_wrong().await?;
        olga.nothing_went_wrong().await
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_that_changed_while_it_was_looked_at_is_not_assigned_or_discarded_blindly() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let (alex, olga) = both(&driver, &server).await?;
        add(&alex, "10.1.1.7", "21").await?;
        alex.click_at("1 unassigned change", "Assign to agents").await?;
        alex.see("What will change").await?;
        alex.fill("Note", "ticket 4711").await?;
        olga.reload().await?;
        add(&olga, "10.1.1.8", "21").await?;
        olga.until_alert("reference server 10.1.1.8").await?;

        alex.see("2 unassigned changes").await?;
        alex.click_at("Note", "Assign to agents").await?;
        alex.until_alert("Nothing was assigned: the draft was changed after you had seen it.").await?;
        alex.see("olga changed it").await?;
        alex.see("Reference server 10.1.1.8").await?;
        ensure!(alex.value("Note").await? == "ticket 4711", "{}", alex.value("Note").await?);
        ensure!(ctl.draft().await?["assigned_revision"] == 1);
        ensure_usable(&alex).await?;
        alex.click_at("Note", "Assign to agents").await?;
        alex.see_page("/assignments/2").await?;
        alex.see("ticket 4711").await?;
        olga.see_no("unassigned change").await?;

        // Discarding likewise.
        olga.open("/location").await?;
        add(&olga, "10.1.1.9", "21").await?;
        alex.see("1 unassigned change").await?;
        alex.open("/draft").await?;
        olga.until_alert("reference server 10.1.1.9").await?;
        add(&olga, "10.1.1.10", "21").await?;
        olga.until_alert("reference server 10.1.1.10").await?;
        alex.see("2 unassigned changes").await?;
        alex.click_at("1 unassigned change", "Discard").await?;
        alex.click_at("Discard all unassigned changes?", "Discard").await?;
        alex.until_alert("Nothing was discarded: the draft was changed meanwhile.").await?;
        alex.see("Reference server 10.1.1.10").await?;
        ensure!(facts::hosts(&ctl.draft().await?["settings"]).len() == 6);
        ensure_usable(&alex).await?;
        alex.nothing_went_wrong_but("409").await?;
        olga.nothing_went_wrong().await
    })
    .await
}
