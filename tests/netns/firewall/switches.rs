//! The machine changes sides while it is used: what both sides allow is not disturbed, and nothing is left behind.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use landmark_tests::lab::probe::{Kind, Outcome, Probe};
use landmark_tests::lab::{Echo, Site};

use super::kills::{ALLOWED, FORBIDDEN, INSIDE, policy_of, turn, two_sides, ways};
use super::watch::{Watch, forget_soon};
use super::{both, ensure_outcomes, probe, sockets, standing, test};
use crate::world::{CARRIED, World};

const REMOTE: u8 = 20;
const PORTS: [u16; 3] = [ALLOWED, FORBIDDEN, INSIDE];

fn outcome(port: u16, is_inside: bool) -> Outcome {
    match port {
        ALLOWED => Outcome::Answered,
        INSIDE if is_inside => Outcome::Answered,
        _ => Outcome::Silence,
    }
}

/// Tries all ports but those that something else listens on.
async fn ensure_side(world: &World, is_inside: bool, ports: &[u16]) -> Result<()> {
    for way in ways(world)? {
        let tries = ports.iter().flat_map(|port| {
            let to = |kind| probe(kind, way.from_address, way.to_address, *port);
            [Kind::Tcp, Kind::Udp].map(|kind| (to(kind), outcome(*port, is_inside)))
        });
        let tries: Vec<(Probe, Outcome)> = tries.collect();
        ensure_outcomes(&way.from, &tries).await.with_context(|| policy_of(is_inside))?;
    }
    Ok(())
}

#[tokio::test]
async fn a_machine_that_changes_sides_loses_nothing_that_both_allow_and_lets_nothing_else_pass() -> Result<()>
{
    test(async |_, world| {
        let mut reference = two_sides(world).await?;
        let machine = world.laptop.place();
        // Whoever watches for what is forbidden listens there itself.
        let open = [ALLOWED, INSIDE];
        let _machine = Echo::start(&machine, &sockets(&world.own()?.both(), &open))?;
        let _office = Echo::start(world.lab.office(), &sockets(&both(REMOTE), &open))?;
        forget_soon(world.laptop.namespace())?;
        let mut watch = Watch::new();
        for way in ways(world)? {
            watch.forbid(&way, FORBIDDEN)?;
            watch.require(&way, ALLOWED);
            watch.hold(&way, ALLOWED)?;
        }
        for round in 0..8 {
            let is_inside = round % 2 == 1;
            turn(&mut reference, is_inside).await?;
            world.look().await?;
            world.in_force(policy_of(is_inside)).await?;
            ensure_side(world, is_inside, &open).await?;
            watch.ensure_quiet()?;
        }
        watch.end().await
    })
    .await
}

#[tokio::test]
async fn carried_home_and_back_it_has_the_rules_of_each_place() -> Result<()> {
    test(async |_, world| {
        let _reference = two_sides(world).await?;
        let _office = Echo::start(world.lab.office(), &sockets(&both(REMOTE), &PORTS))?;
        let machine = world.laptop.place();
        let any = ["[::]:7001", "[::]:7002", "[::]:7003"].map(|address| address.parse());
        let _machine = Echo::start(&machine, &any.into_iter().collect::<Result<Vec<_>, _>>()?)?;
        ensure_side(world, true, &PORTS).await?;

        let home = world.lab.router(Site::Home).place().clone();
        let router = Site::Home.plan().v4.context("no IPv4 at home")?.gateway.into();
        let _router = Echo::start(&home, &sockets(&[router], &PORTS))?;
        for _ in 0..2 {
            world.laptop.plug(Site::Home)?;
            let is_outside = |status: &serde_json::Value| status["location"] == "external";
            world.agent.wait_for(CARRIED, "it is external at home", is_outside).await?;
            world.in_force("Outside").await?;
            let own = world.laptop.address().context("no address")?.into();
            let tries = |from, to| -> Vec<(Probe, Outcome)> {
                PORTS.iter().map(|port| (probe(Kind::Tcp, from, to, *port), outcome(*port, false))).collect()
            };
            ensure_outcomes(&machine, &tries(own, router)).await.context("from home")?;
            ensure_outcomes(&home, &tries(router, own)).await.context("to home")?;

            world.laptop.plug(Site::Office)?;
            let is_inside = |status: &serde_json::Value| status["location"] == "internal";
            world.agent.wait_for(CARRIED, "it is internal in the office", is_inside).await?;
            world.in_force("Inside").await?;
            ensure_side(world, true, &PORTS).await?;
        }
        Ok(())
    })
    .await
}

/// What an agent holds of the machine.
#[derive(Clone, Copy, Debug)]
struct Holdings {
    n_descriptors: usize,
    resident_kib: u64,
}

fn holdings(world: &World) -> Result<Holdings> {
    let pid = world.agent.pid()?;
    let n_descriptors = fs::read_dir(format!("/proc/{pid}/fd"))?.count();
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let resident_kib = resident.trim().trim_end_matches(" kB").parse()?;
    Ok(Holdings { n_descriptors, resident_kib })
}

/// What 64 evaluations with their evidence take, which it keeps, and what an allocator does not give back at once.
const MAX_GROWTH_KIB: u64 = 6 * 1024;

#[tokio::test]
async fn after_a_hundred_switches_it_holds_no_more_than_after_twenty() -> Result<()> {
    test(async |_, world| {
        let mut reference = two_sides(world).await?;
        let place = world.laptop.place();
        let mut after_twenty = None;
        let mut stood = Vec::new();
        for n_switches in 1..=100 {
            let is_inside = n_switches % 2 == 0;
            turn(&mut reference, is_inside).await?;
            world.agent.run(&["recheck"]).await?.success()?;
            world.in_force(policy_of(is_inside)).await?;
            match n_switches {
                1 | 2 => stood.push(standing(&place)?),
                20 => after_twenty = Some(holdings(world)?),
                _ => {}
            }
        }
        ensure!(Some(&standing(&place)?) == stood.last(), "other rules than after the first switches");
        let tables = world.laptop.namespace().ask_nft(&["list", "tables"])?;
        ensure!(tables.trim() == "table inet landmark", "{tables}");
        let (before, after) = (after_twenty.context("less than twenty")?, holdings(world)?);
        println!("after 20: {before:?}, after 100: {after:?}");
        // One may be open for a moment.
        ensure!(after.n_descriptors <= before.n_descriptors + 2, "{before:?} became {after:?}");
        ensure!(after.resident_kib <= before.resident_kib + MAX_GROWTH_KIB, "{before:?} became {after:?}");
        Ok(())
    })
    .await
}
