//! The firewall from the first policy to the machine that has it, with a mouse and with the keyboard alone.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use landmark_tests::browser::person::signed_in;
use landmark_tests::browser::{Driver, Key, Person, Tab};
use landmark_tests::fleet::{Agent, Server};
use landmark_tests::scratch::test;
use serde_json::Value;

use crate::everyone::ensure_for_everyone;

/// As the forms call what is not inside.
const OUTSIDE: &str = "External, or not known yet";

/// The names in a list of the draft, in order.
async fn listed(server: &Server, list: &str) -> Result<Vec<String>> {
    let draft = server.ctl().draft().await?;
    let entries = draft["settings"]["firewall"][list].as_array().with_context(|| draft.to_string())?;
    Ok(entries.iter().filter_map(|entry| entry["name"].as_str().map(str::to_owned)).collect())
}

/// The names in the list that is on the page, in order.
async fn shown(tab: &Tab) -> Result<Vec<String>> {
    tab.text_of("table.ordered tbody th a").await
}

async fn see_order(tab: &Tab, order: &[&str]) -> Result<()> {
    tab.until(Duration::from_secs(20), &format!("the order is {order:?}"), async || {
        let there = shown(tab).await?;
        ensure!(there == order, "it is {there:?}");
        Ok(())
    })
    .await
}

async fn add_policy(tab: &Tab, name: &str, level: &str) -> Result<()> {
    tab.open("/firewall/policies").await?;
    tab.fill("Name", name).await?;
    tab.choose("Level", level).await?;
    tab.click("Add to the draft").await?;
    tab.see(name).await
}

async fn add_profile(tab: &Tab, name: &str, policy: &str, location: &str) -> Result<()> {
    tab.open("/firewall").await?;
    tab.click("Add profile").await?;
    tab.fill("Name", name).await?;
    tab.choose("Policy", policy).await?;
    tab.check(location).await?;
    ensure_for_everyone(tab).await?;
    tab.click("Add to the draft").await?;
    tab.see_no("New profile").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_comes_from_the_form_to_the_machine() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let server = Server::started(scratch).await?;
        let agent = Agent::started(scratch, "agent", &server).await?;
        let tab = signed_in(&driver, &server, Person::Administrator).await?;
        add_policy(&tab, "Office", "Medium: inbound is blocked, outbound passes").await?;
        ensure_for_everyone(&tab).await?;
        tab.open("/firewall/policy?name=Office").await?;
        // The policy has a name, too.
        tab.run("document.getElementById('exception-name').focus()").await?;
        tab.type_text("Print").await?;
        tab.choose("Direction", "Outbound").await?;
        tab.choose("Protocol", "TCP").await?;
        tab.fill("Ports", "9100, 631").await?;
        tab.click("Add to the draft").await?;
        tab.see("Print").await?;
        ensure!(shown(&tab).await?.last().is_some_and(|last| last == "Print"), "{:?}", shown(&tab).await?);
        ensure_for_everyone(&tab).await?;
        add_policy(&tab, "Road", "High: inbound and outbound are blocked").await?;
        add_profile(&tab, "Inside", "Office", "Internal").await?;
        add_profile(&tab, "Outside", "Road", OUTSIDE).await?;
        see_order(&tab, &["Inside", "Outside", "All agents"]).await?;
        ensure_for_everyone(&tab).await?;

        what_if(&tab).await?;
        assign(&tab).await?;
        let id = agent.id().await?;
        let told = server
            .ctl()
            .wait_for_agent(&id, "it has the policy", |agent| agent["enforcement"]["policy"] == "Office")
            .await?;
        ensure!(told["enforcement"]["profile"] == "Inside", "{told}");
        tab.open(&format!("/agents/{id}")).await?;
        tab.see("policy Office, by profile Inside").await?;
        tab.see("only observed").await?;
        ensure_for_everyone(&tab).await?;
        tab.click("Office").await?;
        tab.see("Policy Office").await?;
        tab.nothing_went_wrong().await
    })
    .await
}

/// Which profile a machine outside would get, and why not the first.
async fn what_if(tab: &Tab) -> Result<()> {
    tab.click("What-if").await?;
    tab.fill("Host name", "LAPTOP-7").await?;
    tab.choose("Location", OUTSIDE).await?;
    tab.click("Which profile?").await?;
    tab.see("LAPTOP-7 gets the profile “Outside”").await?;
    let skipped = tab.text_of(".skipped li").await?;
    let [one] = skipped.as_slice() else { anyhow::bail!("{skipped:?}") };
    ensure!(one.starts_with("Inside:") && one.contains("external"), "{one}");
    ensure!(tab.focused().await?.contains("gets the profile"), "the focus is at {:?}", tab.focused().await?);
    ensure_for_everyone(tab).await
}

async fn assign(tab: &Tab) -> Result<()> {
    tab.click("Assign to agents").await?;
    tab.see("What will change").await?;
    ensure_for_everyone(tab).await?;
    tab.fill("Note", "the firewall, as agreed").await?;
    tab.click_at("who get it at once", "Assign to agents").await?;
    tab.see("Assignment 1").await?;
    tab.see_no("unassigned").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn profiles_and_exceptions_are_ordered_by_the_keyboard() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        ctl.ok(&["firewall", "policies", "add", "Office", "--level", "medium", "--from-template"]).await?;
        ctl.ok(&["firewall", "profiles", "add", "Inside", "--policy", "Office", "--location", "internal"])
            .await?;
        ctl.ok(&["firewall", "profiles", "add", "Outside", "--policy", "Office", "--location", "external"])
            .await?;
        let tab = signed_in(&driver, &server, Person::Operator).await?;
        tab.open("/firewall").await?;
        see_order(&tab, &["Inside", "Outside", "All agents"]).await?;
        tab.press_on("Move Outside up", Key::Enter).await?;
        see_order(&tab, &["Outside", "Inside", "All agents"]).await?;
        // Whoever moved it is still there, and goes on with Alt and an arrow key.
        ensure!(tab.focused().await?.contains("Outside"), "the focus is at {:?}", tab.focused().await?);
        tab.press_with(&[Key::Alt], Key::Down).await?;
        see_order(&tab, &["Inside", "Outside", "All agents"]).await?;
        ensure!(tab.focused().await?.contains("Outside"), "the focus is at {:?}", tab.focused().await?);
        tab.press_with(&[Key::Alt], Key::Up).await?;
        see_order(&tab, &["Outside", "Inside", "All agents"]).await?;
        ensure!(listed(&server, "profiles").await? == ["Outside", "Inside", "All agents"]);

        tab.open("/firewall/policy?name=Office").await?;
        let before = shown(&tab).await?;
        let [first, second, ..] = before.as_slice() else { anyhow::bail!("{before:?}") };
        tab.press_on(&format!("Move {second} up"), Key::Enter).await?;
        tab.until(Duration::from_secs(20), "the first two have changed places", async || {
            let there = shown(&tab).await?;
            ensure!(there.first() == Some(second) && there.get(1) == Some(first), "{there:?}");
            Ok(())
        })
        .await?;
        let policies = server.ctl().draft().await?["settings"]["firewall"]["policies"].clone();
        let office = |policy: &&Value| policy["name"] == "Office";
        let office =
            policies.as_array().and_then(|all| all.iter().find(office)).context("no policy")?.clone();
        ensure!(office["exceptions"][0]["name"] == second.as_str(), "{office}");
        ensure_for_everyone(&tab).await?;
        tab.open("/firewall/template").await?;
        ensure_for_everyone(&tab).await?;
        tab.nothing_went_wrong_but("422").await
    })
    .await
}
