//! A certificate that a reference server showed to this machine.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::Serialize;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::oid_registry::{OID_EC_P256, OID_NIST_EC_P384, OID_NIST_EC_P521, OID_SIG_ED25519};
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::peer::Seen;

/// What it says, and what its key is recognised by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Certificate {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) address: String,
    pub(crate) tls: &'static str,
    pub(crate) pin: String,
    /// The same as hexadecimal digits, as `openssl dgst -sha256` prints it.
    pub(crate) pin_hex: String,
    pub(crate) key: String,
    pub(crate) subject: String,
    pub(crate) issuer: String,
    pub(crate) names: Vec<String>,
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) not_after: Option<Timestamp>,
    /// Below 0: it has ended.
    pub(crate) days_left: Option<i64>,
}

impl Certificate {
    /// What cannot be read is empty: the pin is what matters.
    pub(crate) fn new(host: String, port: u16, seen: &Seen, now: Timestamp) -> Self {
        let Seen { certificate, address, version } = seen;
        let empty = Self {
            host,
            port,
            address: address.to_string(),
            tls: version,
            pin: certificate.pin.to_string(),
            pin_hex: super::hex(certificate.pin.as_bytes()),
            key: String::new(),
            subject: String::new(),
            issuer: String::new(),
            names: Vec::new(),
            not_before: None,
            not_after: None,
            days_left: None,
        };
        let Ok((_, x509)) = X509Certificate::from_der(&certificate.der) else { return empty };
        let moment = |seconds| Timestamp::from_second(seconds).ok();
        let not_after = moment(x509.validity().not_after.timestamp());
        Self {
            key: key(x509.public_key()),
            subject: x509.subject().to_string(),
            issuer: x509.issuer().to_string(),
            names: names(&x509),
            not_before: moment(x509.validity().not_before.timestamp()),
            not_after,
            days_left: not_after.map(|end| end.duration_since(now).as_secs().div_euclid(24 * 60 * 60)),
            ..empty
        }
    }
}

fn key(key: &SubjectPublicKeyInfo<'_>) -> String {
    let curve = key.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
    match key.parsed() {
        Ok(PublicKey::RSA(rsa)) => format!("RSA {}", rsa.key_size()),
        Ok(PublicKey::EC(_)) => match curve {
            Some(curve) if curve == OID_EC_P256 => "ECDSA P-256".to_owned(),
            Some(curve) if curve == OID_NIST_EC_P384 => "ECDSA P-384".to_owned(),
            Some(curve) if curve == OID_NIST_EC_P521 => "ECDSA P-521".to_owned(),
            _ => "ECDSA".to_owned(),
        },
        _ if key.algorithm.algorithm == OID_SIG_ED25519 => "Ed25519".to_owned(),
        _ => key.algorithm.algorithm.to_id_string(),
    }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        GeneralName::OtherName(..)
        | GeneralName::RFC822Name(_)
        | GeneralName::X400Address(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EDIPartyName(_)
        | GeneralName::URI(_)
        | GeneralName::RegisteredID(_)
        | GeneralName::Invalid(..) => None,
    };
    extension.value.general_names.iter().filter_map(name).collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from).ok();
    v4.or_else(|| <[u8; 16]>::try_from(bytes).map(IpAddr::from).ok())
}

#[cfg(test)]
mod tests {
    use landmark_daemon::tls::PeerCertificate;

    use super::*;

    #[test]
    fn a_certificate_is_read_with_its_names_and_its_end() {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let names = ["web.example".to_owned(), "10.1.1.5".to_owned()];
        let mut parameters = rcgen::CertificateParams::new(names).unwrap();
        parameters.not_before = rcgen::date_time_ymd(2026, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2026, 12, 1);
        let der = parameters.self_signed(&key).unwrap().der().clone();
        let seen = Seen {
            certificate: PeerCertificate::read(&der).unwrap(),
            address: "10.1.1.5:443".parse().unwrap(),
            version: "TLS 1.3",
        };
        let read = |now: &str| Certificate::new("web.example".into(), 443, &seen, now.parse().unwrap());
        let certificate = read("2026-11-25T23:59:59Z");
        assert_eq!(certificate.key, "ECDSA P-256");
        assert_eq!(certificate.names, ["web.example", "10.1.1.5"]);
        assert_eq!(certificate.days_left, Some(5));
        assert_eq!(certificate.pin_hex.len(), 64);
        assert_eq!(read("2026-12-01T00:00:01Z").days_left, Some(-1));
    }
}
