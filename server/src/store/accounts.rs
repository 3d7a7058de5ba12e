//! Accounts. There is always someone who can administer: the last enabled administrator stays, which is checked in the
//! transaction of each change. Whoever loses an account, or is shut out of it, loses its sessions and tokens in the same one.

use std::time::SystemTime;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};
use thiserror::Error;

use super::drafts::Author;
use super::sessions::end_sessions;
use super::{Store, StoreError, time_from_row, time_to_row};
use crate::access::{Account, AccountName, CallerKind, PasswordHash, Role};

/// An account to be made.
#[derive(Clone, Debug)]
pub(crate) struct NewAccount {
    /// Names it.
    pub(crate) name: AccountName,
    /// What it may.
    pub(crate) role: Role,
    /// Of its password.
    pub(crate) hash: PasswordHash,
    /// Whether its owner replaces the password at the first sign-in.
    pub(crate) must_change_password: bool,
    /// When.
    pub(crate) created_at: SystemTime,
    /// By whom.
    pub(crate) created_by: Author,
}

/// Nothing was changed.
#[derive(Debug, Error)]
pub(crate) enum AccountError {
    /// The name is taken.
    #[error("there is an account {0} already")]
    Exists(AccountName),
    /// Nobody is called so.
    #[error("there is no account {0}")]
    NotFound(AccountName),
    /// Nobody could administer any more.
    #[error("{0} is the last enabled administrator")]
    LastAdministrator(AccountName),
    /// There is an account already, so that this cannot be the first.
    #[error("there is an account already")]
    NotFirst(AccountName),
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Whether there is any account.
    pub(crate) async fn has_accounts(&self) -> Result<bool, StoreError> {
        self.read(async |connection| has_accounts(connection).await).await
    }

