//! Which servers an enrolled agent believes, and how it shows itself: TLS 1.3, the fleet's authority, the agent's
//! certificate. No tickets and no resumption: every session proves both sides anew.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::{ClientConfig, Error, RootCertStore, version};

use crate::identity::Identity;

/// The name in every server's certificate, whatever address was dialled.
pub const SERVER_NAME: &str = "server.landmark.internal";

/// For sessions of this agent.
///
/// # Errors
/// rustls does not take the certificate or its key.
pub fn client_config(identity: &Identity) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore::empty();
    roots.add(identity.authority().clone())?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&version::TLS13])?
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![identity.certificate().clone()], identity.private_key())?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.resumption = Resumption::disabled();
    Ok(config)
}
