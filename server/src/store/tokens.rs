//! Join tokens and enrolment: a use is counted in the transaction that makes the agent.

use std::time::SystemTime;

use landmark_proto::ids::{AgentId, TokenId};
use landmark_proto::message::HostFacts;
use landmark_proto::pin::SpkiPin;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};
use thiserror::Error;
use uuid::Uuid;

use super::agents::labels_to_row;
use super::{Store, StoreError, time_from_row, time_to_row};
use crate::identity::tokens::{JoinToken, RefusedToken, TokenHash};

/// A machine that wants to be an agent.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its id, should it become one.
    pub agent_id: AgentId,
    /// Of its key.
    pub key_pin: SpkiPin,
    /// About the machine.
    pub facts: HostFacts,
    /// Until when its certificate will be valid.
    pub certificate_expires_at: SystemTime,
}

/// An agent after an enrolment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// The candidate's id, or that of the agent that has its key already.
    pub agent_id: AgentId,
    /// When it was first enrolled.
    pub enrolled_at: SystemTime,
    /// Whether it is new.
    pub created: bool,
    /// Which token it was.
    pub token_id: TokenId,
}

/// No agent was made, no use was counted.
#[derive(Debug, Error)]
pub enum EnrollError {
    /// The token does not allow it.
    #[error(transparent)]
    Token(#[from] RefusedToken),
    /// Whoever was removed does not come back with the same key.
    #[error(
        "this machine's key belongs to an agent that was removed; to enrol the machine again, empty the agent's state \
         folder first"
    )]
    RemovedKey,
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Writes a new token.
    pub(crate) async fn insert_token(&self, token: &JoinToken, hash: &TokenHash) -> Result<(), StoreError> {
        self.write(async |connection| {
            sqlx::query("INSERT INTO join_token VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL)")
                .bind(&token.token_id.as_uuid().as_bytes()[..])
                .bind(&hash.as_bytes()[..])
                .bind(&token.description)
                .bind(time_to_row(token.created_at))
                .bind(&token.created_by)
                .bind(time_to_row(token.expires_at))
                .bind(i64::from(token.max_uses))
                .bind(i64::from(token.n_uses))
                .execute(connection)
                .await
                .map_err(StoreError::doing("store a join token"))?;
            Ok(())
        })
        .await
    }

    /// All tokens, newest first.
    pub(crate) async fn tokens(&self) -> Result<Vec<JoinToken>, StoreError> {
        self.read(async |connection| {
            let rows = sqlx::query("SELECT * FROM join_token ORDER BY token_id DESC")
                .fetch_all(connection)
                .await
                .map_err(StoreError::doing("list the join tokens"))?;
            rows.iter().map(token_from_row).collect()
        })
        .await
    }

    /// Calls a token back; `None` if there is none.
    pub(crate) async fn revoke_token(
        &self,
        token_id: TokenId,
        now: SystemTime,
    ) -> Result<Option<JoinToken>, StoreError> {
        let doing = StoreError::doing("revoke a join token");
        self.write(async |connection| {
            let row = sqlx::query(
                "UPDATE join_token SET revoked_at = coalesce(revoked_at, $1) WHERE token_id = $2 RETURNING *",
            )
            .bind(time_to_row(now))
            .bind(&token_id.as_uuid().as_bytes()[..])
            .fetch_optional(connection)
            .await
            .map_err(doing)?;
            row.as_ref().map(token_from_row).transpose()
        })
        .await
    }

    /// Makes an agent and counts a use of the token, both or none.
    ///
    /// A key that has an agent already gets that agent. If it came by this very token, this is the same enrolment once
    /// more, whose answer was lost: nothing is counted, and a token that is used up or has expired meanwhile will do.
    ///
    /// # Errors
    /// The token is refused, the key belongs to a removed agent, or the store failed: nothing was changed.
    pub(crate) async fn enroll(
        &self,
        hash: &TokenHash,
        candidate: &Candidate,
        now: SystemTime,
    ) -> Result<Enrolled, EnrollError> {
        self.write(async |connection| {
            let token = token_by_hash(connection, hash).await?.ok_or(RefusedToken::Unknown)?;
            let known = agent_by_key(connection, candidate.key_pin).await?;
            if let Some(known) = &known
                && known.removed
            {
                return Err(EnrollError::RemovedKey);
            }
            let is_repetition = known.as_ref().is_some_and(|known| known.token_id == token.token_id);
            if !is_repetition {
                token.check(now)?;
                count_use(connection, token.token_id).await?;
            } else if token.revoked {
                return Err(RefusedToken::Revoked.into());
            }
            let token_id = token.token_id;
            if let Some(known) = known {
                renew_enrolled(connection, known.agent_id, token_id, candidate).await?;
                let (agent_id, enrolled_at) = (known.agent_id, known.enrolled_at);
                return Ok(Enrolled { agent_id, enrolled_at, created: false, token_id });
            }
            insert_agent(connection, token_id, candidate, now).await?;
            Ok(Enrolled { agent_id: candidate.agent_id, enrolled_at: now, created: true, token_id })
        })
        .await
    }
}

