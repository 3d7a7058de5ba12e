//! Agents: the rows of their table, and all that is known of one.

use std::fmt;

use jiff::Timestamp;
use landmark_proto::location::Trigger;
use landmark_proto::wire;
use serde::Serialize;

use super::Violation;
use super::basis::{Basis, Location};
use super::firewall::Platform;
use super::progress::RejectionCode;

/// One agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Agent {
    pub(crate) agent_id: String,
    pub(crate) host_name: String,
    pub(crate) connection: Option<Connection>,
    pub(crate) connection_since: Option<Timestamp>,
    pub(crate) location: Option<Location>,
    pub(crate) basis: Option<Basis>,
    pub(crate) location_since: Option<Timestamp>,
    pub(crate) location_reported_at: Option<Timestamp>,
    pub(crate) held_revision: Option<u64>,
    pub(crate) assignment_state: Option<AssignmentState>,
    pub(crate) enforcement: Option<Enforcement>,
    pub(crate) cloned: bool,
    pub(crate) enrolled_at: Option<Timestamp>,
    pub(crate) agent_version: Option<String>,
}

/// All that the server knows of one agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct AgentDetail {
    #[serde(flatten)]
    pub(crate) agent: Agent,
    pub(crate) facts: Option<Facts>,
    pub(crate) peer_address: Option<String>,
    pub(crate) rejection: Option<Rejection>,
    pub(crate) certificate_expires_at: Option<Timestamp>,
    /// Newest first.
    pub(crate) history: Vec<HistoryRecord>,
    pub(crate) n_history_lost: u64,
    pub(crate) n_flips_last_hour: u32,
}

/// Whether a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Connection {
    Online,
    Offline,
}

/// What an agent holds, compared with the present assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AssignmentState {
    Current,
    Behind,
    Rejected,
    None,
}

/// Whether the policy of the decided location is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Enforcement {
    pub(crate) state: Option<EnforcementState>,
    pub(crate) backend: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) location: Option<Location>,
    pub(crate) revision: Option<u64>,
    pub(crate) since: Option<Timestamp>,
    /// Of the firewall; absent: none matches this machine.
    pub(crate) profile: Option<String>,
    pub(crate) policy: Option<String>,
}

/// The word for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EnforcementState {
    /// In force
    Applied,
    /// Planned and reported only
    Observed,
    /// Should be in force and is not
    Failed,
    /// No assignment, or no profile that matches
    Nothing,
    /// In force again after something else had changed it
    Repaired,
    /// The machine has no means to enforce it
    Unavailable,
}

/// What a list of agents begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Order {
    /// By host name
    #[default]
    Name,
    /// Offline ones first
    Connection,
    /// External, unknown, internal
    Location,
    /// Longest in their location first
    Since,
    /// The lowest revision first, those without any before
    Holds,
    /// The worst first
    Enforcement,
    /// Longest not seen first, those that are online last
    LastSeen,
}

impl Order {
    pub(crate) fn to_wire(self) -> wire::AgentOrder {
        match self {
            Self::Name => wire::AgentOrder::HostName,
            Self::Connection => wire::AgentOrder::Connection,
            Self::Location => wire::AgentOrder::Location,
            Self::Since => wire::AgentOrder::LocationSince,
            Self::Holds => wire::AgentOrder::HeldRevision,
            Self::Enforcement => wire::AgentOrder::Enforcement,
            Self::LastSeen => wire::AgentOrder::LastSeen,
        }
    }
}

impl EnforcementState {
    pub(crate) fn to_wire(self) -> wire::EnforcementState {
        match self {
            Self::Applied => wire::EnforcementState::Applied,
            Self::Observed => wire::EnforcementState::Observed,
            Self::Failed => wire::EnforcementState::Failed,
            Self::Nothing => wire::EnforcementState::Nothing,
            Self::Repaired => wire::EnforcementState::Repaired,
            Self::Unavailable => wire::EnforcementState::Unavailable,
        }
    }
}

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Facts {
    pub(crate) host_name: String,
    pub(crate) operating_system: String,
    pub(crate) kernel: String,
    pub(crate) architecture: String,
    pub(crate) agent_version: String,
    pub(crate) platform: Option<Platform>,
    pub(crate) labels: Vec<String>,
}

/// Why the present assignment was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Rejection {
    pub(crate) code: Option<RejectionCode>,
    pub(crate) violations: Vec<Violation>,
    pub(crate) still_held_revision: Option<u64>,
}

/// One change of location or basis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct HistoryRecord {
    /// By the agent's clock.
    pub(crate) at: Option<Timestamp>,
    pub(crate) received_at: Option<Timestamp>,
    pub(crate) location: Option<Location>,
    pub(crate) basis: Option<Basis>,
    #[serde(serialize_with = "super::trigger_words")]
    pub(crate) triggers: Vec<Trigger>,
    pub(crate) revision: Option<u64>,
    pub(crate) evaluation: u64,
    pub(crate) decided_in_ms: Option<i64>,
    pub(crate) boot_id: String,
}

/// One line of `agents watch`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum AgentEvent {
    /// New or changed.
    Changed { agent: Box<Agent> },
    /// Removed, or not of the filter any more.
    Gone { agent_id: String },
    /// Everything that matches now has been told.
    Synced,
}

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Online => "online",
            Self::Offline => "offline",
        })
    }
}

impl fmt::Display for AssignmentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Current => "current",
            Self::Behind => "behind",
            Self::Rejected => "rejected",
            Self::None => "none",
        })
    }
}

