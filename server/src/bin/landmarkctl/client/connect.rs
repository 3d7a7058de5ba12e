//! Dialling: name, TCP, TLS, HTTP/2, each step with its own time limit and its own error.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::body::Body;
use tower::Service;

use super::trust::Trust;
use crate::context::Address;

/// The name that every server's certificate carries.
const SERVER_NAME: &str = "server.landmark.internal";
/// What requests name as their target.
pub(super) const ORIGIN: &str = "https://server.landmark.internal";
/// Of one address: a host on the same continent answers a SYN within 200 ms; one retransmission comes after 1 s.
const DIAL_LIMIT: Duration = Duration::from_secs(4);
/// The server's own limit on handshakes is 5 s.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);
/// A watch on a silent server is noticed after this and the answer's limit.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_LIMIT: Duration = Duration::from_secs(10);

/// The server could not be reached, or is not the right one.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step} {address}")]
pub(crate) struct ConnectError {
    pub(crate) address: Address,
    pub(crate) step: Step,
    pub(crate) source: io::Error,
}

/// How far dialling came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Resolve,
    Dial,
    Secure,
    Speak,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Resolve => "find an address for",
            Self::Dial => "connect to",
            Self::Secure => "agree on TLS with",
            Self::Speak => "speak HTTP/2 with",
        })
    }
}

/// An HTTP/2 connection as gRPC wants it.
#[derive(Clone, Debug)]
pub(super) struct Link(SendRequest<Body>);

impl Service<http::Request<Body>> for Link {
    type Response = http::Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}

/// Does the connection's work, and ends with the reason for its end.
pub(super) type Driver = JoinSet<Result<(), hyper::Error>>;

/// The connection lasts as long as its driver.
pub(super) async fn connect(address: &Address, trust: &Trust) -> Result<(Link, Driver), ConnectError> {
    let failed = |step| move |source| ConnectError { address: address.clone(), step, source };
    let addresses = resolve(address).await.map_err(failed(Step::Resolve))?;
    let socket = dial(&addresses).await.map_err(failed(Step::Dial))?;
    let stream = secure(socket, trust).await.map_err(failed(Step::Secure))?;
    speak(stream).await.map_err(failed(Step::Speak))
}

async fn resolve(address: &Address) -> io::Result<Vec<SocketAddr>> {
    let addresses: Vec<SocketAddr> =
        tokio::net::lookup_host((address.host(), address.port())).await?.collect();
    if addresses.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    }
    Ok(addresses)
}

/// One address after the other; the last error is the one that is told.
async fn dial(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut last = None;
    for address in addresses {
        match timeout(DIAL_LIMIT, TcpStream::connect(address)).await {
            Ok(Ok(socket)) => {
                socket.set_nodelay(true)?;
                return Ok(socket);
            }
            Ok(Err(error)) => last = Some(error),
            Err(_) => last = Some(no_answer(DIAL_LIMIT)),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::from(io::ErrorKind::NotFound)))
}

async fn secure(socket: TcpStream, trust: &Trust) -> io::Result<TlsStream<TcpStream>> {
    let config = trust.tls().map_err(io::Error::other)?;
    let name = ServerName::try_from(SERVER_NAME).map_err(io::Error::other)?;
    let handshake = TlsConnector::from(Arc::new(config)).connect(name, socket);
    timeout(HANDSHAKE_LIMIT, handshake).await.unwrap_or_else(|_| Err(no_answer(HANDSHAKE_LIMIT)))
}

async fn speak(stream: TlsStream<TcpStream>) -> io::Result<(Link, Driver)> {
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_LIMIT)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    Ok((Link(sender), driver))
}

fn no_answer(limit: Duration) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {} s", limit.as_secs()))
}

#[cfg(test)]
mod tests;
