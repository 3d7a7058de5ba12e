//! The server's own certificate: read from disk, or signed anew when it is due, damaged, or its names changed.
//!
//! Unlike the authority it can be replaced at any time, for peers trust the authority and not this certificate.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::SystemTime;

use landmark_daemon::durable::{self, DurableError, Mode};
use rcgen::{KeyPair, PublicKeyData as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use thiserror::Error;
use tracing::info;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use super::authority::Authority;
use super::peer::{due_at, time};
use super::pem;

/// The name that every client of a fleet verifies, whatever address it dialled.
pub const SERVER_NAME: &str = "server.landmark.internal";

/// The key (0600).
const KEY_FILE: &str = "server.key";
/// The certificate and that of the authority (0644).
const CERTIFICATE_FILE: &str = "server.pem";
/// A key and two certificates have 3 KB.
const MAX_BYTES: u64 = 64 * 1024;

/// The names in the server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerNames {
    dns: BTreeSet<String>,
    addresses: BTreeSet<IpAddr>,
}

impl ServerNames {
    /// The names that are always there (for clients of the fleet, and for this machine) and further ones: host names or
    /// addresses.
    pub fn new<'a>(further: impl IntoIterator<Item = &'a str>) -> Self {
        let mut names = Self {
            dns: BTreeSet::from([SERVER_NAME.to_owned(), "localhost".to_owned()]),
            addresses: BTreeSet::from([Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]),
        };
        for name in further {
            match name.parse() {
                Ok(address) => drop(names.addresses.insert(address)),
                Err(_) => drop(names.dns.insert(name.trim_end_matches('.').to_ascii_lowercase())),
            }
        }
        names.dns.retain(|name| !name.is_empty());
        names
    }

    /// Host names.
    pub fn dns(&self) -> &BTreeSet<String> {
        &self.dns
    }

    /// Addresses.
    pub fn addresses(&self) -> &BTreeSet<IpAddr> {
        &self.addresses
    }

    fn of(certificate: &X509Certificate<'_>) -> Option<Self> {
        let mut names = Self { dns: BTreeSet::new(), addresses: BTreeSet::new() };
        for name in &certificate.subject_alternative_name().ok()??.value.general_names {
            if let GeneralName::DNSName(name) = name {
                names.dns.insert((*name).to_owned());
            } else if let GeneralName::IPAddress(bytes) = name {
                names.addresses.insert(address(bytes)?);
            } else {
                return None;
            }
        }
        Some(names)
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        _ => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
    }
}

/// The server's certificate with its key.
pub struct ServerCertificate {
    /// The server's, then the authority's, so that a client that knows only the authority's pin can check it.
    chain: Vec<CertificateDer<'static>>,
    key: Zeroizing<Vec<u8>>,
    not_before: SystemTime,
    not_after: SystemTime,
}

impl ServerCertificate {
    /// Reads the certificate from a folder; signs a new one when there is none, or when it is damaged, due, of another
    /// authority, or has other names. Blocks on the disk.
    ///
    /// # Errors
    /// The files cannot be read or written, or a name cannot stand in a certificate.
    pub fn ensure(
        folder: &Path,
        authority: &Authority,
        names: &ServerNames,
        now: SystemTime,
    ) -> Result<Self, ServerCertificateError> {
        let reason = match read(folder, authority, names)? {
            Ok(certificate) if certificate.is_due(now) => "it is due",
            Ok(certificate) => return Ok(certificate),
            Err(reason) => reason,
        };
        let certificate = issue(folder, authority, names, now)?;
        info!(reason, names = ?names.dns(), "server certificate signed");
        Ok(certificate)
    }

    /// Whether two thirds of its life are over.
    pub fn is_due(&self, now: SystemTime) -> bool {
        now >= due_at(self.not_before, self.not_after)
    }

    pub(super) fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.chain.clone()
    }

    pub(super) fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.to_vec()))
    }
}

/// What the folder holds, or why it cannot be used.
type Found = Result<ServerCertificate, &'static str>;

fn read(folder: &Path, authority: &Authority, names: &ServerNames) -> Result<Found, ServerCertificateError> {
    let file =
        |name| durable::read_bounded(&folder.join(name), MAX_BYTES).map_err(ServerCertificateError::File);
    let (Some(key_text), Some(text)) = (file(KEY_FILE)?.map(Zeroizing::new), file(CERTIFICATE_FILE)?) else {
        return Ok(Err("there is none"));
    };
    Ok(check(&key_text, &text, authority, names))
}

