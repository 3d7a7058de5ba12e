//! What was typed and not saved: nothing that a browser or a server does takes it away.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use landmark_tests::browser::person::{PASSWORD, sign_in, signed_in};
use landmark_tests::browser::{Driver, Person, Tab};
use landmark_tests::fleet::{Crowd, Server};
use landmark_tests::scratch::test;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};

use crate::everyone::ensure_for_everyone;

const NEW_PROFILE: &str = "/firewall/profiles/new";
const OUTSIDE: &str = "External, or not known yet";
const NOTE: &str = "What you had typed here is back; it is not saved yet.";

/// Whether the page would ask before it is left. The driver lets no dialog come that would stop it.
async fn asks_before_it_is_left(tab: &Tab) -> Result<bool> {
    let script = r#"
        const leaving = new Event("beforeunload", { cancelable: true });
        window.dispatchEvent(leaving);
        return leaving.defaultPrevented;
    "#;
    Ok(tab.run(script).await? == true)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_typed_is_back_after_a_reload_and_after_back() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let server = Server::started(scratch).await?;
        let tab = signed_in(&driver, &server, Person::Administrator).await?;
        tab.open(NEW_PROFILE).await?;
        ensure!(!asks_before_it_is_left(&tab).await?, "nothing was typed");
        tab.fill("Name", "Laptops of the sales team").await?;
        tab.fill("Host names", "lap-sales-*").await?;
        tab.check(OUTSIDE).await?;
        ensure!(asks_before_it_is_left(&tab).await?, "it would be left without asking");

        let is_back = async || -> Result<()> {
            tab.until_alert(NOTE).await?;
            ensure!(tab.value("Name").await? == "Laptops of the sales team");
            ensure!(tab.value("Host names").await? == "lap-sales-*");
            ensure!(tab.is_checked(OUTSIDE).await? && !tab.is_checked("Internal").await?);
            ensure!(asks_before_it_is_left(&tab).await?, "it would be left without asking");
            Ok(())
        };
        tab.reload().await?;
        is_back().await?;
        ensure_for_everyone(&tab).await?;
        tab.click("Overview").await?;
        tab.see_page("/").await?;
        tab.back().await?;
        is_back().await?;

        // Whoever says that it may go is not asked, and does not meet it again.
        tab.click("Cancel").await?;
        tab.see_page("/firewall").await?;
        tab.open(NEW_PROFILE).await?;
        ensure!(tab.value("Name").await?.is_empty(), "{}", tab.value("Name").await?);
        tab.see_no(NOTE).await?;
        tab.nothing_went_wrong().await
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_refused_is_kept_and_what_was_saved_is_not_typed_again() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let server = Server::started(scratch).await?;
        let tab = signed_in(&driver, &server, Person::Administrator).await?;
        tab.open("/firewall/policies").await?;
        tab.fill("Name", "All access").await?;
        tab.choose("Level", "High: inbound and outbound are blocked").await?;
        tab.click("Add to the draft").await?;
        let told = tab.field_error("Name").await?;
        ensure!(told.contains("All access"), "{told}");
        ensure!(tab.value("Level").await? == "high", "{}", tab.value("Level").await?);
        ensure!(asks_before_it_is_left(&tab).await?, "it would be left without asking");
        ensure_for_everyone(&tab).await?;
        tab.reload().await?;
        tab.until_alert(NOTE).await?;
        ensure!(tab.value("Level").await? == "high", "{}", tab.value("Level").await?);

        tab.fill("Name", "Road").await?;
        tab.click("Add to the draft").await?;
        tab.until_alert("Road").await?;
        ensure!(!asks_before_it_is_left(&tab).await?, "it is saved");
        tab.open("/firewall/policies").await?;
        ensure!(tab.value("Name").await?.is_empty(), "{}", tab.value("Name").await?);
        let draft = server.ctl().draft().await?;
        ensure!(draft["settings"]["firewall"].to_string().contains("Road"), "{draft}");
        tab.nothing_went_wrong_but("422").await
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_ends_under_a_form_is_told_and_a_new_one_goes_on_there() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let server = Server::started(scratch).await?;
        let tab = signed_in(&driver, &server, Person::Administrator).await?;
        tab.open("/accounts").await?;
        tab.fill("Name", "nina").await?;
        let other = signed_in(&driver, &server, Person::Administrator).await?;
        other.open("/account").await?;
        ensure_for_everyone(&other).await?;
        other.click("Sign out everywhere else").await?;
        other.click("End them").await?;
        other.until_alert("1 other session was ended.").await?;

        tab.until_alert("You are signed out.").await?;
        ensure_for_everyone(&tab).await?;
        tab.click("Make account").await?;
        tab.until_alert("You are signed out.").await?;
        ensure!(tab.value("Name").await? == "nina", "{}", tab.value("Name").await?);
        let accounts = server.ctl().ok(&["accounts", "list"]).await?;
        ensure!(!accounts.to_string().contains("nina"), "{accounts}");

        // They sign in again in another tab of the same browser, and come back.
        for cookie in other.cookies().await? {
            tab.add_cookie(cookie).await?;
        }
        tab.run("window.dispatchEvent(new Event('focus'))").await?;
        tab.until_alert("You are signed in again.").await?;
        ensure!(tab.value("Name").await? == "nina", "{}", tab.value("Name").await?);
        tab.click("Make account").await?;
        tab.see("A one-time password for nina").await?;
        for entry in tab.log().await? {
            // The browser says it, and htmx.
            ensure!(entry.level != "SEVERE" || entry.message.contains("401"), "{entry}");
        }
        other.nothing_went_wrong().await
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_signs_out_is_asked_and_leaves_nothing_to_who_comes_next() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let server = Server::started(scratch).await?;
        let tab = signed_in(&driver, &server, Person::Administrator).await?;
        tab.open(NEW_PROFILE).await?;
        tab.fill("Name", "Laptops of the sales team").await?;
        tab.reload().await?;
        tab.until_alert(NOTE).await?;
        ensure!(asks_before_it_is_left(&tab).await?, "it would be left without asking");
        tab.click("Sign out").await?;
        tab.see("Password").await?;
        sign_in(&tab, Person::Administrator.account(), PASSWORD).await?;
        tab.open(NEW_PROFILE).await?;
        ensure!(tab.value("Name").await?.is_empty(), "{}", tab.value("Name").await?);
        tab.nothing_went_wrong().await
    })
    .await
}

