//! How far an assignment has come, counted as agents change, so that asking costs nothing.

use std::collections::BTreeSet;

use landmark_proto::ids::AgentId;
use landmark_proto::revision::Held;

use crate::fleet::agent::{Agent, AssignmentState};

/// How an agent counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Applied,
    Pending,
    Rejected,
    Offline,
}

impl Class {
    /// An agent counts as what is known of it: one that has refused and gone is still one that has refused.
    pub(super) fn of(agent: &Agent, present: Option<Held>) -> Self {
        match agent.assignment_state(present) {
            AssignmentState::Current => Self::Applied,
            AssignmentState::Rejected => Self::Rejected,
            AssignmentState::Behind | AssignmentState::None if agent.online => Self::Pending,
            AssignmentState::Behind | AssignmentState::None => Self::Offline,
        }
    }
}

/// The counts for the present assignment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) n_applied: usize,
    pub(super) n_pending: usize,
    pub(super) n_offline: usize,
    pub(super) rejected: BTreeSet<AgentId>,
}

impl Tally {
    pub(super) fn add(&mut self, agent_id: AgentId, class: Class) {
        match class {
            Class::Applied => self.n_applied += 1,
            Class::Pending => self.n_pending += 1,
            Class::Offline => self.n_offline += 1,
            Class::Rejected => drop(self.rejected.insert(agent_id)),
        }
    }

    pub(super) fn subtract(&mut self, agent_id: AgentId, class: Class) {
        match class {
            Class::Applied => self.n_applied -= 1,
            Class::Pending => self.n_pending -= 1,
            Class::Offline => self.n_offline -= 1,
            Class::Rejected => drop(self.rejected.remove(&agent_id)),
        }
    }
}
