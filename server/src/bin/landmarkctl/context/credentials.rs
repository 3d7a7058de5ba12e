//! Reads what a target names: the authority's certificate and the API token.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tonic::metadata::{Ascii, MetadataValue};

use super::{Authority, Target, TokenSource};
use crate::client::{Trust, TrustError};

/// A certificate has about 1 KB, a token less than 100 bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// What a connection needs beside an address.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) trust: Trust,
    pub(crate) bearer: MetadataValue<Ascii>,
    /// The token file, when others than its owner may read it.
    pub(crate) exposed: Option<PathBuf>,
}

/// A file that a target names cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CredentialsError {
    #[error("cannot read the authority's certificate {}", path.display())]
    AuthorityFile { path: PathBuf, source: io::Error },
    #[error("{} is not the certificate of an authority", path.display())]
    Authority { path: PathBuf, source: TrustError },
    #[error("cannot read the API token {place}")]
    TokenFile { place: String, source: io::Error },
    #[error("{place} does not hold an API token: {reason}")]
    Token { place: String, reason: &'static str },
}

impl Credentials {
    /// Reads the files of a target.
    pub(crate) fn load(target: &Target) -> Result<Self, CredentialsError> {
        let trust = match &target.authority {
            Authority::Pin(pin) => Trust::Pin(*pin),
            Authority::File(path) => load_authority(path)?,
        };
        let token = read_token(&target.token)?;
        let mut bearer: MetadataValue<Ascii> = format!("Bearer {token}").parse().map_err(|_| {
            CredentialsError::Token { place: target.token.place(), reason: "it has unprintable characters" }
        })?;
        bearer.set_sensitive(true);
        let exposed = match &target.token {
            TokenSource::File(path) if readable_by_others(path) => Some(path.clone()),
            TokenSource::File(_) | TokenSource::Stdin => None,
        };
        Ok(Self { trust, bearer, exposed })
    }
}

/// Reads and checks an authority's certificate.
pub(crate) fn load_authority(path: &Path) -> Result<Trust, CredentialsError> {
    let pem = read_file(path)
        .map_err(|source| CredentialsError::AuthorityFile { path: path.to_owned(), source })?;
    Trust::from_pem(&pem).map_err(|source| CredentialsError::Authority { path: path.to_owned(), source })
}

/// Reads a token: one line of text.
pub(crate) fn read_token(source: &TokenSource) -> Result<String, CredentialsError> {
    let read = match source {
        TokenSource::File(path) => read_file(path),
        TokenSource::Stdin => read_limited(io::stdin().lock()),
    };
    let place = source.place();
    let bytes = read.map_err(|source| CredentialsError::TokenFile { place: place.clone(), source })?;
    let invalid = |reason| CredentialsError::Token { place: place.clone(), reason };
    let text = String::from_utf8(bytes).map_err(|_| invalid("it is not text"))?;
    let token = text.trim();
    if token.is_empty() {
        return Err(invalid("it is empty"));
    }
    if token.contains(char::is_whitespace) {
        return Err(invalid("it has more than one word"));
    }
    Ok(token.to_owned())
}

impl TokenSource {
    /// For people.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin => "(standard input)".to_owned(),
        }
    }
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    read_limited(File::open(path)?)
}

fn read_limited(source: impl io::Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_FILE_BYTES) {
        return Ok(bytes);
    }
    Err(io::Error::new(io::ErrorKind::FileTooLarge, "longer than 64 KiB"))
}

fn readable_by_others(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(test)]
mod tests {
    use landmark_daemon::durable::{self, Mode};

    use super::*;

    fn token_of(content: &[u8]) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        durable::write(&path, content, Mode::Private).unwrap();
        read_token(&TokenSource::File(path))
            .map_err(|error| error.to_string().replace(&folder.path().display().to_string(), ""))
    }

    #[test]
    fn a_token_is_one_word() {
        assert_eq!(token_of(b" lmk_abc \n"), Ok("lmk_abc".into()));
        assert_eq!(token_of(b"\n"), Err("/token does not hold an API token: it is empty".into()));
        assert_eq!(
            token_of(b"a b"),
            Err("/token does not hold an API token: it has more than one word".into())
        );
        assert_eq!(token_of(&[0xff]), Err("/token does not hold an API token: it is not text".into()));
    }

    #[test]
    fn a_file_that_is_far_too_long_is_not_read_whole() {
        assert!(token_of(&vec![b'a'; 70_000]).unwrap_err().starts_with("cannot read the API token"));
    }

    #[test]
    fn a_token_that_others_can_read_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let private = folder.path().join("private");
        let public = folder.path().join("public");
        durable::write(&private, b"t", Mode::Private).unwrap();
        durable::write(&public, b"t", Mode::Public).unwrap();
        assert!(!readable_by_others(&private));
        assert!(readable_by_others(&public));
    }
}
