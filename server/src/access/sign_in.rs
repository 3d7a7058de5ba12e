//! Signing in with a name and a password, and changing the password.
//!
//! A name that does not exist and a wrong password are told in the same words after the same time. Whatever else is wrong is
//! only told to whoever knows the password.

use std::net::IpAddr;
use std::sync::PoisonError;
use std::time::{Duration, Instant, SystemTime};

use thiserror::Error;
use tracing::{info, warn};

use super::account::{Account, AccountName};
use super::api_token::{ApiToken, NewApiToken};
use super::authenticator::Authenticator;
use super::caller::CallerKind;
use super::passwords::{Password, PasswordError, PasswordHash, WeakPassword};
use super::secret::Secret;
use crate::store::StoreError;
use crate::store::api_tokens::ApiTokenError;

/// Anyone can be refused as often as they like; the log tells it this often.
const WARN_INTERVAL: Duration = Duration::from_secs(60);

/// Whoever has shown the password of an account.
#[derive(Clone, Debug)]
pub(crate) struct SignedIn {
    /// Whose.
    pub(crate) account: Account,
    /// Which password: what is made of it is only made as long as it is the account's.
    pub(super) verified: PasswordHash,
}

/// Nobody was signed in.
#[derive(Debug, Error)]
pub(crate) enum SignInError {
    /// Nobody is called so, or the password is another.
    #[error("the account or the password is wrong")]
    Refused,
    /// Too many attempts from there.
    #[error("too many attempts failed; try again in {} s", seconds(*retry_after))]
    TooManyFailures {
        /// After how long.
        retry_after: Duration,
    },
    /// Too many passwords are in front.
    #[error("the server is checking too many passwords at the moment; try again in a second")]
    Busy,
    /// The password is right.
    #[error("the account {0} is disabled; an administrator can enable it")]
    Disabled(AccountName),
    /// The password is right, and was made by someone else.
    #[error("the password of {0} must be replaced by one of your own")]
    MustChange(AccountName),
    /// The new one will not do.
    #[error(transparent)]
    NewPassword(#[from] WeakPassword),
    /// A mistake of ours.
    #[error("the password could not be checked")]
    Failed,
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<PasswordError> for SignInError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy => Self::Busy,
            PasswordError::Failed => Self::Failed,
        }
    }
}

/// Rounded up: after as many seconds it works.
fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

impl Authenticator {
    /// Signs someone in. With a new password, which replaces the present one.
    ///
    /// # Errors
    /// See [`SignInError`].
    pub(crate) async fn sign_in(
        &self,
        account: &str,
        password: Password,
        new_password: Option<String>,
        peer: Option<IpAddr>,
    ) -> Result<SignedIn, SignInError> {
        let name: Option<AccountName> = account.trim().to_ascii_lowercase().parse().ok();
        let present = password.clone();
        let SignedIn { account, verified } = self.verify(name.as_ref(), password, peer).await?;
        if account.disabled {
            return Err(SignInError::Disabled(account.name));
        }
        let now = SystemTime::now();
        let verified = match new_password {
            None if account.must_change_password => return Err(SignInError::MustChange(account.name)),
            None => verified,
            Some(new) => {
                let hash = self.hash_new(new, &present, &account.name).await?;
                let replaced =
                    self.store.replace_password(&account.name, &verified, &hash, None, now).await?;
                replaced.ok_or(SignInError::Refused)?;
                self.announce_change();
                hash
            }
        };
        let account = self.store.note_sign_in(&account.name, &verified, now).await?;
        // Somebody changed it in between.
        let account = account.ok_or(SignInError::Refused)?;
        info!(account = %account.name, peer = peer.map(tracing::field::display), "signed in");
        Ok(SignedIn { account, verified })
    }

    /// An API token for whoever has signed in, and its secret.
    ///
    /// # Errors
    /// The account was changed since, has too many, or the store failed: there is no token.
    pub(crate) async fn token_after_sign_in(
        &self,
        signed_in: &SignedIn,
        new: NewApiToken,
    ) -> Result<(ApiToken, Secret), ApiTokenError> {
        let SignedIn { account, verified } = signed_in;
        let new = NewApiToken { role: account.role, ..new };
        let (token, secret) = new.make(Some(account.name.clone()), SystemTime::now());
        self.store.insert_api_token(&token, &secret.digest(), Some(verified)).await?;
        Ok((token, secret))
    }

    /// Replaces the password of an account by its owner. Ends its other sessions, and tells how many.
    ///
    /// # Errors
    /// See [`SignInError`]; [`SignInError::Refused`] when the present password is wrong.
    pub(crate) async fn change_password(
        &self,
        name: &AccountName,
        present: Password,
        new: String,
        caller: &CallerKind,
    ) -> Result<u64, SignInError> {
        let verified = self.verify(Some(name), present.clone(), None).await?.verified;
        let hash = self.hash_new(new, &present, name).await?;
        let now = SystemTime::now();
        let n_ended = self.store.replace_password(name, &verified, &hash, Some(caller), now).await?;
        self.announce_change();
        info!(account = %name, "password changed");
        n_ended.ok_or(SignInError::Refused)
    }

    /// Whose password it is. Counts a wrong one against where it comes from.
    async fn verify(
        &self,
        name: Option<&AccountName>,
        password: Password,
        peer: Option<IpAddr>,
    ) -> Result<SignedIn, SignInError> {
        let admitted = self.throttled(|throttle| throttle.admit(peer, name, Instant::now()));
        admitted.map_err(|retry_after| SignInError::TooManyFailures { retry_after })?;
        let compared = async {
            let found = match name {
                Some(name) => self.store.account_with_password(name).await?,
                None => None,
            };
            let is_right = self.passwords.is(password, found.as_ref().map(|(_, hash)| hash)).await?;
            Ok(found.filter(|_| is_right))
        };
        match (compared.await, name) {
            (Ok(Some((account, verified))), Some(name)) => {
                self.throttled(|throttle| throttle.succeeded(peer, name));
                Ok(SignedIn { account, verified })
            }
            (Ok(_), _) => {
                self.warn_of_refusal(peer);
                Err(SignInError::Refused)
            }
            (Err(error), _) => {
                self.throttled(|throttle| throttle.undecided(peer, name));
                Err(error)
            }
        }
    }

    async fn hash_new(
        &self,
        new: String,
        present: &Password,
        name: &AccountName,
    ) -> Result<PasswordHash, SignInError> {
        if new == present.reveal() {
            return Err(WeakPassword::Same.into());
        }
        Ok(self.passwords.hash(Password::chosen(new, name)?).await?)
    }

    fn throttled<T>(&self, decide: impl FnOnce(&mut super::throttle::Throttle) -> T) -> T {
        decide(&mut self.throttle.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Without the name: people type passwords into the wrong field.
    fn warn_of_refusal(&self, peer: Option<IpAddr>) {
        let now = Instant::now();
        let mut last = self.warned_at.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| now.duration_since(last) >= WARN_INTERVAL) {
            *last = Some(now);
            warn!(peer = peer.map(tracing::field::display), "sign-in refused: wrong account or password");
        }
    }
}
