//! TLS settings of the listeners, replaceable at run time.
//!
//! TLS 1.3 only; no tickets and no resumption, since rustls does not run the client verifier on a resumed session.

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use landmark_daemon::error::Chain;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme,
};
use thiserror::Error;
use tracing::warn;

use super::authority::Authority;
use super::server_certificate::{ServerCertificate, ServerCertificateError, ServerNames};

/// How long after its end a certificate still lets its agent in, to be renewed at once: a laptop that lay in a drawer
/// for a summer shall not need a new token. Who is removed is refused by id, not by expiry.
const GRACE: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// How often the server's certificate is looked at; it is due a month before its end.
const LOOK_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// The TLS settings of every plane, as they are at the moment.
#[derive(Clone, Debug)]
pub struct TlsSettings {
    /// Client certificate required.
    agents: Arc<ArcSwap<ServerConfig>>,
    /// Without client certificates.
    public: Arc<ArcSwap<ServerConfig>>,
    source: Arc<Source>,
}

#[derive(Debug)]
struct Source {
    folder: PathBuf,
    authority: Arc<Authority>,
    names: ServerNames,
}

/// There are no TLS settings.
#[derive(Debug, Error)]
pub enum TlsError {
    /// No certificate to show.
    #[error(transparent)]
    Certificate(#[from] ServerCertificateError),
    /// rustls refused the certificate or its key.
    #[error("cannot use the server's certificate")]
    Rustls(#[from] rustls::Error),
    /// rustls refused the authority.
    #[error("cannot verify agents with the fleet's certificate authority")]
    Verifier(#[from] VerifierBuilderError),
}

impl TlsSettings {
    /// Reads or signs the server's certificate in a folder, and makes settings of it. Blocks on the disk.
    ///
    /// # Errors
    /// No certificate could be had.
    pub fn open(
        folder: impl Into<PathBuf>,
        authority: Arc<Authority>,
        names: ServerNames,
        now: SystemTime,
    ) -> Result<Self, TlsError> {
        let source = Source { folder: folder.into(), authority, names };
        let (agents, public) = source.configs(now)?;
        Ok(Self {
            agents: Arc::new(ArcSwap::from_pointee(agents)),
            public: Arc::new(ArcSwap::from_pointee(public)),
            source: Arc::new(source),
        })
    }

    /// For the agents' listener: a client certificate of this fleet is required.
    pub fn agents(&self) -> Arc<ArcSwap<ServerConfig>> {
        Arc::clone(&self.agents)
    }

    /// For enrolment and administration: no client certificate.
    pub fn public(&self) -> Arc<ArcSwap<ServerConfig>> {
        Arc::clone(&self.public)
    }

    /// Reads the certificate again, signs another if it is due, and puts it in force for new connections. Blocks on the
    /// disk.
    ///
    /// # Errors
    /// No certificate could be had; the present one stays in force.
    pub fn reload(&self, now: SystemTime) -> Result<(), TlsError> {
        let (agents, public) = self.source.configs(now)?;
        self.agents.store(Arc::new(agents));
        self.public.store(Arc::new(public));
        Ok(())
    }

    /// Keeps the server's certificate fresh; runs for ever. A failure is logged and tried again.
    pub async fn keep_fresh(self) -> Infallible {
        loop {
            tokio::time::sleep(LOOK_INTERVAL).await;
            let settings = self.clone();
            let reloaded = tokio::task::spawn_blocking(move || settings.reload(SystemTime::now())).await;
            match reloaded {
                Ok(Ok(())) => {}
                Ok(Err(error)) => warn!(error = %Chain(&error), "server certificate not reloaded"),
                Err(error) => warn!(%error, "server certificate not reloaded"),
            }
        }
    }
}

impl Source {
    fn configs(&self, now: SystemTime) -> Result<(ServerConfig, ServerConfig), TlsError> {
        let certificate = ServerCertificate::ensure(&self.folder, &self.authority, &self.names, now)?;
        let provider = Arc::new(ring::default_provider());
        let verifier = agent_verifier(&self.authority, &provider)?;
        let builder =
            || ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(VERSIONS);
        let agents = builder()?
            .with_client_cert_verifier(verifier)
            .with_single_cert(certificate.chain(), certificate.key())?;
        let public =
            builder()?.with_no_client_auth().with_single_cert(certificate.chain(), certificate.key())?;
        Ok((finish(agents), finish(public)))
    }
}

const VERSIONS: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS13];

fn finish(mut config: ServerConfig) -> ServerConfig {
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config
}

fn agent_verifier(
    authority: &Authority,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate().clone())?;
    let strict =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build()?;
    Ok(Arc::new(WithGrace { strict }))
}

/// Verifies like rustls does, but takes a certificate that ended less than [`GRACE`] ago as if it had not.
struct WithGrace {
    strict: Arc<dyn ClientCertVerifier>,
}

impl ClientCertVerifier for WithGrace {
    fn offer_client_auth(&self) -> bool {
        self.strict.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.strict.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.strict.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        match self.strict.verify_client_cert(end_entity, intermediates, now) {
            Err(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { time, not_after }))
                if time.as_secs().saturating_sub(not_after.as_secs()) <= GRACE.as_secs() =>
            {
                self.strict.verify_client_cert(end_entity, intermediates, not_after)
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.strict.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.strict.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.strict.supported_verify_schemes()
    }
}

impl fmt::Debug for WithGrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WithGrace")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::CertificateRequest;
    use crate::identity::testing::authority;
    use landmark_proto::ids::AgentId;
    use rcgen::{CertificateParams, KeyPair};

    fn at(now: SystemTime) -> UnixTime {
        UnixTime::since_unix_epoch(now.duration_since(SystemTime::UNIX_EPOCH).unwrap())
    }

    #[test]
    fn an_expired_certificate_is_let_in_for_the_grace_and_another_authority_never() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [ours, other] = folders.each_ref().map(|folder| authority(folder.path()));
        let verifier = agent_verifier(&ours, &Arc::new(ring::default_provider())).unwrap();
        let key = KeyPair::generate().unwrap();
        let request = CertificateParams::default().serialize_request(&key).unwrap();
        let request = CertificateRequest::from_der(request.der()).unwrap();
        let now = SystemTime::now();
        let agent_id = AgentId::from_uuid(uuid::Uuid::now_v7());
        let issue = |authority: &Authority| authority.issue_agent(&request, agent_id, now).unwrap();
        let (good, foreign) = (issue(&ours), issue(&other));
        let verify = |der: &CertificateDer<'_>, when| verifier.verify_client_cert(der, &[], at(when)).is_ok();
        let after = |days: u64| good.not_after + Duration::from_secs(days * 24 * 60 * 60);
        assert!(verify(&good.der, now));
        assert!(verify(&good.der, after(89)));
        assert!(!verify(&good.der, after(91)));
        assert!(!verify(&foreign.der, now));
        assert!(!verify(&foreign.der, after(1)));
        assert!(!verify(ours.certificate(), now), "an authority is no agent");
    }
}