fn check(key_text: &[u8], text: &[u8], authority: &Authority, names: &ServerNames) -> Found {
    const DAMAGED: &str = "it is damaged";
    let key = pem::private_key(key_text)
        .and_then(|pkcs8| KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8, &rcgen::PKCS_ECDSA_P256_SHA256).ok())
        .ok_or(DAMAGED)?;
    let chain = pem::certificates(text).ok_or(DAMAGED)?;
    let [leaf, issuer] = chain.as_slice() else { return Err(DAMAGED) };
    if issuer != authority.certificate() {
        return Err("it is of another authority");
    }
    let (_, certificate) = X509Certificate::from_der(leaf.as_ref()).map_err(|_| DAMAGED)?;
    let (_, issuer) = X509Certificate::from_der(issuer.as_ref()).map_err(|_| DAMAGED)?;
    certificate.verify_signature(Some(issuer.public_key())).map_err(|_| DAMAGED)?;
    if certificate.public_key().raw != key.subject_public_key_info() {
        return Err(DAMAGED);
    }
    if ServerNames::of(&certificate).as_ref() != Some(names) {
        return Err("its names changed");
    }
    let validity = certificate.validity();
    let (not_before, not_after) = (validity.not_before.timestamp(), validity.not_after.timestamp());
    Ok(ServerCertificate {
        key: Zeroizing::new(key.serialized_der().to_vec()),
        not_before: time(not_before),
        not_after: time(not_after),
        chain,
    })
}

fn issue(
    folder: &Path,
    authority: &Authority,
    names: &ServerNames,
    now: SystemTime,
) -> Result<ServerCertificate, ServerCertificateError> {
    let key = KeyPair::generate().map_err(ServerCertificateError::Sign)?;
    let issued = authority.issue_server(&key, names, now).map_err(ServerCertificateError::Sign)?;
    let chain = vec![issued.der, authority.certificate().clone()];
    let text: String = chain.iter().map(pem::certificate_text).collect();
    let key_text = pem::private_key_text(key.serialized_der());
    // A crash between the two leaves files that do not fit together, which the next start replaces.
    durable::write(&folder.join(KEY_FILE), key_text.as_bytes(), Mode::Private)
        .map_err(ServerCertificateError::File)?;
    durable::write(&folder.join(CERTIFICATE_FILE), text.as_bytes(), Mode::Public)
        .map_err(ServerCertificateError::File)?;
    Ok(ServerCertificate {
        chain,
        key: Zeroizing::new(key.serialized_der().to_vec()),
        not_before: now,
        not_after: issued.not_after,
    })
}

/// There is no server certificate.
#[derive(Debug, Error)]
pub enum ServerCertificateError {
    /// A file could not be read or written.
    #[error("cannot keep the server's certificate")]
    File(#[source] DurableError),
    /// The cryptography refused; mostly a name that cannot stand in a certificate.
    #[error("cannot sign the server's certificate")]
    Sign(#[source] rcgen::Error),
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;
    use crate::identity::testing::authority;

    struct Place {
        folder: tempfile::TempDir,
        authority: Authority,
    }

    fn place() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let authority = authority(folder.path());
        Place { folder, authority }
    }

    impl Place {
        fn ensure(&self, names: &[&str], now: SystemTime) -> Vec<CertificateDer<'static>> {
            let names = ServerNames::new(names.iter().copied());
            ServerCertificate::ensure(self.folder.path(), &self.authority, &names, now).unwrap().chain()
        }
    }

    #[test]
    fn the_certificate_stays_until_it_is_due() {
        let (place, now) = (place(), SystemTime::now());
        let first = place.ensure(&["landmark.example"], now);
        let days = |n: u64| now + Duration::from_secs(n * 24 * 60 * 60);
        assert_eq!(place.ensure(&["landmark.example"], days(59)), first);
        assert_ne!(place.ensure(&["landmark.example"], days(61)), first);
        assert_eq!(first.get(1), Some(place.authority.certificate()));
    }

    #[test]
    fn other_names_or_damage_make_a_new_one() {
        let (place, now) = (place(), SystemTime::now());
        let first = place.ensure(&["a.example"], now);
        let second = place.ensure(&["b.example", "192.0.2.1", "2001:db8::1"], now);
        assert_ne!(first, second);
        assert_eq!(place.ensure(&["192.0.2.1", "B.example.", "2001:DB8::1"], now), second);
        for file in [KEY_FILE, CERTIFICATE_FILE] {
            let before = place.ensure(&[], now);
            let path = place.folder.path().join(file);
            let cut = fs::read(&path).unwrap();
            durable::write(&path, cut.get(..cut.len() / 2).unwrap(), Mode::Private).unwrap();
            assert_ne!(place.ensure(&[], now), before, "{file}");
        }
    }

    #[test]
    fn another_authority_makes_a_new_one() {
        let (mut place, now) = (place(), SystemTime::now());
        let first = place.ensure(&[], now);
        let other = tempfile::tempdir().unwrap();
        place.authority = authority(other.path());
        assert_ne!(place.ensure(&[], now), first);
    }

    #[test]
    fn a_name_that_cannot_stand_in_a_certificate_is_an_error() {
        let place = place();
        let names = ServerNames::new(["münchen.example"]);
        let result =
            ServerCertificate::ensure(place.folder.path(), &place.authority, &names, SystemTime::now());
        assert!(matches!(result, Err(ServerCertificateError::Sign(_))));
    }
}
