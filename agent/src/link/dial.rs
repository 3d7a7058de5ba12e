//! Dials: name, TCP, TLS, each with its own time limit.
//!
//! The network is behind [`Connect`], so that tests and simulations bring their own.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use landmark_proto::host::Host;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::retry::End;
use super::tls::SERVER_NAME;
use crate::address::ServerAddress;
use crate::own;
use crate::platform;

/// The server's own limit on handshakes is 5 s; a slow way there may double it.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// Looking up a name; a dead resolver must not hold up the other addresses.
const LOOKUP_LIMIT: Duration = Duration::from_secs(5);
/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;
// A loss that nobody tells of is noticed within 20 s, by the kernel and without waking this process.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(3);
const KEEPALIVE_PROBES: u32 = 3;
// With a user time-out set, keepalive gives up at the first probe after it (tcp_keepalive_timer): of those at 10, 13, 16 and
// 19 s the last one. With 20 s it would be the one at 22 s.
const USER_TIMEOUT: Duration = Duration::from_secs(18);

/// Bytes both ways.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A connection that is not encrypted yet.
pub type Plain = Box<dyn Io>;
/// The same, encrypted.
pub type Secured = TlsStream<Plain>;
/// A connection to come.
pub type Connecting<'a> = Pin<Box<dyn Future<Output = io::Result<Plain>> + Send + 'a>>;

/// The way to the server.
pub trait Connect: fmt::Debug + Send + Sync + 'static {
    /// Connects to one address, within a time limit of its own.
    fn connect<'a>(&'a self, address: &'a ServerAddress) -> Connecting<'a>;
}

/// TCP, with keepalive.
#[derive(Clone, Copy, Debug)]
pub struct TcpConnector {
    /// Of each address that a name has.
    pub connect_timeout: Duration,
}

impl Connect for TcpConnector {
    fn connect<'a>(&'a self, address: &'a ServerAddress) -> Connecting<'a> {
        Box::pin(async {
            let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
            for address in resolve(address).await? {
                match timeout(self.connect_timeout, connect(address)).await {
                    Ok(Ok(stream)) => return Ok(Box::new(stream) as Plain),
                    Ok(Err(error)) => last = error,
                    Err(_elapsed) => last = no_answer(self.connect_timeout),
                }
            }
            Err(last)
        })
    }
}

/// Connects to one address and agrees on TLS with it.
///
/// # Errors
/// Which of the two failed, and why.
pub async fn dial(
    connector: &dyn Connect,
    address: &ServerAddress,
    config: &Arc<ClientConfig>,
) -> Result<Secured, End> {
    let plain = connector.connect(address).await.map_err(|error| End::Unreachable(error.to_string()))?;
    let name = ServerName::try_from(SERVER_NAME).map_err(|error| End::Local(error.to_string()))?;
    let handshake = TlsConnector::from(Arc::clone(config)).connect(name, plain);
    match timeout(HANDSHAKE_LIMIT, handshake).await {
        Ok(Ok(secured)) => Ok(secured),
        Ok(Err(error)) => Err(End::Handshake(error.to_string())),
        Err(_elapsed) => Err(End::Handshake(no_answer(HANDSHAKE_LIMIT).to_string())),
    }
}

async fn resolve(address: &ServerAddress) -> io::Result<Vec<SocketAddr>> {
    let port = address.port.get();
    let name = match &address.host {
        Host::V4(v4) => return Ok(vec![SocketAddr::new(IpAddr::V4(*v4), port)]),
        Host::V6(v6, None) => return Ok(vec![SocketAddr::new(IpAddr::V6(*v6), port)]),
        // The system's resolver knows the numbers of interfaces.
        host @ (Host::V6(_, Some(_)) | Host::Name(_)) => host.to_string(),
    };
    let found = timeout(LOOKUP_LIMIT, lookup_host((name, port))).await;
    let found = found
        .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "no answer from a resolver")))?;
    Ok(found.take(MAX_ADDRESSES).collect())
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_PROBES);
    socket.set_tcp_keepalive(&keepalive)?;
    platform::limit_unacknowledged(&socket, USER_TIMEOUT)?;
    own::mark(&socket);
    TcpSocket::from_std_stream(socket.into()).connect(address).await
}

fn no_answer(limit: Duration) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {} s", limit.as_secs()))
}
