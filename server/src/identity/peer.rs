//! Reads who a peer is out of its certificate, which the TLS handshake has verified.

use std::time::{Duration, SystemTime};

use landmark_proto::ids::{AgentId, FleetId};
use landmark_proto::pin::SpkiPin;
use thiserror::Error;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::authority::CLOCK_TOLERANCE;

/// An agent, as its certificate names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerIdentity {
    /// Which agent.
    pub agent_id: AgentId,
    /// Of which fleet.
    pub fleet_id: FleetId,
    /// Of its key.
    pub pin: SpkiPin,
    /// When its certificate begins.
    pub not_before: SystemTime,
    /// When its certificate ends.
    pub not_after: SystemTime,
}

impl PeerIdentity {
    /// Reads a verified certificate: its only URI must be `spiffe://<fleet-id>/agent/<agent-id>`.
    ///
    /// # Errors
    /// Not a certificate of an agent.
    pub fn from_certificate(der: &[u8]) -> Result<Self, InvalidPeer> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| InvalidPeer::Malformed)?;
        let names = certificate.subject_alternative_name().map_err(|_| InvalidPeer::Malformed)?;
        let uris: Vec<&str> = names
            .iter()
            .flat_map(|extension| &extension.value.general_names)
            .filter_map(|name| if let GeneralName::URI(uri) = name { Some(*uri) } else { None })
            .collect();
        // One identity exactly (SPIFFE X.509-SVID, section 2).
        let [uri] = uris.as_slice() else { return Err(InvalidPeer::Uris { n: uris.len() }) };
        let (fleet_id, agent_id) = parse_uri(uri).ok_or(InvalidPeer::NotAnAgent)?;
        let validity = certificate.validity();
        Ok(Self {
            agent_id,
            fleet_id,
            pin: SpkiPin::of(certificate.public_key().raw),
            not_before: time(validity.not_before.timestamp()),
            not_after: time(validity.not_after.timestamp()),
        })
    }

    /// When two thirds of the certificate's life are over, and it shall be renewed.
    pub fn due_at(&self) -> SystemTime {
        due_at(self.not_before, self.not_after)
    }
}

/// When two thirds of a certificate's life are over: early enough that a fleet can spread its renewals over days. Its life
/// begins when it was signed, which is later than it says.
pub(super) fn due_at(not_before: SystemTime, not_after: SystemTime) -> SystemTime {
    let signed_at = not_before + CLOCK_TOLERANCE;
    let life = not_after.duration_since(signed_at).unwrap_or_default();
    signed_at + life * 2 / 3
}

/// The name of an agent in its certificate.
pub(super) fn agent_uri(fleet_id: FleetId, agent_id: AgentId) -> String {
    format!("spiffe://{fleet_id}/agent/{agent_id}")
}

fn parse_uri(uri: &str) -> Option<(FleetId, AgentId)> {
    let (fleet_id, agent_id) = uri.strip_prefix("spiffe://")?.split_once("/agent/")?;
    Some((fleet_id.parse().ok()?, agent_id.parse().ok()?))
}

/// Seconds since 1970; a time before that is taken as 1970.
pub(super) fn time(unix_seconds: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(unix_seconds).unwrap_or(0))
}

/// Not the certificate of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidPeer {
    /// Not X.509.
    #[error("the peer's certificate cannot be read")]
    Malformed,
    /// An agent has exactly one name.
    #[error("the peer's certificate has {n} URIs instead of one")]
    Uris {
        /// How many there are.
        n: usize,
    },
    /// Another kind of name.
    #[error("the peer's certificate does not name an agent")]
    NotAnAgent,
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    fn certificate(uris: &[&str]) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())).collect();
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    const FLEET: &str = "6f1c2f6e-6a1d-4a33-9f0e-0b2a7c1d9e55";
    const AGENT: &str = "0192f0c1-2b3c-7d4e-8f50-112233445566";

    #[test]
    fn an_agent_is_known_by_its_only_uri() {
        let uri = agent_uri(FLEET.parse().unwrap(), AGENT.parse().unwrap());
        let peer = PeerIdentity::from_certificate(&certificate(&[&uri])).unwrap();
        assert_eq!(peer.agent_id.to_string(), AGENT);
        assert_eq!(peer.fleet_id.to_string(), FLEET);
    }

    #[test]
    fn other_names_are_no_agent() {
        let uri = format!("spiffe://{FLEET}/agent/{AGENT}");
        let read = |uris: &[&str]| PeerIdentity::from_certificate(&certificate(uris)).unwrap_err();
        assert_eq!(read(&[]), InvalidPeer::Uris { n: 0 });
        assert_eq!(read(&[&uri, &uri]), InvalidPeer::Uris { n: 2 });
        assert_eq!(read(&[&format!("spiffe://{FLEET}/server/{AGENT}")]), InvalidPeer::NotAnAgent);
        assert_eq!(read(&[&format!("{uri}/x")]), InvalidPeer::NotAnAgent);
        assert_eq!(read(&[&format!("https://{FLEET}/agent/{AGENT}")]), InvalidPeer::NotAnAgent);
        assert_eq!(PeerIdentity::from_certificate(b"x").unwrap_err(), InvalidPeer::Malformed);
    }

    #[test]
    fn a_certificate_is_due_after_two_thirds_of_its_life() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(
            due_at(at(0), at(3600 + 300)),
            at(3600 + 200),
            "it was signed an hour after its beginning"
        );
        assert_eq!(due_at(at(300), at(0)), at(3600 + 300), "a certificate without a life is always due");
    }
}
