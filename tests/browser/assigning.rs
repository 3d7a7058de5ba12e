//! What becomes of an assignment: who applied it, who refused and why, and who is not there.

use anyhow::{Result, ensure};
use landmark_tests::browser::axe::ensure_usable;
use landmark_tests::browser::person::signed_in;
use landmark_tests::browser::{Driver, Person, Tab};
use landmark_tests::fleet::{Agent, Ctl, Server, facts};
use landmark_tests::scratch::{Scratch, test};
use landmark_tests::wait::LIMIT;
use rustix::process::Signal;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_an_absence_and_a_successor_are_told_while_the_page_is_open() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let mut willing = Agent::started(scratch, "willing", &server).await?;
        let mut away = Agent::started(scratch, "away", &server).await?;
        let away_id = away.id().await?;
        let strict = strict(scratch, &server).await?;
        ctl.add("10.1.1.5", 1433).await?;
        ctl.assign().await?;
        away.stop().await?;
        ctl.wait_for_agent(&away_id, "it is offline", |agent| agent["connection"] == "offline").await?;

        let tab = signed_in(&driver, &server, Person::Administrator).await?;
        ctl.add("127.0.0.1", 8080).await?;
        // One that cannot answer yet holds the progress up.
        willing.signal(Signal::STOP)?;
        assign(&tab, "with a loopback address").await?;
        tab.see_page("/assignments/2").await?;
        tiles(&tab, ["0 applied", "1 pending", "1 rejected", "1 offline"]).await?;
        tab.see("going on").await?;
        tab.see("Rejected by").await?;
        tab.see("The settings break a rule of the agent.").await?;
        tab.see("loopback").await?;
        ensure_usable(&tab).await?;
        willing.signal(Signal::CONT)?;
        tiles(&tab, ["1 applied", "0 pending", "1 rejected", "1 offline"]).await?;
        tab.see("1 of 3 agents hold it. Those offline get it when they connect.").await?;
        tab.see_no("going on").await?;
        let shown = ctl.agent(&strict.id().await?).await?;
        ensure!(
            shown["assignment_state"] == "rejected" && facts::held_revision(&shown) == Some(1),
            "{shown}"
        );

        // It connects while the page is open.
        away.start().await?;
        tiles(&tab, ["2 applied", "0 pending", "1 rejected", "0 offline"]).await?;
        ensure_usable(&tab).await?;

        // Somebody assigns another one.
        ctl.ok(&["servers", "remove", "127.0.0.1"]).await?;
        ctl.add("10.1.1.6", 1433).await?;
        ctl.assign().await?;
        tab.see("superseded by 3").await?;
        ensure_usable(&tab).await?;
        tab.click("Assignment 3").await?;
        tab.see("3 of 3 agents hold it.").await?;
        tiles(&tab, ["3 applied", "0 pending", "0 rejected", "0 offline"]).await?;
        tab.nothing_went_wrong().await
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn assignments_are_listed_compared_and_assigned_again() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let agent = Agent::started(scratch, "agent", &server).await?;
        let tab = signed_in(&driver, &server, Person::Administrator).await?;
        tab.open("/agents").await?;
        tab.click("Assignments").await?;
        tab.see("Nothing has been assigned yet").await?;
        ensure_usable(&tab).await?;
        tab.open("/assign").await?;
        tab.see("Nothing to assign").await?;
        ensure_usable(&tab).await?;
        tab.open("/agents").await?;
        make(&ctl, "10.1.1.5", "the first").await?;
        make(&ctl, "10.1.1.6", "the second").await?;
        make(&ctl, "10.1.1.7", "the third").await?;

        tab.click("Assignments").await?;
        for text in ["the first", "the second", "the third", "present"] {
            tab.see(text).await?;
        }
        ensure_usable(&tab).await?;
        tab.check("Compare from assignment 1").await?;
        tab.check("Compare to assignment 3").await?;
        tab.click("Compare").await?;
        tab.see("From 1 to 3").await?;
        tab.see("added Reference server 10.1.1.6").await?;
        tab.see("added Reference server 10.1.1.7").await?;
        ensure!(!tab.text().await?.contains("10.1.1.5"));
        ensure_usable(&tab).await?;
        tab.fill("To assignment", "9").await?;
        tab.click("Compare").await?;
        let told = tab.field_error("To assignment").await?;
        ensure!(told.contains("there is no assignment 9"), "{told}");
        ensure_usable(&tab).await?;
        tab.nothing_went_wrong_but("422").await?;

        // An edit that nobody has assigned yet stays out of it.
        ctl.add("colleague.example", 443).await?;
        tab.open("/assignments/1").await?;
        ensure_usable(&tab).await?;
        tab.fill("Note", "back to the first").await?;
        tab.click("Assign again").await?;
        tab.see("Assign the settings of assignment 1 to all agents again?").await?;
        tab.click("Cancel").await?;
        tab.click("Assign again").await?;
        tab.click_at("to all agents again?", "Assign again").await?;
        tab.see_page("/assignments/4").await?;
        tab.see("1 of 1 agent holds it.").await?;
        tab.see("back to the first").await?;
        agent
            .wait_for(LIMIT, "it holds the fourth", |status| facts::held_revision(status) == Some(4))
            .await?;
        let fourth = ctl.ok(&["assignments", "show", "4"]).await?;
        ensure!(facts::hosts(&fourth["settings"]) == ["10.1.1.5"] && fourth["again_of"] == 1, "{fourth}");
        tab.see("unassigned changes").await?;
        let draft = facts::hosts(&ctl.draft().await?["settings"]);
        ensure!(draft == ["10.1.1.5", "10.1.1.6", "10.1.1.7", "colleague.example"], "{draft:?}");
        ensure_usable(&tab).await?;
        tab.nothing_went_wrong().await
    })
    .await
}

/// An agent that takes no reference server on its own machine.
async fn strict(scratch: &Scratch, server: &Server) -> Result<Agent> {
    let mut agent = Agent::new(scratch, "strict")?;
    agent.set("location.allow-loopback", "false");
    agent.join(server).await?;
    Ok(agent)
}

/// By the page.
async fn assign(tab: &Tab, note: &str) -> Result<()> {
    tab.click_at("unassigned change", "Assign to agents").await?;
    tab.fill("Note", note).await?;
    tab.click_at("Note", "Assign to agents").await
}

/// Adds a server, and assigns the list.
async fn make(ctl: &Ctl, host: &str, note: &str) -> Result<()> {
    ctl.add(host, 1433).await?;
    ctl.ok(&["assign", "--wait", "-m", note]).await.map(drop)
}

/// Waits until the page counts so.
async fn tiles(tab: &Tab, expected: [&str; 4]) -> Result<()> {
    tab.until(LIMIT, &format!("the page counts {expected:?}"), async || {
        let tiles = tab.text_of(".tile").await?;
        ensure!(tiles == expected, "it counts {tiles:?}");
        Ok(())
    })
    .await
}
