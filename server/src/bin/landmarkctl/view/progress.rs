//! How far an assignment has come.

use std::fmt;

use landmark_proto::wire;
use serde::Serialize;

use super::Violation;

/// Who has applied an assignment, and who not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Progress {
    pub(crate) revision: u64,
    pub(crate) n_agents: u64,
    pub(crate) n_applied: u64,
    pub(crate) n_pending: u64,
    pub(crate) n_rejected: u64,
    pub(crate) n_offline: u64,
    /// The first 100.
    pub(crate) rejections: Vec<AgentRejection>,
    pub(crate) done: bool,
    pub(crate) superseded_by: Option<u64>,
}

/// One agent that refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct AgentRejection {
    pub(crate) agent_id: String,
    pub(crate) host_name: String,
    pub(crate) code: Option<RejectionCode>,
    pub(crate) violations: Vec<Violation>,
}

/// Why an agent refused an assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RejectionCode {
    Outdated,
    Conflict,
    Digest,
    Invalid,
    Unsupported,
    TooLarge,
    Storage,
}

impl RejectionCode {
    pub(super) fn read(number: i32) -> Option<Self> {
        match wire::RejectionCode::try_from(number) {
            Ok(wire::RejectionCode::Outdated) => Some(Self::Outdated),
            Ok(wire::RejectionCode::Conflict) => Some(Self::Conflict),
            Ok(wire::RejectionCode::Digest) => Some(Self::Digest),
            Ok(wire::RejectionCode::Invalid) => Some(Self::Invalid),
            Ok(wire::RejectionCode::Unsupported) => Some(Self::Unsupported),
            Ok(wire::RejectionCode::TooLarge) => Some(Self::TooLarge),
            Ok(wire::RejectionCode::Storage) => Some(Self::Storage),
            Ok(wire::RejectionCode::Unspecified) | Err(_) => None,
        }
    }
}

impl fmt::Display for RejectionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Outdated => {
                "it holds a newer assignment than the one offered (was the server restored from a backup?)"
            }
            Self::Conflict => {
                "it holds other settings under the same number (was the server restored from a backup?)"
            }
            Self::Digest => "the settings arrived damaged",
            Self::Invalid => "the settings break a rule of the agent",
            Self::Unsupported => "the agent does not understand the settings; update it",
            Self::TooLarge => "the settings are larger than the agent takes",
            Self::Storage => "the agent could not store it on its disk",
        })
    }
}

impl From<wire::AssignmentProgress> for Progress {
    fn from(progress: wire::AssignmentProgress) -> Self {
        let wire::AssignmentProgress {
            revision,
            n_agents,
            n_applied,
            n_pending,
            n_rejected,
            n_offline,
            rejections,
            done,
            superseded_by,
        } = progress;
        Self {
            revision,
            n_agents,
            n_applied,
            n_pending,
            n_rejected,
            n_offline,
            rejections: rejections.into_iter().map(AgentRejection::from).collect(),
            done,
            superseded_by: super::revision(superseded_by),
        }
    }
}

impl From<wire::AgentRejection> for AgentRejection {
    fn from(rejection: wire::AgentRejection) -> Self {
        let wire::AgentRejection { agent_id, host_name, code, violations } = rejection;
        Self {
            agent_id,
            host_name,
            code: RejectionCode::read(code),
            violations: violations.into_iter().map(Violation::from).collect(),
        }
    }
}
