//! A server and two agents that have nothing to do. Those that write a firewall have a network of their own.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use landmark_tests::fleet::facts::{held_revision, is_internal_by_server};
use landmark_tests::fleet::{Agent, Server};
use landmark_tests::lab::Island;
use landmark_tests::ports::Port;
use landmark_tests::scratch::Scratch;
use landmark_tests::wait::LIMIT;

/// Threads for work that blocks end after 10 s without any; what they did to start the agent is no part of being idle.
const SETTLE: Duration = Duration::from_secs(15);

pub(crate) struct Stage {
    pub(crate) counted: Agent,
    pub(crate) traced: Agent,
    _server: Server,
    /// The one reference server of the list. Nobody asks it while the link is there.
    _reference: Port,
    // Last: the others live in it.
    _island: Option<Island>,
}

impl Stage {
    /// Everything as a new fleet has it by default, but that the agents only observe, unless they shall write a firewall.
    pub(crate) async fn set(scratch: &Scratch, with_firewall: bool) -> Result<Self> {
        let island = match with_firewall {
            false => None,
            true => Some(Island::make()?.context("there can be no network namespace here")?),
        };
        let place = island.as_ref().map(|island| island.namespace().place().clone()).unwrap_or_default();
        let mut server = Server::placed(scratch, "server", place.clone(), Ipv4Addr::LOCALHOST.into())?;
        server.start().await?;
        let mut agents = Vec::new();
        for name in ["counted", "traced"] {
            let mut agent = Agent::new(scratch, name)?;
            agent.move_to(place.clone());
            if with_firewall {
                agent.set("enforce.backend", "nftables");
            }
            agent.join(&server).await?;
            agents.push(agent);
        }
        let (Some(traced), Some(counted)) = (agents.pop(), agents.pop()) else { anyhow::bail!("two agents") };
        let reference = Port::reserve()?;
        let ctl = server.ctl();
        let address = reference.address();
        ctl.add(&address.ip().to_string(), address.port()).await?;
        ctl.ok(&["servers", "enable"]).await?;
        if with_firewall {
            // As much as a new fleet has at hand.
            ctl.ok(&["firewall", "policies", "add", "Usual", "--level", "medium", "--from-template"]).await?;
            ctl.ok(&["firewall", "profiles", "add", "Everybody", "--policy", "Usual"]).await?;
        }
        ctl.assign().await?;
        for agent in [&counted, &traced] {
            let enforced = agent.wait_for(LIMIT, "its policy is enforced", |status| {
                let state = if with_firewall { "applied" } else { "observed" };
                is_internal_by_server(status)
                    && held_revision(status) == Some(1)
                    && status["enforcement"]["revision"] == 1
                    && status["enforcement"]["state"] == state
            });
            enforced.await?;
        }
        Ok(Self { counted, traced, _server: server, _reference: reference, _island: island })
    }

    /// Waits for the end of what their start set off.
    pub(crate) async fn settle(&self) -> Result<()> {
        tokio::time::sleep(SETTLE).await;
        Ok(())
    }
}
