//! What sessions report, written in batches: the latest status of agents, and their history without gaps and doubles.
//!
//! One transaction a batch, so that whatever is acknowledged afterwards is on disk together with how far it reaches.

use std::sync::Arc;
use std::time::SystemTime;

use landmark_proto::ids::{AgentId, OutboxId, Sequence};
use landmark_proto::message::LocationReports;
use sqlx::{Row as _, SqliteConnection};

use super::agents::encoded::{report_from_row, report_to_row};
use super::agents::{count_from_row, count_to_row, write_status};
use super::evidence::{self, EvidenceRecord};
use super::{Store, StoreError, time_from_row, time_to_row};
use crate::fleet::{Agent, Reported};

/// Records of one agent that are kept, the newest: years of an ordinary machine, weeks of one that flaps.
const KEPT_PER_AGENT: i64 = 1_000;
/// Lives of one agent's outbox whose progress is remembered. An agent has one; a cloned one may have a few.
const OUTBOXES_PER_AGENT: i64 = 8;

/// One batch of reports, and whose it is.
#[derive(Clone, Debug)]
pub struct AgentReports {
    /// As its certificate says.
    pub agent_id: AgentId,
    /// As it sent them.
    pub reports: LocationReports,
}

/// What is written together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Batch<'a> {
    /// Records of agents' histories.
    pub reports: &'a [AgentReports],
    /// What agents saw.
    pub evidence: &'a [EvidenceRecord],
    /// Agents whose status changed.
    pub statuses: &'a [Arc<Agent>],
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// In the order of the reports; `None` for those of an agent that is not enrolled, which are not written.
    pub reports: Vec<Option<Committed>>,
    /// In the order of the evidence; false for what is of an agent that is not enrolled, which is not written.
    pub evidence: Vec<bool>,
}

/// How far an outbox is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Whose.
    pub agent_id: AgentId,
    /// Which life of the outbox.
    pub outbox_id: OutboxId,
    /// The first record that is not committed.
    pub next: Sequence,
    /// Records that were new.
    pub n_new: usize,
    /// Records that the agent has ever dropped before we took them.
    pub n_history_lost: u64,
    /// The last of the new ones.
    pub latest: Option<Reported>,
}

impl Store {
    /// Writes a batch, all of it or nothing.
    ///
    /// # Errors
    /// The store failed: nothing was written.
    pub(crate) async fn write_batch(&self, batch: Batch<'_>, now: SystemTime) -> Result<Written, StoreError> {
        let Batch { reports, evidence, statuses } = batch;
        self.write(async |connection| {
            let mut written = Written::default();
            for reports in reports {
                written.reports.push(append(connection, reports, now).await?);
            }
            for record in evidence {
                written.evidence.push(evidence::append(connection, record, now).await?);
            }
            // Rows in the order of their keys touch each page once.
            let mut statuses: Vec<_> = statuses.iter().collect();
            statuses.sort_by_key(|agent| agent.agent_id);
            for agent in statuses {
                write_status(connection, agent).await?;
            }
            Ok(written)
        })
        .await
    }

    /// How far an outbox is committed; `None` if it was never heard of.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) async fn committed(
        &self,
        agent_id: AgentId,
        outbox_id: OutboxId,
    ) -> Result<Option<Sequence>, StoreError> {
        self.read(async |connection| next_sequence(connection, agent_id, outbox_id).await).await
    }

    /// The newest records of an agent, newest first, at most `limit`.
    ///
    /// # Errors
    /// The store cannot be read, or a record is damaged.
    pub(crate) async fn history(&self, agent_id: AgentId, limit: u32) -> Result<Vec<Reported>, StoreError> {
        let doing = StoreError::doing("read the history of an agent");
        self.read(async |connection| {
            let rows = sqlx::query(
                "SELECT received_at, location_report FROM history WHERE agent_id = $1 ORDER BY position DESC LIMIT $2",
            )
            .bind(&agent_id.as_uuid().as_bytes()[..])
            .bind(i64::from(limit))
            .fetch_all(connection)
            .await
            .map_err(doing)?;
            let reported = |row: &sqlx::sqlite::SqliteRow| {
                let bytes: Vec<u8> = row.try_get("location_report").map_err(doing)?;
                let received_at = time_from_row(row.try_get("received_at").map_err(doing)?);
                Ok(Reported { report: report_from_row(&bytes)?, received_at })
            };
            rows.iter().map(reported).collect()
        })
        .await
    }
}

/// What is new in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Plan {
    /// Records at its beginning that are committed already.
    n_known: u64,
    /// Records that are missing before it.
    n_lost: u64,
    /// The first record that is not committed afterwards.
    next: Sequence,
}

/// Compares a batch with how far its outbox is committed. A new outbox starts wherever it starts.
fn plan(committed: Option<Sequence>, first: Sequence, n_records: u64) -> Plan {
    let next = first.plus(n_records);
    let committed = committed.unwrap_or(first);
    Plan {
        n_known: committed.get().saturating_sub(first.get()).min(n_records),
        n_lost: first.get().saturating_sub(committed.get()),
        next: next.max(committed),
    }
}