    /// All accounts, by name.
    pub(crate) async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        self.read(async |connection| {
            let rows = sqlx::query("SELECT * FROM account ORDER BY name")
                .fetch_all(connection)
                .await
                .map_err(StoreError::doing("list the accounts"))?;
            rows.iter().map(account_from_row).collect()
        })
        .await
    }

    /// An account, and what its password is compared with.
    pub(crate) async fn account_with_password(
        &self,
        name: &AccountName,
    ) -> Result<Option<(Account, PasswordHash)>, StoreError> {
        self.read(async |connection| {
            let Some(row) = find(connection, name).await? else { return Ok(None) };
            let hash = row.try_get("password_hash").map_err(StoreError::doing("read an account"))?;
            Ok(Some((account_from_row(&row)?, PasswordHash::from_row(hash))))
        })
        .await
    }

    /// Makes an account.
    ///
    /// # Errors
    /// The name is taken, or the store failed.
    pub(crate) async fn insert_account(&self, new: NewAccount) -> Result<Account, AccountError> {
        self.write(async |connection| insert(connection, new).await).await
    }

    /// Makes an account if there is none yet.
    ///
    /// # Errors
    /// There is one, or the store failed.
    pub(crate) async fn insert_first_account(&self, new: NewAccount) -> Result<Account, AccountError> {
        self.write(async |connection| {
            if has_accounts(connection).await? {
                return Err(AccountError::NotFirst(new.name));
            }
            insert(connection, new).await
        })
        .await
    }

    /// Changes what is given. Disabling ends the sessions.
    ///
    /// # Errors
    /// There is no such account, it is the last administrator's, or the store failed.
    pub(crate) async fn edit_account(
        &self,
        name: &AccountName,
        role: Option<Role>,
        disabled: Option<bool>,
    ) -> Result<Account, AccountError> {
        let doing = StoreError::doing("edit an account");
        self.write(async |connection| {
            let before = existing(connection, name).await?;
            let after = Account {
                role: role.unwrap_or(before.role),
                disabled: disabled.unwrap_or(before.disabled),
                ..before.clone()
            };
            if !administers(&after) {
                refuse_last_administrator(connection, &before).await?;
            }
            sqlx::query("UPDATE account SET role = $1, disabled = $2 WHERE name = $3")
                .bind(after.role.name())
                .bind(after.disabled)
                .bind(name.as_str())
                .execute(&mut *connection)
                .await
                .map_err(doing)?;
            if after.disabled {
                sqlx::query("DELETE FROM session WHERE account = $1")
                    .bind(name.as_str())
                    .execute(connection)
                    .await
                    .map_err(doing)?;
            }
            Ok(after)
        })
        .await
    }

    /// Gives an account another password, which its owner must replace, and ends its sessions.
    ///
    /// # Errors
    /// There is no such account, or the store failed.
    pub(crate) async fn reset_password(
        &self,
        name: &AccountName,
        hash: &PasswordHash,
        now: SystemTime,
    ) -> Result<Account, AccountError> {
        self.write(async |connection| {
            let before = existing(connection, name).await?;
            sqlx::query("UPDATE account SET password_hash = $1, must_change_password = TRUE WHERE name = $2")
                .bind(hash.as_str())
                .bind(name.as_str())
                .execute(&mut *connection)
                .await
                .map_err(StoreError::doing("reset a password"))?;
            end_sessions(connection, name, None, now).await?;
            Ok(Account { must_change_password: true, ..before })
        })
        .await
    }

    /// Replaces a password by one of its owner's, and ends the other sessions: how many. `None` when the password is not
    /// the verified one any more, or the account is disabled or gone.
    ///
    /// # Errors
    /// The store failed.
    pub(crate) async fn replace_password(
        &self,
        name: &AccountName,
        verified: &PasswordHash,
        hash: &PasswordHash,
        kept: Option<&CallerKind>,
        now: SystemTime,
    ) -> Result<Option<u64>, StoreError> {
        self.write(async |connection| {
            let replaced = sqlx::query(
                "UPDATE account SET password_hash = $1, must_change_password = FALSE
                 WHERE name = $2 AND password_hash = $3 AND NOT disabled",
            )
            .bind(hash.as_str())
            .bind(name.as_str())
            .bind(verified.as_str())
            .execute(&mut *connection)
            .await
            .map_err(StoreError::doing("replace a password"))?;
            if replaced.rows_affected() == 0 {
                return Ok(None);
            }
            end_sessions(connection, name, kept, now).await.map(Some)
        })
        .await
    }

    /// Records that someone signed in with the verified password; `None` as for [`Store::replace_password`].
    ///
    /// # Errors
    /// The store failed.
    pub(crate) async fn note_sign_in(
        &self,
        name: &AccountName,
        verified: &PasswordHash,
        now: SystemTime,
    ) -> Result<Option<Account>, StoreError> {
        self.write(async |connection| {
            let row = sqlx::query(
                "UPDATE account SET last_signed_in_at = $1
                 WHERE name = $2 AND password_hash = $3 AND NOT disabled RETURNING *",
            )
            .bind(time_to_row(now))
            .bind(name.as_str())
            .bind(verified.as_str())
            .fetch_optional(connection)
            .await
            .map_err(StoreError::doing("record a sign-in"))?;
            row.as_ref().map(account_from_row).transpose()
        })
        .await
    }

    /// Removes an account with its sessions and tokens.
    ///
    /// # Errors
    /// There is no such account, it is the last administrator's, or the store failed.
    pub(crate) async fn remove_account(&self, name: &AccountName) -> Result<Account, AccountError> {
        self.write(async |connection| {
            let account = existing(connection, name).await?;
            refuse_last_administrator(connection, &account).await?;
            for statement in [
                "DELETE FROM session WHERE account = $1",
                "DELETE FROM api_token WHERE account = $1",
                "DELETE FROM account WHERE name = $1",
            ] {
                sqlx::query(statement)
                    .bind(name.as_str())
                    .execute(&mut *connection)
                    .await
                    .map_err(StoreError::doing("remove an account"))?;
            }
            Ok(account)
        })
        .await
    }
}

