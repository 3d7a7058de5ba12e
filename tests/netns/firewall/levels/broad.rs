//! The same for many more policies than an agent could be given in the time: rendered and written as the agent does it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use anyhow::{Context as _, Result};
use landmark_agent::enforce::firewall::ground::Ground;
use landmark_agent::enforce::firewall::names::names_of;
use landmark_agent::enforce::firewall::plan::plan;
use landmark_agent::enforce::firewall::render::render;
use landmark_agent::netfilter::table::{commit, read};
use landmark_proto::firewall::{Level, Policy};
use landmark_tests::lab::probe::ensure_outcomes;
use landmark_tests::lab::{Echo, Lab, Site};
use landmark_tests::place::Place;
use landmark_tests::scratch;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use super::{PORTS, SERVERS, every_try, exception, policy, split};
use crate::firewall::{Own, allow_pings, both, sockets};

/// Change it to see other policies.
const SEED: u64 = 0x4c4d;
const N_RANDOM: usize = 40;
const LEVELS: [Level; 3] = [Level::Low, Level::Medium, Level::High];

/// Each stands alone in a policy: once to allow, once to block.
const ALONE: [&str; 14] = [
    "both all all all",
    "in all all 10.20.1.20",
    "out all all fd00:20:1::14",
    "both tcp all all",
    "in tcp 7001 all",
    "out tcp 7001-7100 10.20.1.0/27",
    "both udp all fd00:20:1::/64",
    "in udp 7001,7100-7199 10.20.1.20-10.20.1.30",
    "out udp 7200 all",
    "both tcp+udp 7002,7100 10.20.1.20,fd00:20:1::14-fd00:20:1::20,10.20.1.40",
    "in tcp+udp all helpdesk.corp.example",
    "both icmp all 10.20.1.16/28",
    "both icmpv6 all all",
    "out all all nobody.corp.example,10.20.1.21",
];

const DIRECTIONS: [&str; 3] = ["in", "out", "both"];
const PROTOCOLS: [&str; 6] = ["tcp", "udp", "tcp+udp", "icmp", "icmpv6", "all"];
const PORT_SETS: [&str; 7] =
    ["all", "7001", "7002,7200", "7001-7100", "1-6999", "7100-65535", "7001-7002,7100"];
const REMOTES: [&str; 12] = [
    "10.20.1.20",
    "10.20.1.21",
    "10.20.1.20-10.20.1.30",
    "10.20.1.32/27",
    "10.0.0.0/8",
    "0.0.0.0/0",
    "fd00:20:1::14",
    "fd00:20:1::15-fd00:20:1::28",
    "fd00:20:1::20/123",
    "::/0",
    "helpdesk.corp.example",
    "nobody.corp.example",
];

fn alone() -> Result<Vec<Policy>> {
    let mut policies = Vec::new();
    for (text, level) in ALONE.iter().flat_map(|text| LEVELS.map(|level| (text, level))) {
        // What the level says anyway would show nothing.
        let action = if level == Level::Low { "block" } else { "allow" };
        policies.push(policy(level, vec![exception(1, &format!("{action} {text}"))?])?);
        if level == Level::Medium {
            policies.push(policy(level, vec![exception(1, &format!("block {text}"))?])?);
        }
    }
    Ok(policies)
}

fn random() -> Result<Vec<Policy>> {
    let mut rng = StdRng::seed_from_u64(SEED);
    let mut policies = Vec::new();
    for _ in 0..N_RANDOM {
        let n_exceptions = rng.random_range(1..=8);
        let mut exceptions = Vec::new();
        for number in 1..=n_exceptions {
            let action = if rng.random_bool(0.5) { "allow" } else { "block" };
            let pick = |rng: &mut StdRng, all: &[&'static str]| all.choose(rng).copied().unwrap_or("all");
            let direction = pick(&mut rng, &DIRECTIONS);
            let protocol = pick(&mut rng, &PROTOCOLS);
            let ports = pick(&mut rng, &PORT_SETS);
            let n_remotes = rng.random_range(0..=3);
            let remotes: Vec<&str> = (0..n_remotes).map(|_| pick(&mut rng, &REMOTES)).collect();
            let remotes = if remotes.is_empty() { "all".to_owned() } else { remotes.join(",") };
            let text = format!("{action} {direction} {protocol} {ports} {remotes}");
            exceptions.push(exception(number, &text)?);
        }
        let level = LEVELS.choose(&mut rng).copied().unwrap_or(Level::High);
        policies.push(policy(level, exceptions)?);
    }
    Ok(policies)
}

/// What the agent would know.
fn ground(policy: &Policy) -> Ground {
    let found = |name: &landmark_proto::host::Name| name.as_str().starts_with("helpdesk");
    let names = names_of(policy).into_iter().filter(found);
    let addresses = both(SERVERS[4]).to_vec();
    let names: BTreeMap<_, _> = names.map(|name| (name, addresses.clone())).collect();
    Ground { names, ..Ground::default() }
}

fn write(place: &Place, policy: &Policy, ground: &Ground) -> Result<()> {
    let rendered = render(policy, ground);
    place.within(|| {
        let present = read()?;
        Ok(commit(&plan(&present, Some(&rendered.ruleset)).commands())?)
    })
}

async fn agree(policies: Vec<Policy>) -> Result<()> {
    scratch::test(async |scratch| {
        let Some(lab) = Lab::build(scratch)? else { return Ok(()) };
        let mut laptop = lab.laptop("laptop")?;
        laptop.plug(Site::Office)?;
        let own = Own {
            v4: laptop.address().context("no IPv4")?.into(),
            v6: laptop.address_v6().context("no IPv6")?.into(),
        };
        let machine = laptop.namespace();
        allow_pings(machine)?;
        allow_pings(lab.router(Site::Office))?;
        let _inside = Echo::start(machine.place(), &sockets(&own.both(), &PORTS))?;
        let servers: Vec<IpAddr> = SERVERS.into_iter().flat_map(both).collect();
        let _outside = Echo::start(lab.office(), &sockets(&servers, &PORTS))?;
        let tries = every_try(own);
        for (number, policy) in policies.iter().enumerate() {
            let ground = ground(policy);
            write(machine.place(), policy, &ground).with_context(|| format!("{policy:?}"))?;
            let [to_it, from_it] = split(&tries, |one| one.expected(policy, |name| ground.addresses(name)));
            let (to_it, from_it) = tokio::join!(
                ensure_outcomes(lab.office(), &to_it),
                ensure_outcomes(machine.place(), &from_it)
            );
            to_it.and(from_it).with_context(|| format!("policy {number}: {policy:#?}"))?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn every_exception_alone_does_what_it_says() -> Result<()> {
    agree(alone()?).await
}

#[tokio::test]
async fn policies_at_random_do_what_they_say() -> Result<()> {
    println!("seed {SEED:#x}");
    agree(random()?).await
}
