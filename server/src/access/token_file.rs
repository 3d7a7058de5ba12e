//! The token of the first start: who has it administers the fleet, also when nobody can sign in.
//!
//! Made at the first start, in a file that only the server's user can read. Whoever loses it removes the file and starts
//! the server again.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use landmark_daemon::durable::{self, DurableError, Mode};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use thiserror::Error;
use tracing::info;
use zeroize::Zeroizing;

/// The file in the state folder.
pub const FILE: &str = "admin-token";

/// Tells the token apart from other secrets, for people and for scanners of leaked secrets.
const PREFIX: &str = "landmark_admin_";
const SECRET_BYTES: usize = 32;
/// Below this an operator's own token could be guessed.
const MIN_CHARS: usize = 32;
const MAX_BYTES: u64 = 4096;

/// What is needed to recognise the token; not the token.
#[derive(Clone, Debug)]
pub struct TokenFile {
    digest: [u8; 32],
}

/// There is no token to administer with.
#[derive(Debug, Error)]
pub enum TokenFileError {
    /// The file could not be read or written.
    #[error("cannot use the API token")]
    File(#[source] DurableError),
    /// Others could administer.
    #[error("{} can be read by other users (mode {mode:04o}); run: chmod 600 {}", path.display(), path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Empty, cut, or made by hand and guessable.
    #[error(
        "{} does not hold a token (at least {MIN_CHARS} characters without blanks); remove it to get a new one",
        path.display()
    )]
    Unusable {
        /// The file.
        path: PathBuf,
    },
}

impl TokenFile {
    /// Reads the token in a state folder, or makes one where there is none. Blocks on the disk.
    ///
    /// # Errors
    /// See [`TokenFileError`].
    pub fn open(state_dir: &Path) -> Result<Self, TokenFileError> {
        let path = state_dir.join(FILE);
        let Some(bytes) = durable::read_bounded(&path, MAX_BYTES).map_err(TokenFileError::File)? else {
            return Self::make(&path);
        };
        let bytes = Zeroizing::new(bytes);
        refuse_exposed(&path)?;
        let text = std::str::from_utf8(&bytes).map(str::trim).unwrap_or_default();
        if text.len() < MIN_CHARS || text.contains(char::is_whitespace) {
            return Err(TokenFileError::Unusable { path });
        }
        Ok(Self::of(text.as_bytes()))
    }

    /// Whether it is the token. Takes the same time wherever the first difference is.
    pub fn is(&self, presented: &[u8]) -> bool {
        bool::from(self.digest.ct_eq(&Self::of(presented).digest))
    }

    fn make(path: &Path) -> Result<Self, TokenFileError> {
        let secret = Zeroizing::new(rand::random::<[u8; SECRET_BYTES]>());
        let token = Zeroizing::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(*secret)));
        let line = Zeroizing::new(format!("{}\n", *token));
        durable::write(path, line.as_bytes(), Mode::Private).map_err(TokenFileError::File)?;
        info!(path = %path.display(), "API token made");
        Ok(Self::of(token.as_bytes()))
    }

    fn of(token: &[u8]) -> Self {
        Self { digest: Sha256::digest(token).into() }
    }
}

fn refuse_exposed(path: &Path) -> Result<(), TokenFileError> {
    let metadata = fs::metadata(path).map_err(|source| {
        TokenFileError::File(DurableError::Io { step: durable::Step::Read, path: path.to_owned(), source })
    })?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(TokenFileError::Exposed { path: path.to_owned(), mode }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_start_makes_a_token_that_the_next_one_keeps() {
        let folder = tempfile::tempdir().unwrap();
        let made = TokenFile::open(folder.path()).unwrap();
        let path = folder.path().join(FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.len() > PREFIX.len() + 42 && text.starts_with(PREFIX), "{text}");
        assert!(made.is(text.trim().as_bytes()));
        assert!(TokenFile::open(folder.path()).unwrap().is(text.trim().as_bytes()));
        assert!(!made.is(b"") && !made.is(b"landmark_admin_") && !made.is(text.as_bytes()));
    }

    #[test]
    fn a_token_that_others_can_read_or_guess_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        durable::write(&path, &[b'x'; 40], Mode::Public).unwrap();
        assert!(matches!(TokenFile::open(folder.path()), Err(TokenFileError::Exposed { mode: 0o644, .. })));
        for unusable in [&b""[..], b"password", b"twenty characters and some blanks in it"] {
            durable::write(&path, unusable, Mode::Private).unwrap();
            assert!(matches!(TokenFile::open(folder.path()), Err(TokenFileError::Unusable { .. })));
        }
    }
}
