//! Connections that began before the kernel followed any: a policy that lets replies pass does not know them. That is why an
//! agent makes the kernel follow connections before it needs it.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use landmark_tests::lab::{Flow, Lab, Site, server_address};
use landmark_tests::scratch;
use landmark_tests::wait::{LIMIT, wait_until};
use serde_json::Value;

use super::{both, standing, test};

const REMOTE: u8 = 20;
const ALLOWED: u16 = 7001;
const FORBIDDEN: u16 = 7002;

/// As others write it.
const USUAL: &str = "table inet usual {\n\
    chain input { type filter hook input priority 0; policy drop; ct state established,related accept; }\n\
    chain output { type filter hook output priority 0; policy drop; ct state established,related accept; }\n\
    }\n";

/// What the kernel does; if this fails, the agent could do without.
#[tokio::test]
async fn a_connection_from_before_any_rule_that_follows_connections_hangs_under_the_first() -> Result<()> {
    scratch::test(async |scratch| {
        let Some(lab) = Lab::build(scratch)? else { return Ok(()) };
        let mut laptop = lab.laptop("laptop")?;
        laptop.plug(Site::Office)?;
        let own = laptop.address().context("no address")?.into();
        let target = SocketAddr::from((server_address(REMOTE), ALLOWED));
        let mut flow = Flow::tcp((&laptop.place(), own), (lab.office(), target)).await?;
        laptop.namespace().nft(USUAL)?;
        flow.ensure_silent().await
    })
    .await
}

#[tokio::test]
async fn without_an_assignment_too_the_rules_that_follow_connections_are_repaired() -> Result<()> {
    test(async |_, world| {
        let place = world.laptop.place();
        let before = standing(&place)?;
        world.laptop.namespace().nft("flush ruleset\n")?;
        wait_until("the table stands again", LIMIT, async || {
            ensure!(standing(&place)? == before, "it is another");
            Ok(())
        })
        .await?;
        let status = world.agent.status().await?;
        ensure!(status["enforcement"]["state"] == "nothing", "{status}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_began_before_the_first_assignment_is_judged_and_the_agents_own_link_stands() -> Result<()> {
    test(async |_, world| {
        let (machine, office) = (world.laptop.place(), world.lab.office().clone());
        let (mut kept, mut cut) = (Vec::new(), Vec::new());
        for remote in both(REMOTE) {
            let own = world.own()?.like(remote);
            for (flows, port) in [(&mut kept, ALLOWED), (&mut cut, FORBIDDEN)] {
                let (there, here) = (SocketAddr::new(remote, port), SocketAddr::new(own, port));
                flows.push(Flow::tcp((&machine, own), (&office, there)).await?);
                flows.push(Flow::tcp((&office, remote), (&machine, here)).await?);
            }
        }
        let link = world.agent.status().await?["link"].clone();
        ensure!(link["state"] == "connected" && link["epoch"].is_u64(), "{link}");

        let allowed = format!("--allow --both --protocol tcp --ports {ALLOWED}");
        world.policy("Shut", "high", &[&allowed]).await?;
        world.switch_to("Shut").await?;
        for flow in &mut kept {
            flow.ensure_talks().await.context("allowed")?;
        }
        for flow in &mut cut {
            flow.ensure_silent().await.context("forbidden")?;
        }
        // Told over the same session as before.
        let id = world.agent.id().await?;
        world
            .ctl
            .wait_for_agent(&id, "its policy is in force", |agent| {
                agent["enforcement"]["policy"] == "Shut" && agent["enforcement"]["state"] == "applied"
            })
            .await?;
        let status: Value = world.agent.status().await?;
        ensure!(status["link"]["epoch"] == link["epoch"], "{link} became {status}");
        Ok(())
    })
    .await
}
