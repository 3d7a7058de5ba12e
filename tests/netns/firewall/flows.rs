//! Connections from before a switch: those that the new policy forbids stop, those that it allows go on, and one that still
//! lives goes on when it is allowed again.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use landmark_agent::enforce::firewall::ruleset::CUT_MARK;
use landmark_agent::netfilter::flows::{Marker, each_flow};
use landmark_tests::lab::Flow;
use landmark_tests::place::Place;
use tokio::task::JoinSet;

use super::{both, test};
use crate::world::World;

const REMOTE: u8 = 20;
/// What stays allowed.
const KEPT: u16 = 7001;
/// What does not.
const CUT: u16 = 7002;

/// TCP and UDP, both families, both ways.
async fn flows(world: &World, port: u16) -> Result<Vec<Flow>> {
    let (machine, office) = (world.laptop.place(), world.lab.office());
    let mut flows = Vec::new();
    for remote in both(REMOTE) {
        let own = world.own()?.like(remote);
        let (to_it, from_it) = (SocketAddr::new(own, port), SocketAddr::new(remote, port));
        flows.push(Flow::tcp((&machine, own), (office, from_it)).await?);
        flows.push(Flow::tcp((office, remote), (&machine, to_it)).await?);
        flows.push(Flow::udp((&machine, own), (office, from_it)).await?);
        flows.push(Flow::udp((office, remote), (&machine, to_it)).await?);
    }
    Ok(flows)
}

#[derive(Clone, Copy, Debug)]
enum Expected {
    Talking,
    Silent,
}

/// Looks at all of them at once, and gives them back.
async fn ensure_all(flows: Vec<Flow>, expected: Expected) -> Result<Vec<Flow>> {
    let mut looked_at = JoinSet::new();
    for (number, mut flow) in flows.into_iter().enumerate() {
        looked_at.spawn(async move {
            let looked = match expected {
                Expected::Talking => flow.ensure_talks().await,
                Expected::Silent => flow.ensure_silent().await,
            };
            looked.with_context(|| format!("{flow:?}, the {number}th, is not {expected:?}"))?;
            anyhow::Ok(flow)
        });
    }
    looked_at.join_all().await.into_iter().collect()
}

/// The policies of these tests, of which the first is in force.
async fn open(world: &World) -> Result<()> {
    world.policy("Open", "low", &[]).await?;
    let kept = format!("--allow --both --protocol tcp+udp --ports {KEPT}");
    world.policy("Shut", "high", &[&kept]).await?;
    world.switch_to("Open").await
}

#[tokio::test]
async fn a_switch_cuts_what_it_forbids_and_nothing_else_and_back_again_what_lives_goes_on() -> Result<()> {
    test(async |_, world| {
        open(world).await?;
        let (mut kept, mut cut) = (flows(world, KEPT).await?, flows(world, CUT).await?);
        for _ in 0..2 {
            world.switch_to("Shut").await?;
            cut = ensure_all(cut, Expected::Silent).await?;
            kept = ensure_all(kept, Expected::Talking).await?;
            world.switch_to("Open").await?;
            kept = ensure_all(kept, Expected::Talking).await?;
            cut = ensure_all(cut, Expected::Talking).await?;
        }
        Ok(())
    })
    .await
}

/// As published ports of containers and proxies on the machine are, in both directions.
#[tokio::test]
async fn a_connection_that_is_led_elsewhere_is_judged_by_where_it_ends() -> Result<()> {
    test(async |_, world| {
        world.laptop.namespace().nft(&format!(
            "table inet led {{\n\
             chain asking {{ type nat hook prerouting priority dstnat; policy accept;\n\
             \x20 tcp dport 7091 redirect to :{KEPT}\n\
             \x20 tcp dport 7092 redirect to :{CUT}\n\
             }}\n\
             chain leaving {{ type nat hook output priority -100; policy accept;\n\
             \x20 ip daddr 10.20.1.99 tcp dport 7091 dnat ip to 10.20.1.{REMOTE}:{KEPT}\n\
             \x20 ip daddr 10.20.1.99 tcp dport 7092 dnat ip to 10.20.1.{REMOTE}:{CUT}\n\
             }}\n\
             }}\n"
        ))?;
        open(world).await?;
        let (machine, office) = (world.laptop.place(), world.lab.office().clone());
        let (own, remote) = (world.own()?.v4, both(REMOTE)[0]);
        let elsewhere = both(99)[0];
        let (mut kept, mut cut) = (Vec::new(), Vec::new());
        for (flows, asked, port) in [(&mut kept, 7091, KEPT), (&mut cut, 7092, CUT)] {
            let (here, there) = (SocketAddr::new(own, port), SocketAddr::new(remote, port));
            let by = SocketAddr::new(own, asked);
            flows.push(Flow::tcp_by((&office, remote), by, (&machine, here)).await?);
            let by = SocketAddr::new(elsewhere, asked);
            flows.push(Flow::tcp_by((&machine, own), by, (&office, there)).await?);
        }
        world.switch_to("Shut").await?;
        cut = ensure_all(cut, Expected::Silent).await?;
        kept = ensure_all(kept, Expected::Talking).await?;
        world.switch_to("Open").await?;
        ensure_all(cut, Expected::Talking).await?;
        ensure_all(kept, Expected::Talking).await.map(drop)
    })
    .await
}

/// It may die right after its transaction.
#[tokio::test]
async fn an_agent_that_died_before_it_had_judged_connections_judges_them_when_it_is_back() -> Result<()> {
    test(async |_, world| {
        open(world).await?;
        let (kept, cut) = (flows(world, KEPT).await?, flows(world, CUT).await?);
        world.switch_to("Shut").await?;
        let cut = ensure_all(cut, Expected::Silent).await?;
        world.agent.kill().await?;
        ensure!(unmark(&world.laptop.place())? >= cut.len(), "some had no mark");
        let cut = ensure_all(cut, Expected::Talking).await?;
        world.agent.start().await?;
        world.in_force("Shut").await?;
        ensure_all(cut, Expected::Silent).await?;
        ensure_all(kept, Expected::Talking).await.map(drop)
    })
    .await
}

/// Takes the marks of all cut flows away, as if they had never been judged; how many there were.
fn unmark(place: &Place) -> Result<usize> {
    place.within(|| {
        let mut cut = Vec::new();
        each_flow(|flow| {
            if flow.mark == CUT_MARK {
                cut.push(flow.clone());
            }
        })?;
        let mut marker = Marker::open()?;
        cut.iter().try_for_each(|flow| marker.mark(flow, 0).map(drop))?;
        Ok(cut.len())
    })
}
