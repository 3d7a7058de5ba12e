//! Accounts: the first sign-in, who may do what, and that no secret of theirs is ever logged.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context as _, Result, ensure};
use landmark_tests::fleet::{Ctl, Server};
use landmark_tests::scratch::{Scratch, test};
use landmark_tests::wait::{LIMIT, wait_until};
use serde_json::Value;

/// The API token or the password was refused, or may not do that.
const NOT_ALLOWED: i32 = 77;
/// The contexts, the authority's certificate or the token cannot be used.
const NO_TOKEN: i32 = 78;

/// Someone at a machine of their own.
struct Person {
    name: String,
    password: String,
    ctl: Ctl,
}

impl Person {
    /// Gets an account from whoever has the token of the first start, and signs in for the first time.
    async fn new(scratch: &Scratch, server: &Server, name: &str, role: &str) -> Result<Self> {
        let administrator = server.ctl();
        let made = administrator.ok(&["accounts", "create", name, "--role", role]).await?;
        let one_time = text(&made, "/one_time_password")?;
        let info = administrator.ok(&["server", "info"]).await?;
        let pin = text(&info, "/authority_pin")?;
        let address = server.at(&server.listeners().administration).to_string();
        let ctl = administrator.of_person(&scratch.make_folder(&format!("home-{name}"))?);
        let person = Self { name: name.to_owned(), password: format!("a long walk with {name}"), ctl };
        let arguments = ["login", "--server", &address, "--pin", &pin, "--account", name];
        let input = format!("{one_time}\n{}\n", person.password);
        let signed_in = person.ctl.run_with_input(&arguments, &input).await?.success()?.json()?;
        ensure!(signed_in["account"] == name && signed_in["role"] == role, "{signed_in}");
        ensure!(!server.output().contains(&one_time), "a password is in the log");
        Ok(person)
    }

    /// Signs in where they did before.
    async fn sign_in(&self, password: &str) -> Result<landmark_tests::process::Output> {
        let arguments = ["login", "--account", &self.name];
        self.ctl.run_with_input(&arguments, &format!("{password}\n")).await
    }

    /// Where the token of signing in is kept.
    async fn token_file(&self) -> Result<String> {
        text(&self.ctl.ok(&["context", "show"]).await?, "/token_file")
    }
}

fn text(document: &Value, pointer: &str) -> Result<String> {
    let text = document.pointer(pointer).and_then(Value::as_str);
    Ok(text.with_context(|| format!("no {pointer} in {document}"))?.to_owned())
}

/// The greeting's line that begins so.
async fn greeted(server: &Server, beginning: &str) -> Result<String> {
    wait_until("the server greets", LIMIT, async || {
        let output = server.output();
        let line = output.lines().rev().find_map(|line| line.strip_prefix(beginning));
        line.map(|rest| rest.trim().to_owned()).with_context(|| output.clone())
    })
    .await
}

