//! A fleet on loopback with real TLS, and an agent that says whatever a test wants it to say.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use futures_util::future::BoxFuture;
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use landmark_daemon::tasks::{Tasks, TasksError};
use landmark_proto::convert::fleet::{agent_message_to_wire, server_message_from_wire};
use landmark_proto::ids::{AgentId, BootId, OutboxId, Sequence};
use landmark_proto::location_rules::RecheckInterval;
use landmark_proto::message::{
    AgentMessage, Assignment, Hello, HostFacts, OutboxRange, ServerMessage, Welcome,
};
use landmark_proto::pin::SpkiPin;
use landmark_proto::reference_server::ReferenceServerList;
use landmark_proto::revision::Held;
use landmark_proto::settings::Settings;
use landmark_proto::wire;
use landmark_proto::wire::enrollment_client::EnrollmentClient;
use landmark_proto::wire::fleet_client::FleetClient;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::{Request, Status, Streaming};
use uuid::Uuid;

use super::{Agent, Fleet, FleetConfig, Parts, spawn};
use crate::assignments::{Published, Publisher};
use crate::edge::{Limits, Plane, serve};
use crate::enrollment;
use crate::identity::server_certificate::SERVER_NAME;
use crate::identity::testing::TestFleet;
use crate::identity::tokens::{NewToken, TokenSecret, create};
use crate::store::assignments::{Note, Signature};
use crate::store::drafts::{Author, Changed};
use crate::store::{Candidate, Store};

/// Nothing takes longer on a machine that works.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// A fleet with its listeners.
pub(crate) struct TestServer {
    pub(crate) identity: TestFleet,
    pub(crate) store: Store,
    pub(crate) publisher: Publisher,
    pub(crate) fleet: Fleet,
    pub(crate) token: TokenSecret,
    agents: SocketAddr,
    enrollment: SocketAddr,
    stop: CancellationToken,
    tasks: JoinHandle<Result<(), TasksError>>,
}

impl TestServer {
    pub(crate) async fn new() -> Self {
        Self::with(FleetConfig::default()).await
    }

    pub(crate) async fn with(config: FleetConfig) -> Self {
        let identity = TestFleet::new();
        let store = Store::open(&identity.folder.path().join("landmark.db")).await.unwrap();
        let new = NewToken::new("test", 100, NewToken::DEFAULT_LIFETIME).unwrap();
        let (_, token) = create(&store, new, "test", SystemTime::now()).await.unwrap();
        let publisher = Publisher::new(None);
        let mut tasks = Tasks::new();
        let stop = tasks.stop_token();
        let authority = Arc::clone(&identity.authority);
        let parts = Parts { store: store.clone(), authority, published_rx: publisher.subscribe(), config };
        let fleet = spawn(&mut tasks, parts).await.unwrap();
        let parts = enrollment::Parts {
            store: store.clone(),
            authority: Arc::clone(&identity.authority),
            registry: fleet.registry().clone(),
            agent_addresses: vec!["landmark.example:7443".to_owned()],
        };
        let routes = tonic::service::Routes::new(fleet.service());
        let agents = listen(&mut tasks, "agents", identity.tls.agents(), routes, Limits::agents()).await;
        let routes = tonic::service::Routes::new(enrollment::service(parts));
        let limits = Limits::enrollment();
        let enrollment = listen(&mut tasks, "enrollment", identity.tls.public(), routes, limits).await;
        let tasks = TaskTracker::new().spawn(tasks.run(Duration::from_secs(15)));
        Self { identity, store, publisher, fleet, token, agents, enrollment, stop, tasks }
    }

    /// An enrolled agent.
    pub(crate) async fn agent(&self, host_name: &str) -> TestAgent {
        let now = SystemTime::now();
        let candidate = Candidate {
            agent_id: AgentId::from_uuid(Uuid::now_v7()),
            key_pin: SpkiPin::of(host_name.as_bytes()),
            facts: HostFacts { host_name: host_name.to_owned(), ..HostFacts::default() },
            certificate_expires_at: self.identity.authority.agent_not_after(now),
        };
        let enrolled = self.store.enroll(&self.token.hash(), &candidate, now).await.unwrap();
        let Candidate { agent_id, key_pin, facts, certificate_expires_at } = candidate;
        let agent = Agent::enrolled(agent_id, key_pin, facts, enrolled.enrolled_at, certificate_expires_at);
        self.fleet.registry().enrolled(agent);
        self.certified(agent_id)
    }

