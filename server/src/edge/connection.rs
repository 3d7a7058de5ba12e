//! One connection: socket options, TLS handshake, HTTP/2, end.

use std::any::Any;
use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use socket2::{SockRef, TcpKeepalive};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::task::TaskTracker;
use tower::Service as _;
use tracing::{Instrument as _, debug, debug_span, error};

use super::Shared;
use super::addresses::Place;
use super::telemetry;
use crate::identity::{InvalidPeer, PeerIdentity};

/// Silence on the wire is noticed within 19 s, without waking a program.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(3);
const KEEPALIVE_PROBES: u32 = 3;
/// Sent bytes that stay unacknowledged for so long end the connection, as keepalive does for an idle one.
// Below the probe at 19 s, as in the agent's link.
const USER_TIMEOUT: Duration = Duration::from_secs(18);

/// Our requests have a few short headers.
const HEADER_LIST_BYTES: u32 = 8 * 1024;
/// A response that its peer does not read is held up to this size.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// The protocol's own default (RFC 9113, section 6.9.2): a message is read as it comes.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
/// One whole message of the largest size, whatever its streams.
const CONNECTION_WINDOW_BYTES: u32 = 256 * 1024;
/// Streams that a peer resets before we looked at them ("rapid reset", CVE-2023-44487); the crate's own default.
const PENDING_RESETS: usize = 20;
/// Streams that we reset because the peer broke the protocol (RUSTSEC-2024-0003).
const LOCAL_RESETS: usize = 32;

/// Where a request came from; an extension of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

/// Cuts the connection that a request came by; an extension of every request. For a peer that does not read, and so would
/// never learn that its stream has ended.
#[derive(Clone, Debug, Default)]
pub struct Hangup(Arc<Notify>);

impl Hangup {
    /// Cuts it.
    pub fn now(&self) {
        self.0.notify_one();
    }
}

/// A connection that was accepted.
pub(super) struct Connection {
    shared: Arc<Shared>,
    stream: TcpStream,
    address: SocketAddr,
    place: Place,
    room: OwnedSemaphorePermit,
}

