//! The fleet's certificate authority: signs the server's and the agents' certificates.
//!
//! What it signs is decided here alone; nothing that a request asks for is taken over but its key.

use std::fmt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use landmark_proto::ids::{AgentId, FleetId};
use landmark_proto::pin::SpkiPin;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PublicKeyData as _, SanType, SerialNumber,
};
use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::X509Certificate;

use super::authority_files::{self, AuthorityError, KnownFleet};
use super::peer::agent_uri;
use super::request::CertificateRequest;
use super::server_certificate::{SERVER_NAME, ServerNames};

/// Nobody replaces an authority in a hurry; its end is the end of a fleet.
const AUTHORITY_LIFE: Duration = Duration::from_secs(30 * 365 * DAY);
/// An agent's certificate, unless configured otherwise; renewed after two thirds.
pub const AGENT_LIFE: Duration = Duration::from_secs(30 * DAY);
/// The server's certificate; renewed after two thirds, at run time.
const SERVER_LIFE: Duration = Duration::from_secs(90 * DAY);
/// A machine whose clock is slow by up to this much still accepts a new certificate.
pub(super) const CLOCK_TOLERANCE: Duration = Duration::from_secs(60 * 60);

const DAY: u64 = 24 * 60 * 60;

/// The authority of one fleet. Its key stays inside.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pin: SpkiPin,
    fleet_id: FleetId,
    agent_life: Duration,
}

/// A certificate that was just signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedCertificate {
    /// X.509, DER.
    pub der: CertificateDer<'static>,
    /// Until when it is valid.
    pub not_after: SystemTime,
}

impl Authority {
    /// Reads the authority from a folder, or makes one for a fleet that has none. Blocks on the disk.
    ///
    /// `known` is the fleet that the database belongs to; when it ever had an authority, nothing is made.
    ///
    /// # Errors
    /// A file is damaged, missing, exposed, or of another fleet; the error names it.
    pub fn open(folder: &Path, known: KnownFleet) -> Result<Self, AuthorityError> {
        let authority_files::Files { key, certificate, fleet_id } = authority_files::open(folder, known)?;
        let pin = pin_of(&key);
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(AuthorityError::Make)?;
        Ok(Self { issuer, certificate, pin, fleet_id, agent_life: AGENT_LIFE })
    }

    /// The fleet's name, which stands in the authority's certificate.
    pub fn fleet_id(&self) -> FleetId {
        self.fleet_id
    }

    /// What join strings and agents know the authority by.
    pub fn pin(&self) -> SpkiPin {
        self.pin
    }

    /// X.509, DER.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Signs certificates for agents that are valid for so long, instead of 30 days.
    #[must_use]
    pub fn with_agent_life(self, agent_life: Duration) -> Self {
        Self { agent_life, ..self }
    }

    /// For how long certificates for agents are valid.
    pub fn agent_life(&self) -> Duration {
        self.agent_life
    }

    /// Until when a certificate is valid that an agent gets at a time.
    pub fn agent_not_after(&self, now: SystemTime) -> SystemTime {
        whole_seconds(now + self.agent_life)
    }

    /// Signs a certificate for an agent: only for clients, named by its id alone.
    ///
    /// # Errors
    /// The cryptography refused.
    pub fn issue_agent(
        &self,
        request: &CertificateRequest,
        agent_id: AgentId,
        now: SystemTime,
    ) -> Result<IssuedCertificate, rcgen::Error> {
        let mut params = leaf(&agent_id.to_string(), ExtendedKeyUsagePurpose::ClientAuth);
        params.subject_alt_names = vec![SanType::URI(agent_uri(self.fleet_id, agent_id).try_into()?)];
        self.issue(params, request.key(), now, self.agent_life)
    }

    /// Signs a certificate for this server: only for servers, 90 days.
    pub(super) fn issue_server(
        &self,
        key: &KeyPair,
        names: &ServerNames,
        now: SystemTime,
    ) -> Result<IssuedCertificate, rcgen::Error> {
        let mut params = leaf(SERVER_NAME, ExtendedKeyUsagePurpose::ServerAuth);
        let dns_names = names.dns().iter().map(|name| Ok(SanType::DnsName(name.as_str().try_into()?)));
        params.subject_alt_names = dns_names.collect::<Result<_, rcgen::Error>>()?;
        params.subject_alt_names.extend(names.addresses().iter().copied().map(SanType::IpAddress));
        self.issue(params, key, now, SERVER_LIFE)
    }

    fn issue(
        &self,
        mut params: CertificateParams,
        key: &impl rcgen::PublicKeyData,
        now: SystemTime,
        life: Duration,
    ) -> Result<IssuedCertificate, rcgen::Error> {
        let not_after = whole_seconds(now + life);
        params.not_before = whole_seconds(now - CLOCK_TOLERANCE).into();
        params.not_after = not_after.into();
        params.serial_number = Some(random_serial());
        let certificate = params.signed_by(key, &self.issuer)?;
        Ok(IssuedCertificate { der: certificate.der().clone(), not_after })
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("fleet_id", &self.fleet_id)
            .field("pin", &self.pin)
            .finish_non_exhaustive()
    }
}

