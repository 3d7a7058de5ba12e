//! Sessions of the console. Of their cookies only hashes are kept.

use std::time::SystemTime;

use landmark_proto::ids::ApiTokenId;
use sqlx::{Row as _, SqliteConnection};

use super::accounts::account_from_row;
use super::api_tokens::is_open;
use super::{Store, StoreError, time_from_row, time_to_row};
use crate::access::{AccountName, CallerKind, PasswordHash, Session, SessionKey};

/// Of one account: more than anyone has browsers. The one that was used longest ago makes room.
const MAX_OF_ACCOUNT: i64 = 20;

impl Store {
    /// Writes a new session, if `verified` is still the password of the account and it is enabled: whether it did.
    ///
    /// # Errors
    /// The store failed.
    pub(crate) async fn insert_session(
        &self,
        key: &SessionKey,
        account: &AccountName,
        verified: &PasswordHash,
        now: SystemTime,
    ) -> Result<bool, StoreError> {
        let doing = StoreError::doing("store a session");
        self.write(async |connection| {
            if !is_open(connection, account, Some(verified)).await? {
                return Ok(false);
            }
            sqlx::query(
                "DELETE FROM session WHERE account = $1 AND session_key NOT IN
                     (SELECT session_key FROM session WHERE account = $1 ORDER BY used_at DESC LIMIT $2)",
            )
            .bind(account.as_str())
            .bind(MAX_OF_ACCOUNT - 1)
            .execute(&mut *connection)
            .await
            .map_err(doing)?;
            sqlx::query("INSERT INTO session VALUES ($1, $2, $3, $3)")
                .bind(&key.0[..])
                .bind(account.as_str())
                .bind(time_to_row(now))
                .execute(connection)
                .await
                .map_err(doing)?;
            Ok(true)
        })
        .await
    }

    /// A session by the SHA-256 of its cookie.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) async fn session(&self, key: &SessionKey) -> Result<Option<Session>, StoreError> {
        let doing = StoreError::doing("look up a session");
        self.read(async |connection| {
            let row = sqlx::query(
                "SELECT account.*, session.created_at AS opened_at, session.used_at
                 FROM session JOIN account ON account.name = session.account WHERE session_key = $1",
            )
            .bind(&key.0[..])
            .fetch_optional(connection)
            .await
            .map_err(doing)?;
            let Some(row) = row else { return Ok(None) };
            Ok(Some(Session {
                account: account_from_row(&row)?,
                created_at: time_from_row(row.try_get("opened_at").map_err(doing)?),
                used_at: time_from_row(row.try_get("used_at").map_err(doing)?),
            }))
        })
        .await
    }

    /// Records that a session was used.
    ///
    /// # Errors
    /// The store failed.
    pub(crate) async fn touch_session(&self, key: &SessionKey, now: SystemTime) -> Result<(), StoreError> {
        self.write(async |connection| {
            sqlx::query("UPDATE session SET used_at = $1 WHERE session_key = $2")
                .bind(time_to_row(now))
                .bind(&key.0[..])
                .execute(connection)
                .await
                .map_err(StoreError::doing("record the use of a session"))?;
            Ok(())
        })
        .await
    }

    /// Ends a session. One that is not there is none.
    ///
    /// # Errors
    /// The store failed.
    pub(crate) async fn delete_session(&self, key: &SessionKey) -> Result<(), StoreError> {
        self.write(async |connection| {
            sqlx::query("DELETE FROM session WHERE session_key = $1")
                .bind(&key.0[..])
                .execute(connection)
                .await
                .map_err(StoreError::doing("end a session"))?;
            Ok(())
        })
        .await
    }

    /// Ends the sessions of an account except one, and the API tokens that it has by signing in: how many.
    ///
    /// # Errors
    /// The store failed.
    pub(crate) async fn end_sessions(
        &self,
        account: &AccountName,
        kept: &CallerKind,
        now: SystemTime,
    ) -> Result<u64, StoreError> {
        self.write(async |connection| end_sessions(connection, account, Some(kept), now).await).await
    }

    /// Forgets what nobody can use any more: opened before one time, or last used before another.
    ///
    /// # Errors
    /// The store failed.
    pub(crate) async fn forget_sessions(
        &self,
        opened_before: SystemTime,
        used_before: SystemTime,
    ) -> Result<(), StoreError> {
        self.write(async |connection| {
            sqlx::query("DELETE FROM session WHERE created_at < $1 OR used_at < $2")
                .bind(time_to_row(opened_before))
                .bind(time_to_row(used_before))
                .execute(connection)
                .await
                .map_err(StoreError::doing("forget old sessions"))?;
            Ok(())
        })
        .await
    }
}

/// All sessions of an account and its living tokens by signing in, apart from what `kept` came with: how many.
pub(super) async fn end_sessions(
    connection: &mut SqliteConnection,
    account: &AccountName,
    kept: Option<&CallerKind>,
    now: SystemTime,
) -> Result<u64, StoreError> {
    let doing = StoreError::doing("end the sessions of an account");
    let (kept_session, kept_token) = match kept {
        Some(CallerKind::Session { session, .. }) => (Some(session.0.to_vec()), None),
        Some(CallerKind::ApiToken { token_id, .. }) => {
            let id = token_id.parse::<ApiTokenId>();
            (None, id.ok().map(|id| id.as_uuid().as_bytes().to_vec()))
        }
        Some(CallerKind::TokenFile) | None => (None, None),
    };
    let sessions = sqlx::query("DELETE FROM session WHERE account = $1 AND session_key IS DISTINCT FROM $2")
        .bind(account.as_str())
        .bind(kept_session)
        .execute(&mut *connection)
        .await
        .map_err(doing)?;
    let tokens = sqlx::query(
        "UPDATE api_token SET revoked_at = $1 WHERE account = $2 AND by_sign_in AND token_id IS DISTINCT FROM $3
             AND revoked_at IS NULL AND expires_at > $1",
    )
    .bind(time_to_row(now))
    .bind(account.as_str())
    .bind(kept_token)
    .execute(connection)
    .await
    .map_err(doing)?;
    Ok(sessions.rows_affected() + tokens.rows_affected())
}
