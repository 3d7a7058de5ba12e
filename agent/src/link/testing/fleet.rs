//! The agent plane of a server for tests: every session is handed to the test, which plays the server.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use landmark_proto::convert::fleet::{agent_message_from_wire, server_message_to_wire};
use landmark_proto::ids::{Epoch, Sequence};
use landmark_proto::message::{AgentMessage, Hello, ServerMessage, Tuning, Welcome};
use landmark_proto::wire;
use landmark_proto::wire::fleet_server::{Fleet as FleetService, FleetServer};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::{Clients, TestServer};
use crate::identity::testing::Fleet;

/// Until a test gives up.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// A server and the sessions that agents open.
pub(crate) struct FleetPlane {
    pub(crate) server: TestServer,
    sessions: mpsc::Receiver<Opened>,
}

struct Opened {
    inbound: Streaming<wire::AgentMessage>,
    outbound: mpsc::Sender<Result<wire::ServerMessage, Status>>,
}

/// A session, seen by the server.
pub(crate) struct Session {
    inbound: Streaming<wire::AgentMessage>,
    outbound: mpsc::Sender<Result<wire::ServerMessage, Status>>,
}

struct Service {
    fleet: Arc<Fleet>,
    sessions: mpsc::Sender<Opened>,
}

#[tonic::async_trait]
impl FleetService for Service {
    type SessionStream = Pin<Box<dyn Stream<Item = Result<wire::ServerMessage, Status>> + Send>>;

    async fn session(
        &self,
        request: Request<Streaming<wire::AgentMessage>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let (outbound, outbound_rx) = mpsc::channel(8);
        let opened = Opened { inbound: request.into_inner(), outbound };
        self.sessions.send(opened).await.map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(Box::pin(ReceiverStream::new(outbound_rx))))
    }

    async fn renew_certificate(
        &self,
        request: Request<wire::RenewCertificateRequest>,
    ) -> Result<Response<wire::RenewCertificateResponse>, Status> {
        let issued = self.fleet.issue(&request.into_inner().certificate_request, self.fleet.renewed());
        Ok(Response::new(wire::RenewCertificateResponse { certificate: issued.certificate.to_vec().into() }))
    }
}

impl FleetPlane {
    pub(crate) async fn start(fleet: &Arc<Fleet>) -> Self {
        let (sessions_tx, sessions) = mpsc::channel(8);
        let service = Service { fleet: Arc::clone(fleet), sessions: sessions_tx };
        let server = TestServer::of_fleet(fleet, Clients::OfTheFleet, FleetServer::new(service)).await;
        Self { server, sessions }
    }

    /// The next session and its hello, which is not answered yet.
    pub(crate) async fn accept(&mut self) -> (Session, Hello) {
        let opened = timeout(LIMIT, self.sessions.recv()).await.expect("no session").unwrap();
        let mut session = Session { inbound: opened.inbound, outbound: opened.outbound };
        let AgentMessage::Hello(hello) = session.receive().await else { panic!("no hello") };
        (session, *hello)
    }

    /// The same, welcomed with an empty server's knowledge.
    pub(crate) async fn welcome(&mut self) -> (Session, Hello) {
        let (mut session, hello) = self.accept().await;
        session.say(ServerMessage::Welcome(welcome(hello.outbox.first))).await;
        (session, hello)
    }
}

pub(crate) fn welcome(next_sequence: Sequence) -> Welcome {
    let tuning = Tuning { reconnect_spread: Duration::ZERO, ..Tuning::default() };
    Welcome {
        epoch: Epoch::new(1),
        server_time: SystemTime::now(),
        tuning,
        next_sequence,
        up_to_date: false,
        wants_evidence: false,
        wants_firewall_hits: false,
    }
}

impl Session {
    pub(crate) async fn say(&mut self, message: ServerMessage) {
        self.outbound.send(Ok(server_message_to_wire(&message))).await.unwrap();
    }

    pub(crate) async fn end(self, status: Status) {
        self.outbound.send(Err(status)).await.unwrap();
    }

    /// The next message.
    pub(crate) async fn receive(&mut self) -> AgentMessage {
        self.next().await.expect("the agent ended the stream")
    }

    /// The next message, or the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<AgentMessage> {
        let message = timeout(LIMIT, self.inbound.message()).await.expect("the agent is silent");
        message.ok().flatten().map(|message| agent_message_from_wire(message).unwrap())
    }

    /// Messages until one is wanted, which is returned.
    pub(crate) async fn until<T>(&mut self, wanted: impl Fn(&AgentMessage) -> Option<T>) -> T {
        loop {
            let message = self.receive().await;
            if let Some(found) = wanted(&message) {
                return found;
            }
        }
    }
}
