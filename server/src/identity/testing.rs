//! What tests of other modules need: an authority in a folder of its own, and the client sides of its planes.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use landmark_proto::ids::{AgentId, FleetId};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;

use super::{Authority, CertificateRequest, KnownFleet, ServerNames, TlsSettings};

/// The authority in a folder, made if there is none.
pub(crate) fn authority(folder: &Path) -> Authority {
    let fleet_id = FleetId::from_uuid(uuid::Uuid::from_u128(1));
    Authority::open(folder, KnownFleet { fleet_id, pin: None }).unwrap()
}

/// A fleet's identity that goes with its folder.
pub(crate) struct TestFleet {
    pub(crate) folder: TempDir,
    pub(crate) authority: Arc<Authority>,
    pub(crate) tls: TlsSettings,
}

impl TestFleet {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Arc::new(authority(folder.path()));
        let names = ServerNames::new([]);
        let tls = TlsSettings::open(folder.path(), Arc::clone(&authority), names, SystemTime::now()).unwrap();
        Self { folder, authority, tls }
    }

    /// What a client verifies the server with.
    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.certificate().clone()).unwrap();
        roots
    }

    /// A client without a certificate.
    pub(crate) fn anonymous_client(&self) -> ClientConfig {
        client_builder().with_root_certificates(self.roots()).with_no_client_auth().with_h2()
    }

    /// A client with the certificate of an agent, signed by this fleet.
    pub(crate) fn agent_client(&self, agent_id: AgentId) -> ClientConfig {
        self.client_signed_by(&self.authority, agent_id, SystemTime::now())
    }

    /// A client of this fleet's server whose certificate comes from some authority at some time.
    pub(crate) fn client_signed_by(
        &self,
        authority: &Authority,
        agent_id: AgentId,
        at: SystemTime,
    ) -> ClientConfig {
        let key = KeyPair::generate().unwrap();
        let request = CertificateRequest::from_der(&certificate_request(&key)).unwrap();
        let issued = authority.issue_agent(&request, agent_id, at).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialized_der().to_vec()));
        client_builder()
            .with_root_certificates(self.roots())
            .with_client_auth_cert(vec![issued.der], key)
            .unwrap()
            .with_h2()
    }
}

/// PKCS #10, DER.
pub(crate) fn certificate_request(key: &KeyPair) -> Vec<u8> {
    CertificateParams::default().serialize_request(key).unwrap().der().to_vec()
}

fn client_builder() -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
}

trait WithH2 {
    fn with_h2(self) -> Self;
}

impl WithH2 for ClientConfig {
    fn with_h2(mut self) -> Self {
        self.alpn_protocols = vec![b"h2".to_vec()];
        self
    }
}
