//! What those who manage accounts do with other people's.

use std::time::SystemTime;

use landmark_proto::ids::ApiTokenId;
use thiserror::Error;
use tracing::info;

use super::account::{Account, AccountName};
use super::api_token::{ApiToken, NewApiToken};
use super::authenticator::Authenticator;
use super::caller::Caller;
use super::passwords::{Password, PasswordError};
use super::permission::Role;
use super::secret::Secret;
use crate::store::StoreError;
use crate::store::accounts::{AccountError, NewAccount};
use crate::store::api_tokens::ApiTokenError;
use crate::store::drafts::Author;

/// Nothing was changed.
#[derive(Debug, Error)]
pub(crate) enum ManageError {
    /// The account does not allow it.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// No password could be made.
    #[error(transparent)]
    Password(#[from] PasswordError),
}

impl Authenticator {
    /// Makes an account with a password for once.
    ///
    /// # Errors
    /// There is one of the name, or the store failed.
    pub(crate) async fn create_account(
        &self,
        name: AccountName,
        role: Role,
        by: Author,
    ) -> Result<(Account, Password), ManageError> {
        let password = Password::one_time();
        let hash = self.passwords.hash(password.clone()).await?;
        let created_at = SystemTime::now();
        let new = NewAccount { name, role, hash, must_change_password: true, created_at, created_by: by };
        let account = self.store.insert_account(new).await?;
        self.first_account.close().await;
        info!(account = %account.name, %role, by = %account.created_by, "account made");
        Ok((account, password))
    }

    /// Changes the role of an account, or whether it is disabled, which ends its sessions.
    ///
    /// # Errors
    /// There is none of the name, it is the last administrator's, or the store failed.
    pub(crate) async fn edit_account(
        &self,
        name: &AccountName,
        role: Option<Role>,
        disabled: Option<bool>,
        by: &Author,
    ) -> Result<Account, ManageError> {
        let account = self.store.edit_account(name, role, disabled).await?;
        self.announce_change();
        info!(account = %name, role = %account.role, disabled = account.disabled, %by, "account edited");
        Ok(account)
    }

    /// Gives an account a password for once, and ends its sessions.
    ///
    /// # Errors
    /// There is none of the name, or the store failed.
    pub(crate) async fn reset_password(
        &self,
        name: &AccountName,
        by: &Author,
    ) -> Result<(Account, Password), ManageError> {
        let password = Password::one_time();
        let hash = self.passwords.hash(password.clone()).await?;
        let account = self.store.reset_password(name, &hash, SystemTime::now()).await?;
        self.announce_change();
        info!(account = %name, %by, "password reset");
        Ok((account, password))
    }

    /// Removes an account with its sessions and tokens.
    ///
    /// # Errors
    /// There is none of the name, it is the last administrator's, or the store failed.
    pub(crate) async fn remove_account(
        &self,
        name: &AccountName,
        by: &Author,
    ) -> Result<Account, ManageError> {
        let account = self.store.remove_account(name).await?;
        self.announce_change();
        info!(account = %name, %by, "account removed");
        Ok(account)
    }

    /// Makes an API token by hand, for the account of the caller.
    ///
    /// # Errors
    /// The account is gone or has too many, or the store failed: there is no token.
    pub(crate) async fn create_api_token(
        &self,
        new: NewApiToken,
        caller: &Caller,
    ) -> Result<(ApiToken, Secret), ApiTokenError> {
        let (token, secret) = new.make(caller.account(), SystemTime::now());
        self.store.insert_api_token(&token, &secret.digest(), None).await?;
        info!(token_id = %token.token_id, role = %token.role, by = %caller.author, "API token made");
        Ok((token, secret))
    }

    /// Calls an API token back; `None` if there is none.
    ///
    /// # Errors
    /// The store failed: nothing was changed.
    pub(crate) async fn revoke_api_token(
        &self,
        token_id: ApiTokenId,
        by: &Author,
    ) -> Result<Option<ApiToken>, StoreError> {
        let token = self.store.revoke_api_token(token_id, SystemTime::now()).await?;
        self.announce_change();
        if token.is_some() {
            info!(%token_id, %by, "API token revoked");
        }
        Ok(token)
    }
}
