//! Secrets that the server makes: API tokens, session cookies, the code of the first account. 256 random bits each, so that
//! nobody finds one by guessing, and a fast hash is enough to know it again.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

const SECRET_BYTES: usize = 32;
/// In Base64, without padding.
pub(super) const SECRET_CHARS: usize = 43;

/// Wiped from memory when dropped, and never shown by `Debug`.
#[derive(Clone)]
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    /// A new one, behind a prefix that tells people and scanners of leaked secrets what it is.
    pub(super) fn random(prefix: &str) -> Self {
        let bytes: Zeroizing<[u8; SECRET_BYTES]> = Zeroizing::new(rand::random());
        let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice()));
        Self(Zeroizing::new(format!("{prefix}{}", *text)))
    }

    /// For whoever it was made for, this once.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// What the store knows it by.
    pub(super) fn digest(&self) -> [u8; 32] {
        digest(self.0.as_bytes())
    }

    /// Whether it is this one. Takes the same time wherever the first difference is.
    pub(super) fn is(&self, presented: &[u8]) -> bool {
        bool::from(self.digest().ct_eq(&digest(presented)))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The SHA-256 of what was shown. A look-up by it tells an attacker's clock nothing about the secret.
pub(super) fn digest(presented: &[u8]) -> [u8; 32] {
    Sha256::digest(presented).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_long_and_not_shown() {
        let (one, other) = (Secret::random("x_"), Secret::random("x_"));
        assert_eq!(one.reveal().len(), 2 + SECRET_CHARS);
        assert_ne!(one.digest(), other.digest());
        assert!(one.is(one.reveal().as_bytes()));
        assert!(!one.is(other.reveal().as_bytes()) && !one.is(b"") && !one.is(b"x_"));
        assert!(!format!("{one:?}").contains(one.reveal()));
    }
}
