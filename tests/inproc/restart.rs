//! An agent that starts decides and enforces from its disk before it dials anybody.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use landmark_agent::address::ServerAddress;
use landmark_agent::link::dial::{Connect, Connecting, TcpConnector};
use landmark_proto::location::Location::Internal;
use landmark_proto::message::EnforcementState::Applied;
use landmark_tests::reference::recorder::Recorder;
use landmark_tests::scratch::test;
use landmark_tests::wait::LIMIT;
use tokio::time::timeout;

use crate::fleet::{Agent, Server, is_internal_by, is_internal_by_server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_is_enforced_before_the_first_dial() -> Result<()> {
    test(async |scratch| {
        let reference = Recorder::start().await?;
        let server = Server::start_new(scratch).await?;
        let mut administrator = server.administrator().await?;
        let mut agent = Agent::enroll(scratch, "agent", &mut administrator).await?;
        let told = scratch.path().join("told");
        let program = scratch.write("enforce", format!("#!/bin/sh\ncat >> {}\n", told.display()))?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
        agent.settings.retain(|(key, _)| key != "enforce.backend");
        agent.settings.push(("enforce.backend".into(), "command".into()));
        agent.settings.push(("enforce.command".into(), program.display().to_string()));
        agent.start().await?;
        administrator.save(&[reference.address()]).await?;
        administrator.assign().await?;
        let mut enforcement = agent.sources()?.enforcement.clone();
        let applied =
            enforcement.wait_for(|status| status.as_ref().is_some_and(|status| status.state == Applied));
        timeout(LIMIT, applied).await.context("the policy is not applied")??;
        agent.stop().await?;

        fs::remove_file(&told)?;
        let first_dial = FirstDial { told: told.clone(), seen: Arc::default() };
        agent.start_with(Box::new(first_dial.clone())).await?;
        // The server is there all the time: only the order of the start makes it internal by the reference server first.
        agent.wait_for(is_internal_by_server).await?;
        let seen = first_dial.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let seen = seen.context("it never dialled")?;
        ensure!(seen.lines().next().is_some_and(|line| line.contains("\"policy\":\"internal\"")), "{seen:?}");
        let evidence = agent.sources()?.location.evidence().last(usize::MAX);
        let first = evidence.first().context("no evidence")?;
        ensure!(first.verdict.basis != landmark_proto::location::Basis::ManagementServer, "{first:?}");
        Ok(())
    })
    .await
}

/// Dials as an agent does, and notes what had been enforced when it was first asked to.
#[derive(Clone, Debug)]
struct FirstDial {
    told: PathBuf,
    seen: Arc<Mutex<Option<String>>>,
}

impl Connect for FirstDial {
    fn connect<'a>(&'a self, address: &'a ServerAddress) -> Connecting<'a> {
        let told = fs::read_to_string(&self.told).unwrap_or_default();
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(told);
        Box::pin(
            async move { TcpConnector { connect_timeout: Duration::from_secs(2) }.connect(address).await },
        )
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_server_an_agent_that_starts_knows_where_it_is() -> Result<()> {
    test(async |scratch| {
        let reference = Recorder::start().await?;
        let mut server = Server::start_new(scratch).await?;
        let mut administrator = server.administrator().await?;
        let mut agent = Agent::start_new(scratch, "agent", &mut administrator).await?;
        administrator.save(&[reference.address()]).await?;
        administrator.assign().await?;
        agent.wait_until_held(1).await?;
        drop(administrator);
        agent.crash().await?;
        server.crash().await?;

        agent.start().await?;
        ensure!(agent.held_revision()? == Some(1));
        agent.wait_for(|decided| is_internal_by(decided, &reference)).await?;
        let mut enforcement = agent.sources()?.enforcement.clone();
        let looked_after = enforcement.wait_for(|status| {
            status.as_ref().is_some_and(|status| status.location == Internal && status.revision.is_some())
        });
        timeout(LIMIT, looked_after).await.context("nobody looks after the policy")??;
        Ok(())
    })
    .await
}
