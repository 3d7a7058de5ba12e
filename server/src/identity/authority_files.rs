//! Where the authority lies: `authority.key` (0600) and its public half `authority.pem` (0644).
//!
//! `authority.key` holds the key *and* the certificate, so that a new authority comes into being by one atomic write;
//! `authority.pem` is a copy for everyone to read. An authority is made once, for a fleet that has none: whatever is
//! damaged, missing or does not fit together is an error that names the file, never a reason for a new authority, for
//! that would lock every enrolled agent out.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use landmark_daemon::durable::{self, DurableError, Mode};
use landmark_proto::ids::FleetId;
use landmark_proto::pin::SpkiPin;
use rcgen::{KeyPair, PublicKeyData as _};
use rustls::pki_types::CertificateDer;
use thiserror::Error;
use tracing::info;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use super::authority;
use super::pem;

/// The key and the certificate, in a folder of the server.
pub(super) const KEY_FILE: &str = "authority.key";
/// The certificate alone.
pub(super) const CERTIFICATE_FILE: &str = "authority.pem";

/// An authority has 2 KB; what is longer is no authority.
const MAX_BYTES: u64 = 64 * 1024;

/// The authority cannot be used.
#[derive(Debug, Error)]
pub enum AuthorityError {
    /// A file could not be read or written.
    #[error("cannot use the fleet's certificate authority")]
    File(#[source] DurableError),
    /// Whose agents trust nobody else.
    #[error(
        "{} is missing, and the database belongs to fleet {fleet_id}, whose agents trust only this authority: restore \
         the file from a backup (to begin a new fleet instead, use an empty state folder)",
        path.display()
    )]
    Missing {
        /// The missing file.
        path: PathBuf,
        /// The fleet.
        fleet_id: FleetId,
    },
    /// The certificate is there and its key is not.
    #[error(
        "{} is missing, but {} is there: restore the key from a backup (to begin a new fleet instead, use an empty \
         state folder)",
        path.display(), certificate.display()
    )]
    KeyMissing {
        /// The missing file.
        path: PathBuf,
        /// What is there.
        certificate: PathBuf,
    },
    /// Other users could act as the authority.
    #[error("{} can be read by other users (mode {mode:04o}); run: chmod 600 {}", path.display(), path.display())]
    Exposed {
        /// The key.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Cut, overwritten, or something else altogether.
    #[error("{} is damaged: {what}; restore it from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was not found in it.
        what: &'static str,
    },
    /// Two authorities.
    #[error("{} and {} do not belong together; restore both from one backup", key.display(), certificate.display())]
    Mismatch {
        /// One of them.
        key: PathBuf,
        /// The other.
        certificate: PathBuf,
    },
    /// The state folder was put together from two.
    #[error(
        "{} is the authority of fleet {found}, but the database belongs to fleet {expected}; restore both from one \
         backup",
        path.display()
    )]
    OtherFleet {
        /// The key.
        path: PathBuf,
        /// Of the file.
        found: FleetId,
        /// Of the database.
        expected: FleetId,
    },
    /// The name is right, the key is not: what agents trust is the key.
    #[error(
        "the key in {} is {found}, but the fleet's agents trust {expected}; restore the file from a backup",
        path.display()
    )]
    OtherKey {
        /// The key.
        path: PathBuf,
        /// Of the file.
        found: SpkiPin,
        /// Of the database.
        expected: SpkiPin,
    },
    /// The cryptography refused.
    #[error("cannot make the fleet's certificate authority")]
    Make(#[source] rcgen::Error),
}

/// The fleet that a database belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownFleet {
    /// Its name, as old as the database.
    pub fleet_id: FleetId,
    /// Of its authority; `None` as long as it has none.
    pub pin: Option<SpkiPin>,
}

/// What the files hold.
pub(super) struct Files {
    pub(super) key: KeyPair,
    pub(super) certificate: CertificateDer<'static>,
    pub(super) fleet_id: FleetId,
}

