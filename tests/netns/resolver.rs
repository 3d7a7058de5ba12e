//! A resolver that is dead, slow or lies: entries given as addresses do not wait for it, nor does the deadline.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Result, ensure};
use landmark_tests::lab::{Manner, server_address};

use crate::world::{MAX_EXTERNAL, decided_in, outcomes, test};

const PORT: u16 = 7000;
/// Far less than any name takes to be given up.
const AT_ONCE: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_dead_resolver_delays_nothing_but_its_names() -> Result<()> {
    delays_nothing_but_its_names(Manner::Dead, "resolver_failed").await
}

#[tokio::test]
async fn a_slow_resolver_delays_nothing_but_its_names() -> Result<()> {
    delays_nothing_but_its_names(Manner::Slow(Duration::from_secs(8)), "resolver_failed").await
}

#[tokio::test]
async fn a_resolver_that_knows_no_name_delays_nothing() -> Result<()> {
    delays_nothing_but_its_names(Manner::NothingExists, "name_not_found").await
}

#[tokio::test]
async fn a_resolver_that_fails_delays_nothing_but_its_names() -> Result<()> {
    delays_nothing_but_its_names(Manner::Fails, "resolver_failed").await
}

#[tokio::test]
async fn a_resolver_that_gives_every_name_one_address_is_believed_no_further_than_what_answers() -> Result<()>
{
    // A machine of the company on which nothing listens.
    let nothing_there = IpAddr::V4(server_address(250));
    delays_nothing_but_its_names(Manner::Everything(nothing_there), "refused").await
}

/// Three names before one address: with what outcome the names end.
async fn delays_nothing_but_its_names(manner: Manner, expected: &str) -> Result<()> {
    test(async |_, world| {
        let mut listeners = world.listeners(&[21, 22], PORT)?;
        let names = ["web", "files", "wiki"].map(|short| world.lab.name(short, 21));
        let mut entries: Vec<(&str, u16)> = names.iter().map(|name| (name.as_str(), PORT)).collect();
        entries.push(("10.20.1.22", PORT));
        world.assign(&entries).await?;
        world.lose_server().await?;
        let honest = world.look().await?;
        ensure!(honest["basis"]["host"] == names[0].as_str(), "{honest}");

        world.lab.dns().behave(manner);
        let by_address = world.look().await?;
        ensure!(by_address["location"] == "internal", "{by_address}");
        ensure!(by_address["basis"]["host"] == "10.20.1.22", "{by_address}");
        ensure!(decided_in(&by_address)? <= AT_ONCE, "{by_address}");

        for listener in &mut listeners {
            listener.stop().await;
        }
        let outside = world.look().await?;
        ensure!(outside["location"] == "external", "{outside}");
        ensure!(decided_in(&outside)? <= MAX_EXTERNAL, "{outside}");
        let of_names = outcomes(&outside).into_iter().take(names.len()).collect::<Vec<_>>();
        ensure!(of_names == [expected; 3], "expected {expected}: {outside}");
        Ok(())
    })
    .await
}
