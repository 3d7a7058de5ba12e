//! From what a request shows to who it is: a bearer token here, the cookie of a session in `sessions`, a name and a password
//! in `sign_in`.
//!
//! Every look goes to the store, where a decision of another person is seen by the very next request. It takes less than half
//! a millisecond (0.3 ms measured, in a debug build on a busy machine), which no cache is worth.

use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;

use super::api_token::may_be_secret;
use super::caller::Caller;
use super::first_account::FirstAccount;
use super::passwords::Passwords;
use super::secret::digest;
use super::sessions::SessionLimits;
use super::throttle::Throttle;
use super::token_file::TokenFile;
use crate::store::{Store, StoreError};

/// The last use of a token is written this often at most.
const USE_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// Knows whom to let in.
#[derive(Debug)]
pub struct Authenticator {
    token_file: TokenFile,
    pub(super) store: Store,
    pub(super) session_limits: SessionLimits,
    pub(super) passwords: Passwords,
    pub(super) throttle: Mutex<Throttle>,
    pub(super) first_account: FirstAccount,
    /// When somebody who was refused was last told of in the log.
    pub(super) warned_at: Mutex<Option<Instant>>,
    changed_tx: watch::Sender<()>,
}

impl Authenticator {
    /// With the token of the first start and the accounts of a store.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn open(
        store: Store,
        token_file: TokenFile,
        session_limits: SessionLimits,
        state_dir: &Path,
    ) -> Result<Self, StoreError> {
        let has_accounts = store.has_accounts().await?;
        Ok(Self {
            token_file,
            store,
            session_limits,
            passwords: Passwords::new(),
            throttle: Mutex::default(),
            first_account: FirstAccount::new(state_dir, !has_accounts),
            warned_at: Mutex::default(),
            changed_tx: watch::Sender::new(()),
        })
    }

    /// Whose bearer token it is; `None` for nobody's.
    ///
    /// # Errors
    /// The store cannot be read: nobody is let in, and nobody is told to be a stranger.
    pub(crate) async fn bearer(&self, token: &[u8]) -> Result<Option<Caller>, StoreError> {
        if self.token_file.is(token) {
            return Ok(Some(Caller::with_token_file()));
        }
        if !may_be_secret(token) {
            return Ok(None);
        }
        let Some((token, holder)) = self.store.api_token_by_hash(&digest(token)).await? else {
            return Ok(None);
        };
        let now = SystemTime::now();
        let Some(caller) = token.caller(holder, now) else { return Ok(None) };
        let is_noted = token
            .last_used_at
            .is_some_and(|at| now.duration_since(at).is_ok_and(|unwritten| unwritten < USE_INTERVAL));
        if !is_noted && let Err(error) = self.store.touch_api_token(token.token_id, now).await {
            // Only the record suffers.
            tracing::debug!(%error, "use of an API token not written");
        }
        Ok(Some(caller))
    }

    /// Changes whenever somebody may have lost what they had: what goes on for long looks again then.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed_tx.subscribe()
    }

    pub(super) fn announce_change(&self) {
        self.changed_tx.send_replace(());
    }
}

#[cfg(test)]
mod tests;
