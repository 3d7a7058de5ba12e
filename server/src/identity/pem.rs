//! PEM text (RFC 7468): what stands in the files of the authority and of the server.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

/// Characters of base64 in a line (RFC 7468, section 2).
const LINE: usize = 64;

/// The certificates in a text, in their order; `None` if one of them is not base64 or not closed.
pub(super) fn certificates(text: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_slice_iter(text).collect::<Result<_, _>>().ok()
}

/// The first PKCS #8 key in a text.
pub(super) fn private_key(text: &[u8]) -> Option<PrivatePkcs8KeyDer<'static>> {
    PrivatePkcs8KeyDer::from_pem_slice(text).ok()
}

/// A certificate as text.
pub(super) fn certificate_text(certificate: &CertificateDer<'_>) -> String {
    text("CERTIFICATE", certificate.as_ref()).to_string()
}

/// A PKCS #8 key as text, which is wiped when it is dropped.
pub(super) fn private_key_text(pkcs8: &[u8]) -> Zeroizing<String> {
    text("PRIVATE KEY", pkcs8)
}

fn text(label: &str, der: &[u8]) -> Zeroizing<String> {
    let base64 = Zeroizing::new(STANDARD.encode(der));
    // As large as it gets from the start, so that no growing leaves a copy of a key behind.
    let n_lines = base64.len() / LINE + 1;
    let mut text = Zeroizing::new(String::with_capacity(base64.len() + n_lines + 2 * (label.len() + 20)));
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    for (index, character) in base64.chars().enumerate() {
        if index > 0 && index % LINE == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text.push_str("\n-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for length in [1, 47, 48, 49, 96, 500] {
            let der = CertificateDer::from(vec![7_u8; length]);
            let text = certificate_text(&der);
            assert!(text.lines().all(|line| line.len() <= LINE), "{text}");
            assert_eq!(certificates(text.as_bytes()), Some(vec![der]));
        }
    }

    #[test]
    fn a_cut_certificate_is_not_a_certificate() {
        let text = certificate_text(&CertificateDer::from(vec![7_u8; 300]));
        let cut = text.get(..text.len() / 2).unwrap();
        assert_eq!(certificates(cut.as_bytes()), None);
    }
}