async fn append(
    connection: &mut SqliteConnection,
    AgentReports { agent_id, reports }: &AgentReports,
    now: SystemTime,
) -> Result<Option<Committed>, StoreError> {
    let doing = StoreError::doing("append to the history of an agent");
    let id = &agent_id.as_uuid().as_bytes()[..];
    let row = sqlx::query(
        "SELECT next_position, n_history_lost FROM agent WHERE agent_id = $1 AND removed_at IS NULL",
    )
    .bind(id)
    .fetch_optional(&mut *connection)
    .await
    .map_err(doing)?;
    let Some(row) = row else { return Ok(None) };
    let mut position: i64 = row.try_get("next_position").map_err(doing)?;
    let n_lost_before = count_from_row(row.try_get("n_history_lost").map_err(doing)?);

    let known = next_sequence(connection, *agent_id, reports.outbox_id).await?;
    let plan = plan(known, reports.first, reports.reports.len() as u64);
    let new = reports.reports.get(usize::try_from(plan.n_known).unwrap_or(usize::MAX)..).unwrap_or_default();
    for report in new {
        sqlx::query(
            "INSERT INTO history (agent_id, position, received_at, location_report) VALUES ($1, $2, $3, $4)",
        )
        .bind(id)
        .bind(position)
        .bind(time_to_row(now))
        .bind(report_to_row(report))
        .execute(&mut *connection)
        .await
        .map_err(doing)?;
        position += 1;
    }
    let n_history_lost = n_lost_before.saturating_add(plan.n_lost);
    let latest = new.last().map(|report| Reported { report: report.clone(), received_at: now });
    if let Some(latest) = &latest {
        forget_old(connection, *agent_id, position).await?;
        sqlx::query(
            "UPDATE agent SET next_position = $1, n_history_lost = $2, location_report = $3,
                 location_reported_at = $4 WHERE agent_id = $5",
        )
        .bind(position)
        .bind(count_to_row(n_history_lost))
        .bind(report_to_row(&latest.report))
        .bind(time_to_row(now))
        .bind(id)
        .execute(&mut *connection)
        .await
        .map_err(doing)?;
        commit_outbox(connection, *agent_id, reports.outbox_id, (known, plan.next), now).await?;
    }
    Ok(Some(Committed {
        agent_id: *agent_id,
        outbox_id: reports.outbox_id,
        next: plan.next,
        n_new: new.len(),
        n_history_lost,
        latest,
    }))
}

/// Keeps the newest records only.
async fn forget_old(
    connection: &mut SqliteConnection,
    agent_id: AgentId,
    next_position: i64,
) -> Result<(), StoreError> {
    // Positions are without gaps, so that this deletes no more than the batch has just added.
    sqlx::query("DELETE FROM history WHERE agent_id = $1 AND position < $2")
        .bind(&agent_id.as_uuid().as_bytes()[..])
        .bind(next_position - KEPT_PER_AGENT)
        .execute(connection)
        .await
        .map_err(StoreError::doing("forget old history"))?;
    Ok(())
}

async fn next_sequence(
    connection: &mut SqliteConnection,
    agent_id: AgentId,
    outbox_id: OutboxId,
) -> Result<Option<Sequence>, StoreError> {
    let doing = StoreError::doing("read how far an outbox is committed");
    let row = sqlx::query("SELECT next_sequence FROM outbox WHERE agent_id = $1 AND outbox_id = $2")
        .bind(&agent_id.as_uuid().as_bytes()[..])
        .bind(&outbox_id.as_uuid().as_bytes()[..])
        .fetch_optional(connection)
        .await
        .map_err(doing)?;
    let number: Option<i64> = row.map(|row| row.try_get(0)).transpose().map_err(doing)?;
    Ok(number.map(|number| Sequence::new(count_from_row(number))))
}

async fn commit_outbox(
    connection: &mut SqliteConnection,
    agent_id: AgentId,
    outbox_id: OutboxId,
    (known, next): (Option<Sequence>, Sequence),
    now: SystemTime,
) -> Result<(), StoreError> {
    let doing = StoreError::doing("note how far an outbox is committed");
    let id = &agent_id.as_uuid().as_bytes()[..];
    sqlx::query(
        "INSERT INTO outbox (agent_id, outbox_id, next_sequence, used_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (agent_id, outbox_id) DO UPDATE SET next_sequence = $3, used_at = $4",
    )
    .bind(id)
    .bind(&outbox_id.as_uuid().as_bytes()[..])
    .bind(count_to_row(next.get()))
    .bind(time_to_row(now))
    .execute(&mut *connection)
    .await
    .map_err(doing)?;
    if known.is_none() {
        sqlx::query(
            // Not the one at hand: should the clock have been set back, it would seem to be the oldest.
            "DELETE FROM outbox WHERE agent_id = $1 AND outbox_id <> $3 AND outbox_id NOT IN
                 (SELECT outbox_id FROM outbox WHERE agent_id = $1 ORDER BY used_at DESC LIMIT $2)",
        )
        .bind(id)
        .bind(OUTBOXES_PER_AGENT)
        .bind(&outbox_id.as_uuid().as_bytes()[..])
        .execute(&mut *connection)
        .await
        .map_err(doing)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
