//! The first account: as long as there is none, a code made at the start lets whoever has it make one, an administrator's.
//!
//! The code is in memory and in a file that only the server's user can read; it dies with its use, when an account comes
//! about in another way, and with the process.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use landmark_daemon::durable::{self, DurableError, Mode};
use landmark_daemon::error::Chain;
use thiserror::Error;
use tokio::task::spawn_blocking;
use tracing::{info, warn};

use super::account::{AccountName, InvalidAccountName};
use super::authenticator::Authenticator;
use super::passwords::{Password, PasswordError, WeakPassword};
use super::permission::Role;
use super::secret::Secret;
use super::sign_in::SignedIn;
use crate::store::StoreError;
use crate::store::accounts::{AccountError, NewAccount};

/// The file in the state folder that holds the link.
pub const FILE: &str = "first-sign-in";

/// Where the console lets the first account be made.
const PATH: &str = "/welcome?code=";

/// The right to make the first account.
#[derive(Debug)]
pub(super) struct FirstAccount {
    code: Mutex<Option<Secret>>,
    file: PathBuf,
}

/// No account was made.
#[derive(Debug, Error)]
pub(crate) enum FirstAccountError {
    /// Wrong, or used up.
    #[error(
        "the link is not valid: each start of the server makes another one, until there is an account (file {FILE} in its \
         state folder)"
    )]
    Code,
    /// Not a name.
    #[error(transparent)]
    Name(#[from] InvalidAccountName),
    /// Not a good password.
    #[error(transparent)]
    Password(#[from] WeakPassword),
    /// The password could not be hashed.
    #[error(transparent)]
    Hash(#[from] PasswordError),
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl FirstAccount {
    /// `wanted`: there is no account yet.
    pub(super) fn new(state_dir: &Path, wanted: bool) -> Self {
        Self { code: Mutex::new(wanted.then(|| Secret::random(""))), file: state_dir.join(FILE) }
    }

    fn is(&self, code: &str) -> bool {
        let held = self.code.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().is_some_and(|held| held.is(code.as_bytes()))
    }

    fn link(&self, console: &str) -> Option<String> {
        let held = self.code.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().map(|code| format!("{}{PATH}{}", console.trim_end_matches('/'), code.reveal()))
    }

    /// There is an account: the code is worth nothing any more.
    pub(super) async fn close(&self) {
        let held = self.code.lock().unwrap_or_else(PoisonError::into_inner).take();
        if held.is_none() {
            return;
        }
        let file = self.file.clone();
        // What the file holds opens nothing any more, and the next start removes it too.
        match spawn_blocking(move || durable::remove(&file)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => warn!(error = %Chain(&error), "link for the first account not removed"),
            Err(error) => warn!(%error, "link for the first account not removed"),
        }
    }
}

impl Authenticator {
    /// The link that makes the first account, for people; `None` once there is one. `console` is where it is opened, for
    /// example `https://127.0.0.1:7445`. Also keeps it in a file of the state folder; blocks on the disk.
    ///
    /// # Errors
    /// The file cannot be written, or that of an earlier start cannot be removed.
    pub fn publish_first_sign_in(&self, console: &str) -> Result<Option<String>, DurableError> {
        let link = self.first_account.link(console);
        match &link {
            Some(link) => {
                durable::write(&self.first_account.file, format!("{link}\n").as_bytes(), Mode::Private)?;
            }
            None => {
                durable::remove(&self.first_account.file)?;
            }
        }
        Ok(link)
    }

    /// Whether there is no account yet.
    pub(crate) fn awaits_first_account(&self) -> bool {
        self.first_account.code.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Whether a code still makes the first account.
    pub(crate) fn is_first_account_code(&self, code: &str) -> bool {
        self.first_account.is(code)
    }

    /// Makes the first account, an administrator's, and signs in to it.
    ///
    /// # Errors
    /// See [`FirstAccountError`].
    pub(crate) async fn create_first_account(
        &self,
        code: &str,
        name: &str,
        password: String,
    ) -> Result<SignedIn, FirstAccountError> {
        if !self.first_account.is(code) {
            return Err(FirstAccountError::Code);
        }
        let name: AccountName = name.parse()?;
        let password = Password::chosen(password, &name)?;
        let hash = self.passwords.hash(password).await?;
        let now = SystemTime::now();
        let new = NewAccount {
            created_by: name.author(),
            name,
            role: Role::Administrator,
            hash: hash.clone(),
            must_change_password: false,
            created_at: now,
        };
        let made = self.store.insert_first_account(new).await;
        let account = made.map_err(|error| match error {
            AccountError::Store(error) => FirstAccountError::Store(error),
            AccountError::Exists(_)
            | AccountError::NotFound(_)
            | AccountError::LastAdministrator(_)
            | AccountError::NotFirst(_) => FirstAccountError::Code,
        });
        if matches!(account, Ok(_) | Err(FirstAccountError::Code)) {
            self.first_account.close().await;
        }
        let account = account?;
        info!(account = %account.name, "first account made");
        Ok(SignedIn { account, verified: hash })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[tokio::test]
    async fn the_link_is_kept_for_the_servers_user_alone_until_it_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let first = FirstAccount::new(folder.path(), true);
        let link = first.link("https://127.0.0.1:7445/").unwrap();
        let code = link.strip_prefix("https://127.0.0.1:7445/welcome?code=").unwrap();
        assert_eq!(code.len(), 43, "{code}");
        assert!(first.is(code));
        let cut: String = code.chars().take(42).collect();
        assert!(!first.is("") && !first.is(&cut));
        durable::write(&first.file, link.as_bytes(), Mode::Private).unwrap();
        assert_eq!(std::fs::metadata(&first.file).unwrap().permissions().mode() & 0o777, 0o600);
        first.close().await;
        assert!(!first.is(code) && !first.file.exists() && first.link("").is_none());
    }

    #[test]
    fn where_there_is_an_account_no_code_is_good() {
        let folder = tempfile::tempdir().unwrap();
        let first = FirstAccount::new(folder.path(), false);
        assert!(!first.is(""));
        assert_eq!(first.link("https://127.0.0.1:7445"), None);
    }
}
