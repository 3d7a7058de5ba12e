//! What the kernel tells makes the agent look, at once and no more often than is of use.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use landmark_tests::fleet::facts;
use landmark_tests::lab::{Laptop, Site};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::world::{NOTICED, decided_in, is_triggered_by, outcomes, test};

const PORT: u16 = 7000;
/// What an agent leaves between the starts of two evaluations, as the head of agent/src/location/engine.rs tells.
const COALESCE: Duration = Duration::from_millis(50);
/// Of an evaluation in which the kernel says at once that there is no way.
const AT_ONCE: Duration = Duration::from_secs(1);

#[tokio::test]
async fn an_address_that_comes_or_goes_makes_it_look() -> Result<()> {
    test(async |_, world| {
        let _listeners = world.listeners(&[51], PORT)?;
        world.quiet(&[("10.20.1.51", PORT)]).await?;
        for change in ["addr add 10.20.0.222/24 dev eth0", "addr del 10.20.0.222/24 dev eth0"] {
            let change = |laptop: &mut Laptop| laptop.namespace().ip(change);
            let evidence = world.noticed("network_change", "internal", change).await?;
            ensure!(evidence["triggers"] == json!(["network_change"]), "{evidence}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_cable_pulled_and_plugged_in_again_makes_it_look() -> Result<()> {
    test(async |_, world| {
        let _listeners = world.listeners(&[51], PORT)?;
        world.quiet(&[("10.20.1.51", PORT)]).await?;
        // While it is out, the kernel looks for the gateway in vain; it gives up a moment after it is in again.
        world.noticed("network_change", "external", |laptop| laptop.cable(false)).await?;
        world.noticed("network_change", "internal", |laptop| laptop.cable(true)).await?;
        world
            .noticed("network_change", "external", |laptop| laptop.namespace().ip("link set eth0 down"))
            .await?;
        Ok(())
    })
    .await
}

/// As behind a switch that listens for loops first, or a radio network that has not let it in yet: the link is up, and for some
/// seconds nothing passes.
#[tokio::test]
async fn a_network_that_lets_nothing_through_at_first_is_looked_at_again() -> Result<()> {
    test(async |_, world| {
        let _listeners = world.listeners(&[51], PORT)?;
        world.quiet(&[("10.20.1.51", PORT)]).await?;
        world.noticed("network_change", "external", |laptop| laptop.cable(false)).await?;
        // Two seconds of listening, two of learning.
        let router = world.lab.router(Site::Office);
        router.ip("link set lan type bridge stp_state 1 forward_delay 200")?;
        world.noticed("network_change", "external", |laptop| laptop.cable(true)).await?;
        let by_entry = |status: &Value| facts::is_internal_by(status, "10.20.1.51", PORT);
        world.agent.wait_for(NOTICED, "it is internal", by_entry).await.map(drop)
    })
    .await
}

#[tokio::test]
async fn a_default_route_that_goes_makes_it_external_at_once() -> Result<()> {
    test(async |_, world| {
        let _listeners = world.listeners(&[51], PORT)?;
        world.quiet(&[("10.20.1.51", PORT)]).await?;
        let gone = |laptop: &mut Laptop| laptop.namespace().ip("route del default");
        let outside = world.noticed("network_change", "external", gone).await?;
        ensure!(outcomes(&outside) == ["unreachable"], "{outside}");
        ensure!(decided_in(&outside)? <= AT_ONCE, "{outside}");
        let again = |laptop: &mut Laptop| laptop.namespace().ip("route add default via 10.20.0.1");
        world.noticed("network_change", "internal", again).await.map(drop)
    })
    .await
}

#[tokio::test]
async fn a_resolver_that_is_rewritten_in_place_makes_it_look() -> Result<()> {
    test(async |_, world| {
        let name = world.lab.name("intranet", 51);
        let _listeners = world.listeners(&[51], PORT)?;
        world.quiet(&[(&name, PORT)]).await?;
        // Out of reach from the office.
        let of_home = |laptop: &mut Laptop| laptop.use_resolver(Some(Site::Home.plan().resolver));
        let outside = world.noticed("resolver_change", "external", of_home).await?;
        ensure!(outside["triggers"] == json!(["resolver_change"]), "{outside}");
        let of_office = |laptop: &mut Laptop| laptop.use_resolver(Some(Site::Office.plan().resolver));
        world.noticed("resolver_change", "internal", of_office).await.map(drop)
    })
    .await
}

/// As DHCP clients and resolvconf do.
#[tokio::test]
async fn a_resolver_that_is_replaced_by_another_file_makes_it_look() -> Result<()> {
    test(async |scratch, world| {
        let etc = scratch.make_folder("etc")?;
        let replace = |site: Site| {
            let new =
                scratch.write("etc/resolv.conf.new", format!("nameserver {}\n", site.plan().resolver))?;
            fs::rename(new, etc.join("resolv.conf")).context("replace resolv.conf")
        };
        replace(Site::Office)?;
        world.agent.stop().await?;
        world.agent.move_to(world.laptop.place().with_etc(&etc));
        world.agent.start().await?;
        world.agent.wait_until_online(&world.ctl).await?;

        let name = world.lab.name("intranet", 51);
        let _listeners = world.listeners(&[51], PORT)?;
        world.quiet(&[(&name, PORT)]).await?;
        let outside = world.noticed("resolver_change", "external", |_| replace(Site::Home)).await?;
        ensure!(outside["triggers"] == json!(["resolver_change"]), "{outside}");
        world.noticed("resolver_change", "internal", |_| replace(Site::Office)).await.map(drop)
    })
    .await
}

/// Addresses, for of a cable that flaps the kernel tells once a second at most.
#[tokio::test]
async fn a_hundred_changes_in_a_row_make_it_look_every_50_ms_at_most() -> Result<()> {
    test(async |_, world| {
        let _listeners = world.listeners(&[51], PORT)?;
        world.quiet(&[("10.20.1.51", PORT)]).await?;
        let before = world.look().await?["evaluation"].as_u64();
        let began = Instant::now();
        let machine = world.laptop.namespace();
        for _ in 0..100 {
            machine.ip("addr add 10.20.0.222/24 dev eth0\naddr del 10.20.0.222/24 dev eth0")?;
        }
        let lasted = began.elapsed();
        let last = world.look().await?;
        ensure!(last["location"] == "internal", "{last}");

        let n = last["evaluation"].as_u64().zip(before).map(|(last, before)| last - before);
        let n = u32::try_from(n.context("no numbers")?)?;
        // One at once, one at the end of each pause, one after the last change, and the one that was asked for.
        let most = u32::try_from(lasted.as_millis() / COALESCE.as_millis())? + 4;
        ensure!((3..=most).contains(&n), "{n} evaluations in {lasted:?}, at most {most} are of use");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_cable_that_flaps_a_hundred_times_leaves_the_right_verdict() -> Result<()> {
    test(async |_, world| {
        let _listeners = world.listeners(&[51], PORT)?;
        world.quiet(&[("10.20.1.51", PORT)]).await?;
        // The kernel may tell nothing of it, for it ends as it began.
        world.laptop.flap(100)?;
        let last = world.look().await?;
        ensure!(last["location"] == "internal", "{last}");
        world.laptop.flap(99)?;
        world.noticed("network_change", "external", |laptop| laptop.cable(false)).await?;
        world.noticed("network_change", "internal", |laptop| laptop.cable(true)).await?;
        Ok(())
    })
    .await
}

/// The evaluation that runs is asked for while the machine has an address that the office does not serve.
#[tokio::test]
async fn a_change_during_an_evaluation_makes_exactly_one_more_after_it() -> Result<()> {
    test(async |_, world| {
        let _listeners = world.listeners(&[51], PORT)?;
        let old = world.laptop.address().context("no address")?;
        // A name, for a question to the resolver tells that an evaluation runs.
        world.quiet(&[("nowhere.corp.example", PORT), ("10.20.1.51", PORT)]).await?;
        world.look().await?;
        world
            .lab
            .router(Site::Office)
            .nft(&format!("add rule inet faults added ip saddr {old} tcp dport {PORT} drop\n"))?;
        let before = world.n_evaluations().await?;
        let during = world.look_while(|laptop| laptop.change_address()).await?;
        ensure!(during["location"] == "external" && outcomes(&during)[1] == "timeout", "{during}");
        ensure!(during["triggers"] == json!(["local_request"]), "{during}");
        let after = world.evidence_after(before + 1, "it looked once more", |_| true).await?;
        ensure!(after["triggers"] == json!(["network_change"]), "{after}");
        ensure!(after["location"] == "internal", "{after}");
        let new = world.laptop.address().filter(|new| *new != old);
        ensure!(after["attempts"][1]["local_address"] == json!(new), "{after}");

        let next = world.look().await?;
        ensure!(next["evaluation"].as_u64() == Some(before + 3), "more than one followed: {next}");
        Ok(())
    })
    .await
}

/// The kernel keeps what it has to tell for a listener, and loses what is too much: then the agent looks at everything.
#[tokio::test]
async fn more_changes_than_the_kernel_can_tell_are_noticed_as_one_and_later_ones_too() -> Result<()> {
    test(async |_, world| {
        world.agent.stop().await?;
        world.agent.set("log.filter", "info,landmark_agent::network=debug");
        world.agent.start().await?;
        world.agent.wait_until_online(&world.ctl).await?;
        let _listeners = world.listeners(&[51], PORT)?;
        world.quiet(&[("10.20.1.51", PORT)]).await?;
        world.look().await?;
        let before = world.n_evaluations().await?;
        world.agent.signal(Signal::STOP)?;
        let routes =
            (0..6000).map(|n| format!("route add 10.{}.{}.0/24 via 10.20.0.1\n", 100 + n / 250, n % 250));
        world.laptop.namespace().ip(&(routes.collect::<String>() + "route del default\n"))?;
        world.agent.signal(Signal::CONT)?;
        let outside = world
            .evidence_after(before, "a change was noticed", |one| is_triggered_by(one, "network_change"))
            .await?;
        ensure!(outside["location"] == "external", "{outside}");
        ensure!(world.agent.output().contains("told of more changes"), "the kernel kept all of it");

        let again = |laptop: &mut Laptop| laptop.namespace().ip("route add default via 10.20.0.1");
        world.noticed("network_change", "internal", again).await.map(drop)
    })
    .await
}