impl fmt::Display for EnforcementState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Applied => "applied",
            Self::Observed => "observe",
            Self::Failed => "failed",
            Self::Nothing => "nothing to enforce",
            Self::Repaired => "drifted and repaired",
            Self::Unavailable => "not available",
        })
    }
}

impl From<wire::Agent> for Agent {
    fn from(agent: wire::Agent) -> Self {
        let wire::Agent {
            agent_id,
            host_name,
            connection,
            connection_since,
            location,
            basis,
            location_since,
            location_reported_at,
            held_revision,
            assignment_state,
            enforcement,
            cloned,
            enrolled_at,
            agent_version,
        } = agent;
        Self {
            agent_id,
            host_name,
            connection: match wire::Connection::try_from(connection) {
                Ok(wire::Connection::Online) => Some(Connection::Online),
                Ok(wire::Connection::Offline) => Some(Connection::Offline),
                Ok(wire::Connection::Unspecified) | Err(_) => None,
            },
            connection_since: super::time(connection_since),
            location: Location::read(location),
            basis: basis.and_then(Basis::read),
            location_since: super::time(location_since),
            location_reported_at: super::time(location_reported_at),
            held_revision: super::revision(held_revision),
            assignment_state: match wire::AssignmentState::try_from(assignment_state) {
                Ok(wire::AssignmentState::Current) => Some(AssignmentState::Current),
                Ok(wire::AssignmentState::Behind) => Some(AssignmentState::Behind),
                Ok(wire::AssignmentState::Rejected) => Some(AssignmentState::Rejected),
                Ok(wire::AssignmentState::None) => Some(AssignmentState::None),
                Ok(wire::AssignmentState::Unspecified) | Err(_) => None,
            },
            enforcement: enforcement.map(Enforcement::from),
            cloned,
            enrolled_at: super::time(enrolled_at),
            agent_version: super::text(agent_version),
        }
    }
}

impl From<wire::EnforcementStatus> for Enforcement {
    fn from(status: wire::EnforcementStatus) -> Self {
        let wire::EnforcementStatus { state, backend, reason, location, revision, since, profile, policy } =
            status;
        Self {
            state: match wire::EnforcementState::try_from(state) {
                Ok(wire::EnforcementState::Applied) => Some(EnforcementState::Applied),
                Ok(wire::EnforcementState::Observed) => Some(EnforcementState::Observed),
                Ok(wire::EnforcementState::Failed) => Some(EnforcementState::Failed),
                Ok(wire::EnforcementState::Nothing) => Some(EnforcementState::Nothing),
                Ok(wire::EnforcementState::Repaired) => Some(EnforcementState::Repaired),
                Ok(wire::EnforcementState::Unavailable) => Some(EnforcementState::Unavailable),
                Ok(wire::EnforcementState::Unspecified) | Err(_) => None,
            },
            backend: super::text(backend),
            reason: super::text(reason),
            location: Location::read(location),
            revision: super::revision(revision),
            since: super::time(since),
            profile: super::text(profile),
            policy: super::text(policy),
        }
    }
}

impl From<wire::HostFacts> for Facts {
    fn from(facts: wire::HostFacts) -> Self {
        let wire::HostFacts {
            host_name,
            operating_system,
            kernel,
            architecture,
            agent_version,
            platform,
            labels,
        } = facts;
        let platform = Platform::read(platform);
        Self { host_name, operating_system, kernel, architecture, agent_version, platform, labels }
    }
}

impl From<wire::assignment_result::Rejected> for Rejection {
    fn from(rejected: wire::assignment_result::Rejected) -> Self {
        let wire::assignment_result::Rejected { code, violations, still_held } = rejected;
        Self {
            code: RejectionCode::read(code),
            violations: violations.into_iter().map(Violation::from).collect(),
            still_held_revision: still_held.and_then(|held| super::revision(held.revision)),
        }
    }
}

impl From<wire::AgentDetail> for AgentDetail {
    fn from(detail: wire::AgentDetail) -> Self {
        let wire::AgentDetail {
            agent,
            facts,
            peer_address,
            rejection,
            certificate_expires_at,
            history,
            n_history_lost,
            n_flips_last_hour,
        } = detail;
        Self {
            agent: agent.unwrap_or_default().into(),
            facts: facts.map(Facts::from),
            peer_address: super::text(peer_address),
            rejection: rejection.map(Rejection::from),
            certificate_expires_at: super::time(certificate_expires_at),
            history: history.into_iter().map(HistoryRecord::from).collect(),
            n_history_lost,
            n_flips_last_hour,
        }
    }
}

impl From<wire::LocationHistory> for HistoryRecord {
    fn from(record: wire::LocationHistory) -> Self {
        let wire::LocationHistory { report, received_at } = record;
        let wire::LocationReport {
            at,
            boot_id,
            since_boot: _,
            location,
            basis,
            triggers,
            revision,
            evaluation,
            decided_in,
            n_flips: _,
        } = report.unwrap_or_default();
        Self {
            at: super::time(at),
            received_at: super::time(received_at),
            location: Location::read(location),
            basis: basis.and_then(Basis::read),
            triggers: super::triggers(&triggers),
            revision: super::revision(revision),
            evaluation,
            decided_in_ms: super::milliseconds(decided_in),
            boot_id,
        }
    }
}

impl AgentEvent {
    /// `None` for an event of a newer server.
    pub(crate) fn read(event: wire::AgentEvent) -> Option<Self> {
        use wire::agent_event::{Kind, Synced};
        match event.kind? {
            Kind::Changed(agent) => Some(Self::Changed { agent: Box::new(agent.into()) }),
            Kind::Gone(agent_id) => Some(Self::Gone { agent_id }),
            Kind::Synced(Synced {}) => Some(Self::Synced),
        }
    }
}
