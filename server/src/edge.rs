//! Connections: one accept loop a listener, with TLS, limits and an orderly end.
//!
//! tonic's own loop leaves silent peers open for ever, spins when descriptors run out, hangs at shutdown on open
//! streams, and takes its TLS settings once; so this one is ours. A connection is a task of its plane: what it does,
//! panics included, ends with it. Must not know: what is served.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;
use tracing::{debug, info, warn};

mod addresses;
mod connection;
mod limits;
pub mod telemetry;

pub use self::connection::{Hangup, PeerAddress};
pub use self::limits::Limits;

use self::addresses::Addresses;
use self::connection::Connection;

/// Waited after the system had no descriptor or memory left for a connection: long enough not to spin, short enough not
/// to be felt by whoever connects next.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);
/// One warning per shortage; a shortage is over after this long without an error.
const EXHAUSTED_QUIET: Duration = Duration::from_secs(60);

/// One listener and what stands behind it.
#[derive(Debug)]
pub struct Plane {
    /// For logs and metrics: `agents`, `enrollment` or `administration`.
    pub name: &'static str,
    /// Bound and listening.
    pub listener: TcpListener,
    /// Read for every connection, so that a change needs no restart.
    pub tls: Arc<ArcSwap<ServerConfig>>,
    /// What is served.
    pub routes: Routes,
    /// What a peer may cost.
    pub limits: Limits,
}

/// Serves a plane until `stop`; then takes no more connections, tells the peers to go away, waits at most
/// [`Limits::drain`] for their streams to end, and drops the rest.
pub async fn serve(plane: Plane, stop: CancellationToken) {
    let Plane { name, listener, tls, routes, limits } = plane;
    let shared = Arc::new(Shared {
        name,
        tls,
        routes: routes.prepare(),
        addresses: Addresses::new(&limits),
        handshakes: Arc::new(Semaphore::new(limits.handshakes)),
        limits,
        stop,
        tracker: TaskTracker::new(),
    });
    let address = listener.local_addr().map_or_else(|error| error.to_string(), |address| address.to_string());
    info!(plane = name, address, "listening");
    accept_all(&shared, listener).await;
    shared.tracker.close();
    // Connections end by themselves at the deadline; the further second is for the streams that fall with them.
    let grace = shared.limits.drain + Duration::from_secs(1);
    if timeout(grace, shared.tracker.wait()).await.is_err() {
        warn!(plane = name, n_left = shared.tracker.len(), "streams left behind");
    }
}

/// What the connections of a plane share.
#[derive(Debug)]
struct Shared {
    name: &'static str,
    tls: Arc<ArcSwap<ServerConfig>>,
    routes: Routes,
    limits: Limits,
    addresses: Addresses,
    handshakes: Arc<Semaphore>,
    stop: CancellationToken,
    tracker: TaskTracker,
}

/// Where connections come from: the seam that lets a test take the system's place.
trait Accept {
    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)>;
}

impl Accept for TcpListener {
    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|context| self.poll_accept(context)).await
    }
}

async fn accept_all(shared: &Arc<Shared>, mut listener: impl Accept) {
    let mut shortage = Shortage::default();
    loop {
        let accepted = tokio::select! {
            biased;
            () = shared.stop.cancelled() => return,
            accepted = accept_one(shared, &mut listener) => accepted,
        };
        match accepted {
            Ok(connection) => shared.tracker.spawn(connection.run()),
            Err(NotAccepted::Refused(address, reason)) => {
                telemetry::refused(shared.name, reason);
                debug!(plane = shared.name, %address, reason, "connection refused");
                continue;
            }
            Err(NotAccepted::Failed(error)) if is_shortage(&error) => {
                if shortage.is_new(Instant::now()) {
                    warn!(plane = shared.name, %error, "no connection can be accepted; raise the limit on open files");
                }
                telemetry::refused(shared.name, "shortage");
                sleep(EXHAUSTED_PAUSE).await;
                continue;
            }
            Err(NotAccepted::Failed(error)) => {
                // Mostly a peer that went away between its SYN and now (ECONNABORTED): nothing is wrong here.
                debug!(plane = shared.name, %error, "accept failed");
                tokio::task::yield_now().await;
                continue;
            }
        };
    }
}

enum NotAccepted {
    Refused(SocketAddr, &'static str),
    Failed(io::Error),
}

/// Takes the next connection, once there is room for its handshake.
async fn accept_one(shared: &Arc<Shared>, listener: &mut impl Accept) -> Result<Connection, NotAccepted> {
    // The semaphore is never closed. Taken first, so that who must wait does so in the kernel's queue.
    let room = Arc::clone(&shared.handshakes).acquire_owned().await;
    let room = room.map_err(|error| NotAccepted::Failed(io::Error::other(error)))?;
    let (stream, address) = listener.accept().await.map_err(NotAccepted::Failed)?;
    let place =
        shared.addresses.enter(address.ip()).map_err(|full| NotAccepted::Refused(address, full.reason()))?;
    Ok(Connection::new(Arc::clone(shared), stream, address, place, room))
}

/// Whether the system has run out of descriptors or memory, which the next attempt will find too.
fn is_shortage(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let shortages = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    error.raw_os_error().is_some_and(|number| shortages.iter().any(|errno| errno.raw_os_error() == number))
}

/// Tells the first error of a shortage from the rest of it.
#[derive(Debug, Default)]
pub(crate) struct Shortage {
    last: Option<Instant>,
}

impl Shortage {
    /// Whether this error is the first.
    pub(crate) fn is_new(&mut self, now: Instant) -> bool {
        let last = self.last.replace(now);
        last.is_none_or(|last| now.duration_since(last) >= EXHAUSTED_QUIET)
    }
}

#[cfg(test)]
mod tests;
