//! API tokens. Of their secrets only hashes are kept.

use std::time::{Duration, SystemTime};

use landmark_proto::ids::ApiTokenId;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};
use thiserror::Error;

use super::accounts::{name_from_row, role_from_row};
use super::tokens::uuid_from_row;
use super::{Store, StoreError, time_from_row, time_to_row};
use crate::access::{AccountName, ApiToken, Holder, PasswordHash};

/// Living ones of one account, and of the token of the first start: more than anyone has programs, and bounded.
pub(crate) const MAX_ALIVE: i64 = 200;
/// Those that are over are shown for as long.
const KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// No token was made.
#[derive(Debug, Error)]
pub(crate) enum ApiTokenError {
    /// The account is gone or disabled, or has another password than the verified one.
    #[error("the account was changed in the meantime; sign in again")]
    AccountChanged,
    /// The account has as many as it may.
    #[error("there are {MAX_ALIVE} API tokens already; revoke those that nobody needs")]
    TooMany,
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Writes a new token, and forgets those of before that have long been over. With `verified` only as long as that is
    /// the password of the account.
    ///
    /// # Errors
    /// See [`ApiTokenError`].
    pub(crate) async fn insert_api_token(
        &self,
        token: &ApiToken,
        hash: &[u8; 32],
        verified: Option<&PasswordHash>,
    ) -> Result<(), ApiTokenError> {
        self.write(async |connection| {
            forget(connection, token.created_at).await?;
            if let Some(account) = &token.account
                && !is_open(connection, account, verified).await?
            {
                return Err(ApiTokenError::AccountChanged);
            }
            if n_alive(connection, token).await? >= MAX_ALIVE {
                return Err(ApiTokenError::TooMany);
            }
            insert(connection, token, hash).await?;
            Ok(())
        })
        .await
    }

    /// A token by the SHA-256 of its secret, and its account at the moment.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) async fn api_token_by_hash(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<(ApiToken, Option<Holder>)>, StoreError> {
        let doing = StoreError::doing("look up an API token");
        self.read(async |connection| {
            let row = sqlx::query(
                "SELECT api_token.*, account.role AS holder_role, account.disabled AS holder_disabled
                 FROM api_token LEFT JOIN account ON account.name = api_token.account WHERE secret_hash = $1",
            )
            .bind(&hash[..])
            .fetch_optional(connection)
            .await
            .map_err(doing)?;
            let Some(row) = row else { return Ok(None) };
            let disabled: Option<bool> = row.try_get("holder_disabled").map_err(doing)?;
            let holder = disabled
                .map(|disabled| {
                    Ok::<_, StoreError>(Holder { role: role_from_row(&row, "holder_role")?, disabled })
                })
                .transpose()?;
            Ok(Some((token_from_row(&row)?, holder)))
        })
        .await
    }

    /// All tokens, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) async fn api_tokens(&self) -> Result<Vec<ApiToken>, StoreError> {
        self.read(async |connection| {
            let rows = sqlx::query("SELECT * FROM api_token ORDER BY token_id DESC")
                .fetch_all(connection)
                .await
                .map_err(StoreError::doing("list the API tokens"))?;
            rows.iter().map(token_from_row).collect()
        })
        .await
    }

    /// Calls a token back; `None` if there is none.
    ///
    /// # Errors
    /// The store failed.
    pub(crate) async fn revoke_api_token(
        &self,
        token_id: ApiTokenId,
        now: SystemTime,
    ) -> Result<Option<ApiToken>, StoreError> {
        self.write(async |connection| {
            let row = sqlx::query(
                "UPDATE api_token SET revoked_at = coalesce(revoked_at, $1) WHERE token_id = $2 RETURNING *",
            )
            .bind(time_to_row(now))
            .bind(&token_id.as_uuid().as_bytes()[..])
            .fetch_optional(connection)
            .await
            .map_err(StoreError::doing("revoke an API token"))?;
            row.as_ref().map(token_from_row).transpose()
        })
        .await
    }

    /// Records that a token was used.
    ///
    /// # Errors
    /// The store failed.
    pub(crate) async fn touch_api_token(
        &self,
        token_id: ApiTokenId,
        now: SystemTime,
    ) -> Result<(), StoreError> {
        self.write(async |connection| {
            sqlx::query("UPDATE api_token SET last_used_at = $1 WHERE token_id = $2")
                .bind(time_to_row(now))
                .bind(&token_id.as_uuid().as_bytes()[..])
                .execute(connection)
                .await
                .map_err(StoreError::doing("record the use of an API token"))?;
            Ok(())
        })
        .await
    }
}

