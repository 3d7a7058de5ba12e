//! Many agents without the agent: each enrols with a key of its own, holds a session over TLS, takes what is assigned, and
//! says where it is. For what a server does when many are connected, not for what an agent does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use landmark_proto::wire;
use landmark_proto::wire::agent_message::Kind as Say;
use landmark_proto::wire::enrollment_client::EnrollmentClient;
use landmark_proto::wire::fleet_client::FleetClient;
use landmark_proto::wire::server_message::Kind as Told;
use rcgen::{CertificateParams, KeyPair};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;

use super::{Server, simulated};
use crate::grpc::{self, Link};
use crate::peer::ClientIdentity;
use crate::wait::LIMIT;

/// Each needs a socket; others in the process need some, too.
const MAX_MEMBERS: u32 = 15_000;
/// At once: the server takes no more on one connection.
const N_AT_ONCE: usize = 2;
/// On one connection for enrolment, which lives 30 s only.
const BATCH: usize = 200;
/// What one says before the server reads it.
const QUEUE: usize = 8;

/// Connected agents. They are gone when this is dropped.
#[derive(Debug)]
pub struct Crowd {
    members: Vec<Member>,
}

/// One of them.
#[derive(Debug)]
pub struct Member {
    /// As the server knows it.
    pub agent_id: String,
    number: u32,
    identity: Arc<ClientIdentity>,
    refuses: Arc<AtomicBool>,
    /// Over all its sessions, as an outbox on disk has it.
    n_reports: u64,
    session: Option<Session>,
}

/// The newest assignment that one holds, and when it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its number.
    pub revision: u64,
    /// When its last byte was read.
    pub at: Instant,
}

#[derive(Debug)]
struct Session {
    outbound: mpsc::Sender<wire::AgentMessage>,
    received_rx: watch::Receiver<Option<Received>>,
    _tasks: JoinSet<()>,
    _driver: grpc::Driver,
}

impl Crowd {
    /// Enrols `n` agents and connects them.
    ///
    /// # Errors
    /// The server refuses one.
    pub async fn join(server: &Server, n: u32) -> Result<Self> {
        ensure!(n <= MAX_MEMBERS, "{n} agents need more sockets than a process may have");
        let token = server.ctl().ok(&["tokens", "create", "--uses", &n.to_string()]).await?;
        let join_string = token["join_string"].as_str().context("no join string")?;
        let ticket: landmark_proto::join::JoinTicket = join_string.parse()?;
        let authority = server.state_folder().join("authority.pem");
        let address = server.at(&server.listeners().enrollment);
        let mut members = Vec::new();
        for batch in (0..n).collect::<Vec<_>>().chunks(BATCH) {
            let (link, _driver) = grpc::connect(address, &authority, None).await?;
            let mut joining = JoinSet::new();
            for number in batch {
                if joining.len() == N_AT_ONCE
                    && let Some(joined) = joining.join_next().await
                {
                    members.push(joined??);
                }
                joining.spawn(Member::enroll(link.clone(), ticket.token.clone(), *number));
            }
            while let Some(joined) = joining.join_next().await {
                members.push(joined??);
            }
        }
        members.sort_by_key(|member| member.number);
        for member in &mut members {
            member.connect(server).await?;
        }
        Ok(Self { members })
    }

    /// All of them.
    pub fn members(&mut self) -> &mut [Member] {
        &mut self.members
    }

    /// Waits until each that is connected has this assignment, or a newer one, and tells when it came to each.
    ///
    /// # Errors
    /// One does not get it.
    pub async fn wait_for(&mut self, revision: u64) -> Result<Vec<Instant>> {
        let mut times = Vec::new();
        for session in self.members.iter_mut().filter_map(|member| member.session.as_mut()) {
            let has =
                |received: &Option<Received>| received.is_some_and(|received| received.revision >= revision);
            let waiting = timeout(LIMIT, session.received_rx.wait_for(has));
            let received =
                waiting.await.with_context(|| format!("assignment {revision} does not come"))??;
            times.push(received.context("nothing was received")?.at);
        }
        Ok(times)
    }
}

impl Member {
    async fn enroll(link: Link, token: String, number: u32) -> Result<Self> {
        let key = KeyPair::generate()?;
        let request = CertificateParams::default().serialize_request(&key)?;
        let request = wire::EnrollRequest {
            token,
            certificate_request: request.der().to_vec().into(),
            facts: Some(facts(number)),
        };
        let mut client = EnrollmentClient::with_origin(link, grpc::origin());
        let enrolled = client.enroll(request).await.with_context(|| format!("enrol {number}"))?.into_inner();
        let identity = ClientIdentity::new(enrolled.certificate.to_vec(), key.serialize_der());
        Ok(Self {
            agent_id: enrolled.agent_id,
            number,
            identity: Arc::new(identity),
            refuses: Arc::default(),
            n_reports: 0,
            session: None,
        })
    }

