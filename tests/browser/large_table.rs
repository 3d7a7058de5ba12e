//! Ten thousand agents in one table: found by typing, filtered, sorted, a page at a time, and all of it in the address.

use anyhow::{Context as _, Result, ensure};
use landmark_tests::browser::person::signed_in;
use landmark_tests::browser::{Driver, Person, Tab};
use landmark_tests::fleet::{Server, simulated};
use landmark_tests::scratch::{Scratch, test};

use crate::everyone::ensure_for_everyone;

const N_AGENTS: u32 = 10_000;
const PAGE_SIZE: usize = 50;

/// A server that knows all of them, and a viewer at the table.
async fn at_the_table(scratch: &Scratch, driver: &Driver) -> Result<(Server, Tab)> {
    let mut server = Server::started(scratch).await?;
    server.stop().await?;
    simulated::fill(&server, N_AGENTS).await?;
    server.start().await?;
    let tab = signed_in(driver, &server, Person::Administrator).await?;
    tab.open("/agents").await?;
    tab.until_alert("10 000 agents").await?;
    Ok((server, tab))
}

async fn names(tab: &Tab) -> Result<Vec<String>> {
    tab.text_of("#agents tbody th a").await
}

/// How many agents landmarkctl finds.
async fn n_found(server: &Server, filters: &[&str]) -> Result<usize> {
    let mut arguments = vec!["agents", "list"];
    arguments.extend_from_slice(filters);
    let listed = server.ctl().ok(&arguments).await?;
    Ok(listed["agents"].as_array().context("no list of agents")?.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_searched_and_filtered_stands_in_the_address() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let (server, tab) = at_the_table(scratch, &driver).await?;
        ensure!(names(&tab).await?.len() == PAGE_SIZE, "{} rows", names(&tab).await?.len());
        ensure_for_everyone(&tab).await?;

        tab.write("Search", simulated::RARE).await?;
        tab.until_alert("10 of 10 000 agents").await?;
        ensure!(tab.focused().await? == "Search", "the focus is at {:?}", tab.focused().await?);
        tab.see_page("/agents?text=museum").await?;
        let rare = names(&tab).await?;
        ensure!(rare.len() == 10 && rare.iter().all(|name| name.contains(simulated::RARE)), "{rare:?}");
        tab.reload().await?;
        ensure!(tab.value("Search").await? == simulated::RARE, "{}", tab.value("Search").await?);
        ensure!(names(&tab).await? == rare, "{:?}", names(&tab).await?);

        tab.fill("Search", "lap").await?;
        tab.choose("Location", "External").await?;
        tab.choose("Enforcement", "Only observed").await?;
        tab.see_page("/agents?text=lap&location=external&enforcement=observed").await?;
        let n = n_found(&server, &["lap", "--location", "external", "--enforcement", "observed"]).await?;
        ensure!(n > 0, "nobody is like that");
        tab.until_alert(&format!("{n} of 10 000 agents")).await?;

        // Somebody else opens the address.
        let shared = tab.path().await?;
        let other = signed_in(&driver, &server, Person::Viewer).await?;
        other.open(&shared).await?;
        other.until_alert(&format!("{n} of 10 000 agents")).await?;
        ensure!(other.value("Location").await? == "external" && other.value("Search").await? == "lap");
        ensure!(names(&other).await? == names(&tab).await?, "{:?}", names(&other).await?);

        // From a machine back to what was searched.
        let first = names(&tab).await?.into_iter().next().context("no row")?;
        tab.click(&first).await?;
        tab.see("Where it is").await?;
        ensure_for_everyone(&tab).await?;
        tab.back().await?;
        tab.until_alert(&format!("{n} of 10 000 agents")).await?;
        ensure!(tab.value("Enforcement").await? == "observed", "{}", tab.value("Enforcement").await?);
        tab.nothing_went_wrong().await?;
        other.nothing_went_wrong_but("422").await
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_that_finds_nobody_leads_back_to_all() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let (_server, tab) = at_the_table(scratch, &driver).await?;
        tab.write("Search", "nobody is called so").await?;
        tab.see("No agent matches").await?;
        tab.see("None of 10 000 agents is like that.").await?;
        ensure_for_everyone(&tab).await?;
        tab.click("Show all").await?;
        tab.until_alert("10 000 agents").await?;
        tab.see_page("/agents").await?;
        ensure!(tab.value("Search").await?.is_empty(), "{}", tab.value("Search").await?);
        tab.nothing_went_wrong().await
    })
    .await
}

/// When each of the rows was last seen, in their order.
async fn last_seen(tab: &Tab) -> Result<Vec<String>> {
    let times = tab
        .run("return [...document.querySelectorAll('#agents td[data-label=\"Last seen\"] time')].map((t) => t.dateTime)")
        .await?;
    let times = times.as_array().context("no times")?;
    Ok(times.iter().filter_map(|time| time.as_str().map(str::to_owned)).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_table_is_sorted_by_a_column_and_turned_a_page_at_a_time() -> Result<()> {
    test(async |scratch| {
        let Some(driver) = Driver::start(scratch).await? else { return Ok(()) };
        let (_server, tab) = at_the_table(scratch, &driver).await?;
        tab.choose("Location", "Internal").await?;
        tab.see_page("/agents?location=internal").await?;
        tab.click("Last seen").await?;
        tab.see_page("/agents?location=internal&sort=seen").await?;
        // Who was away for longest comes first.
        let one_way = last_seen(&tab).await?;
        ensure!(one_way.len() == PAGE_SIZE && one_way.is_sorted(), "{one_way:?}");
        let first_page = names(&tab).await?;
        tab.click("Next page").await?;
        tab.see("First page").await?;
        let second_page = names(&tab).await?;
        ensure!(second_page.len() == PAGE_SIZE, "{} rows", second_page.len());
        ensure!(second_page.iter().all(|name| !first_page.contains(name)), "a row is on both pages");
        let address = tab.path().await?;
        ensure!(address.starts_with("/agents?location=internal&sort=seen&after="), "{address}");
        tab.reload().await?;
        ensure!(names(&tab).await? == second_page, "another page");
        tab.back().await?;
        tab.see_page("/agents?location=internal&sort=seen").await?;
        ensure!(names(&tab).await? == first_page, "another page");

        tab.click("Last seen").await?;
        tab.see_page("/agents?location=internal&sort=seen&reverse=on").await?;
        let other_way = last_seen(&tab).await?;
        ensure!(other_way.len() == PAGE_SIZE && other_way.is_sorted_by(|a, b| a >= b), "{other_way:?}");
        ensure!(tab.count("th[aria-sort=descending]").await? == 1);
        tab.write("Search", simulated::RARE).await?;
        tab.see_page("/agents?text=museum&location=internal&sort=seen&reverse=on").await?;
        ensure_for_everyone(&tab).await?;
        tab.nothing_went_wrong().await
    })
    .await
}
