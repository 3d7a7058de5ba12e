//! What each role sees and may, and the accounts and API tokens that an administrator makes.

use anyhow::{Context as _, Result, ensure};
use landmark_tests::browser::person::{PASSWORD, signed_in};
use landmark_tests::browser::{Driver, Key, Person, Tab};
use landmark_tests::fleet::{Agent, Server, facts};
use landmark_tests::scratch::{Scratch, test};

use crate::everyone::ensure_for_everyone;

/// What landmarkctl exits with where somebody is not let in.
const NOT_ALLOWED: i32 = 77;

/// Sends a form that no page has, with the proof of the session, as somebody does who knows the console by heart.
async fn post(tab: &Tab, path: &str, fields: &[(&str, &str)]) -> Result<()> {
    let fields: serde_json::Map<String, serde_json::Value> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    let fields = serde_json::Value::from(fields);
    let script = format!(
        r#"
        const form = document.createElement("form");
        form.method = "post";
        form.action = {path:?};
        const csrf = document.querySelector("input[name=csrf]").value;
        for (const [name, value] of Object.entries({{ csrf, ...{fields} }})) {{
            const field = document.createElement("input");
            Object.assign(field, {{ type: "hidden", name, value }});
            form.append(field);
        }}
        document.body.append(form);
        form.submit();
        "#
    );
    tab.run(&script).await.map(drop)
}

/// What can be used on the page to change anything but one's own account.
async fn usable_controls(tab: &Tab) -> Result<usize> {
    tab.count("main form[method=post] :is(button, input:not([type=hidden]), select, textarea):not(:disabled)")
        .await
}