    /// An agent with a good certificate, enrolled or not.
    pub(crate) fn certified(&self, agent_id: AgentId) -> TestAgent {
        TestAgent { agent_id, tls: self.identity.agent_client(agent_id), address: self.agents }
    }

    /// A client of the enrolment listener.
    pub(crate) async fn enrollment(&self) -> EnrollmentClient<Channel> {
        let builder = Builder::new(TokioExecutor::new());
        let channel = connect(self.enrollment, self.identity.anonymous_client(), &builder);
        EnrollmentClient::with_origin(channel.await, origin())
    }

    /// Makes another assignment, unlike all before, and publishes it.
    pub(crate) async fn assign(&self) -> Published {
        publish_next(&self.store, &self.publisher).await
    }

    /// Waits until the registry agrees.
    pub(crate) async fn until(&self, agent_id: AgentId, holds: impl Fn(&Agent) -> bool) {
        let mut changed_rx = self.fleet.registry().subscribe();
        let waiting = async {
            loop {
                changed_rx.mark_unchanged();
                if self.fleet.registry().agent(agent_id).is_some_and(|view| holds(&view.agent)) {
                    return;
                }
                changed_rx.changed().await.unwrap();
            }
        };
        let waited = timeout(LIMIT, waiting).await;
        assert!(waited.is_ok(), "{:#?}", self.fleet.registry().agent(agent_id));
    }

    pub(crate) async fn stopped(self) {
        drop(self.stopped_but_kept().await);
    }

    /// Stops, and keeps the folder.
    pub(crate) async fn stopped_but_kept(self) -> TestFleet {
        self.stop.cancel();
        timeout(LIMIT, self.tasks).await.unwrap().unwrap().unwrap();
        self.store.close().await;
        self.identity
    }
}

async fn listen(
    tasks: &mut Tasks,
    name: &'static str,
    tls: Arc<arc_swap::ArcSwap<rustls::ServerConfig>>,
    routes: tonic::service::Routes,
    limits: Limits,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tasks.spawn(name, serve(Plane { name, listener, tls, routes, limits }, tasks.stop_token()));
    address
}

/// Some assignments, each unlike the others.
pub(crate) async fn assignments<const N: usize>() -> [Published; N] {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("landmark.db")).await.unwrap();
    let publisher = Publisher::new(None);
    let mut assignments = Vec::new();
    for _ in 0..N {
        assignments.push(publish_next(&store, &publisher).await);
    }
    assignments.try_into().unwrap()
}

/// An assignment of these settings.
pub(crate) async fn published(settings: Settings) -> Published {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("landmark.db")).await.unwrap();
    publish(&store, &Publisher::new(None), |_| settings).await
}

/// Makes another assignment, unlike all before, and publishes it.
pub(crate) async fn publish_next(store: &Store, publisher: &Publisher) -> Published {
    let next = |settings: &Settings| {
        let mut settings = settings.clone();
        let interval = settings.location.recheck_interval.get() + Duration::from_secs(1);
        settings.location.recheck_interval = RecheckInterval::new(interval).unwrap();
        settings.reference_servers = ReferenceServerList::default();
        settings
    };
    publish(store, publisher, next).await
}

pub(crate) async fn publish(
    store: &Store,
    publisher: &Publisher,
    change: impl FnOnce(&Settings) -> Settings,
) -> Published {
    let (at, by) = (SystemTime::now(), Author::from("test".to_owned()));
    let edited = store.edit_draft(None, Changed { at, by: by.clone() }, |settings| Ok(change(settings)));
    edited.await.unwrap();
    let assigned = store.assign(None, &Signature { by, at, note: Note::default() }).await.unwrap();
    publisher.publish(assigned.stored);
    publisher.present().unwrap()
}

/// An agent that a test plays.
#[derive(Clone)]
pub(crate) struct TestAgent {
    pub(crate) agent_id: AgentId,
    pub(crate) tls: ClientConfig,
    pub(crate) address: SocketAddr,
}

