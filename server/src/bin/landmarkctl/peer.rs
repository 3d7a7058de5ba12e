//! Looks at a TLS server from this machine: a handshake with whatever key it has, and nothing after it.
//!
//! The handshake is the agents' own: the same versions, the same name, the same proof that the peer holds its key.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use landmark_daemon::tls::{PeerCertificate, PinnedPeer};
use landmark_proto::host::Host;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ProtocolVersion};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

/// For name, connection and handshake together: somebody waits.
const LIMIT: Duration = Duration::from_secs(5);

/// What was seen.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) certificate: PeerCertificate,
    pub(crate) address: SocketAddr,
    pub(crate) version: &'static str,
}

/// Nothing was seen that could be believed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PeerError {
    #[error("{host} has no address")]
    Resolve { host: String, source: io::Error },
    #[error("cannot connect to {address}")]
    Connect { address: SocketAddr, source: io::Error },
    #[error("{step} took longer than {} s", LIMIT.as_secs())]
    TooSlow { step: &'static str },
    #[error("what answers at {address} does not speak TLS")]
    NotTls { address: SocketAddr },
    #[error("the server at {address} ended the handshake: {alert}")]
    Alert { address: SocketAddr, alert: String },
    #[error("the server at {address} does not hold the key of the certificate that it shows")]
    NoProof { address: SocketAddr },
    #[error("the server at {address} closed the connection during the handshake")]
    Closed { address: SocketAddr },
    #[error("no handshake with {address}")]
    Handshake { address: SocketAddr, source: io::Error },
}

/// Tries all addresses of the host, one after the other, until one can be connected to.
pub(crate) async fn look(host: &Host, port: u16) -> Result<Seen, PeerError> {
    let deadline = Instant::now() + LIMIT;
    let name = host.to_string();
    let resolve_error = |source| PeerError::Resolve { host: name.clone(), source };
    let lookup = timeout_at(deadline, tokio::net::lookup_host((name.as_str(), port))).await;
    let addresses = lookup.map_err(|_| PeerError::TooSlow { step: "the search for its address" })?;
    let addresses: Vec<SocketAddr> = addresses.map_err(resolve_error)?.collect();
    let (socket, address) = dial(&addresses, deadline)
        .await
        .unwrap_or_else(|| Err(resolve_error(io::Error::from(io::ErrorKind::NotFound))))?;
    let peer = Arc::new(PinnedPeer::any());
    let handshake_error = |source| PeerError::Handshake { address, source };
    let config = peer.client_config().map_err(|error| handshake_error(io::Error::other(error)))?;
    let server_name = server_name(host).map_err(handshake_error)?;
    let connect = TlsConnector::from(Arc::new(config)).connect(server_name, socket);
    let stream =
        timeout_at(deadline, connect).await.map_err(|_| PeerError::TooSlow { step: "the handshake" })?;
    let stream = stream.map_err(|error| explain(address, error))?;
    let version = match stream.get_ref().1.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
        _ => "TLS 1.2",
    };
    let certificate = peer.certificate().cloned();
    certificate
        .map(|certificate| Seen { certificate, address, version })
        .ok_or_else(|| handshake_error(io::Error::other("it showed no certificate")))
}

/// `None`: there is no address. The last error is the one that is told.
async fn dial(
    addresses: &[SocketAddr],
    deadline: Instant,
) -> Option<Result<(TcpStream, SocketAddr), PeerError>> {
    let mut last = None;
    for address in addresses {
        match timeout_at(deadline, TcpStream::connect(address)).await {
            Ok(Ok(socket)) => return Some(Ok((socket, *address))),
            Ok(Err(source)) => last = Some(Err(PeerError::Connect { address: *address, source })),
            Err(_) => return Some(Err(PeerError::TooSlow { step: "connecting" })),
        }
    }
    last
}

fn server_name(host: &Host) -> io::Result<ServerName<'static>> {
    match host.address() {
        Some(address) => Ok(ServerName::from(address)),
        None => ServerName::try_from(host.to_string()).map_err(io::Error::other),
    }
}

fn explain(address: SocketAddr, error: io::Error) -> PeerError {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return PeerError::Closed { address };
    }
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidMessage(_)) => PeerError::NotTls { address },
        Some(rustls::Error::AlertReceived(alert)) => {
            PeerError::Alert { address, alert: format!("{alert:?}") }
        }
        Some(rustls::Error::InvalidCertificate(CertificateError::BadSignature)) => {
            PeerError::NoProof { address }
        }
        _ => PeerError::Handshake { address, source: error },
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::task::JoinSet;

    use super::*;

    /// What is seen of a server that takes one connection, reads something and answers with these bytes.
    async fn told_of(answer: &'static [u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4096];
            assert!(socket.read(&mut buffer).await.unwrap() > 0);
            socket.write_all(answer).await.unwrap();
        });
        let error = look(&"127.0.0.1".parse().unwrap(), port).await.unwrap_err();
        error.to_string().replace(&port.to_string(), "PORT")
    }

    #[tokio::test]
    async fn what_speaks_no_tls_is_told_by_what_it_does() {
        assert_eq!(
            told_of(b"220 ftp.example ready\r\n").await,
            "what answers at 127.0.0.1:PORT does not speak TLS"
        );
        let alert = b"\x15\x03\x03\x00\x02\x02\x28";
        assert_eq!(
            told_of(alert).await,
            "the server at 127.0.0.1:PORT ended the handshake: HandshakeFailure"
        );
        assert_eq!(
            told_of(b"").await,
            "the server at 127.0.0.1:PORT closed the connection during the handshake"
        );
    }

    #[tokio::test]
    async fn a_port_that_refuses_and_a_name_that_is_none_are_told_apart() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let error = look(&"127.0.0.1".parse().unwrap(), port).await.unwrap_err();
        assert!(matches!(error, PeerError::Connect { .. }), "{error:?}");
    }

    #[test]
    fn addresses_are_no_names_and_names_are() {
        for (host, is_name) in
            [("10.1.1.5", false), ("fe80::1%eth0", false), ("web.example", true), ("web_1", true)]
        {
            let name = server_name(&host.parse().unwrap()).unwrap();
            assert_eq!(matches!(name, ServerName::DnsName(_)), is_name, "{host}");
        }
    }
}
