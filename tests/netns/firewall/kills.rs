//! The agent is killed while it switches, at any moment: the rules are the old ones or the new ones, whole, and no packet
//! meets anything else.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use landmark_agent::enforce::firewall::ruleset::Ruleset;
use landmark_tests::lab::{Echo, Listener};
use landmark_tests::process::Process;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::watch::{Watch, Way, forget_soon};
use super::{EVERYBODY, both, sockets, standing, test};
use crate::world::World;

pub(super) const REFERENCE: u8 = 51;
const REFERENCE_PORT: u16 = 7500;
const REMOTE: u8 = 20;
pub(super) const ALLOWED: u16 = 7001;
pub(super) const FORBIDDEN: u16 = 7002;
/// Open inside only.
pub(super) const INSIDE: u16 = 7003;

const N_ROUNDS: usize = 40;
/// From the request to look again: a program starts, asks, and the agent looks and writes.
const LATEST: Duration = Duration::from_millis(60);
/// Change it for other moments.
const SEED: u64 = 0x6b69_6c6c;

/// A machine whose location is decided by one reference server, under one policy inside and another outside.
pub(super) async fn two_sides(world: &mut World) -> Result<Listener> {
    let reference = world.listeners(&[REFERENCE], REFERENCE_PORT)?.pop().context("no listener")?;
    let allowed = format!("--allow --both --protocol tcp+udp --ports {ALLOWED}");
    // Sets with some elements, which a half of a transaction would lack.
    let many: Vec<String> = (0..40).map(|n| (8000 + 5 * n).to_string()).collect();
    let remotes: String = (1..60).map(|n| format!(" --remote 10.30.{n}.0/25")).collect();
    let many = format!("--allow --in --protocol tcp --ports {}{remotes}", many.join(","));
    let inside = format!("--allow --both --protocol tcp+udp --ports {INSIDE}");
    world.policy("Inside", "high", &[&many, &allowed, &inside]).await?;
    world.policy("Outside", "high", &[&allowed, &many]).await?;
    world.give("Outside").await?;
    let profile = ["firewall", "profiles", "add", "At work", "--policy", "Inside", "--location", "internal"];
    world.ctl.ok(&[&profile[..], &["--before", EVERYBODY]].concat()).await?;
    world.ctl.ok(&["location", "set", "--recheck-interval", "1h"]).await?;
    let host = landmark_tests::lab::server_address(REFERENCE).to_string();
    world.assign(&[(&host, REFERENCE_PORT)]).await?;
    world.lose_server().await?;
    world.in_force("Inside").await?;
    Ok(reference)
}

/// Lets the machine be on one side or the other, when it looks next.
pub(super) async fn turn(reference: &mut Listener, is_inside: bool) -> Result<()> {
    reference.stop().await;
    if is_inside { reference.restart() } else { Ok(()) }
}

pub(super) fn policy_of(is_inside: bool) -> &'static str {
    if is_inside { "Inside" } else { "Outside" }
}

/// From the machine and to it, over both families.
pub(super) fn ways(world: &World) -> Result<Vec<Way>> {
    let (machine, office) = (world.laptop.place(), world.lab.office().clone());
    let mut ways = Vec::new();
    for remote in both(REMOTE) {
        let own = world.own()?.like(remote);
        let (from, to) = (machine.clone(), office.clone());
        ways.push(Way { from, from_address: own, to, to_address: remote });
        let (from, to) = (office.clone(), machine.clone());
        ways.push(Way { from, from_address: remote, to, to_address: own });
    }
    Ok(ways)
}

#[tokio::test]
async fn killed_at_any_moment_of_a_switch_the_old_rules_or_the_new_ones_stand_whole() -> Result<()> {
    test(async |scratch, world| {
        let mut reference = two_sides(world).await?;
        let place = world.laptop.place();
        let inside = standing(&place)?;
        turn(&mut reference, false).await?;
        world.look().await?;
        world.in_force("Outside").await?;
        let outside = standing(&place)?;
        ensure!(inside != outside);

        let machine = sockets(&world.own()?.both(), &[ALLOWED]);
        let _machine = Echo::start(&place, &machine)?;
        let _office = Echo::start(world.lab.office(), &sockets(&both(REMOTE), &[ALLOWED]))?;
        forget_soon(world.laptop.namespace())?;
        let mut watch = Watch::new();
        for way in ways(world)? {
            watch.forbid(&way, FORBIDDEN)?;
            watch.require(&way, ALLOWED);
            watch.hold(&way, ALLOWED)?;
        }
        println!("seed {SEED:#x}");
        let mut rng = StdRng::seed_from_u64(SEED);
        let (mut n_old, mut n_new) = (0, 0);
        for round in 0..N_ROUNDS {
            let is_inside = round % 2 == 0;
            turn(&mut reference, is_inside).await?;
            let asked =
                Process::start("recheck", world.agent.command(&["recheck"])?, &scratch.log("recheck"))?;
            tokio::time::sleep(LATEST.mul_f64(rng.random())).await;
            world.agent.kill_at_once().await?;
            drop(asked);
            let found = standing(&place)?;
            let (old, new): (&Ruleset, &Ruleset) =
                if is_inside { (&outside, &inside) } else { (&inside, &outside) };
            ensure!(found == *old || found == *new, "after kill {round}: {found:#?}");
            n_old += usize::from(found == *old);
            n_new += usize::from(found == *new);
            world.agent.start().await?;
            world.in_force(policy_of(is_inside)).await?;
            ensure!(standing(&place)? == *new, "after start {round}");
            watch.ensure_quiet()?;
        }
        println!("killed before a switch {n_old} times, after it {n_new} times");
        watch.end().await
    })
    .await
}
