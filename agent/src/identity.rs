//! Who this agent is: its key, its certificate, its fleet.
//!
//! | File | Content |
//! |---|---|
//! | `identity.key` | the private key (0600); while another certificate is being asked for, also the key it is for |
//! | `identity.pem` | the certificate, then that of the fleet's authority |
//! | `identity.toml` | agent, fleet, and where sessions are held |
//!
//! A new key is on the disk before anyone is asked to certify it, and `identity.pem` is replaced at once as a whole: of
//! the keys in `identity.key` the one that fits the certificate is the agent's. So key and certificate never mismatch,
//! whatever dies when, and a repeated request after a lost answer is for the same key. This file must not know how
//! certificates are asked for.

mod certificate;
mod pem;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use landmark_daemon::durable::{self, DurableError, Mode};
use landmark_proto::ids::{AgentId, FleetId};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use self::certificate::Subject;
pub use self::certificate::{InvalidCertificate, pin_of};
use crate::address::ServerAddress;

const KEY: &str = "identity.key";
const CERTIFICATE: &str = "identity.pem";
const ABOUT: &str = "identity.toml";
/// A few keys or certificates; ours have 250 and 700 bytes.
const FILE_LIMIT: u64 = 64 * 1024;

/// An agent of a fleet.
pub struct Identity {
    /// Which agent.
    pub agent_id: AgentId,
    /// Of which fleet.
    pub fleet_id: FleetId,
    /// Where the fleet's sessions are held.
    pub addresses: Vec<ServerAddress>,
    key: KeyPair,
    certificate: CertificateDer<'static>,
    authority: CertificateDer<'static>,
}

/// A key that no certificate is known for yet. It is on the disk.
pub struct PendingKey(KeyPair);

/// What a server gave for a [`PendingKey`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// For the key.
    pub certificate: CertificateDer<'static>,
    /// Who signed it.
    pub authority: CertificateDer<'static>,
}

/// The identity cannot be read, made or stored.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// The disk.
    #[error(transparent)]
    Disk(#[from] DurableError),
    /// A file has something else in it.
    #[error("{} cannot be used: {why}; enrol again with: landmark-agent enroll --force", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A key or a certificate request could not be made.
    #[error("cannot make a key")]
    Key(#[from] rcgen::Error),
    /// The certificate is not one for this agent.
    #[error("the server issued a certificate that cannot be used")]
    Certificate(#[from] InvalidCertificate),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct About {
    schema: u32,
    agent_id: String,
    fleet_id: String,
    addresses: Vec<String>,
}

impl Identity {
    /// Reads it; `None` before the first enrolment.
    ///
    /// # Errors
    /// A file cannot be read, or the files do not belong together.
    pub fn load(folder: &Path) -> Result<Option<Self>, IdentityError> {
        let path = folder.join(CERTIFICATE);
        let damaged = |path: &Path, why: String| IdentityError::Damaged { path: path.to_owned(), why };
        let Some(text) = durable::read_bounded(&path, FILE_LIMIT)? else { return Ok(None) };
        let [certificate, authority] = pem::certificates(&text)
            .and_then(|certificates| <[_; 2]>::try_from(certificates).ok())
            .ok_or_else(|| damaged(&path, "it should have two certificates".into()))?;
        let subject = Subject::of(&certificate).map_err(|error| damaged(&path, error.to_string()))?;
        let key = keys(folder)?
            .into_iter()
            .find(|key| subject.is_of(key))
            .ok_or_else(|| damaged(&folder.join(KEY), "it has no key for the certificate".into()))?;
        let path = folder.join(ABOUT);
        let about = read_about(&path)?;
        if about.agent_id != subject.agent_id.to_string() || about.fleet_id != subject.fleet_id.to_string() {
            return Err(damaged(&path, "it is about another agent: an enrolment was interrupted".into()));
        }
        let addresses = about
            .addresses
            .iter()
            .map(|address| address.parse())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| damaged(&path, format!("{error}")))?;
        let Subject { agent_id, fleet_id, .. } = subject;
        Ok(Some(Self { agent_id, fleet_id, addresses, key, certificate, authority }))
    }

    /// The certificate that is shown.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The authority that the server's certificate must come from.
    pub fn authority(&self) -> &CertificateDer<'static> {
        &self.authority
    }

    /// When the certificate ends.
    pub fn expires_at(&self) -> Option<SystemTime> {
        certificate::expires_at(&self.certificate)
    }

    /// The private key, for TLS.
    pub fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(self.key.serialize_der().into())
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("agent_id", &self.agent_id)
            .field("fleet_id", &self.fleet_id)
            .finish_non_exhaustive()
    }
}