async fn has_accounts(connection: &mut SqliteConnection) -> Result<bool, StoreError> {
    let doing = StoreError::doing("look for accounts");
    let row =
        sqlx::query("SELECT EXISTS (SELECT 1 FROM account)").fetch_one(connection).await.map_err(doing)?;
    row.try_get(0).map_err(doing)
}

async fn find(
    connection: &mut SqliteConnection,
    name: &AccountName,
) -> Result<Option<SqliteRow>, StoreError> {
    sqlx::query("SELECT * FROM account WHERE name = $1")
        .bind(name.as_str())
        .fetch_optional(connection)
        .await
        .map_err(StoreError::doing("look up an account"))
}

async fn existing(connection: &mut SqliteConnection, name: &AccountName) -> Result<Account, AccountError> {
    let row = find(connection, name).await?.ok_or_else(|| AccountError::NotFound(name.clone()))?;
    Ok(account_from_row(&row)?)
}

async fn insert(connection: &mut SqliteConnection, new: NewAccount) -> Result<Account, AccountError> {
    let NewAccount { name, role, hash, must_change_password, created_at, created_by } = new;
    if find(connection, &name).await?.is_some() {
        return Err(AccountError::Exists(name));
    }
    sqlx::query("INSERT INTO account VALUES ($1, $2, FALSE, $3, $4, $5, $6, NULL)")
        .bind(name.as_str())
        .bind(role.name())
        .bind(hash.as_str())
        .bind(must_change_password)
        .bind(time_to_row(created_at))
        .bind(created_by.as_str())
        .execute(connection)
        .await
        .map_err(StoreError::doing("store an account"))?;
    Ok(Account {
        name,
        role,
        disabled: false,
        // As it is read back.
        created_at: time_from_row(time_to_row(created_at)),
        created_by,
        last_signed_in_at: None,
        must_change_password,
    })
}

fn administers(account: &Account) -> bool {
    account.role == Role::Administrator && !account.disabled
}

async fn refuse_last_administrator(
    connection: &mut SqliteConnection,
    account: &Account,
) -> Result<(), AccountError> {
    if !administers(account) {
        return Ok(());
    }
    let doing = StoreError::doing("count the administrators");
    let row = sqlx::query("SELECT count(*) FROM account WHERE role = $1 AND NOT disabled")
        .bind(Role::Administrator.name())
        .fetch_one(connection)
        .await
        .map_err(doing)?;
    let n_administrators: i64 = row.try_get(0).map_err(doing)?;
    if n_administrators > 1 { Ok(()) } else { Err(AccountError::LastAdministrator(account.name.clone())) }
}

pub(super) fn account_from_row(row: &SqliteRow) -> Result<Account, StoreError> {
    let doing = StoreError::doing("read an account");
    let created_by: String = row.try_get("created_by").map_err(doing)?;
    let last_signed_in_at: Option<i64> = row.try_get("last_signed_in_at").map_err(doing)?;
    Ok(Account {
        name: name_from_row(row, "name")?,
        role: role_from_row(row, "role")?,
        disabled: row.try_get("disabled").map_err(doing)?,
        created_at: time_from_row(row.try_get("created_at").map_err(doing)?),
        created_by: Author::from(created_by),
        last_signed_in_at: last_signed_in_at.map(time_from_row),
        must_change_password: row.try_get("must_change_password").map_err(doing)?,
    })
}

pub(super) fn name_from_row(row: &SqliteRow, column: &'static str) -> Result<AccountName, StoreError> {
    let name: String = row.try_get(column).map_err(StoreError::doing("read an account's name"))?;
    name.parse().map_err(|error| StoreError::damaged(column, error))
}

pub(super) fn role_from_row(row: &SqliteRow, column: &'static str) -> Result<Role, StoreError> {
    let role: String = row.try_get(column).map_err(StoreError::doing("read a role"))?;
    role.parse().map_err(|error| StoreError::damaged(column, error))
}

#[cfg(test)]
mod tests;
