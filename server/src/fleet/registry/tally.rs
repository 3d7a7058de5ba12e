//! How far an assignment has come, and how the agents fare, counted as agents change, so that asking costs nothing.

use std::collections::BTreeSet;

use landmark_proto::ids::AgentId;
use landmark_proto::location::Location;
use landmark_proto::message::EnforcementState;
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

/// How many agents there are, and how they fare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Enrolled ones.
    pub n_agents: usize,
    /// Those with a session.
    pub n_online: usize,
    /// Where they are.
    pub by_location: ByLocation,
    /// What they said of their enforcement.
    pub by_enforcement: ByEnforcement,
    /// Share their identity with another machine.
    pub n_cloned: usize,
    /// Hold an older assignment than the present one, or none; connected or not.
    pub n_behind: usize,
    /// Have refused the present assignment.
    pub n_rejected: usize,
}

impl Counts {
    /// One more agent; how it stands to the assignment is the tally's.
    pub(super) fn add(&mut self, agent: &Agent) {
        self.n_agents += 1;
        self.n_online += usize::from(agent.online);
        self.n_cloned += usize::from(agent.boots.is_cloned());
        *self.by_location.count_of(agent) += 1;
        *self.by_enforcement.count_of(agent) += 1;
    }

    /// One less.
    pub(super) fn subtract(&mut self, agent: &Agent) {
        self.n_agents -= 1;
        self.n_online -= usize::from(agent.online);
        self.n_cloned -= usize::from(agent.boots.is_cloned());
        *self.by_location.count_of(agent) -= 1;
        *self.by_enforcement.count_of(agent) -= 1;
    }
}

/// Agents by where they said they are last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByLocation {
    /// Inside.
    pub internal: Whereabouts,
    /// Outside.
    pub external: Whereabouts,
    /// Without a decision.
    pub unknown: Whereabouts,
}

/// Those in one location: of an agent that is away only the last word is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Whereabouts {
    /// With a session.
    pub n_online: usize,
    /// Without one.
    pub n_offline: usize,
}

impl Whereabouts {
    /// All of them.
    pub fn n_agents(self) -> usize {
        self.n_online + self.n_offline
    }
}

impl ByLocation {
    fn count_of(&mut self, agent: &Agent) -> &mut usize {
        let whereabouts = match agent.present_location() {
            Location::Internal => &mut self.internal,
            Location::External => &mut self.external,
            Location::Unknown => &mut self.unknown,
        };
        if agent.online { &mut whereabouts.n_online } else { &mut whereabouts.n_offline }
    }

    /// With their names, for metrics.
    pub(in crate::fleet) fn named(self) -> [(&'static str, usize); 3] {
        let Self { internal, external, unknown } = self;
        [("internal", internal), ("external", external), ("unknown", unknown)]
            .map(|(name, whereabouts)| (name, whereabouts.n_agents()))
    }
}

/// Agents by what they last said of their enforcement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByEnforcement {
    n_applied: usize,
    n_observed: usize,
    n_failed: usize,
    n_nothing: usize,
    n_repaired: usize,
    n_unavailable: usize,
    n_unknown: usize,
}

impl ByEnforcement {
    /// Those that could not enforce their policy.
    pub fn n_failed(self) -> usize {
        self.n_failed
    }

    fn count_of(&mut self, agent: &Agent) -> &mut usize {
        match agent.enforcement.as_ref().map(|status| status.state) {
            Some(EnforcementState::Applied) => &mut self.n_applied,
            Some(EnforcementState::Observed) => &mut self.n_observed,
            Some(EnforcementState::Failed) => &mut self.n_failed,
            Some(EnforcementState::Nothing) => &mut self.n_nothing,
            Some(EnforcementState::Repaired) => &mut self.n_repaired,
            Some(EnforcementState::Unavailable) => &mut self.n_unavailable,
            None => &mut self.n_unknown,
        }
    }

    /// With their names, for metrics.
    pub(in crate::fleet) fn named(self) -> [(&'static str, usize); 7] {
        let Self { n_applied, n_observed, n_failed, n_nothing, n_repaired, n_unavailable, n_unknown } = self;
        [
            ("applied", n_applied),
            ("observed", n_observed),
            ("failed", n_failed),
            ("nothing", n_nothing),
            ("repaired", n_repaired),
            ("unavailable", n_unavailable),
            ("unknown", n_unknown),
        ]
    }
}