/// A server with something of everything, and an agent.
async fn furnished(scratch: &Scratch) -> Result<(Server, Agent)> {
    let server = Server::started(scratch).await?;
    let ctl = server.ctl();
    ctl.ok(&["servers", "add", "10.1.1.5", "443"]).await?;
    ctl.ok(&["gateways", "add", "10.1.1.1"]).await?;
    ctl.ok(&["firewall", "policies", "add", "Office", "--level", "medium", "--from-template"]).await?;
    ctl.ok(&["firewall", "profiles", "add", "Inside", "--policy", "Office", "--location", "internal"])
        .await?;
    let agent = Agent::started(scratch, "agent", &server).await?;
    ctl.assign().await?;
    // So that the bar of the draft is on every page.
    ctl.ok(&["servers", "add", "10.1.1.6", "443"]).await?;
    Ok((server, agent))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_sees_every_page_and_nothing_that_edits() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let (server, agent) = furnished(scratch).await?;
        let tab = signed_in(&driver, &server, Person::Viewer).await?;
        tab.nothing_went_wrong_but("422").await?;
        let agent_page = format!("/agents/{}", agent.id().await?);
        for (path, heading) in [
            ("/", "Overview"),
            ("/agents", "Agents"),
            (agent_page.as_str(), "Where it is"),
            ("/location", "Computer location"),
            ("/firewall", "Inside"),
            ("/firewall/policies", "Office"),
            ("/firewall/policy?name=Office", "Policy Office"),
            ("/firewall/template", "Exception"),
            ("/firewall/which", "Which profile"),
            ("/draft", "10.1.1.6"),
            ("/assignments", "Assignments"),
            ("/assignments/1", "Assignment 1"),
        ] {
            tab.open(path).await?;
            tab.see(heading).await?;
            ensure!(usable_controls(&tab).await? == 0, "{path} has something that edits");
            ensure!(tab.count("main [draggable=true]").await? == 0, "{path} has something to drag");
            tab.see("An administrator can assign them.").await?;
            ensure_for_everyone(&tab).await.with_context(|| path.to_owned())?;
        }
        let text = tab.text().await?;
        ensure!(!text.contains("Join tokens") && !text.contains("Accounts"), "{text}");
        tab.nothing_went_wrong().await
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_that_a_role_may_not_send_is_refused_with_the_role_that_it_takes() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let (server, agent) = furnished(scratch).await?;
        let id = agent.id().await?;
        let tab = signed_in(&driver, &server, Person::Viewer).await?;
        let before = server.ctl().draft().await?["settings"].clone();
        let recheck = format!("/agents/{id}/recheck");
        for (path, deed, role) in [
            ("/location/servers", "edit the draft", "operator"),
            ("/firewall/policies", "edit the draft", "operator"),
            (recheck.as_str(), "ask agents to look again", "operator"),
            ("/assign", "assign", "administrator"),
            ("/join-tokens", "manage join tokens", "administrator"),
            ("/accounts", "manage accounts", "administrator"),
        ] {
            tab.open("/account").await?;
            post(&tab, path, &[("name", "evil"), ("host", "10.6.6.6"), ("ports", "443")]).await?;
            tab.see("You may not do that").await?;
            tab.see(&format!("vera has the role viewer, and to {deed} takes the role {role}.")).await?;
            tab.see("Nothing was changed.").await?;
        }
        ensure_for_everyone(&tab).await?;
        ensure!(server.ctl().draft().await?["settings"] == before, "the draft has changed");

        // Without the proof that pages of one's own session have, not even what the role allows.
        tab.open("/account").await?;
        tab.run("for (const field of document.querySelectorAll('[name=csrf]')) field.value = 'guessed'")
            .await?;
        post(&tab, "/account/end-sessions", &[]).await?;
        tab.see("This page is of an earlier session").await?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_edits_and_leaves_assigning_to_an_administrator() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let server = Server::started(scratch).await?;
        let tab = signed_in(&driver, &server, Person::Operator).await?;
        tab.nothing_went_wrong_but("422").await?;
        tab.open("/location").await?;
        tab.fill("Address or name", "10.1.1.5").await?;
        tab.fill("Port", "443").await?;
        tab.click("Add").await?;
        tab.see("1 unassigned change").await?;
        ensure!(facts::hosts(&server.ctl().draft().await?["settings"]) == ["10.1.1.5"]);
        tab.see("An administrator can assign them.").await?;
        for path in ["/location", "/draft", "/assignments"] {
            tab.open(path).await?;
            tab.see("An administrator can assign them.").await?;
            ensure!(tab.count("[href='/assign'], [action='/assign']").await? == 0, "{path} offers to assign");
        }
        tab.nothing_went_wrong().await?;

        tab.open("/assign").await?;
        tab.see("olga has the role operator, and to assign takes the role administrator.").await?;
        tab.open("/draft").await?;
        let etag = server.ctl().draft().await?["etag"].as_str().context("no etag")?.to_owned();
        post(&tab, "/assign", &[("etag", &etag), ("note", "by hand")]).await?;
        tab.see("olga has the role operator, and to assign takes the role administrator.").await?;
        ensure!(server.ctl().draft().await?["etag"] == etag.as_str(), "it was assigned");
        let assigned = server.ctl().run(&["assignments", "show", "1"]).await?;
        ensure!(assigned.code != 0, "there is an assignment");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_makes_an_account_whose_owner_chooses_the_password() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let server = Server::started(scratch).await?;
        let tab = signed_in(&driver, &server, Person::Administrator).await?;
        tab.open("/accounts").await?;
        tab.fill("Name", "nina").await?;
        tab.choose("Role", "operator").await?;
        tab.click("Make account").await?;
        tab.see("A one-time password for nina").await?;
        let one_time = tab.text_of("#one-time-password").await?.pop().context("no password is shown")?;
        ensure_for_everyone(&tab).await?;

        let nina = driver.open(&server).await?;
        nina.open("/sign-in").await?;
        nina.fill("Account", "nina").await?;
        nina.fill("Password", &one_time).await?;
        nina.press(Key::Enter).await?;
        nina.see("Choose a password of your own").await?;
        ensure_for_everyone(&nina).await?;
        nina.fill("Present password", &one_time).await?;
        nina.fill("New password", PASSWORD).await?;
        nina.fill("New password again", PASSWORD).await?;
        nina.press(Key::Enter).await?;
        nina.see_page("/").await?;
        nina.see("operator").await?;
        nina.nothing_went_wrong_but("422").await?;

        tab.reload().await?;
        tab.see("enabled").await?;
        ensure!(!tab.text().await?.contains(&one_time), "the password is shown again");
        tab.click("Disable nina").await?;
        tab.see("Its sessions end, and its API tokens are refused.").await?;
        tab.click("Disable").await?;
        tab.see("disabled").await?;
        nina.until_alert("You are signed out.").await?;
        nina.open("/agents").await?;
        ensure!(nina.path().await?.starts_with("/sign-in"), "{}", nina.path().await?);
        nina.fill("Account", "nina").await?;
        nina.fill("Password", PASSWORD).await?;
        nina.press(Key::Enter).await?;
        nina.until_alert("nina is disabled").await?;

        tab.click("Reset password of nina").await?;
        tab.click("Replace").await?;
        tab.see("A one-time password for nina").await?;
        tab.see_page("/accounts").await?;
        tab.nothing_went_wrong().await
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_token_is_shown_once_works_and_is_refused_when_it_is_revoked() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let server = Server::started(scratch).await?;
        let tab = signed_in(&driver, &server, Person::Administrator).await?;
        tab.open("/account").await?;
        tab.fill("What for", "the nightly report").await?;
        tab.choose("Role", "viewer").await?;
        tab.fill("Days", "0").await?;
        tab.click("Make token").await?;
        let told = tab.field_error("Days").await?;
        ensure!(told.contains("1 to 366"), "{told}");
        tab.fill("Days", "30").await?;
        tab.click("Make token").await?;
        tab.see("It is shown only now").await?;
        let secret = tab.text_of("#api-token").await?.pop().context("no token is shown")?;
        ensure_for_everyone(&tab).await?;
        let file = private_file(scratch, &secret)?;
        let with_token = ["--token-file", &file, "server", "info"];
        server.ctl().ok(&with_token).await?;
        server.ctl().run(&["--token-file", &file, "servers", "add", "a.example", "443"]).await?.failure()?;

        tab.reload().await?;
        tab.see("the nightly report").await?;
        ensure!(!tab.text().await?.contains(&secret), "the token is shown again");
        tab.click("Revoke the nightly report").await?;
        tab.see("It is refused from now on.").await?;
        tab.click("Revoke").await?;
        tab.until_alert("was revoked").await?;
        server.ctl().run(&with_token).await?.exited(NOT_ALLOWED)?;
        tab.see("No API token").await?;

        tab.click("Sign out").await?;
        tab.see("Password").await?;
        tab.back().await?;
        tab.see("Password").await?;
        ensure!(tab.path().await?.starts_with("/sign-in"), "{}", tab.path().await?);
        tab.nothing_went_wrong_but("422").await
    })
    .await
}

/// landmarkctl takes no token that others can read.
fn private_file(scratch: &Scratch, secret: &str) -> Result<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let file = scratch.write("token", secret)?;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))?;
    Ok(file.display().to_string())
}