/// Lets all sessions be unused for as long as this.
async fn age_sessions(server: &Server, unused: Duration) -> Result<()> {
    let file = server.state_folder().join("landmark.db");
    let options = SqliteConnectOptions::new().filename(&file);
    let mut database = SqliteConnection::connect_with(&options).await.context("open the database")?;
    let unused = i64::try_from(unused.as_micros())?;
    sqlx::query("UPDATE session SET used_at = used_at - $1").bind(unused).execute(&mut database).await?;
    database.close().await.context("close the database")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn news_keep_nobody_signed_in_and_use_does() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let mut server = Server::new(scratch, "server")?;
        server.set("console.session-idle", "5m");
        server.start().await?;
        let idle = signed_in(&driver, &server, Person::Administrator).await?;
        idle.open("/agents").await?;
        let used = driver.open(&server).await?;
        sign_in(&used, Person::Administrator.account(), PASSWORD).await?;
        server.stop().await?;
        age_sessions(&server, Duration::from_secs(5 * 60 - 20)).await?;
        server.start().await?;
        used.open("/account").await?;
        idle.until_alert("The server was restarted.").await?;

        // The table follows who joins, and its session ends all the same.
        Crowd::join(&server, 1).await?;
        idle.see_within(Duration::from_secs(50), "You are signed out.").await?;
        idle.see(&landmark_tests::fleet::simulated::host_name(0)).await?;
        used.open("/accounts").await?;
        used.see("New account").await?;
        idle.open("/agents").await?;
        ensure!(idle.path().await?.starts_with("/sign-in"), "{}", idle.path().await?);
        Ok(())
    })
    .await
}
