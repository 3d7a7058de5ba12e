//! What agents saw when they decided: the newest few records of each, encoded as they came.
//!
//! A record that is there already is not written again, so that an agent may send what was not acknowledged once more.

use std::time::SystemTime;

use landmark_proto::convert;
use landmark_proto::evidence::{Evidence, replay};
use landmark_proto::ids::{AgentId, EvaluationId};
use sqlx::{Row as _, SqliteConnection};

use super::agents::count_to_row;
use super::{Store, StoreError, time_from_row, time_to_row};

/// Records of one agent that are kept, the newest: enough to see what a move from home to the office looked like.
pub const KEPT_PER_AGENT: usize = 8;
/// Bytes of one agent's records together; the newest is kept in any case. A record of a usual list (32 servers, 2 ports
/// each) has 5 KB, one of the longest possible 240 KiB.
const BYTES_PER_AGENT: i64 = 512 * 1024;

/// A record as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceRecord {
    agent_id: AgentId,
    started_at: SystemTime,
    evaluation: EvaluationId,
    follows: bool,
    encoded: Vec<u8>,
}

impl EvidenceRecord {
    /// Encodes what an agent sent, and checks whether its verdict follows from the rest.
    pub fn new(agent_id: AgentId, evidence: &Evidence) -> Self {
        Self {
            agent_id,
            started_at: evidence.started_at,
            evaluation: evidence.evaluation,
            follows: replay(evidence) == evidence.verdict,
            encoded: convert::evidence::encode(evidence),
        }
    }

    /// Whose it is.
    pub fn agent_id(&self) -> AgentId {
        self.agent_id
    }

    /// Which evaluation it is of.
    pub fn evaluation(&self) -> EvaluationId {
        self.evaluation
    }

    /// Whether the verdict follows.
    pub fn follows(&self) -> bool {
        self.follows
    }

    /// How much of the disk it takes.
    pub fn n_bytes(&self) -> usize {
        self.encoded.len()
    }
}

/// A record as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvidence {
    /// As the agent sent it.
    pub evidence: Evidence,
    /// By our wall clock.
    pub received_at: SystemTime,
    /// Whether the verdict followed from the rest, by the rules when it came.
    pub follows: bool,
}

impl Store {
    /// The newest records of an agent, newest first, at most `limit`.
    ///
    /// # Errors
    /// The store cannot be read, or a record is damaged.
    pub(crate) async fn evidence(
        &self,
        agent_id: AgentId,
        limit: u32,
    ) -> Result<Vec<StoredEvidence>, StoreError> {
        let doing = StoreError::doing("read the evidence of an agent");
        self.read(async |connection| {
            let rows = sqlx::query(
                "SELECT received_at, follows, evidence FROM agent_evidence WHERE agent_id = $1
                 ORDER BY position DESC LIMIT $2",
            )
            .bind(&agent_id.as_uuid().as_bytes()[..])
            .bind(i64::from(limit))
            .fetch_all(connection)
            .await
            .map_err(doing)?;
            let stored = |row: &sqlx::sqlite::SqliteRow| {
                let bytes: Vec<u8> = row.try_get("evidence").map_err(doing)?;
                Ok(StoredEvidence {
                    evidence: decode(&bytes)?,
                    received_at: time_from_row(row.try_get("received_at").map_err(doing)?),
                    follows: row.try_get("follows").map_err(doing)?,
                })
            };
            rows.iter().map(stored).collect()
        })
        .await
    }
}

/// Writes a record, unless it is there. False if the agent is not enrolled: nothing was written.
pub(super) async fn append(
    connection: &mut SqliteConnection,
    record: &EvidenceRecord,
    now: SystemTime,
) -> Result<bool, StoreError> {
    let doing = StoreError::doing("append to the evidence of an agent");
    let EvidenceRecord { agent_id, started_at, evaluation, follows, encoded } = record;
    let id = &agent_id.as_uuid().as_bytes()[..];
    let enrolled = sqlx::query("SELECT 1 FROM agent WHERE agent_id = $1 AND removed_at IS NULL")
        .bind(id)
        .fetch_optional(&mut *connection)
        .await
        .map_err(doing)?;
    if enrolled.is_none() {
        return Ok(false);
    }
    let inserted = sqlx::query(
        "INSERT INTO agent_evidence (agent_id, started_at, evaluation, position, received_at, follows, evidence)
         VALUES ($1, $2, $3, (SELECT COALESCE(MAX(position), 0) + 1 FROM agent_evidence WHERE agent_id = $1), $4, $5, $6)
         ON CONFLICT DO NOTHING",
    )
    .bind(id)
    .bind(time_to_row(*started_at))
    .bind(count_to_row(evaluation.get()))
    .bind(time_to_row(now))
    .bind(follows)
    .bind(encoded.as_slice())
    .execute(&mut *connection)
    .await
    .map_err(doing)?;
    if inserted.rows_affected() > 0 {
        forget_old(connection, *agent_id).await?;
    }
    Ok(true)
}

/// Keeps the newest records only, and no more of them than the disk shall bear.
async fn forget_old(connection: &mut SqliteConnection, agent_id: AgentId) -> Result<(), StoreError> {
    let doing = StoreError::doing("forget old evidence");
    let id = &agent_id.as_uuid().as_bytes()[..];
    let rows = sqlx::query(
        "SELECT position, length(evidence) FROM agent_evidence WHERE agent_id = $1 ORDER BY position DESC",
    )
    .bind(id)
    .fetch_all(&mut *connection)
    .await
    .map_err(doing)?;
    let sizes = rows
        .iter()
        .map(|row| Ok((row.try_get(0).map_err(doing)?, row.try_get(1).map_err(doing)?)))
        .collect::<Result<Vec<(i64, i64)>, StoreError>>()?;
    if let Some(newest_to_go) = newest_to_go(&sizes) {
        sqlx::query("DELETE FROM agent_evidence WHERE agent_id = $1 AND position <= $2")
            .bind(id)
            .bind(newest_to_go)
            .execute(connection)
            .await
            .map_err(doing)?;
    }
    Ok(())
}

/// Of (position, bytes), newest first, the first position that is too many or too much.
fn newest_to_go(sizes: &[(i64, i64)]) -> Option<i64> {
    let mut n_bytes = 0;
    let is_too_much = |(index, (_, size)): &(usize, &(i64, i64))| {
        n_bytes += size;
        *index >= KEPT_PER_AGENT || (*index > 0 && n_bytes > BYTES_PER_AGENT)
    };
    sizes.iter().enumerate().find(is_too_much).map(|(_, (position, _))| *position)
}

fn decode(bytes: &[u8]) -> Result<Evidence, StoreError> {
    convert::evidence::decode(bytes).map_err(|error| StoreError::damaged("evidence", &error))
}

#[cfg(test)]
pub(crate) mod tests;
