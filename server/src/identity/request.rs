//! A certificate request whose signature was checked: its sender has the key. The names it asks for are never read.

use landmark_proto::pin::SpkiPin;
use rcgen::SubjectPublicKeyInfo;
use thiserror::Error;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer as _;

/// Room for a P-384 key and some names; a request of ours has 250 bytes.
const MAX_BYTES: usize = 4096;

/// A request that proves the possession of a key of an allowed kind (ECDSA P-256 or P-384, Ed25519).
#[derive(Clone, Debug)]
pub struct CertificateRequest {
    key: SubjectPublicKeyInfo,
    pin: SpkiPin,
}

impl CertificateRequest {
    /// Reads a PKCS #10 request and checks its signature.
    ///
    /// # Errors
    /// Not a request, signed by another key, or a key of another kind.
    pub fn from_der(der: &[u8]) -> Result<Self, InvalidRequest> {
        if der.len() > MAX_BYTES {
            return Err(InvalidRequest::TooLarge { n_bytes: der.len() });
        }
        let (rest, request) =
            X509CertificationRequest::from_der(der).map_err(|_| InvalidRequest::Malformed)?;
        if !rest.is_empty() {
            return Err(InvalidRequest::Malformed);
        }
        let spki = request.certification_request_info.subject_pki.raw;
        let key = SubjectPublicKeyInfo::from_der(spki).map_err(|_| InvalidRequest::Key)?;
        if !is_allowed(&key) {
            return Err(InvalidRequest::Key);
        }
        request.verify_signature().map_err(|_| InvalidRequest::Signature)?;
        Ok(Self { key, pin: SpkiPin::of(spki) })
    }

    /// Of the key.
    pub fn pin(&self) -> SpkiPin {
        self.pin
    }

    pub(super) fn key(&self) -> &SubjectPublicKeyInfo {
        &self.key
    }
}

/// RSA is left out: its verification is no cheaper for us, and its keys and certificates are four times as large.
fn is_allowed(key: &SubjectPublicKeyInfo) -> bool {
    use rcgen::PublicKeyData as _;
    let allowed = [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519];
    allowed.contains(&key.algorithm())
}

/// Not a request that can be granted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidRequest {
    /// More than any request needs.
    #[error("a certificate request of {n_bytes} bytes is too large (at most 4096)")]
    TooLarge {
        /// As received.
        n_bytes: usize,
    },
    /// Not PKCS #10 in DER.
    #[error("not a certificate request (PKCS #10, DER)")]
    Malformed,
    /// Of a kind we issue no certificates for.
    #[error("the key of the certificate request is of an unsupported kind (ECDSA P-256, P-384 or Ed25519)")]
    Key,
    /// Signed by another key than the one it contains, or damaged.
    #[error("the signature of the certificate request is wrong")]
    Signature,
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn request(key: &KeyPair) -> Vec<u8> {
        CertificateParams::default().serialize_request(key).unwrap().der().to_vec()
    }

    #[test]
    fn a_request_of_each_allowed_kind_is_read() {
        for kind in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
            let key = KeyPair::generate_for(kind).unwrap();
            let read = CertificateRequest::from_der(&request(&key)).unwrap();
            let spki = rcgen::PublicKeyData::subject_public_key_info(&key);
            assert_eq!(read.pin(), SpkiPin::of(&spki));
        }
    }

    #[test]
    fn a_changed_request_never_gets_another_key_certified() {
        let der = request(&KeyPair::generate().unwrap());
        let pin = CertificateRequest::from_der(&der).unwrap().pin();
        let mut n_refused = 0;
        for index in 0..der.len() {
            let mut changed = der.clone();
            *changed.get_mut(index).unwrap() ^= 1;
            match CertificateRequest::from_der(&changed) {
                Ok(read) => assert_eq!(read.pin(), pin, "byte {index}"),
                Err(_) => n_refused += 1,
            }
        }
        // A few bytes of the encoding mean nothing, such as the number of unused bits of the signature.
        assert!(n_refused > der.len() * 9 / 10, "{n_refused} of {}", der.len());
    }

    #[test]
    fn trailing_bytes_and_floods_are_refused() {
        let mut der = request(&KeyPair::generate().unwrap());
        der.push(0);
        assert_eq!(CertificateRequest::from_der(&der).unwrap_err(), InvalidRequest::Malformed);
        let flood = vec![0x30; 5000];
        let error = CertificateRequest::from_der(&flood).unwrap_err();
        assert_eq!(error, InvalidRequest::TooLarge { n_bytes: 5000 });
    }
}
