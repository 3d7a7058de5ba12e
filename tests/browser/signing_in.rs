//! Signing in: the first account, those that it makes, and what a browser without a session gets to see.

use anyhow::{Result, ensure};
use landmark_tests::browser::axe::ensure_accessible;
use landmark_tests::browser::person::{PASSWORD, first_sign_in, sign_in, signed_in, welcome};
use landmark_tests::browser::{Driver, Key, Person};
use landmark_tests::fleet::Server;
use landmark_tests::scratch::test;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_account_is_made_by_its_link_once_and_signs_in_again() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let server = Server::started(scratch).await?;
        let tab = driver.open(&server).await?;
        let link = first_sign_in(&server)?;
        tab.open_address(&link).await?;
        tab.see("Make the first account").await?;
        ensure_accessible(&tab).await?;
        tab.fill("Account", "alex").await?;
        tab.fill("Password", "short").await?;
        tab.fill("Password again", "short").await?;
        tab.click("Make account").await?;
        let told = tab.field_error("Password").await?;
        ensure!(told.contains("12 characters"), "{told}");
        welcome(&tab, &link, "alex").await?;
        tab.nothing_went_wrong_but("422").await?;

        let cookies = tab.cookies().await?;
        let [cookie] = cookies.as_slice() else { anyhow::bail!("{} cookies", cookies.len()) };
        ensure!(cookie.name().starts_with("__Host-"), "{cookie}");
        ensure!(cookie.http_only() == Some(true) && cookie.secure() == Some(true), "{cookie}");

        let other = driver.open(&server).await?;
        other.open_address(&link).await?;
        other.see("not valid any more").await?;
        other.open("/agents").await?;
        ensure!(other.path().await?.starts_with("/sign-in"), "{}", other.path().await?);
        ensure_accessible(&other).await?;
        other.fill("Account", "alex").await?;
        other.fill("Password", "not the password").await?;
        other.press(Key::Enter).await?;
        other.until_alert("password").await?;
        sign_in(&other, "alex", PASSWORD).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_role_signs_in_and_sees_what_is_for_it() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let server = Server::started(scratch).await?;
        let administrator = signed_in(&driver, &server, Person::Administrator).await?;
        administrator.open("/accounts").await?;
        administrator.see(Person::Administrator.account()).await?;
        for person in [Person::Operator, Person::Viewer] {
            let tab = signed_in(&driver, &server, person).await?;
            tab.open("/").await?;
            tab.see(person.account()).await?;
            tab.nothing_went_wrong_but("422").await?;
            tab.open("/accounts").await?;
            tab.see("may not").await?;
            ensure_accessible(&tab).await?;
            // A second browser of theirs, with the password that they have chosen.
            signed_in(&driver, &server, person).await?.close().await?;
        }
        Ok(())
    })
    .await
}