struct KnownAgent {
    agent_id: AgentId,
    token_id: TokenId,
    enrolled_at: SystemTime,
    removed: bool,
}

async fn token_by_hash(
    connection: &mut SqliteConnection,
    hash: &TokenHash,
) -> Result<Option<JoinToken>, StoreError> {
    let row = sqlx::query("SELECT * FROM join_token WHERE secret_hash = $1")
        .bind(&hash.as_bytes()[..])
        .fetch_optional(connection)
        .await
        .map_err(StoreError::doing("look up a join token"))?;
    row.as_ref().map(token_from_row).transpose()
}

async fn agent_by_key(
    connection: &mut SqliteConnection,
    key_pin: SpkiPin,
) -> Result<Option<KnownAgent>, StoreError> {
    let doing = StoreError::doing("look up an agent by its key");
    // Of several, which renewals with another agent's key could bring about, the first that was enrolled.
    let row = sqlx::query(
        "SELECT agent_id, token_id, enrolled_at, removed_at IS NOT NULL AS removed FROM agent WHERE key_pin = $1
         ORDER BY removed_at IS NULL DESC, agent_id LIMIT 1",
    )
    .bind(&key_pin.as_bytes()[..])
    .fetch_optional(connection)
    .await
    .map_err(doing)?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(KnownAgent {
        agent_id: AgentId::from_uuid(uuid_from_row(&row, "agent_id")?),
        token_id: TokenId::from_uuid(uuid_from_row(&row, "token_id")?),
        enrolled_at: time_from_row(row.try_get("enrolled_at").map_err(doing)?),
        removed: row.try_get("removed").map_err(doing)?,
    }))
}

async fn count_use(connection: &mut SqliteConnection, token_id: TokenId) -> Result<(), StoreError> {
    // Only one transaction writes at a time, so that what was checked above still holds; the table checks it again.
    sqlx::query("UPDATE join_token SET n_uses = n_uses + 1 WHERE token_id = $1")
        .bind(&token_id.as_uuid().as_bytes()[..])
        .execute(connection)
        .await
        .map_err(StoreError::doing("count a use of a join token"))?;
    Ok(())
}

async fn insert_agent(
    connection: &mut SqliteConnection,
    token_id: TokenId,
    candidate: &Candidate,
    now: SystemTime,
) -> Result<(), StoreError> {
    let HostFacts { host_name, operating_system, kernel, architecture, agent_version, platform, labels } =
        &candidate.facts;
    sqlx::query(
        "INSERT INTO agent (agent_id, key_pin, token_id, enrolled_at, certificate_expires_at, host_name,
             operating_system, kernel, architecture, agent_version, platform, labels)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(&candidate.agent_id.as_uuid().as_bytes()[..])
    .bind(&candidate.key_pin.as_bytes()[..])
    .bind(&token_id.as_uuid().as_bytes()[..])
    .bind(time_to_row(now))
    .bind(time_to_row(candidate.certificate_expires_at))
    .bind(host_name)
    .bind(operating_system)
    .bind(kernel)
    .bind(architecture)
    .bind(agent_version)
    .bind(platform.map(|platform| platform.to_string()))
    .bind(labels_to_row(labels))
    .execute(connection)
    .await
    .map_err(StoreError::doing("store an agent"))?;
    Ok(())
}

async fn renew_enrolled(
    connection: &mut SqliteConnection,
    agent_id: AgentId,
    token_id: TokenId,
    candidate: &Candidate,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE agent SET token_id = $1, certificate_expires_at = $2 WHERE agent_id = $3")
        .bind(&token_id.as_uuid().as_bytes()[..])
        .bind(time_to_row(candidate.certificate_expires_at))
        .bind(&agent_id.as_uuid().as_bytes()[..])
        .execute(connection)
        .await
        .map_err(StoreError::doing("enrol an agent again"))?;
    Ok(())
}

fn token_from_row(row: &SqliteRow) -> Result<JoinToken, StoreError> {
    let doing = StoreError::doing("read a join token");
    let number = |name| {
        let number: i64 = row.try_get(name).map_err(doing)?;
        u32::try_from(number).map_err(|error| StoreError::damaged("join token", error))
    };
    let revoked_at: Option<i64> = row.try_get("revoked_at").map_err(doing)?;
    Ok(JoinToken {
        token_id: TokenId::from_uuid(uuid_from_row(row, "token_id")?),
        description: row.try_get("description").map_err(doing)?,
        created_at: time_from_row(row.try_get("created_at").map_err(doing)?),
        created_by: row.try_get("created_by").map_err(doing)?,
        expires_at: time_from_row(row.try_get("expires_at").map_err(doing)?),
        max_uses: number("max_uses")?,
        n_uses: number("n_uses")?,
        revoked: revoked_at.is_some(),
    })
}

pub(super) fn uuid_from_row(row: &SqliteRow, column: &'static str) -> Result<Uuid, StoreError> {
    let bytes: Vec<u8> = row.try_get(column).map_err(StoreError::doing("read an id"))?;
    Uuid::from_slice(&bytes).map_err(|error| StoreError::damaged(column, error))
}

#[cfg(test)]
mod tests;
