//! Passwords: hashed so slowly that a stolen database gives few of them away, at most a few at once so that nobody fills
//! memory and processors by trying, and a name that does not exist takes as long as a wrong password.
//!
//! Argon2id with the parameters of OWASP's Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane; some tens of
//! milliseconds on a core.

mod rules;

use std::fmt;
use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash as Phc;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tracing::error;
use zeroize::Zeroizing;

use self::rules::MAX_CHARS;
pub(crate) use self::rules::WeakPassword;
use super::account::AccountName;

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;
/// 38 MiB, and one sign-in does not wait for another.
const AT_ONCE: usize = 2;
/// A second or two for the last one; more are told to come back.
const QUEUE: usize = 32;
/// Verified where there is no account: the salt and hash of nothing, with the parameters of every other.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// As someone typed it. Wiped from memory when dropped, and never shown by `Debug`.
#[derive(Clone)]
pub(crate) struct Password(Zeroizing<String>);

impl Password {
    /// One that is only compared.
    pub(crate) fn presented(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// One that an account shall have.
    ///
    /// # Errors
    /// It is too easily guessed.
    pub(crate) fn chosen(text: String, account: &AccountName) -> Result<Self, WeakPassword> {
        let password = Self::presented(text);
        rules::check(&password.0, account)?;
        Ok(password)
    }

    /// One for once, easily read out: its owner replaces it.
    pub(super) fn one_time() -> Self {
        Self(rules::one_time())
    }

    /// For whoever it was made for, this once.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// A PHC string. Never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PasswordHash(String);

impl PasswordHash {
    /// As the store keeps it.
    pub(crate) fn from_row(text: String) -> Self {
        Self(text)
    }

    /// For the store.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// Nothing was hashed or compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum PasswordError {
    /// Too many are in front.
    #[error("too many passwords are being checked")]
    Busy,
    /// A mistake of ours.
    #[error("a password could not be hashed")]
    Failed,
}

/// Hashes and compares.
#[derive(Debug)]
pub(crate) struct Passwords {
    at_once: Arc<Semaphore>,
    queue: Semaphore,
}

impl Passwords {
    pub(super) fn new() -> Self {
        Self { at_once: Arc::new(Semaphore::new(AT_ONCE)), queue: Semaphore::new(QUEUE + AT_ONCE) }
    }

    /// What is stored of a password.
    ///
    /// # Errors
    /// See [`PasswordError`].
    pub(super) async fn hash(&self, password: Password) -> Result<PasswordHash, PasswordError> {
        self.in_turn(move || hash(&password)).await?
    }

    /// Whether it is the password behind a hash. Without one it is not, after the same time.
    ///
    /// # Errors
    /// See [`PasswordError`].
    pub(super) async fn is(
        &self,
        password: Password,
        hash: Option<&PasswordHash>,
    ) -> Result<bool, PasswordError> {
        let hash = hash.cloned();
        self.in_turn(move || {
            let known = hash.is_some();
            let text = hash.as_ref().map_or(NOBODY, PasswordHash::as_str);
            // A password that nobody can have costs no more than one that somebody has.
            let presented = if password.0.len() > MAX_CHARS * 4 { "" } else { password.0.as_str() };
            verify(presented, text) && known
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let _place = self.queue.try_acquire().map_err(|_| PasswordError::Busy)?;
        let turn = Arc::clone(&self.at_once).acquire_owned().await.map_err(|_| PasswordError::Failed)?;
        let done = spawn_blocking(move || {
            // Held to the end of the work, also where nobody waits for it any more.
            let _turn = turn;
            work()
        });
        done.await.map_err(|error| {
            error!(%error, "hashing of a password ended early");
            PasswordError::Failed
        })
    }
}

fn hash(password: &Password) -> Result<PasswordHash, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| PasswordError::Failed)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let salt: [u8; SALT_BYTES] = rand::random();
    let hashed: Phc = argon2.hash_password_with_salt(password.0.as_bytes(), &salt).map_err(|error| {
        error!(%error, "password not hashed");
        PasswordError::Failed
    })?;
    Ok(PasswordHash(hashed.to_string()))
}

/// The parameters are those of the hash, so that older ones stay good when ours are raised.
fn verify(presented: &str, hash: &str) -> bool {
    Phc::new(hash).is_ok_and(|hash| Argon2::default().verify_password(presented.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    fn password(text: &str) -> Password {
        Password::presented(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_is_known_by_its_hash_and_no_other_is() {
        let passwords = Passwords::new();
        let hash = passwords.hash(password("correct horse battery")).await.unwrap();
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.as_str());
        assert_eq!(passwords.is(password("correct horse battery"), Some(&hash)).await, Ok(true));
        for wrong in ["", "correct horse batterY", &"correct horse battery".repeat(1000)] {
            assert_eq!(passwords.is(password(wrong), Some(&hash)).await, Ok(false), "{wrong}");
        }
        let again = passwords.hash(password("correct horse battery")).await.unwrap();
        assert_ne!(hash, again, "salted");
    }

    #[tokio::test]
    async fn without_an_account_nothing_is_right_and_the_same_work_is_done() {
        let nobody = Phc::new(NOBODY).unwrap();
        let params = Params::try_from(&nobody).unwrap();
        assert_eq!((params.m_cost(), params.t_cost(), params.p_cost()), (MEMORY_KIB, PASSES, LANES));
        assert_eq!(nobody.algorithm.as_str(), "argon2id");
        assert_eq!(Passwords::new().is(password("anything"), None).await, Ok(false));
    }

    #[tokio::test]
    async fn whoever_comes_when_too_many_wait_is_told_so() {
        let passwords = Passwords::new();
        let tries = (0..QUEUE + AT_ONCE + 10).map(|_| passwords.is(password("x"), None));
        let results = join_all(tries).await;
        let n_busy = results.iter().filter(|result| **result == Err(PasswordError::Busy)).count();
        assert_eq!(n_busy, 10);
        assert_eq!(passwords.is(password("x"), None).await, Ok(false), "and then it is free again");
    }

    #[test]
    fn neither_a_password_nor_its_hash_is_shown() {
        let shown = format!("{:?} {:?}", password("secret"), PasswordHash::from_row("$argon2id".to_owned()));
        assert_eq!(shown, "Password(..) PasswordHash(..)");
    }
}
