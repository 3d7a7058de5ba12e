//! The loop against real sockets with real TLS, and against a system that has no descriptors left.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, StatusCode, Version};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use landmark_proto::ids::AgentId;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::identity::PeerIdentity;
use crate::identity::testing::{TestFleet, authority};

/// Nothing here takes longer on a machine that works.
const LIMIT: Duration = Duration::from_secs(20);

struct Running {
    fleet: TestFleet,
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

async fn start(limits: Limits) -> Running {
    let fleet = TestFleet::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let plane = Plane { name: "agents", listener, tls: fleet.tls.agents(), routes: routes(), limits };
    let task = TaskTracker::new().spawn(serve(plane, stop.clone()));
    Running { fleet, address, stop, task }
}

/// `/who` names the caller, `/panic` panics, `/hang` answers its headers and never ends.
fn routes() -> Routes {
    use axum::routing::get;
    let router = axum::Router::new()
        .route("/who", get(who))
        .route("/panic", get(async || -> &'static str { panic!("this request panics") }))
        .route(
            "/hang",
            get(async || axum::body::Body::from_stream(futures_util::stream::pending::<io::Result<Bytes>>())),
        );
    Routes::from(router)
}

async fn who(request: axum::extract::Request) -> String {
    let identity = request.extensions().get::<PeerIdentity>().unwrap();
    let PeerAddress(address) = request.extensions().get::<PeerAddress>().unwrap();
    format!("{} {}", identity.agent_id, address.ip())
}

impl Running {
    async fn tls(&self, config: ClientConfig) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from(crate::identity::server_certificate::SERVER_NAME).unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    fn agent(&self) -> ClientConfig {
        self.fleet.agent_client(AgentId::from_uuid(uuid::Uuid::now_v7()))
    }

    async fn http(&self) -> SendRequest<Empty<Bytes>> {
        let stream = self.tls(self.agent()).await.unwrap();
        let (sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        drop(TaskTracker::new().spawn(connection));
        sender
    }

    async fn stopped(self) -> Duration {
        let started = Instant::now();
        self.stop.cancel();
        timeout(LIMIT, self.task).await.unwrap().unwrap();
        started.elapsed()
    }
}

fn request(path: &str) -> Request<Empty<Bytes>> {
    let uri = format!("https://{}{path}", crate::identity::server_certificate::SERVER_NAME);
    Request::builder().version(Version::HTTP_2).uri(uri).body(Empty::new()).unwrap()
}

async fn text(sender: &mut SendRequest<Empty<Bytes>>, path: &str) -> String {
    let response = sender.send_request(request(path)).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// Reads until the server closes; TLS alerts and resets count as that.
async fn closed_within(stream: &mut (impl tokio::io::AsyncRead + Unpin), limit: Duration) -> bool {
    let mut buffer = [0; 256];
    let reading = async { while stream.read(&mut buffer).await.is_ok_and(|n| n > 0) {} };
    timeout(limit, reading).await.is_ok()
}

/// A client learns in TLS 1.3 only by its first read that its certificate was refused.
async fn is_refused(running: &Running, config: ClientConfig) -> bool {
    match running.tls(config).await {
        Err(_) => true,
        Ok(mut stream) => {
            let mut first = [0; 1];
            !timeout(LIMIT, stream.read(&mut first)).await.unwrap().is_ok_and(|n| n > 0)
        }
    }
}

#[tokio::test]
async fn requests_carry_who_sent_them() {
    let running = start(Limits::agents()).await;
    let agent_id = AgentId::from_uuid(uuid::Uuid::now_v7());
    let stream = running.tls(running.fleet.agent_client(agent_id)).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    drop(TaskTracker::new().spawn(connection));
    assert_eq!(text(&mut sender, "/who").await, format!("{agent_id} 127.0.0.1"));
    drop(sender);
    running.stopped().await;
}

#[tokio::test]
async fn who_has_no_certificate_of_this_fleet_is_refused() {
    let running = start(Limits::agents()).await;
    let folder = tempfile::tempdir().unwrap();
    let other = authority(folder.path());
    let agent_id = AgentId::from_uuid(uuid::Uuid::now_v7());
    let now = std::time::SystemTime::now();
    let long_ago = now - Duration::from_secs(200 * 24 * 60 * 60);
    let last_month = now - Duration::from_secs(40 * 24 * 60 * 60);
    let ours = |at| running.fleet.client_signed_by(&running.fleet.authority, agent_id, at);
    assert!(is_refused(&running, running.fleet.anonymous_client()).await, "no certificate");
    assert!(
        is_refused(&running, running.fleet.client_signed_by(&other, agent_id, now)).await,
        "other authority"
    );
    assert!(is_refused(&running, ours(long_ago)).await, "expired beyond the grace");
    assert!(!is_refused(&running, ours(last_month)).await, "expired within the grace");
    assert!(!is_refused(&running, ours(now)).await);
}

#[tokio::test]
async fn silent_peers_are_closed() {
    let quick = Duration::from_millis(100);
    let limits = Limits { handshake_timeout: quick, first_request_timeout: quick, ..Limits::agents() };
    let running = start(limits).await;
    let mut silent = TcpStream::connect(running.address).await.unwrap();
    assert!(closed_within(&mut silent, LIMIT).await, "no handshake");
    let mut half = TcpStream::connect(running.address).await.unwrap();
    half.write_all(&[0x16, 3, 1]).await.unwrap();
    assert!(closed_within(&mut half, LIMIT).await, "half a handshake");
    let mut no_preface = running.tls(running.agent()).await.unwrap();
    assert!(closed_within(&mut no_preface, LIMIT).await, "no preface");
    let mut no_request = running.tls(running.agent()).await.unwrap();
    no_request.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    assert!(closed_within(&mut no_request, LIMIT).await, "no request");
}

#[tokio::test]
async fn an_open_stream_outlives_the_time_limit_of_the_first_request() {
    let limits = Limits { first_request_timeout: Duration::from_millis(50), ..Limits::agents() };
    let running = start(limits).await;
    let mut sender = running.http().await;
    let mut body = sender.send_request(request("/hang")).await.unwrap().into_body();
    assert!(timeout(Duration::from_millis(300), body.frame()).await.is_err(), "the stream ended");
    assert!(text(&mut sender, "/who").await.ends_with("127.0.0.1"));
}

#[tokio::test]
async fn one_address_gets_no_more_than_its_share() {
    let running = start(Limits { connections_per_address: 2, ..Limits::agents() }).await;
    let first = running.http().await;
    let second = running.http().await;
    assert!(is_refused(&running, running.agent()).await);
    drop((first, second));
    let started = Instant::now();
    while is_refused(&running, running.agent()).await {
        assert!(started.elapsed() < LIMIT, "the place of a closed connection was not given back");
    }
}

#[tokio::test]
async fn silent_handshakes_of_one_address_leave_room_for_others() {
    let limits = Limits { handshakes: 4, handshakes_per_address: 3, ..Limits::agents() };
    let running = start(limits).await;
    let mut silent = Vec::new();
    for _ in 0..3 {
        silent.push(TcpStream::connect(running.address).await.unwrap());
    }
    // Loopback is a whole network of addresses.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let stream = socket.connect(running.address).await.unwrap();
    let name = ServerName::try_from(crate::identity::server_certificate::SERVER_NAME).unwrap();
    let connector = TlsConnector::from(Arc::new(running.agent()));
    let connected = timeout(Limits::agents().handshake_timeout / 2, connector.connect(name, stream)).await;
    connected.expect("the handshake had to wait for the silent ones").unwrap();
}

#[tokio::test]
async fn a_panic_ends_its_own_request_only() {
    let running = start(Limits::agents()).await;
    let mut sender = running.http().await;
    let panicked = match sender.send_request(request("/panic")).await {
        Err(_) => true,
        Ok(response) => response.into_body().collect().await.is_err(),
    };
    assert!(panicked);
    let mut other = running.http().await;
    assert!(text(&mut other, "/who").await.ends_with("127.0.0.1"));
}

#[tokio::test]
async fn headers_have_a_limit() {
    let running = start(Limits::agents()).await;
    let mut sender = running.http().await;
    let mut large = request("/who");
    large.headers_mut().insert("x-large", "x".repeat(10_000).parse().unwrap());
    let refused = match sender.send_request(large).await {
        Err(_) => true,
        Ok(response) => response.status() == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
    };
    assert!(refused);
}

#[tokio::test]
async fn a_stop_waits_for_streams_and_then_drops_them() {
    let drain = Duration::from_millis(300);
    let running = start(Limits { drain, ..Limits::agents() }).await;
    let mut sender = running.http().await;
    let hanging = sender.send_request(request("/hang")).await.unwrap();
    let silent = TcpStream::connect(running.address).await.unwrap();
    let address = running.address;
    let took = running.stopped().await;
    assert!(took >= drain && took < drain + Duration::from_secs(1), "{took:?}");
    assert!(TcpStream::connect(address).await.is_err(), "still listening");
    drop((hanging, silent));
}

#[tokio::test]
async fn a_stop_without_streams_is_quick() {
    let running = start(Limits::agents()).await;
    let mut sender = running.http().await;
    text(&mut sender, "/who").await;
    assert!(running.stopped().await < Duration::from_secs(1));
}

#[tokio::test]
async fn new_tls_settings_are_in_force_for_the_next_connection() {
    let running = start(Limits::agents()).await;
    let certificate = async || {
        let stream = running.tls(running.agent()).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap().to_vec()
    };
    let before = certificate().await;
    assert_eq!(before.len(), 2, "the authority is shown too");
    assert_eq!(certificate().await, before);
    let later = std::time::SystemTime::now() + Duration::from_secs(61 * 24 * 60 * 60);
    // Due by then; it begins an hour before, so that no client can take it yet, but every client sees it.
    running.fleet.tls.reload(later).unwrap();
    let error = running.tls(running.agent()).await.unwrap_err();
    assert!(error.to_string().contains("not valid yet"), "{error}");
}

/// A system without descriptors.
struct Exhausted<'a>(&'a AtomicUsize);

impl Accept for Exhausted<'_> {
    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Err(io::Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_shortage_of_descriptors_is_waited_out() {
    let fleet = TestFleet::new();
    let limits = Limits::agents();
    let shared = Arc::new(Shared {
        name: "agents",
        tls: fleet.tls.agents(),
        routes: Routes::default(),
        addresses: Addresses::new(&limits),
        handshakes: Arc::new(Semaphore::new(limits.handshakes)),
        limits,
        stop: CancellationToken::new(),
        tracker: TaskTracker::new(),
    });
    let n_tried = AtomicUsize::new(0);
    let loops = accept_all(&shared, Exhausted(&n_tried));
    assert!(timeout(Duration::from_secs(10), loops).await.is_err());
    let n_tried = n_tried.into_inner();
    assert!((90..=101).contains(&n_tried), "{n_tried} attempts in 10 s");
}

#[test]
fn a_shortage_is_told_once() {
    let (mut shortage, start) = (Shortage::default(), Instant::now());
    assert!(shortage.is_new(start));
    for seconds in 1..300 {
        assert!(!shortage.is_new(start + Duration::from_secs(seconds)));
    }
    assert!(shortage.is_new(start + Duration::from_secs(299) + EXHAUSTED_QUIET));
}