#[tokio::test]
async fn a_first_start_links_to_the_first_account_until_there_is_one() -> Result<()> {
    test(async |scratch| {
        let mut server = Server::started(scratch).await?;
        let link = greeted(&server, "Open the console:").await?;
        let console = format!("https://{}/", server.at(&server.listeners().administration));
        ensure!(link.starts_with(&format!("{console}welcome?code=")), "{link}");
        let file = server.state_folder().join("first-sign-in");
        ensure!(fs::read_to_string(&file)?.trim() == link);
        ensure!(fs::metadata(&file)?.permissions().mode() & 0o777 == 0o600);

        // Another start, another link.
        server.stop().await?;
        server.start().await?;
        ensure!(fs::read_to_string(&file)?.trim() != link);

        server.ctl().ok(&["accounts", "create", "ada", "--role", "administrator"]).await?;
        ensure!(!file.exists(), "the link is still there");
        server.stop().await?;
        server.start().await?;
        ensure!(greeted(&server, "Console:").await? == console);
        ensure!(!file.exists(), "there is a link again");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn whoever_signs_in_is_named_by_what_they_do_and_may_what_their_role_may() -> Result<()> {
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let ada = Person::new(scratch, &server, "ada", "administrator").await?;
        let vera = Person::new(scratch, &server, "vera", "viewer").await?;

        let who = vera.ctl.ok(&["whoami"]).await?;
        ensure!(who["name"] == "vera" && who["kind"] == "api_token", "{who}");
        ensure!(who["permissions"] == serde_json::json!(["view"]), "{who}");
        vera.ctl.draft().await?;
        let refused = vera.ctl.run(&["servers", "add", "intranet.example", "443"]).await?;
        refused.exited(NOT_ALLOWED)?.says(&["vera", "edit the draft", "operator"])?;
        vera.ctl.run(&["accounts", "list"]).await?.exited(NOT_ALLOWED)?;
        ensure!(vera.ctl.draft().await?["changed_by"].is_null(), "a viewer changed the draft");

        ada.ctl.add("intranet.example", 443).await?;
        ensure!(ada.ctl.draft().await?["changed_by"] == "ada");
        let assigned = ada.ctl.ok(&["assign", "-m", "first"]).await?;
        ensure!(assigned["assignment"]["assigned_by"] == "ada", "{assigned}");

        // Shut out at once, and let in again.
        ada.ctl.ok(&["accounts", "edit", "vera", "--disable"]).await?;
        vera.ctl.run(&["draft", "show"]).await?.exited(NOT_ALLOWED)?;
        vera.sign_in(&vera.password).await?.exited(NOT_ALLOWED)?.says(&["disabled"])?;
        ada.ctl.ok(&["accounts", "edit", "vera", "--enable"]).await?;
        vera.ctl.draft().await?;
        let refused = ada.ctl.run(&["accounts", "remove", "ada", "--yes"]).await?;
        refused.failure()?.says(&["last enabled administrator"])?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn signing_out_ends_the_token_and_nothing_secret_is_ever_logged() -> Result<()> {
    test(async |scratch| {
        let mut server = Server::new(scratch, "server")?;
        server.set("log.filter", "debug,landmark_server=trace");
        server.start().await?;
        let mia = Person::new(scratch, &server, "mia", "operator").await?;
        let token = fs::read_to_string(mia.token_file().await?)?;
        let made = mia.ctl.ok(&["api-tokens", "create", "--role", "viewer", "-d", "report"]).await?;
        let secret = text(&made, "/secret")?;
        let by_hand = scratch.write("by-hand", format!("{secret}\n"))?.display().to_string();
        let old = scratch.write("old-token", &token)?.display().to_string();

        mia.sign_in("a wrong password").await?.exited(NOT_ALLOWED)?.says(&["account or the password"])?;
        mia.ctl.ok(&["logout"]).await?;
        mia.ctl.run(&["draft", "show"]).await?.exited(NO_TOKEN)?.says(&["landmarkctl login"])?;
        mia.ctl.run(&["--token-file", &old, "draft", "show"]).await?.exited(NOT_ALLOWED)?;
        mia.ctl.run(&["logout"]).await?.success()?;
        // What was made by hand goes on, also over a restart, until it is revoked.
        server.stop().await?;
        server.start().await?;
        mia.ctl.ok(&["--token-file", &by_hand, "draft", "show"]).await?;
        mia.sign_in(&mia.password).await?.success()?;
        let again = fs::read_to_string(mia.token_file().await?)?;
        mia.ctl.ok(&["api-tokens", "revoke", &text(&made, "/token/token_id")?]).await?;
        mia.ctl.run(&["--token-file", &by_hand, "draft", "show"]).await?.exited(NOT_ALLOWED)?;

        let new = "another long walk home";
        let passwords = format!("{}\n{new}\n", mia.password);
        let changed = mia.ctl.run_with_input(&["change-password"], &passwords).await?;
        ensure!(changed.success()?.json()?["n_sessions_ended"] == 0);
        mia.sign_in(&mia.password).await?.exited(NOT_ALLOWED)?;
        mia.sign_in(new).await?.success()?;

        let log = server.output();
        ensure!(log.contains("signed in"), "the log tells who signed in");
        for secret in
            [token.trim(), again.trim(), &secret, &mia.password, new, "a wrong password", "argon2id"]
        {
            ensure!(!log.contains(secret), "a secret is in the log");
        }
        Ok(())
    })
    .await
}
