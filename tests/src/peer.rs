//! A peer that follows no rules: TLS to any listener, believing every server, with any client certificate or none.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType,
};
use rustls::client::WantsClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, ConfigBuilder, DigitallySignedStruct, SignatureScheme, version};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::wait::LIMIT;

/// HTTP/2's connection preface and an empty SETTINGS frame (RFC 9113, section 3.4).
pub const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

/// A client certificate and its key.
#[derive(Debug)]
pub struct ClientIdentity {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl ClientIdentity {
    /// Made by an authority that nobody knows, in the name of an agent of a fleet.
    ///
    /// # Errors
    /// A name is not one.
    pub fn of_an_unknown_authority(fleet_id: &str, agent_id: &str) -> Result<Self> {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let mut agent = CertificateParams::default();
        agent.subject_alt_names =
            vec![SanType::URI(format!("spiffe://{fleet_id}/agent/{agent_id}").try_into()?)];
        agent.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate()?;
        let certificate = agent.signed_by(&key, &authority)?.der().clone();
        Ok(Self { certificate, key: PrivateKeyDer::Pkcs8(key.serialize_der().into()) })
    }

    /// Of a certificate (X.509, DER) and its key (PKCS#8, DER).
    pub fn new(certificate: Vec<u8>, key: Vec<u8>) -> Self {
        Self { certificate: certificate.into(), key: PrivateKeyDer::Pkcs8(key.into()) }
    }

    /// Read from PEM files, such as those of an agent.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn from_files(certificate: &std::path::Path, key: &std::path::Path) -> Result<Self> {
        Ok(Self {
            certificate: CertificateDer::from_pem_file(certificate).context("read the certificate")?,
            key: PrivateKeyDer::from_pem_file(key).context("read the key")?,
        })
    }

    /// Completes a client's configuration with it.
    pub(crate) fn authenticate(
        &self,
        builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    ) -> Result<ClientConfig, rustls::Error> {
        builder.with_client_auth_cert(vec![self.certificate.clone()], self.key.clone_key())
    }
}

/// What came back, until the server closed the connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Decrypted bytes.
    pub bytes: Vec<u8>,
    /// The error it ended with, such as a TLS alert. `None`: it was closed in order.
    pub error: Option<String>,
}

/// Connects with TLS 1.3 and HTTP/2, without looking at the server's certificate.
///
/// # Errors
/// The server refuses, before the handshake is over on this side.
pub async fn connect(address: SocketAddr, identity: Option<&ClientIdentity>) -> Result<TlsStream<TcpStream>> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(BelievesAll(provider)));
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => identity.authenticate(builder)?,
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    let connection = timeout(LIMIT, async {
        let socket = TcpStream::connect(address).await?;
        let name = ServerName::try_from("server.landmark.internal")?;
        anyhow::Ok(TlsConnector::from(Arc::new(config)).connect(name, socket).await?)
    });
    connection.await.context("the handshake takes too long")?
}

/// Sends the beginning of HTTP/2 and listens until the server closes, or has been silent for a while after saying
/// something.
pub async fn greet(stream: &mut TlsStream<TcpStream>) -> Heard {
    let mut heard = Heard::default();
    // The server may close while this is written; what it said is read all the same.
    if let Err(error) = stream.write_all(HTTP2_PREFACE).await {
        heard.error = Some(error.to_string());
    }
    let mut buffer = [0; 4096];
    loop {
        let patience = if heard.bytes.is_empty() { LIMIT } else { Duration::from_millis(300) };
        match timeout(patience, stream.read(&mut buffer)).await {
            Ok(Ok(0)) | Err(_) => return heard,
            Ok(Ok(n)) => heard.bytes.extend(buffer.iter().take(n)),
            Ok(Err(error)) => {
                heard.error = Some(error.to_string());
                return heard;
            }
        }
    }
}

#[derive(Debug)]
struct BelievesAll(Arc<CryptoProvider>);

impl ServerCertVerifier for BelievesAll {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("only TLS 1.3 is spoken".into()))
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
