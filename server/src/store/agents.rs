//! Agents: read once at the start, then only written. What a session says many times is written in batches.

use std::net::IpAddr;
use std::time::SystemTime;

use landmark_proto::firewall::Platform;
use landmark_proto::firewall::profile::Label;
use landmark_proto::ids::{AgentId, BootId, Epoch};
use landmark_proto::message::HostFacts;
use landmark_proto::pin::SpkiPin;
use landmark_proto::revision::{Digest, Held, Revision};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};
use uuid::Uuid;

use super::tokens::uuid_from_row;
use super::{Store, StoreError, time_from_row, time_to_row};
use crate::fleet::{Agent, Boots, Reported};

pub(super) mod encoded;

/// All agents there ever were.
#[derive(Clone, Debug, Default)]
pub struct Agents {
    /// Those that are enrolled, all offline.
    pub enrolled: Vec<Agent>,
    /// Those that were removed, and are refused.
    pub removed: Vec<AgentId>,
}

impl Store {
    /// All agents.
    ///
    /// # Errors
    /// The store cannot be read, or a row is damaged: it is named, and nothing is returned.
    pub(crate) async fn load_agents(&self) -> Result<Agents, StoreError> {
        self.read(async |connection| {
            let rows = sqlx::query("SELECT * FROM agent")
                .fetch_all(connection)
                .await
                .map_err(StoreError::doing("read the agents"))?;
            let mut agents = Agents::default();
            for row in &rows {
                let agent = agent_from_row(row)?;
                let removed_at: Option<i64> = row.try_get("removed_at").map_err(READ)?;
                match removed_at {
                    Some(_) => agents.removed.push(agent.agent_id),
                    None => agents.enrolled.push(agent),
                }
            }
            Ok(agents)
        })
        .await
    }

    /// Removes an agent, its history and its evidence; its id stays, to be refused. False if it is not enrolled.
    ///
    /// # Errors
    /// The store failed: the agent is still there.
    pub(crate) async fn remove_agent(&self, agent_id: AgentId, now: SystemTime) -> Result<bool, StoreError> {
        let doing = StoreError::doing("remove an agent");
        let id = agent_id.as_uuid().as_bytes().to_vec();
        self.write(async |connection| {
            let updated =
                sqlx::query("UPDATE agent SET removed_at = $1 WHERE agent_id = $2 AND removed_at IS NULL")
                    .bind(time_to_row(now))
                    .bind(&id)
                    .execute(&mut *connection)
                    .await
                    .map_err(doing)?;
            for statement in [
                "DELETE FROM history WHERE agent_id = $1",
                "DELETE FROM agent_evidence WHERE agent_id = $1",
                "DELETE FROM outbox WHERE agent_id = $1",
            ] {
                sqlx::query(statement).bind(&id).execute(&mut *connection).await.map_err(doing)?;
            }
            Ok(updated.rows_affected() > 0)
        })
        .await
    }

    /// Notes an agent's new certificate. False if the agent is not enrolled.
    ///
    /// # Errors
    /// The store failed: nothing was noted.
    pub(crate) async fn renew_agent(
        &self,
        agent_id: AgentId,
        key_pin: SpkiPin,
        certificate_expires_at: SystemTime,
    ) -> Result<bool, StoreError> {
        self.write(async |connection| {
            let updated = sqlx::query(
                "UPDATE agent SET key_pin = $1, certificate_expires_at = $2
                 WHERE agent_id = $3 AND removed_at IS NULL",
            )
            .bind(&key_pin.as_bytes()[..])
            .bind(time_to_row(certificate_expires_at))
            .bind(&agent_id.as_uuid().as_bytes()[..])
            .execute(connection)
            .await
            .map_err(StoreError::doing("note a renewed certificate"))?;
            Ok(updated.rows_affected() > 0)
        })
        .await
    }
}

/// Writes what an agent's sessions say about it; nothing of enrolment, removal, renewal and history.
pub(super) async fn write_status(connection: &mut SqliteConnection, agent: &Agent) -> Result<(), StoreError> {
    let HostFacts { host_name, operating_system, kernel, architecture, agent_version, platform, labels } =
        &agent.facts;
    let boots: Vec<u8> = agent.boots.as_slice().iter().flat_map(|boot| *boot.as_uuid().as_bytes()).collect();
    sqlx::query(
        "UPDATE agent SET host_name = $1, operating_system = $2, kernel = $3, architecture = $4, agent_version = $5,
             epoch = $6, boots = $7, cloned = $8, peer_address = $9, connection_since = $10, held_revision = $11,
             held_digest = $12, assignment_result = $13, enforcement_status = $14, platform = $15, labels = $16
         WHERE agent_id = $17",
    )
    .bind(host_name)
    .bind(operating_system)
    .bind(kernel)
    .bind(architecture)
    .bind(agent_version)
    .bind(count_to_row(agent.epoch.get()))
    .bind(boots)
    .bind(agent.boots.is_cloned())
    .bind(agent.peer_address.map(|address| address.to_string()))
    .bind(agent.connection_since.map(time_to_row))
    .bind(agent.held.map(|held| count_to_row(held.revision.get())))
    .bind(agent.held.map(|held| held.digest.as_bytes().to_vec()))
    .bind(agent.refused.as_ref().map(encoded::refused_to_row))
    .bind(agent.enforcement.as_ref().map(encoded::enforcement_to_row))
    .bind(platform.map(|platform| platform.to_string()))
    .bind(labels_to_row(labels))
    .bind(&agent.agent_id.as_uuid().as_bytes()[..])
    .execute(connection)
    .await
    .map_err(StoreError::doing("write the status of an agent"))?;
    Ok(())
}