impl PendingKey {
    /// The key that the next certificate is asked for: the one of an earlier request without an answer, or a new one.
    ///
    /// # Errors
    /// It cannot be made or stored.
    pub fn ensure(folder: &Path) -> Result<Self, IdentityError> {
        let current = match Identity::load(folder) {
            Ok(identity) => identity.map(|identity| identity.key),
            // What cannot be used shall be replaced.
            Err(IdentityError::Damaged { .. }) => None,
            Err(error) => return Err(error),
        };
        let known = keys(folder).or_else(|error| match error {
            IdentityError::Damaged { .. } => Ok(Vec::new()),
            IdentityError::Disk(_) | IdentityError::Key(_) | IdentityError::Certificate(_) => Err(error),
        })?;
        let is_current = |key: &KeyPair| {
            current.as_ref().is_some_and(|current| current.public_key_raw() == key.public_key_raw())
        };
        if let Some(pending) = known.into_iter().find(|key| !is_current(key)) {
            return Ok(Self(pending));
        }
        let pending = KeyPair::generate()?;
        let keys: Vec<&KeyPair> = current.iter().chain([&pending]).collect();
        durable::write(&folder.join(KEY), pem::key_text(&keys).as_bytes(), Mode::Private)?;
        Ok(Self(pending))
    }

    /// Gives this key up and makes another.
    ///
    /// # Errors
    /// It cannot be made or stored.
    pub fn replace(self, folder: &Path) -> Result<Self, IdentityError> {
        let rest: Vec<KeyPair> =
            keys(folder)?.into_iter().filter(|key| key.public_key_raw() != self.0.public_key_raw()).collect();
        let rest: Vec<&KeyPair> = rest.iter().collect();
        durable::write(&folder.join(KEY), pem::key_text(&rest).as_bytes(), Mode::Private)?;
        Self::ensure(folder)
    }

    /// A request to certify it (PKCS #10, DER). It names nobody: the server knows who asks.
    ///
    /// # Errors
    /// It cannot be signed.
    pub fn request(&self) -> Result<Vec<u8>, IdentityError> {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = DistinguishedName::new();
        Ok(parameters.serialize_request(&self.0)?.der().to_vec())
    }

    /// Checks what was issued for this key.
    ///
    /// # Errors
    /// It is for another key, or for nobody.
    pub fn check(&self, issued: &Issued) -> Result<(AgentId, FleetId), IdentityError> {
        let subject = Subject::of(&issued.certificate)?;
        if !subject.is_of(&self.0) {
            return Err(InvalidCertificate::OtherKey.into());
        }
        Subject::check_authority(&issued.authority)?;
        Ok((subject.agent_id, subject.fleet_id))
    }

    /// Stores what was issued; from then on the agent is that one. `addresses` are stored if they are given.
    ///
    /// # Errors
    /// It is not for this key, or cannot be stored.
    pub fn install(
        self,
        folder: &Path,
        issued: &Issued,
        addresses: Option<&[ServerAddress]>,
    ) -> Result<Identity, IdentityError> {
        let (agent_id, fleet_id) = self.check(issued)?;
        if let Some(addresses) = addresses {
            let about = About {
                schema: 1,
                agent_id: agent_id.to_string(),
                fleet_id: fleet_id.to_string(),
                addresses: addresses.iter().map(ToString::to_string).collect(),
            };
            let text = toml::to_string(&about).unwrap_or_default();
            durable::write(&folder.join(ABOUT), text.as_bytes(), Mode::Public)?;
        }
        let text = pem::certificate_text([&issued.certificate, &issued.authority]);
        durable::write(&folder.join(CERTIFICATE), text.as_bytes(), Mode::Public)?;
        durable::write(&folder.join(KEY), pem::key_text(&[&self.0]).as_bytes(), Mode::Private)?;
        Identity::load(folder)?.ok_or_else(|| IdentityError::Damaged {
            path: folder.join(CERTIFICATE),
            why: "it is gone again".into(),
        })
    }
}

fn keys(folder: &Path) -> Result<Vec<KeyPair>, IdentityError> {
    let path = folder.join(KEY);
    let Some(text) = durable::read_bounded(&path, FILE_LIMIT)?.map(zeroize::Zeroizing::new) else {
        return Ok(Vec::new());
    };
    pem::keys(&text)
        .ok_or_else(|| IdentityError::Damaged { path, why: "it has something else than keys".into() })
}

fn read_about(path: &Path) -> Result<About, IdentityError> {
    let damaged = |why: String| IdentityError::Damaged { path: path.to_owned(), why };
    let text = durable::read_bounded(path, FILE_LIMIT)?.ok_or_else(|| damaged("it is missing".into()))?;
    let text = String::from_utf8(text).map_err(|_| damaged("it is not text".into()))?;
    let about: About = toml::from_str(&text).map_err(|error| damaged(error.message().to_owned()))?;
    if about.schema == 1 {
        Ok(about)
    } else {
        Err(damaged(format!("it has the unknown schema {}", about.schema)))
    }
}
