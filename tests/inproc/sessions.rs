//! One session for each agent: a newer one takes over, a removed agent gets none.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use landmark_proto::location::LinkState;
use landmark_proto::wire;
use landmark_proto::wire::fleet_client::FleetClient;
use landmark_tests::grpc;
use landmark_tests::peer::ClientIdentity;
use landmark_tests::scratch::test;
use landmark_tests::wait::LIMIT;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use crate::fleet::{Administrator, Agent, Server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_session_of_the_same_agent_takes_over() -> Result<()> {
    test(async |scratch| {
        let server = Server::start_new(scratch).await?;
        let mut administrator = server.administrator().await?;
        let agent = Agent::enroll(scratch, "agent", &mut administrator).await?;
        let mut older = Session::open(&server, &agent).await?;
        let first = older.welcome().await?;
        let mut newer = Session::open(&server, &agent).await?;
        let second = newer.welcome().await?;
        ensure!(second.epoch > first.epoch, "epoch {} after {}", second.epoch, first.epoch);

        // The older one ends; the newer one is the agent.
        older.wait_for_end().await?;
        administrator.save(&["10.1.1.5:1433".parse()?]).await?;
        administrator.assign().await?;
        let push = newer.next_of(|kind| matches!(kind, wire::server_message::Kind::Assignment(_))).await?;
        let wire::server_message::Kind::Assignment(push) = push else { anyhow::bail!("not an assignment") };
        ensure!(push.revision == 1, "{push:?}");
        let online = |agent: &wire::AgentDetail| {
            agent.agent.clone().unwrap_or_default().connection() == wire::Connection::Online
        };
        administrator.wait_for_agent(&agent.id, "it is online", online).await.map(drop)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_agent_is_told_so_and_gets_no_session_any_more() -> Result<()> {
    test(async |scratch| {
        let server = Server::start_new(scratch).await?;
        let mut administrator = server.administrator().await?;
        let mut agent = Agent::start_new(scratch, "agent", &mut administrator).await?;
        remove(&mut administrator, &agent.id).await?;
        wait_until_hopeless(&agent).await?;
        agent.stop().await?;
        agent.start().await?;
        wait_until_hopeless(&agent).await?;

        // Whatever such an agent tries, it learns nothing.
        let mut session = Session::open(&server, &agent).await?;
        let said = session.next_of(|_| true).await;
        let revoked = matches!(said, Ok(wire::server_message::Kind::Revoked(_)) | Err(_));
        ensure!(revoked, "a removed agent was told {said:?}");
        session.wait_for_end().await
    })
    .await
}

async fn remove(administrator: &mut Administrator, id: &str) -> Result<()> {
    administrator.admin.remove_agent(wire::RemoveAgentRequest { agent: id.into() }).await?;
    Ok(())
}

async fn wait_until_hopeless(agent: &Agent) -> Result<()> {
    let mut link = agent.sources()?.link.clone();
    let told = link.wait_for(|link| link.state == LinkState::Lost && link.is_hopeless);
    timeout(LIMIT, told)
        .await
        .with_context(|| format!("{:?}", agent.sources().map(|sources| sources.link.clone())))??;
    Ok(())
}

/// An agent's session without the agent: the protocol alone.
struct Session {
    // Ending it is a goodbye without a word.
    _outbound: mpsc::Sender<wire::AgentMessage>,
    inbound: Streaming<wire::ServerMessage>,
    _driver: grpc::Driver,
}

impl Session {
    async fn open(server: &Server, agent: &Agent) -> Result<Self> {
        let folder = agent.state_folder();
        let identity =
            ClientIdentity::from_files(&folder.join("identity.pem"), &folder.join("identity.key"))?;
        let (link, driver) =
            grpc::connect(server.agents_address(), &server.authority(), Some(&identity)).await?;
        let origin = http::Uri::from_static("https://server.landmark.internal");
        let (outbound, outbound_rx) = mpsc::channel(4);
        let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned();
        let hello = wire::Hello {
            protocol_version: 1,
            boot_id,
            facts: Some(wire::HostFacts {
                host_name: "machine".into(),
                operating_system: "test".into(),
                kernel: "test".into(),
                architecture: "test".into(),
                agent_version: "0.0.0".into(),
                ..wire::HostFacts::default()
            }),
            outbox: Some(wire::OutboxRange {
                outbox_id: "0190f5a6-7c1e-7b1a-9f30-0c2b6f1f9a77".into(),
                first_sequence: 1,
                next_sequence: 1,
            }),
            ..wire::Hello::default()
        };
        outbound.send(wire::AgentMessage { kind: Some(wire::agent_message::Kind::Hello(hello)) }).await?;
        let inbound =
            FleetClient::with_origin(link, origin).session(ReceiverStream::new(outbound_rx)).await?;
        Ok(Self { _outbound: outbound, inbound: inbound.into_inner(), _driver: driver })
    }

    async fn welcome(&mut self) -> Result<wire::Welcome> {
        let first = self.next_of(|_| true).await?;
        let wire::server_message::Kind::Welcome(welcome) = first else {
            anyhow::bail!("not a welcome: {first:?}");
        };
        Ok(welcome)
    }

    /// The next message that is wanted; others are passed over.
    async fn next_of(
        &mut self,
        wanted: impl Fn(&wire::server_message::Kind) -> bool,
    ) -> Result<wire::server_message::Kind> {
        loop {
            let message =
                timeout(LIMIT, self.inbound.message()).await.context("the server says nothing")??;
            let kind = message.context("the server ended the session")?.kind.context("an empty message")?;
            if wanted(&kind) {
                return Ok(kind);
            }
        }
    }

    /// Of the stream, by an error or in order.
    async fn wait_for_end(&mut self) -> Result<()> {
        loop {
            let message = timeout(LIMIT, self.inbound.message()).await.context("the session goes on")?;
            if !matches!(message, Ok(Some(_))) {
                return Ok(());
            }
        }
    }
}