const READ: fn(sqlx::Error) -> StoreError = |error| StoreError::doing("read an agent")(error);

fn agent_from_row(row: &SqliteRow) -> Result<Agent, StoreError> {
    let bytes = |column| row.try_get::<Option<Vec<u8>>, _>(column).map_err(READ);
    let time =
        |column| row.try_get::<Option<i64>, _>(column).map_err(READ).map(|time| time.map(time_from_row));
    let text = |column| row.try_get::<String, _>(column).map_err(READ);
    let key_pin = bytes("key_pin")?.unwrap_or_default();
    let peer_address: Option<String> = row.try_get("peer_address").map_err(READ)?;
    Ok(Agent {
        agent_id: AgentId::from_uuid(uuid_from_row(row, "agent_id")?),
        enrolled_at: time_from_row(row.try_get("enrolled_at").map_err(READ)?),
        key_pin: SpkiPin::try_from(key_pin.as_slice())
            .map_err(|error| StoreError::damaged("key pin", error))?,
        certificate_expires_at: time_from_row(row.try_get("certificate_expires_at").map_err(READ)?),
        facts: HostFacts {
            host_name: text("host_name")?,
            operating_system: text("operating_system")?,
            kernel: text("kernel")?,
            architecture: text("architecture")?,
            agent_version: text("agent_version")?,
            platform: platform_from_row(row)?,
            labels: labels_from_row(&text("labels")?)?,
        },
        online: false,
        connection_since: time("connection_since")?,
        epoch: Epoch::new(count_from_row(row.try_get("epoch").map_err(READ)?)),
        boots: boots_from_row(row)?,
        peer_address: peer_address.and_then(|text| text.parse::<IpAddr>().ok()),
        held: held_from_row(row)?,
        refused: bytes("assignment_result")?.map(|bytes| encoded::refused_from_row(&bytes)).transpose()?,
        enforcement: bytes("enforcement_status")?
            .map(|bytes| encoded::enforcement_from_row(&bytes))
            .transpose()?,
        location: reported_from_row(row)?,
        n_history_lost: count_from_row(row.try_get("n_history_lost").map_err(READ)?),
    })
}

fn platform_from_row(row: &SqliteRow) -> Result<Option<Platform>, StoreError> {
    let platform: Option<String> = row.try_get("platform").map_err(READ)?;
    match platform.as_deref() {
        None => Ok(None),
        Some("linux") => Ok(Some(Platform::Linux)),
        Some("windows") => Ok(Some(Platform::Windows)),
        Some("macos") => Ok(Some(Platform::Macos)),
        Some(other) => Err(StoreError::damaged("platform", format!("{other:?} is none"))),
    }
}

/// No label has a blank in it.
pub(super) fn labels_to_row(labels: &[Label]) -> String {
    labels.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn labels_from_row(text: &str) -> Result<Vec<Label>, StoreError> {
    let labels = text.split_whitespace().map(str::parse).collect::<Result<_, _>>();
    labels.map_err(|error| StoreError::damaged("labels", error))
}

fn boots_from_row(row: &SqliteRow) -> Result<Boots, StoreError> {
    let bytes: Vec<u8> = row.try_get("boots").map_err(READ)?;
    let newest_first = bytes
        .chunks(16)
        .map(|chunk| Uuid::from_slice(chunk).map(BootId::from_uuid))
        .collect::<Result<_, _>>()
        .map_err(|error| StoreError::damaged("boots", error))?;
    Ok(Boots::restored(newest_first, row.try_get("cloned").map_err(READ)?))
}

fn held_from_row(row: &SqliteRow) -> Result<Option<Held>, StoreError> {
    let revision: Option<i64> = row.try_get("held_revision").map_err(READ)?;
    let digest: Option<Vec<u8>> = row.try_get("held_digest").map_err(READ)?;
    let (Some(revision), Some(digest)) = (revision, digest) else { return Ok(None) };
    let revision = Revision::new(count_from_row(revision))
        .ok_or_else(|| StoreError::damaged("held revision", "it is 0"))?;
    let digest =
        Digest::try_from(digest.as_slice()).map_err(|error| StoreError::damaged("held digest", error))?;
    Ok(Some(Held { revision, digest }))
}

fn reported_from_row(row: &SqliteRow) -> Result<Option<Reported>, StoreError> {
    let report: Option<Vec<u8>> = row.try_get("location_report").map_err(READ)?;
    let received_at: Option<i64> = row.try_get("location_reported_at").map_err(READ)?;
    let (Some(report), Some(received_at)) = (report, received_at) else { return Ok(None) };
    Ok(Some(Reported { report: encoded::report_from_row(&report)?, received_at: time_from_row(received_at) }))
}

/// Counts as rows have them. Beyond 2^63 - 1 there is only what a peer made up.
pub(super) fn count_to_row(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Back from a row.
pub(super) fn count_from_row(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

#[cfg(test)]
pub(in crate::store) mod tests;
