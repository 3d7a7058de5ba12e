use std::io;

use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::ResolvesServerCert;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConnection, ServerConfig, ServerConnection, SupportedProtocolVersion};

use super::*;

struct Server {
    certificate: CertificateDer<'static>,
    key: rcgen::KeyPair,
}

impl Server {
    fn new(algorithm: &'static rcgen::SignatureAlgorithm) -> Self {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let parameters = rcgen::CertificateParams::new(vec!["web.example".to_owned()]).unwrap();
        let certificate = parameters.self_signed(&key).unwrap().der().clone();
        Self { certificate, key }
    }

    fn pin(&self) -> SpkiPin {
        PeerCertificate::read(&self.certificate).unwrap().pin
    }

    /// Shows a certificate, and signs with this server's key.
    fn config(
        &self,
        shown: &CertificateDer<'static>,
        version: &'static SupportedProtocolVersion,
    ) -> ServerConfig {
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der()).into();
        let key = ring::sign::any_supported_type(&key).unwrap();
        // `CertifiedKey::new` does not ask whether the two belong together.
        let shown = CertifiedKey::new(vec![shown.clone()], key);
        let resolver: Arc<dyn ResolvesServerCert> = Arc::new(SingleCertAndKey::from(shown));
        ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(resolver)
    }
}

/// A whole handshake in memory: what the client says about it, and the name that the server was told.
fn handshake(
    peer: &Arc<PinnedPeer>,
    server: ServerConfig,
    name: &'static str,
) -> (Result<(), Error>, Option<String>) {
    let name = ServerName::try_from(name).unwrap();
    let mut client = ClientConnection::new(Arc::new(peer.client_config().unwrap()), name).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    for _ in 0..8 {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut io::Cursor::new(wire)).unwrap();
        server.process_new_packets().ok();
        let mut wire = Vec::new();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut io::Cursor::new(wire)).unwrap();
        if let Err(error) = client.process_new_packets() {
            return (Err(error), server.server_name().map(str::to_owned));
        }
    }
    assert!(!client.is_handshaking(), "the handshake stalled");
    (Ok(()), server.server_name().map(str::to_owned))
}

const VERSIONS: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];
const KEYS: [&rcgen::SignatureAlgorithm; 3] =
    [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519];

#[test]
fn a_peer_with_a_pinned_key_is_recognised_by_both_versions_and_every_kind_of_key() {
    for version in VERSIONS {
        for algorithm in KEYS {
            let server = Server::new(algorithm);
            let pins = [SpkiPin::of(b"the old key"), server.pin()];
            let peer = Arc::new(PinnedPeer::new(&pins));
            let (result, _) = handshake(&peer, server.config(&server.certificate, version), "other.example");
            assert_eq!(result, Ok(()), "{version:?} {algorithm:?}");
            let seen = peer.certificate().unwrap();
            assert_eq!(seen.pin, server.pin());
            assert!(seen.not_after.is_some() && !peer.is_another());
        }
    }
}

#[test]
fn another_key_is_told_apart_from_a_failed_handshake_and_is_kept() {
    for version in VERSIONS {
        let server = Server::new(&rcgen::PKCS_ECDSA_P256_SHA256);
        let peer = Arc::new(PinnedPeer::new(&[SpkiPin::of(b"another")]));
        let (result, _) = handshake(&peer, server.config(&server.certificate, version), "web.example");
        assert_eq!(result, Err(CertificateError::ApplicationVerificationFailure.into()));
        assert!(peer.is_another());
        assert_eq!(peer.certificate().unwrap().pin, server.pin());
    }
    let nobody = Arc::new(PinnedPeer::new(&[]));
    let server = Server::new(&rcgen::PKCS_ECDSA_P256_SHA256);
    assert!(handshake(&nobody, server.config(&server.certificate, &version::TLS13), "a").0.is_err());
}

#[test]
fn a_copied_certificate_is_no_help_without_its_key() {
    for version in VERSIONS {
        for algorithm in KEYS {
            let (ours, theirs) = (Server::new(algorithm), Server::new(algorithm));
            for peer in [PinnedPeer::new(&[ours.pin()]), PinnedPeer::any()] {
                let peer = Arc::new(peer);
                let (result, _) = handshake(&peer, theirs.config(&ours.certificate, version), "web.example");
                assert_eq!(result, Err(CertificateError::BadSignature.into()), "{version:?} {algorithm:?}");
                assert!(!peer.is_another(), "what it showed is the pinned key: no handshake came about");
            }
        }
    }
}

#[test]
fn any_key_is_learnt_and_only_names_are_sent() {
    for (name, told) in [("web.example", Some("web.example")), ("10.1.1.5", None), ("::1", None)] {
        let server = Server::new(&rcgen::PKCS_ECDSA_P256_SHA256);
        let peer = Arc::new(PinnedPeer::any());
        let (result, sent) = handshake(&peer, server.config(&server.certificate, &version::TLS12), name);
        assert_eq!(result, Ok(()));
        assert_eq!(sent.as_deref(), told);
        assert_eq!(peer.certificate().map(|it| it.pin), Some(server.pin()));
    }
}

#[test]
fn what_is_no_certificate_is_refused() {
    let server = Server::new(&rcgen::PKCS_ECDSA_P256_SHA256);
    let nonsense = CertificateDer::from(b"nonsense".to_vec());
    let peer = Arc::new(PinnedPeer::any());
    let (result, _) = handshake(&peer, server.config(&nonsense, &version::TLS13), "web.example");
    assert_eq!(result, Err(CertificateError::BadEncoding.into()));
    assert!(peer.certificate().is_none() && !peer.is_another());
}
