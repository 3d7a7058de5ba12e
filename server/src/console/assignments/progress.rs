//! How far an assignment has come, as a part of its page that follows.

use askama::Template;
use landmark_proto::wire;

use super::super::changes::capital;
use super::super::format::{Number, counted};

/// One agent that refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rejection {
    agent_id: String,
    host_name: String,
    reason: &'static str,
    /// Each broken rule with its path.
    details: Vec<String>,
}

/// Who holds it, and who not.
#[derive(Clone, Debug, Template)]
#[template(path = "assignment_progress.html")]
pub(super) struct Progress {
    revision: u64,
    n_agents: u64,
    n_applied: u64,
    n_pending: u64,
    n_rejected: u64,
    n_offline: u64,
    rejections: Vec<Rejection>,
    is_done: bool,
    /// 0 for none.
    superseded_by: u64,
}

impl Progress {
    pub(super) fn new(progress: wire::AssignmentProgress) -> Self {
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
            rejections: rejections.into_iter().map(rejection).collect(),
            is_done: done,
            superseded_by,
        }
    }

    /// Where it stands, in a sentence.
    fn told(&self) -> String {
        let hold = if self.n_agents == 1 { "holds" } else { "hold" };
        format!("{} of {} {hold} it.", Number(self.n_applied), counted(self.n_agents, "agent", "agents"))
    }

    /// How many refused and are not named.
    fn n_unnamed(&self) -> u64 {
        self.n_rejected.saturating_sub(u64::try_from(self.rejections.len()).unwrap_or(u64::MAX))
    }

    fn number(&self, n: &u64) -> Number {
        Number(*n)
    }
}

fn rejection(rejection: wire::AgentRejection) -> Rejection {
    let reason = reason(rejection.code());
    let wire::AgentRejection { agent_id, host_name, code: _, violations } = rejection;
    let detail = |violation: wire::Violation| match violation.path.as_str() {
        "" => capital(&violation.message),
        path => format!("{path}: {}", violation.message),
    };
    Rejection { agent_id, host_name, reason, details: violations.into_iter().map(detail).collect() }
}

fn reason(code: wire::RejectionCode) -> &'static str {
    match code {
        wire::RejectionCode::Outdated => {
            "It holds a newer assignment than this one. Was the server restored from a backup?"
        }
        wire::RejectionCode::Conflict => {
            "It holds other settings under the same number. Was the server restored from a backup?"
        }
        wire::RejectionCode::Digest => "The settings arrived damaged.",
        wire::RejectionCode::Invalid => "The settings break a rule of the agent.",
        wire::RejectionCode::Unsupported => "The agent does not understand the settings: update it.",
        wire::RejectionCode::TooLarge => "The settings are larger than the agent takes.",
        wire::RejectionCode::Storage => "The agent could not store it on its disk.",
        wire::RejectionCode::Unspecified => "It does not say why.",
    }
}
