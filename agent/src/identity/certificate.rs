//! What a certificate says of its agent.

use std::time::{Duration, SystemTime};

use landmark_proto::ids::{AgentId, FleetId};
use landmark_proto::pin::SpkiPin;
use rcgen::{KeyPair, PublicKeyData as _};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use thiserror::Error;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// Not the certificate of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidCertificate {
    /// Not X.509.
    #[error("it is not a certificate (X.509, DER)")]
    Malformed,
    /// It names no agent.
    #[error("it names no agent (a URI such as spiffe://FLEET/agent/AGENT)")]
    NoAgent,
    /// It was issued for someone else.
    #[error("it is for another key than the one it was asked for")]
    OtherKey,
    /// The authority cannot vouch for anyone.
    #[error("its authority cannot be used: {0}")]
    Authority(String),
}

/// Whom a certificate is for.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) agent_id: AgentId,
    pub(super) fleet_id: FleetId,
    spki: Vec<u8>,
}

impl Subject {
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Result<Self, InvalidCertificate> {
        let certificate = parse(certificate)?;
        let names = certificate
            .subject_alternative_name()
            .ok()
            .flatten()
            .map(|names| names.value.general_names.as_slice())
            .unwrap_or_default();
        let (fleet_id, agent_id) = names
            .iter()
            .find_map(|name| {
                let GeneralName::URI(uri) = name else { return None };
                let (fleet, agent) = uri.strip_prefix("spiffe://")?.split_once("/agent/")?;
                Some((fleet.parse().ok()?, agent.parse().ok()?))
            })
            .ok_or(InvalidCertificate::NoAgent)?;
        Ok(Self { agent_id, fleet_id, spki: certificate.public_key().raw.to_vec() })
    }

    pub(super) fn is_of(&self, key: &KeyPair) -> bool {
        key.subject_public_key_info() == self.spki
    }

    pub(super) fn check_authority(authority: &CertificateDer<'static>) -> Result<(), InvalidCertificate> {
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone()).map_err(|error| InvalidCertificate::Authority(error.to_string()))
    }
}

/// The pin of a certificate's key.
///
/// # Errors
/// Not a certificate.
pub fn pin_of(certificate: &CertificateDer<'_>) -> Result<SpkiPin, InvalidCertificate> {
    Ok(SpkiPin::of(parse(certificate)?.public_key().raw))
}

/// When a certificate ends.
pub(super) fn expires_at(certificate: &CertificateDer<'_>) -> Option<SystemTime> {
    let seconds = parse(certificate).ok()?.validity().not_after.timestamp();
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))
}

fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, InvalidCertificate> {
    match X509Certificate::from_der(certificate) {
        Ok(([], certificate)) => Ok(certificate),
        Ok(_) | Err(_) => Err(InvalidCertificate::Malformed),
    }
}
