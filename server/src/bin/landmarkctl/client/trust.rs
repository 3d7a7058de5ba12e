//! Which servers are believed: those whose certificate comes from the fleet's own authority and carries the name that
//! all servers of Landmark have, whatever address was dialled.

use std::sync::Arc;

use landmark_daemon::tls::PinnedAuthority;
use landmark_proto::pin::SpkiPin;
use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, Error, RootCertStore, version};

/// How the fleet's authority is known.
#[derive(Clone, Debug)]
pub(crate) enum Trust {
    /// By its certificate.
    Authority(CertificateDer<'static>),
    /// By the digest of its key; the server must send the certificate.
    Pin(SpkiPin),
}

/// Not an authority.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TrustError {
    /// Another kind of file.
    #[error("there is no certificate in it (PEM, \"-----BEGIN CERTIFICATE-----\")")]
    NoCertificate,
    /// Damaged, or of a kind that cannot vouch for others.
    #[error("its certificate cannot be used: {0}")]
    Unusable(String),
}

impl Trust {
    /// Reads the first certificate of a PEM file's content.
    pub(crate) fn from_pem(pem: &[u8]) -> Result<Self, TrustError> {
        let authority =
            CertificateDer::pem_slice_iter(pem).find_map(Result::ok).ok_or(TrustError::NoCertificate)?;
        roots(&authority).map_err(|error| TrustError::Unusable(error.to_string()))?;
        Ok(Self::Authority(authority.into_owned()))
    }

    pub(super) fn tls(&self) -> Result<ClientConfig, Error> {
        let authority = match self {
            Self::Authority(authority) => authority,
            Self::Pin(pin) => return Arc::new(PinnedAuthority::new(*pin)).client_config(),
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13])?
            .with_root_certificates(roots(authority)?)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}

fn roots(authority: &CertificateDer<'_>) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone().into_owned())?;
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_certificate_is_told_apart() {
        assert_eq!(Trust::from_pem(b"hello").unwrap_err(), TrustError::NoCertificate);
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        assert_eq!(Trust::from_pem(key.as_bytes()).unwrap_err(), TrustError::NoCertificate);
        let authority = rcgen::generate_simple_self_signed(vec!["a".to_owned()]).unwrap().cert;
        assert!(Trust::from_pem(authority.pem().as_bytes()).is_ok());
    }
}
