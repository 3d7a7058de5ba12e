//! PEM (RFC 7468), as the identity's files have it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::KeyPair;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

/// Characters of base64 in a line (RFC 7468, section 2).
const LINE: usize = 64;

/// All certificates in a text; `None` if one of them is not whole.
pub(super) fn certificates(text: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_slice_iter(text).collect::<Result<_, _>>().ok()
}

/// All keys in a text; `None` if one of them is not whole, or of a kind that we never make.
pub(super) fn keys(text: &[u8]) -> Option<Vec<KeyPair>> {
    PrivatePkcs8KeyDer::pem_slice_iter(text).map(|der| KeyPair::try_from(&der.ok()?).ok()).collect()
}

/// Keys as text, in this order.
pub(super) fn key_text(keys: &[&KeyPair]) -> Zeroizing<String> {
    Zeroizing::new(keys.iter().map(|key| key.serialize_pem()).collect())
}

/// Certificates as text, in this order.
pub(super) fn certificate_text<'a>(
    certificates: impl IntoIterator<Item = &'a CertificateDer<'static>>,
) -> String {
    let mut text = String::new();
    for certificate in certificates {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        for (index, character) in STANDARD.encode(certificate).chars().enumerate() {
            if index > 0 && index % LINE == 0 {
                text.push('\n');
            }
            text.push(character);
        }
        text.push_str("\n-----END CERTIFICATE-----\n");
    }
    text
}
