//! The probe kind `tls`: a handshake over a connection, and not a byte after it.
//!
//! The peer is recognised by the key of its certificate, and proves with the handshake that it holds that key. Chain, names
//! and dates do not count. Names are sent as server names (SNI), addresses are not (RFC 6066, section 3).

use std::error::Error as _;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use futures_util::FutureExt as _;
use landmark_daemon::tls::PinnedPeer;
use landmark_proto::evidence::{Attempt, Outcome, PeerCertificate};
use landmark_proto::host::Host;
use landmark_proto::pin::Pins;
use rustls::pki_types::ServerName;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::location::tried::Ended;

/// Whom a handshake shall be with.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pins: Pins,
    /// None for hosts given as addresses.
    name: Option<ServerName<'static>>,
}

impl Wanted {
    /// What an entry of the list asks for.
    pub(super) fn of(host: &Host, pins: &Pins) -> Self {
        let name = match host {
            // A name that no certificate could have (with an underscore) is not sent.
            Host::Name(name) => ServerName::try_from(name.as_str().to_owned()).ok(),
            Host::V4(_) | Host::V6(..) => None,
        };
        Self { pins: pins.clone(), name }
    }

    /// Shakes hands over a connection to this address. `ended` says what is known of the connection.
    pub(super) async fn shake_hands(&self, stream: TcpStream, address: IpAddr, ended: Ended) -> Ended {
        let peer = Arc::new(PinnedPeer::new(self.pins.as_slice()));
        let config = match peer.client_config() {
            Ok(config) => Arc::new(config),
            Err(error) => return failed(ended, &peer, &io::Error::other(error)),
        };
        let name = self.name.clone().unwrap_or_else(|| ServerName::IpAddress(address.into()));
        match TlsConnector::from(config).connect(name, stream).await {
            Ok(mut stream) => {
                // Takes leave as TLS wants it; a peer that does not read is not waited for.
                let _said = stream.shutdown().now_or_never();
                Ended { outcome: Outcome::Answered, certificate: seen(&peer), ..ended }
            }
            Err(error) => failed(ended, &peer, &error),
        }
    }
}

fn failed(ended: Ended, peer: &PinnedPeer, error: &io::Error) -> Ended {
    let certificate = seen(peer);
    if peer.is_another() {
        return Ended { outcome: Outcome::PinMismatch, certificate, ..ended };
    }
    let text = match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error) => match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
        None if error.kind() == io::ErrorKind::UnexpectedEof => "the peer closed the connection".to_owned(),
        None => "the connection ended".to_owned(),
    };
    Ended {
        outcome: Outcome::TlsFailed,
        certificate,
        os_error: error.raw_os_error(),
        tls_error: Some(text.chars().take(Attempt::MAX_TLS_ERROR).collect()),
        ..ended
    }
}

fn seen(peer: &PinnedPeer) -> Option<PeerCertificate> {
    peer.certificate().map(|shown| PeerCertificate { pin: shown.pin, not_after: shown.not_after })
}