/// Whether an account is there and enabled, and has the password that was verified.
pub(super) async fn is_open(
    connection: &mut SqliteConnection,
    account: &AccountName,
    verified: Option<&PasswordHash>,
) -> Result<bool, StoreError> {
    let doing = StoreError::doing("look up an account");
    let row = sqlx::query(
        "SELECT EXISTS (SELECT 1 FROM account
             WHERE name = $1 AND NOT disabled AND password_hash = coalesce($2, password_hash))",
    )
    .bind(account.as_str())
    .bind(verified.map(PasswordHash::as_str))
    .fetch_one(connection)
    .await
    .map_err(doing)?;
    row.try_get(0).map_err(doing)
}

async fn n_alive(connection: &mut SqliteConnection, like: &ApiToken) -> Result<i64, StoreError> {
    let doing = StoreError::doing("count the API tokens");
    let row = sqlx::query(
        "SELECT count(*) FROM api_token WHERE account IS NOT DISTINCT FROM $1 AND revoked_at IS NULL AND expires_at > $2",
    )
    .bind(like.account.as_ref().map(AccountName::as_str))
    .bind(time_to_row(like.created_at))
    .fetch_one(connection)
    .await
    .map_err(doing)?;
    row.try_get(0).map_err(doing)
}

async fn forget(connection: &mut SqliteConnection, now: SystemTime) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM api_token WHERE coalesce(revoked_at, expires_at) < $1")
        .bind(time_to_row(now - KEPT))
        .execute(connection)
        .await
        .map_err(StoreError::doing("forget old API tokens"))?;
    Ok(())
}

async fn insert(
    connection: &mut SqliteConnection,
    token: &ApiToken,
    hash: &[u8; 32],
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO api_token VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL, NULL)")
        .bind(&token.token_id.as_uuid().as_bytes()[..])
        .bind(&hash[..])
        .bind(token.account.as_ref().map(AccountName::as_str))
        .bind(token.by_sign_in)
        .bind(&token.description)
        .bind(token.role.name())
        .bind(time_to_row(token.created_at))
        .bind(time_to_row(token.expires_at))
        .execute(connection)
        .await
        .map_err(StoreError::doing("store an API token"))?;
    Ok(())
}

fn token_from_row(row: &SqliteRow) -> Result<ApiToken, StoreError> {
    let doing = StoreError::doing("read an API token");
    let account: Option<String> = row.try_get("account").map_err(doing)?;
    let last_used_at: Option<i64> = row.try_get("last_used_at").map_err(doing)?;
    let revoked_at: Option<i64> = row.try_get("revoked_at").map_err(doing)?;
    Ok(ApiToken {
        token_id: ApiTokenId::from_uuid(uuid_from_row(row, "token_id")?),
        description: row.try_get("description").map_err(doing)?,
        role: role_from_row(row, "role")?,
        account: account.map(|_| name_from_row(row, "account")).transpose()?,
        by_sign_in: row.try_get("by_sign_in").map_err(doing)?,
        created_at: time_from_row(row.try_get("created_at").map_err(doing)?),
        expires_at: time_from_row(row.try_get("expires_at").map_err(doing)?),
        last_used_at: last_used_at.map(time_from_row),
        revoked: revoked_at.is_some(),
    })
}