/// The certificate of a new authority. It names the fleet as a SPIFFE trust domain does.
pub(super) fn self_signed(fleet_id: FleetId, key: &KeyPair) -> Result<CertificateDer<'static>, rcgen::Error> {
    let mut params = CertificateParams::default();
    let now = SystemTime::now();
    params.not_before = whole_seconds(now - CLOCK_TOLERANCE).into();
    params.not_after = whole_seconds(now + AUTHORITY_LIFE).into();
    params.serial_number = Some(random_serial());
    params.distinguished_name = common_name(&format!("Landmark fleet {fleet_id}"));
    params.subject_alt_names = vec![SanType::URI(format!("spiffe://{fleet_id}").try_into()?)];
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params.self_signed(key)?.der().clone())
}

/// The fleet that an authority's certificate names.
pub(super) fn fleet_of(certificate: &X509Certificate<'_>) -> Option<FleetId> {
    let names = certificate.subject_alternative_name().ok()??;
    names.value.general_names.iter().find_map(|name| {
        let GeneralName::URI(uri) = name else { return None };
        uri.strip_prefix("spiffe://")?.parse().ok()
    })
}

pub(super) fn pin_of(key: &KeyPair) -> SpkiPin {
    SpkiPin::of(&key.subject_public_key_info())
}

fn leaf(name: &str, purpose: ExtendedKeyUsagePurpose) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    params.use_authority_key_identifier_extension = true;
    params
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished_name = DistinguishedName::new();
    distinguished_name.push(DnType::CommonName, name);
    distinguished_name
}

/// Unique per certificate (RFC 5280, section 4.1.2.2); by default it would be a hash of the key, and a renewed
/// certificate would repeat it.
fn random_serial() -> SerialNumber {
    let mut bytes: [u8; 16] = rand::random();
    let [first, ..] = &mut bytes;
    // Positive, and without leading zeros.
    *first = (*first & 0x7f) | 0x40;
    SerialNumber::from_slice(&bytes)
}

/// X.509 knows no fractions of a second; without this a certificate would seem to end later than it does.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

#[cfg(test)]
mod tests {
    use rcgen::CertificateParams;
    use x509_parser::prelude::FromDer as _;

    use super::*;
    use crate::identity::peer::PeerIdentity;

    fn authority() -> Authority {
        crate::identity::testing::authority(tempfile::tempdir().unwrap().path())
    }

    /// A request that asks for much more than an agent may have.
    fn greedy_request(key: &KeyPair) -> CertificateRequest {
        let mut params = CertificateParams::new(vec!["server.landmark.internal".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.distinguished_name = common_name("root");
        CertificateRequest::from_der(params.serialize_request(key).unwrap().der()).unwrap()
    }

    #[test]
    fn nothing_that_a_request_asks_for_is_granted() {
        let (authority, key) = (authority(), KeyPair::generate().unwrap());
        let agent_id = AgentId::from_uuid(uuid::Uuid::now_v7());
        let now = SystemTime::now();
        let issued = authority.issue_agent(&greedy_request(&key), agent_id, now).unwrap();
        let (_, certificate) = X509Certificate::from_der(&issued.der).unwrap();
        assert_eq!(certificate.subject().to_string(), format!("CN={agent_id}"));
        assert!(!certificate.is_ca());
        let purposes = certificate.extended_key_usage().unwrap().unwrap().value;
        assert!(purposes.client_auth && !purposes.server_auth && !purposes.any);
        let names = &certificate.subject_alternative_name().unwrap().unwrap().value.general_names;
        assert_eq!(names.len(), 1);
        let peer = PeerIdentity::from_certificate(&issued.der).unwrap();
        assert_eq!((peer.agent_id, peer.fleet_id), (agent_id, authority.fleet_id()));
        assert_eq!(peer.pin, pin_of(&key));
        assert_eq!(peer.not_after, issued.not_after);
        let due_in = peer.due_at().duration_since(now).unwrap();
        assert!((19 * DAY..20 * DAY).contains(&due_in.as_secs()), "{due_in:?}");
    }

    #[test]
    fn two_certificates_have_two_serial_numbers() {
        let (authority, key) = (authority(), KeyPair::generate().unwrap());
        let request = greedy_request(&key);
        let agent_id = AgentId::from_uuid(uuid::Uuid::now_v7());
        let issue = || authority.issue_agent(&request, agent_id, SystemTime::now()).unwrap().der;
        let (one, two) = (issue(), issue());
        let serial =
            |der: &CertificateDer<'_>| X509Certificate::from_der(der).unwrap().1.raw_serial().to_vec();
        assert_ne!(serial(&one), serial(&two));
    }

    #[test]
    fn an_authority_does_not_show_its_key() {
        assert!(!format!("{:?}", authority()).to_lowercase().contains("key"));
    }
}
