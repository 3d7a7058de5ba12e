//! What of a peer's certificate matters where its key is what counts.

use std::time::{Duration, SystemTime};

use landmark_proto::pin::SpkiPin;
use rustls::pki_types::CertificateDer;
use thiserror::Error;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// The certificate that a peer showed for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificate {
    /// Of its key.
    pub pin: SpkiPin,
    /// When it ends; none where it says something that is no date.
    pub not_after: Option<SystemTime>,
    /// All of it.
    pub der: CertificateDer<'static>,
}

impl PeerCertificate {
    /// Reads a certificate of any version of X.509: what old appliances have does.
    ///
    /// # Errors
    /// Not a certificate.
    pub fn read(der: &CertificateDer<'_>) -> Result<Self, InvalidCertificate> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| InvalidCertificate)?;
        Ok(Self {
            pin: SpkiPin::of(certificate.public_key().raw),
            not_after: moment(certificate.validity().not_after.timestamp()),
            der: der.clone().into_owned(),
        })
    }
}

/// Nobody's certificate ended before 1970.
fn moment(unix_seconds: i64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(unix_seconds).ok()?))
}

/// Not a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not an X.509 certificate")]
pub struct InvalidCertificate;
