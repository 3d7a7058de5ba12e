//! A server and two agents that have nothing to do.

use std::time::Duration;

use anyhow::Result;
use landmark_tests::fleet::facts::{held_revision, is_internal_by_server};
use landmark_tests::fleet::{Agent, Server};
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
}

impl Stage {
    /// Everything as a new fleet has it by default.
    pub(crate) async fn set(scratch: &Scratch) -> Result<Self> {
        let server = Server::started(scratch).await?;
        let counted = Agent::started(scratch, "counted", &server).await?;
        let traced = Agent::started(scratch, "traced", &server).await?;
        let reference = Port::reserve()?;
        let ctl = server.ctl();
        let address = reference.address();
        ctl.add(&address.ip().to_string(), address.port()).await?;
        ctl.ok(&["servers", "enable"]).await?;
        ctl.assign().await?;
        for agent in [&counted, &traced] {
            let enforced = agent.wait_for(LIMIT, "its policy is enforced", |status| {
                is_internal_by_server(status) && held_revision(status) == Some(1)
            });
            enforced.await?;
        }
        Ok(Self { counted, traced, _server: server, _reference: reference })
    }

    /// Waits for the end of what their start set off.
    pub(crate) async fn settle(&self) -> Result<()> {
        tokio::time::sleep(SETTLE).await;
        Ok(())
    }
}