    /// Opens its session, which takes the place of the one that it has.
    ///
    /// # Errors
    /// The server refuses it.
    pub async fn connect(&mut self, server: &Server) -> Result<()> {
        let authority = server.state_folder().join("authority.pem");
        let address = server.at(&server.listeners().agents);
        let (link, driver) = grpc::connect(address, &authority, Some(&self.identity)).await?;
        let (outbound, outbound_rx) = mpsc::channel(QUEUE);
        let kind = Some(Say::Hello(hello(self.number, self.n_reports + 1)));
        outbound.send(wire::AgentMessage { kind }).await?;
        let mut client = FleetClient::with_origin(link, grpc::origin());
        let mut inbound = client.session(ReceiverStream::new(outbound_rx)).await?.into_inner();
        let first = timeout(LIMIT, inbound.message()).await.context("no welcome")??;
        let first = first.and_then(|message| message.kind);
        ensure!(matches!(first, Some(Told::Welcome(_))), "agent {}: not welcome: {first:?}", self.number);
        let (received_tx, received_rx) = watch::channel(None);
        let mut tasks = JoinSet::new();
        let (answers, refuses) = (outbound.clone(), Arc::clone(&self.refuses));
        tasks.spawn(async move {
            // The end of the session, whatever its reason, is seen by whoever waits for something of it.
            while let Ok(Some(message)) = inbound.message().await {
                let Some(Told::Assignment(push)) = message.kind else { continue };
                received_tx.send_replace(Some(Received { revision: push.revision, at: Instant::now() }));
                let answer = answer(push, refuses.load(Ordering::Relaxed));
                if answers.send(answer).await.is_err() {
                    break;
                }
            }
        });
        self.session = Some(Session { outbound, received_rx, _tasks: tasks, _driver: driver });
        self.report(wire::Location::Internal).await
    }

    /// Ends its session without a word, as a machine does that loses its network.
    pub fn disconnect(&mut self) {
        self.session = None;
    }

    /// From now on it refuses what is assigned, as one does that has no space left.
    pub fn refuse(&self) {
        self.refuses.store(true, Ordering::Relaxed);
    }

    /// Says where it is: inside by the server, or outside.
    ///
    /// # Errors
    /// It is not connected.
    pub async fn report(&mut self, location: wire::Location) -> Result<()> {
        let session = self.session.as_mut().context("it is not connected")?;
        self.n_reports += 1;
        let report = report(self.number, location, self.n_reports);
        let reports = wire::LocationReports {
            outbox_id: outbox(self.number),
            first_sequence: self.n_reports,
            reports: vec![report],
        };
        let kind = Some(Say::LocationReports(reports));
        session.outbound.send(wire::AgentMessage { kind }).await.context("the session has ended")
    }
}

/// It took what was pushed, or could not store it.
fn answer(push: wire::Assignment, refuses: bool) -> wire::AgentMessage {
    use wire::assignment_result::{Applied, Outcome, Rejected};
    let outcome = match refuses {
        false => Outcome::Applied(Applied {}),
        true => Outcome::Rejected(Rejected {
            code: wire::RejectionCode::Storage.into(),
            violations: vec![wire::Violation {
                path: String::new(),
                message: "cannot write the ledger: no space left on device".into(),
            }],
            still_held: None,
        }),
    };
    let result = wire::AssignmentResult {
        push_id: push.push_id,
        revision: push.revision,
        digest: push.digest,
        outcome: Some(outcome),
    };
    wire::AgentMessage { kind: Some(Say::AssignmentResult(result)) }
}

fn hello(number: u32, next_sequence: u64) -> wire::Hello {
    wire::Hello {
        protocol_version: 1,
        boot_id: uuid(2, number),
        facts: Some(facts(number)),
        outbox: Some(wire::OutboxRange {
            outbox_id: outbox(number),
            // What was sent counts as received.
            first_sequence: next_sequence,
            next_sequence,
        }),
        ..wire::Hello::default()
    }
}

fn facts(number: u32) -> wire::HostFacts {
    wire::HostFacts {
        host_name: simulated::host_name(number),
        operating_system: "Debian GNU/Linux 12 (bookworm)".into(),
        kernel: "6.1.0-38-amd64".into(),
        architecture: "x86_64".into(),
        agent_version: env!("CARGO_PKG_VERSION").into(),
        platform: wire::FirewallPlatform::Linux.into(),
        labels: Vec::new(),
    }
}

fn report(number: u32, location: wire::Location, evaluation: u64) -> wire::LocationReport {
    use wire::basis::{Kind, ManagementServer, NoneReachable};
    let basis = match location {
        wire::Location::Internal => Kind::ManagementServer(ManagementServer {}),
        wire::Location::External | wire::Location::Unknown | wire::Location::Unspecified => {
            Kind::NoneReachable(NoneReachable { attempts: 2 })
        }
    };
    wire::LocationReport {
        at: Some(std::time::SystemTime::now().into()),
        boot_id: uuid(2, number),
        since_boot: Duration::from_secs(3600 + evaluation).try_into().ok(),
        location: location.into(),
        basis: Some(wire::Basis { kind: Some(basis) }),
        triggers: vec![wire::Trigger::NetworkChange.into()],
        revision: 0,
        evaluation,
        decided_in: Duration::from_millis(12).try_into().ok(),
        n_flips: 0,
    }
}

fn outbox(number: u32) -> String {
    uuid(1, number)
}

/// Different for each kind and number; of version 4.
fn uuid(kind: u32, number: u32) -> String {
    format!("{kind:08x}-0000-4000-8000-{number:012x}")
}
