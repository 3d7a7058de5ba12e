//! A reference server that speaks TLS, and what it is known by.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use landmark_proto::pin::SpkiPin;
use landmark_tests::place::Place;
use rcgen::{CertifiedKey, PublicKeyData as _, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

const NAME: &str = "intranet.corp.example";

/// The server. Dropping it closes its port.
pub(crate) struct Pinned {
    address: SocketAddr,
    certificate: CertificateDer<'static>,
    pin: SpkiPin,
    _tasks: JoinSet<()>,
}

impl Pinned {
    /// Listens.
    ///
    /// # Errors
    /// The address is not there, or taken.
    pub(crate) fn start(place: &Place, address: SocketAddr) -> Result<Self> {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed([NAME.to_owned()])?;
        let certificate = cert.der().clone();
        let pin = SpkiPin::of(&signing_key.subject_public_key_info());
        let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
        let builder =
            rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let config = builder
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)?;
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(place.listen(address)?, TlsAcceptor::from(Arc::new(config))));
        Ok(Self { address, certificate, pin, _tasks: tasks })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// As it is written in a list.
    pub(crate) fn pin(&self) -> Vec<u8> {
        self.pin.as_bytes().to_vec()
    }

    /// By which a client knows it that is no agent.
    pub(crate) fn known_by(&self) -> (&'static str, &CertificateDer<'static>) {
        (NAME, &self.certificate)
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((connection, _)) = accepted else { continue };
                let acceptor = acceptor.clone();
                open.spawn(async move {
                    if let Ok(mut secured) = acceptor.accept(connection).await {
                        // Until it leaves.
                        secured.read(&mut [0]).await.map(drop).unwrap_or_default();
                    }
                });
            }
            Some(_) = open.join_next() => {}
        }
    }
}
