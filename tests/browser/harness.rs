//! What the other tests of this level rely on: that the harness finds what is there, and says well what is not.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use landmark_tests::browser::axe::{axe, ensure_accessible};
use landmark_tests::browser::{Driver, Key, PHONE, Scheme, Tab};
use landmark_tests::fleet::Server;
use landmark_tests::scratch::{Scratch, test};

/// What anyone may read of a server.
const ASSET: &str = "/assets/console.css";

const GOOD: &str = r#"<!doctype html>
<html lang="en">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'">
<title>Reference servers</title>
<main>
<h1>Reference servers</h1>
<p id="told" role="status"></p>
<form>
<label for="address">Address</label> <input id="address">
<label for="port">Port</label> <input id="port" aria-invalid="true" aria-describedby="port-error">
<span id="port-error">70000 is not a port</span>
<label for="kind">Kind</label> <select id="kind"><option>tcp</option><option>tls</option></select>
<label><input type="checkbox"> Enabled</label>
<button type="button" aria-label="Add server">+</button>
<p hidden>Nobody sees this.</p>
</form>
<table><caption>The list</caption>
<tr><th scope="row">10.1.1.5</th><td><button type="button">Delete</button></td></tr>
<tr><th scope="row">10.1.1.6</th><td><button type="button">Delete</button></td></tr>
</table>
</main>
"#;

/// Tells in the page what was done to it.
const TELLING: &str = r#"
document.addEventListener("click", (event) => {
    const row = event.target.closest("tr")?.innerText ?? "";
    document.getElementById("told").textContent = `clicked ${event.target.computedName} ${row}`;
});
"#;

const BAD: &str = r#"<!doctype html>
<html lang="en"><title>Bad</title>
<main><h1>Bad</h1><input id="nameless"><p style="color: #aaa; background: #bbb">Who can read this?</p></main>
<script>throw new Error("a script that fails")</script>
"#;