/// Reads the authority, or makes one when there is no file at all and the fleet never had one.
pub(super) fn open(folder: &Path, known: KnownFleet) -> Result<Files, AuthorityError> {
    let key_path = folder.join(KEY_FILE);
    let certificate_path = folder.join(CERTIFICATE_FILE);
    let key_text = durable::read_bounded(&key_path, MAX_BYTES).map_err(AuthorityError::File)?;
    let public_text = durable::read_bounded(&certificate_path, MAX_BYTES).map_err(AuthorityError::File)?;
    let Some(key_text) = key_text.map(Zeroizing::new) else {
        return match (known.pin, public_text) {
            (Some(_), _) => Err(AuthorityError::Missing { path: key_path, fleet_id: known.fleet_id }),
            (None, Some(_)) => {
                Err(AuthorityError::KeyMissing { path: key_path, certificate: certificate_path })
            }
            (None, None) => make(known.fleet_id, &key_path, &certificate_path),
        };
    };
    refuse_exposed(&key_path)?;
    let files = read(&key_path, &key_text, &certificate_path, public_text.as_deref())?;
    let pin = authority::pin_of(&files.key);
    if files.fleet_id != known.fleet_id {
        let (found, expected) = (files.fleet_id, known.fleet_id);
        return Err(AuthorityError::OtherFleet { path: key_path, found, expected });
    }
    if let Some(expected) = known.pin
        && expected != pin
    {
        return Err(AuthorityError::OtherKey { path: key_path, found: pin, expected });
    }
    if public_text.is_none() {
        write_public(&certificate_path, &files.certificate)?;
    }
    Ok(files)
}

fn make(fleet_id: FleetId, key_path: &Path, certificate_path: &Path) -> Result<Files, AuthorityError> {
    let key = KeyPair::generate().map_err(AuthorityError::Make)?;
    let certificate = authority::self_signed(fleet_id, &key).map_err(AuthorityError::Make)?;
    let key_text = pem::private_key_text(key.serialized_der());
    let public_text = pem::certificate_text(&certificate);
    let mut both = Zeroizing::new(String::with_capacity(key_text.len() + public_text.len()));
    both.push_str(&key_text);
    both.push_str(&public_text);
    durable::write(key_path, both.as_bytes(), Mode::Private).map_err(AuthorityError::File)?;
    write_public(certificate_path, &certificate)?;
    info!(%fleet_id, path = %key_path.display(), "certificate authority of a new fleet made");
    Ok(Files { key, certificate, fleet_id })
}

fn read(
    key_path: &Path,
    key_text: &[u8],
    certificate_path: &Path,
    public_text: Option<&[u8]>,
) -> Result<Files, AuthorityError> {
    let damaged = |path: &Path, what| AuthorityError::Damaged { path: path.to_owned(), what };
    let mismatch =
        || AuthorityError::Mismatch { key: key_path.to_owned(), certificate: certificate_path.to_owned() };
    let pkcs8 = pem::private_key(key_text).ok_or_else(|| damaged(key_path, "no whole PKCS #8 key in it"))?;
    let key = KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8, &rcgen::PKCS_ECDSA_P256_SHA256)
        .map_err(|_| damaged(key_path, "its key is not ECDSA P-256"))?;
    let beside_key = pem::certificates(key_text)
        .ok_or_else(|| damaged(key_path, "its certificate is not whole"))?
        .into_iter()
        .next();
    let public = match public_text {
        None => None,
        Some(text) => {
            let first = pem::certificates(text).and_then(|all| all.into_iter().next());
            Some(first.ok_or_else(|| damaged(certificate_path, "no whole certificate in it"))?)
        }
    };
    let certificate = match (beside_key, public) {
        (Some(beside_key), Some(public)) if beside_key != public => return Err(mismatch()),
        (Some(certificate), _) | (None, Some(certificate)) => certificate,
        (None, None) => return Err(damaged(key_path, "no certificate in it")),
    };
    let (_, parsed) = X509Certificate::from_der(certificate.as_ref())
        .map_err(|_| damaged(certificate_path, "its certificate is not X.509"))?;
    if parsed.public_key().raw != key.subject_public_key_info() {
        return Err(mismatch());
    }
    let fleet_id = authority::fleet_of(&parsed)
        .ok_or_else(|| damaged(certificate_path, "its certificate does not name a fleet"))?;
    Ok(Files { key, certificate, fleet_id })
}

fn refuse_exposed(path: &Path) -> Result<(), AuthorityError> {
    let metadata = fs::metadata(path).map_err(|source| {
        AuthorityError::File(DurableError::Io { step: durable::Step::Read, path: path.to_owned(), source })
    })?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(AuthorityError::Exposed { path: path.to_owned(), mode }) }
}

fn write_public(path: &Path, certificate: &CertificateDer<'_>) -> Result<(), AuthorityError> {
    durable::write(path, pem::certificate_text(certificate).as_bytes(), Mode::Public)
        .map_err(AuthorityError::File)
}

#[cfg(test)]
mod tests;