impl TestAgent {
    pub(crate) async fn client(&self) -> FleetClient<Channel> {
        self.client_with(&Builder::new(TokioExecutor::new())).await
    }

    pub(crate) async fn client_with(&self, builder: &Builder<TokioExecutor>) -> FleetClient<Channel> {
        FleetClient::with_origin(connect(self.address, self.tls.clone(), builder).await, origin())
    }

    /// Opens a session and says nothing yet.
    pub(crate) async fn silent(&self) -> Result<TestSession, Status> {
        let (messages_tx, messages_rx) = mpsc::channel(16);
        let mut client = self.client().await;
        let response = client.session(Request::new(ReceiverStream::new(messages_rx))).await?;
        Ok(TestSession { messages_tx, responses: response.into_inner() })
    }

    /// Opens a session, says hello and is welcomed.
    pub(crate) async fn welcomed(&self, hello: Hello) -> (TestSession, Welcome) {
        let mut session = self.silent().await.unwrap();
        session.say(AgentMessage::Hello(Box::new(hello))).await;
        let next = session.hear().await;
        let ServerMessage::Welcome(welcome) = next else { panic!("{next:?}") };
        (session, welcome)
    }

    /// The same for an agent that holds nothing.
    pub(crate) async fn connected(&self) -> (TestSession, Welcome) {
        self.welcomed(hello(None)).await
    }
}

/// A hello of a machine that holds something or nothing; its outbox is empty.
pub(crate) fn hello(held: Option<Held>) -> Hello {
    Hello {
        boot_id: BootId::from_uuid(Uuid::from_u128(1)),
        facts: HostFacts { host_name: "test".to_owned(), ..HostFacts::default() },
        held,
        last_result: None,
        outbox: outbox(1, 0, 0),
        enforcement: None,
    }
}

pub(crate) fn outbox(outbox_id: u128, first: u64, next: u64) -> OutboxRange {
    let outbox_id = OutboxId::from_uuid(Uuid::from_u128(outbox_id));
    OutboxRange { outbox_id, first: Sequence::new(first), next: Sequence::new(next) }
}

/// One session of a [`TestAgent`].
pub(crate) struct TestSession {
    messages_tx: mpsc::Sender<wire::AgentMessage>,
    responses: Streaming<wire::ServerMessage>,
}

impl TestSession {
    pub(crate) async fn say(&self, message: AgentMessage) {
        self.say_raw(agent_message_to_wire(&message)).await;
    }

    pub(crate) async fn say_raw(&self, message: wire::AgentMessage) {
        self.messages_tx.send(message).await.unwrap();
    }

    /// The next message.
    pub(crate) async fn hear(&mut self) -> ServerMessage {
        let message = timeout(LIMIT, self.responses.message()).await.expect("nothing was said").unwrap();
        server_message_from_wire(message.expect("the stream ended")).unwrap()
    }

    pub(crate) async fn hear_assignment(&mut self) -> Assignment {
        let next = self.hear().await;
        let ServerMessage::Assignment(assignment) = next else { panic!("{next:?}") };
        assignment
    }

    /// Whether nothing is said for a while.
    pub(crate) async fn is_quiet_for(&mut self, duration: Duration) -> bool {
        timeout(duration, self.responses.message()).await.is_err()
    }

    /// How the stream ends, whatever is said before.
    pub(crate) async fn end(&mut self) -> Result<(), Status> {
        let ending = async {
            while self.responses.message().await?.is_some() {}
            Ok(())
        };
        timeout(LIMIT, ending).await.expect("the stream did not end")
    }
}

fn origin() -> http::Uri {
    format!("https://{SERVER_NAME}").parse().unwrap()
}

async fn connect(address: SocketAddr, tls: ClientConfig, builder: &Builder<TokioExecutor>) -> Channel {
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from(SERVER_NAME).unwrap();
    let stream = TlsConnector::from(Arc::new(tls)).connect(name, stream).await.unwrap();
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
    drop(TaskTracker::new().spawn(connection));
    Channel(sender)
}

/// One HTTP/2 connection as a tower service.
#[derive(Clone)]
pub(crate) struct Channel(SendRequest<tonic::body::Body>);

impl tower::Service<http::Request<tonic::body::Body>> for Channel {
    type Response = http::Response<Incoming>;
    type Error = hyper::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}