/// Why a connection ended before its time.
#[derive(Debug, Error)]
enum Ended {
    #[error("socket options refused")]
    Socket(#[source] io::Error),
    #[error("no TLS handshake within its time")]
    HandshakeTimeout,
    #[error("TLS handshake failed")]
    Handshake(#[source] io::Error),
    #[error("client certificate refused")]
    Identity(#[from] InvalidPeer),
    #[error("no request within its time")]
    NoRequest,
    #[error("connection too old")]
    TooOld,
    #[error("still open at the end of the stop's grace")]
    Drained,
    #[error("stopped during the handshake")]
    Stopped,
    #[error("cut, since the peer does not read")]
    HungUp,
    #[error("HTTP/2 failed")]
    Http(#[source] hyper::Error),
}

impl Ended {
    /// For metrics.
    fn reason(&self) -> &'static str {
        match self {
            Self::Socket(_) => "socket",
            Self::HandshakeTimeout => "handshake_timeout",
            Self::Handshake(_) => "handshake",
            Self::Identity(_) => "identity",
            Self::NoRequest => "no_request",
            Self::TooOld => "too_old",
            Self::Drained | Self::Stopped => "stop",
            Self::HungUp => "hung_up",
            Self::Http(_) => "http",
        }
    }
}

impl Connection {
    pub(super) fn new(
        shared: Arc<Shared>,
        stream: TcpStream,
        address: SocketAddr,
        place: Place,
        room: OwnedSemaphorePermit,
    ) -> Self {
        Self { shared, stream, address, place, room }
    }

    /// Serves it to its end. A panic ends here.
    pub(super) async fn run(self) {
        let plane = self.shared.name;
        let span = debug_span!("connection", plane, peer = %self.address);
        let open = telemetry::open(plane);
        let result = AssertUnwindSafe(self.serve()).catch_unwind().instrument(span.clone()).await;
        drop(open);
        let _entered = span.enter();
        match result {
            Ok(Ok(())) => debug!("connection closed"),
            Ok(Err(ended)) => {
                telemetry::failed(plane, ended.reason());
                debug!(error = %landmark_daemon::error::Chain(&ended), "connection ended");
            }
            Err(panic) => report_panic(plane, panic.as_ref()),
        }
    }

    async fn serve(self) -> Result<(), Ended> {
        let Self { shared, stream, address, mut place, room } = self;
        set_options(&stream).map_err(Ended::Socket)?;
        // Boxed, so that a connection does not keep room for its handshake until its end.
        let handshake = Box::pin(timeout(shared.limits.handshake_timeout, handshake(&shared, stream)));
        let stream = tokio::select! {
            biased;
            () = shared.stop.cancelled() => return Err(Ended::Stopped),
            result = handshake => result.map_err(|_| Ended::HandshakeTimeout)?.map_err(Ended::Handshake)?,
        };
        drop(room);
        place.established();
        let peer = peer_of(&stream)?;
        let peer = Peer { address: PeerAddress(address), identity: peer, hangup: Hangup::default() };
        let hangup = peer.hangup.clone();
        tokio::select! {
            result = drive(&shared, stream, peer) => result,
            () = hangup.0.notified() => Err(Ended::HungUp),
        }
    }
}

/// Who is on the other side; goes with every request.
#[derive(Clone, Debug)]
struct Peer {
    address: PeerAddress,
    identity: Option<PeerIdentity>,
    hangup: Hangup,
}

/// Boxed: the connection's future moves the stream about, and would keep room for it in every place.
type Stream = Box<TlsStream<TcpStream>>;

async fn handshake(shared: &Shared, stream: TcpStream) -> io::Result<Stream> {
    TlsAcceptor::from(shared.tls.load_full()).accept(stream).await.map(Box::new)
}

fn set_options(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_PROBES);
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    Ok(())
}

/// The agent that a client certificate names; `None` where none was asked for.
fn peer_of(stream: &Stream) -> Result<Option<PeerIdentity>, InvalidPeer> {
    let (_, session) = stream.get_ref();
    let certificate = session.peer_certificates().and_then(|chain| chain.first());
    certificate.map(|certificate| PeerIdentity::from_certificate(certificate)).transpose()
}

/// Serves requests until the peer leaves or a limit is reached.
async fn drive(shared: &Arc<Shared>, stream: Stream, peer: Peer) -> Result<(), Ended> {
    let asked = Arc::new(AtomicBool::new(false));
    let service = service_fn({
        let (routes, asked) = (shared.routes.clone(), Arc::clone(&asked));
        move |request| {
            asked.store(true, Ordering::Relaxed);
            call(routes.clone(), request, peer.clone())
        }
    });
    let executor = Contained { plane: shared.name, tracker: shared.tracker.clone() };
    let mut connection =
        pin!(builder(executor, shared.limits.streams).serve_connection(TokioIo::new(stream), service));

    let established = Instant::now();
    tokio::select! {
        result = &mut connection => return result.map_err(Ended::Http),
        () = shared.stop.cancelled() => {}
        () = sleep_until(established + shared.limits.first_request_timeout) => {
            if !asked.load(Ordering::Relaxed) {
                return Err(Ended::NoRequest);
            }
            let lifetime = async {
                match shared.limits.lifetime {
                    Some(lifetime) => sleep_until(established + lifetime).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                result = &mut connection => return result.map_err(Ended::Http),
                () = shared.stop.cancelled() => {}
                () = lifetime => return Err(Ended::TooOld),
            }
        }
    }
    connection.as_mut().graceful_shutdown();
    match timeout(shared.limits.drain, connection).await {
        Ok(result) => result.map_err(Ended::Http),
        Err(_) => Err(Ended::Drained),
    }
}

async fn call(
    mut routes: tonic::service::Routes,
    mut request: Request<Incoming>,
    peer: Peer,
) -> Result<Response<tonic::body::Body>, Infallible> {
    request.extensions_mut().insert(peer.address);
    request.extensions_mut().insert(peer.hangup);
    if let Some(identity) = peer.identity {
        request.extensions_mut().insert(identity);
    }
    // Routes are always ready.
    routes.call(request).await
}

fn builder(executor: Contained, streams: u32) -> http2::Builder<Contained> {
    let mut builder = http2::Builder::new(executor);
    builder
        .max_concurrent_streams(streams)
        .max_header_list_size(HEADER_LIST_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .max_local_error_reset_streams(LOCAL_RESETS)
        .auto_date_header(false);
    builder
}

/// Runs the streams of a connection as tasks of its plane, and keeps their panics to themselves.
#[derive(Clone)]
struct Contained {
    plane: &'static str,
    tracker: TaskTracker,
}

impl<F> hyper::rt::Executor<F> for Contained
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let plane = self.plane;
        self.tracker.spawn(async move {
            if let Err(panic) = AssertUnwindSafe(stream).catch_unwind().await {
                report_panic(plane, panic.as_ref());
            }
        });
    }
}

fn report_panic(plane: &'static str, panic: &(dyn Any + Send)) {
    let text = panic.downcast_ref::<&'static str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no text)");
    telemetry::panicked(plane);
    error!(plane, panic = text, "a peer's request panicked; only its connection is affected");
}
