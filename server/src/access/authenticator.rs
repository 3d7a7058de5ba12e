//! From what a request shows to who it is: a bearer token, or the cookie of a session.

use super::caller::Caller;
use super::token_file::TokenFile;
use crate::store::StoreError;

/// Knows whom to let in.
#[derive(Debug)]
pub struct Authenticator {
    token_file: TokenFile,
}

impl Authenticator {
    /// With the token of the first start.
    pub fn new(token_file: TokenFile) -> Self {
        Self { token_file }
    }

    /// Whose bearer token it is; `None` for nobody's.
    ///
    /// # Errors
    /// The store cannot be read: nobody is let in, and nobody is told to be a stranger.
    pub(crate) async fn bearer(&self, token: &[u8]) -> Result<Option<Caller>, StoreError> {
        Ok(self.token_file.is(token).then(Caller::with_token_file))
    }

    /// Whose session it is, by its cookie; `None` for nobody's.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) async fn session(&self, _cookie: &str) -> Result<Option<Caller>, StoreError> {
        Ok(None)
    }
}