/// Opens a page that is a file.
async fn open(driver: &Driver, scratch: &Scratch, name: &str, html: &str) -> Result<Tab> {
    let file = scratch.write(name, html)?;
    let tab = driver.open_anywhere().await?;
    tab.open_address(&format!("file://{}", file.display())).await?;
    Ok(tab)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn things_are_found_and_used_by_their_names() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let tab = open(&driver, scratch, "good.html", GOOD).await?;
        tab.run(TELLING).await?;

        tab.see("Reference servers").await?;
        tab.see_no("Nobody sees this.").await?;
        tab.click("Add server").await?;
        tab.see("clicked Add server").await?;
        tab.click_at("10.1.1.6", "Delete").await?;
        tab.see("clicked Delete 10.1.1.6").await?;
        ensure!(tab.alerts().await? == ["clicked Delete 10.1.1.6 Delete"], "{:?}", tab.alerts().await?);

        tab.fill("Address", "10.1.1.5").await?;
        tab.fill("Address", "10.1.1.7").await?;
        ensure!(tab.value("Address").await? == "10.1.1.7", "{}", tab.value("Address").await?);
        ensure!(tab.field_error("Port").await? == "70000 is not a port");
        tab.choose("Kind", "tls").await?;
        ensure!(tab.value("Kind").await? == "tls", "{}", tab.value("Kind").await?);
        tab.check("Enabled").await?;
        tab.check("Enabled").await?;
        ensure!(tab.is_checked("Enabled").await?);
        tab.uncheck("Enabled").await?;
        ensure!(!tab.is_checked("Enabled").await?);

        // By the keyboard alone: Tab goes on, Shift and Tab go back, Enter presses.
        tab.press(Key::Tab).await?;
        ensure!(tab.focused().await? == "Add server", "{}", tab.focused().await?);
        tab.press_with(&[Key::Shift], Key::Tab).await?;
        ensure!(tab.focused().await? == "Enabled", "{}", tab.focused().await?);
        tab.press_on("Add server", Key::Enter).await?;
        tab.see("clicked Add server").await
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_is_told_with_what_is_there() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let tab = open(&driver, scratch, "good.html", GOOD).await?.patient_for(Duration::from_millis(200));
        let error = tab.click("Assign").await.err().context("a button that is not there was clicked")?;
        let told = format!("{error:#}");
        for part in ["\"Assign\"", "\"Add server\"", "good.html", "70000 is not a port", ".png"] {
            ensure!(told.contains(part), "no {part} in: {told}");
        }
        let error = tab.click("Delete").await.err().context("one of two buttons was clicked")?;
        ensure!(format!("{error:#}").contains("there are 2"), "{error:#}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axe_finds_what_keeps_people_out_and_nothing_where_nothing_does() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        // Its content security policy lets no script of the page run.
        let good = open(&driver, scratch, "good.html", GOOD).await?;
        ensure_accessible(&good).await?;
        ensure_accessible(&good).await?;
        good.nothing_went_wrong().await?;

        let bad = open(&driver, scratch, "bad.html", BAD).await?;
        let violations = axe(&bad).await?;
        let rules: Vec<&str> = violations.iter().map(|violation| violation.rule.as_str()).collect();
        ensure!(rules == ["color-contrast", "label"], "{violations:?}");
        let told = format!("{:#}", ensure_accessible(&bad).await.err().context("nothing was found")?);
        ensure!(told.contains("<input id=\"nameless\">"), "{told}");
        let wrong = bad.nothing_went_wrong().await.err().context("the log is empty")?;
        ensure!(wrong.to_string().contains("a script that fails"), "{wrong}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_has_the_width_and_the_colours_that_are_asked_for() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let tab = open(&driver, scratch, "good.html", GOOD).await?;
        tab.size(PHONE).await?;
        ensure!(tab.run("return innerWidth").await? == 390);
        let is_dark = "return matchMedia('(prefers-color-scheme: dark)').matches";
        for (scheme, expected) in [(Scheme::Dark, true), (Scheme::Light, false)] {
            tab.color_scheme(scheme).await?;
            ensure!(tab.run(is_dark).await? == expected, "{scheme:?}");
        }
        ensure!(!tab.scrolls_sideways().await?);
        tab.run("document.body.style.width = '2000px'; document.body.style.height = '3000px'").await?;
        ensure!(tab.scrolls_sideways().await?);
        let file = scratch.path().join("page.png");
        tab.save_picture(&file).await?;
        // Width and height stand in the first chunk (PNG, section 11.2.2).
        let picture = std::fs::read(&file)?;
        let number = |at: usize| {
            picture.get(at..at + 4).map(|bytes| bytes.iter().fold(0, |n, b| n * 256 + u32::from(*b)))
        };
        ensure!(number(16) >= Some(2000) && number(20) >= Some(3000), "{:?} x {:?}", number(16), number(20));
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_browsers_know_nothing_of_each_other_and_end_with_their_driver() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let server = Server::started(scratch).await?;
        let one = driver.open(&server).await?;
        let other = driver.open(&server).await?;
        one.open(ASSET).await?;
        other.open(ASSET).await?;
        one.run("document.cookie = 'whose=mine; Secure'").await?;
        ensure!(one.cookies().await?.iter().any(|cookie| cookie.name() == "whose"));
        ensure!(other.cookies().await?.iter().all(|cookie| cookie.name() != "whose"));
        let profiles = format!("--user-data-dir={}", scratch.path().display());
        ensure!(n_processes(&profiles) > 0, "no process has {profiles}");
        drop(driver);
        ensure!(n_processes(&profiles) == 0, "{} processes are left", n_processes(&profiles));
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_believes_the_authority_of_its_server_and_no_other() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let server = Server::started(scratch).await?;
        let address = format!("https://{}{ASSET}", server.at(&server.listeners().administration));
        let friend = driver.open(&server).await?;
        friend.open_address(&address).await?;
        let stranger = driver.open_anywhere().await?;
        let refused = stranger.open_address(&address).await.err().context("it believes everybody")?;
        ensure!(format!("{refused:#}").contains("ERR_CERT_AUTHORITY_INVALID"), "{refused:#}");
        Ok(())
    })
    .await
}

/// How many processes have this in their command line.
fn n_processes(text: &str) -> usize {
    let has = |entry: std::fs::DirEntry| {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(text)
    };
    std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| has(entry).then_some(()))
        .count()
}
