//! What can go wrong on the way to a reference server, one entry a fault: each is told by its name, and none costs the verdict.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Result, ensure};
use landmark_tests::lab::site::{NO_ROUTE, NOBODY};
use landmark_tests::lab::{Fault, Full, HalfOpen, Traffic, server_address};
use serde_json::Value;

use crate::world::{MAX_EXTERNAL, World, decided_in, outcomes, test};

const PORT: u16 = 7000;

/// Any of these outcomes.
type Expected = &'static [&'static str];

/// Entries of the list, and what an attempt meets there.
fn obstacles() -> Vec<(Ipv4Addr, Option<Fault>, Expected)> {
    vec![
        (server_address(31), Some(Fault::BlackHole), &["timeout"]),
        (server_address(32), Some(Fault::HostUnreachable), &["unreachable"]),
        (server_address(33), Some(Fault::PortUnreachable), &["refused"]),
        (server_address(34), Some(Fault::Prohibited), &["unreachable"]),
        (server_address(35), Some(Fault::Reset), &["refused"]),
        // A machine on which nothing listens.
        (server_address(36), None, &["refused"]),
        // None: the machine's own kernel asks for it three times, a second apart, on behalf of every attempt meanwhile.
        (NOBODY, None, &["timeout", "unreachable"]),
        (NO_ROUTE, None, &["unreachable"]),
    ]
}

/// A world without a server, in which the way to each of the entries is obstructed; the last of the list is as given.
async fn obstructed(world: &mut World, last: Ipv4Addr) -> Result<Vec<Expected>> {
    let obstacles = obstacles();
    for (host, fault, _) in &obstacles {
        if let Some(fault) = fault {
            world.lab.faults().add(Traffic::to_port(*host, PORT), *fault)?;
        }
    }
    let hosts = obstacles.iter().map(|(host, ..)| *host).chain([last]);
    let hosts: Vec<String> = hosts.map(|host| host.to_string()).collect();
    let entries: Vec<(&str, u16)> = hosts.iter().map(|host| (host.as_str(), PORT)).collect();
    world.assign(&entries).await?;
    world.lose_server().await?;
    Ok(obstacles.iter().map(|(.., outcome)| *outcome).collect())
}

fn ensure_outcomes(evidence: &Value, expected: &[Expected]) -> Result<()> {
    let outcomes = outcomes(evidence);
    let fit = outcomes.iter().zip(expected).all(|(outcome, expected)| expected.contains(outcome));
    ensure!(outcomes.len() == expected.len() && fit, "expected {expected:?}: {evidence}");
    Ok(())
}

#[tokio::test]
async fn whatever_is_in_the_way_of_the_others_one_that_answers_is_enough() -> Result<()> {
    test(async |_, world| {
        let last = server_address(40);
        let _listeners = world.listeners(&[40], PORT)?;
        let mut expected = obstructed(world, last).await?;
        expected.push(&["answered"]);
        let evidence = world.look().await?;
        ensure!(evidence["location"] == "internal", "{evidence}");
        ensure_outcomes(&evidence, &expected)?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn when_everything_is_in_the_way_it_is_external_in_time() -> Result<()> {
    test(async |_, world| {
        let last = server_address(41);
        let full = Full::start(world.lab.office(), SocketAddr::from((last, PORT)))?;
        ensure!(full.n_queued() > 0);
        let mut expected = obstructed(world, last).await?;
        expected.push(&["timeout"]);
        let evidence = world.look().await?;
        ensure!(evidence["location"] == "external", "{evidence}");
        ensure_outcomes(&evidence, &expected)?;
        ensure!(decided_in(&evidence)? <= MAX_EXTERNAL, "{evidence}");
        Ok(())
    })
    .await
}

/// The kernel of a server completes connections for a process that hangs: to a probe of a plain port it is there.
#[tokio::test]
async fn a_process_that_hangs_still_answers_for_a_plain_port() -> Result<()> {
    test(async |_, world| {
        let _hangs = HalfOpen::start(world.lab.office(), SocketAddr::from((server_address(42), PORT)))?;
        world.assign(&[("10.20.1.42", PORT)]).await?;
        world.lose_server().await?;
        let evidence = world.look().await?;
        ensure!(outcomes(&evidence) == ["answered"], "{evidence}");
        Ok(())
    })
    .await
}

/// Six entries, each of which has two tries in its time-out: one of some 240 million looks finds none.
#[tokio::test]
async fn one_in_five_lost_connection_attempts_cost_no_verdict() -> Result<()> {
    test(async |_, world| {
        let _listeners = world.listeners(&[51, 52, 53, 54, 55, 56], PORT)?;
        let hosts = ["10.20.1.51", "10.20.1.52", "10.20.1.53", "10.20.1.54", "10.20.1.55", "10.20.1.56"];
        let entries = hosts.map(|host| (host, PORT));
        world.assign(&entries).await?;
        world.lose_server().await?;
        world.lab.faults().add(Traffic::ALL, Fault::LosesSyns(20))?;
        for _ in 0..20 {
            let evidence = world.look().await?;
            ensure!(evidence["location"] == "internal", "{evidence}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_office_that_turns_into_a_black_hole_is_left_in_time_and_found_again() -> Result<()> {
    test(async |_, world| {
        let _listeners = world.listeners(&[51, 52], PORT)?;
        world.assign(&[("10.20.1.51", PORT), ("10.20.1.52", PORT)]).await?;
        world.lose_server().await?;
        world.lab.faults().add(Traffic::ALL, Fault::BlackHole)?;
        let outside = world.look().await?;
        ensure!(outside["location"] == "external", "{outside}");
        ensure!(decided_in(&outside)? <= MAX_EXTERNAL, "{outside}");
        world.lab.faults().clear()?;
        let inside: Value = world.look().await?;
        ensure!(inside["location"] == "internal", "{inside}");
        Ok(())
    })
    .await
}
