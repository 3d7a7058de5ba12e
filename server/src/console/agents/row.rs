//! What is told of an agent in short: a row of the table, and the head of its own page.

use std::collections::HashMap;
use std::time::SystemTime;

use landmark_proto::convert::location::basis_from_wire;
use landmark_proto::violation::Path;
use landmark_proto::wire;

use crate::console::format::Moment;
use crate::console::wired;

/// An agent in short.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) is_online: bool,
    /// Since when it is connected, or gone; `None` if it never was.
    pub(super) connection: Option<Moment>,
    pub(super) location: &'static str,
    pub(super) basis: String,
    pub(super) since: Option<Moment>,
    /// 0 for none.
    pub(super) revision: u64,
    pub(super) state: Word,
    pub(super) enforcement: Option<Enforcement>,
    pub(super) is_cloned: bool,
    /// Another row has the same name.
    pub(super) is_namesake: bool,
}

/// A word, and the tone in which it is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: &'static str,
    pub(super) tone: &'static str,
}

/// How the policy of its location is enforced.
#[derive(Clone, Debug)]
pub(super) struct Enforcement {
    pub(super) state: Word,
    pub(super) backend: String,
    pub(super) reason: String,
    pub(super) profile: String,
    pub(super) policy: String,
    pub(super) location: &'static str,
    pub(super) revision: u64,
    pub(super) since: Moment,
}

impl Row {
    /// As much of the id as tells agents apart.
    pub(super) fn short_id(&self) -> &str {
        self.id.get(..11).unwrap_or(&self.id)
    }

    pub(super) fn new(agent: wire::Agent, now: SystemTime) -> Self {
        let moment = |at| wired::time_if_any(at).map(|at| Moment::new(at, now));
        let (state, location) = (agent.assignment_state(), agent.location());
        Self {
            is_online: agent.connection() == wire::Connection::Online,
            location: location_word(location),
            state: state_word(state),
            id: agent.agent_id,
            name: agent.host_name,
            connection: moment(agent.connection_since),
            basis: basis_words(agent.basis),
            since: moment(agent.location_since),
            revision: agent.held_revision,
            enforcement: agent.enforcement.map(|status| Enforcement::new(status, now)),
            is_cloned: agent.cloned,
            is_namesake: false,
        }
    }
}

/// Marks those that are called alike.
pub(super) fn mark_namesakes(rows: &mut [Row]) {
    let mut names: HashMap<String, usize> = HashMap::new();
    for row in rows.iter() {
        *names.entry(row.name.to_lowercase()).or_default() += 1;
    }
    for row in rows {
        row.is_namesake = names.get(&row.name.to_lowercase()).is_some_and(|n| *n > 1);
    }
}

impl Enforcement {
    fn new(status: wire::EnforcementStatus, now: SystemTime) -> Self {
        Self {
            state: enforcement_word(status.state()),
            location: location_word(status.location()),
            since: Moment::new(wired::time(status.since), now),
            backend: status.backend,
            reason: status.reason,
            profile: status.profile,
            policy: status.policy,
            revision: status.revision,
        }
    }
}

pub(super) fn location_word(location: wire::Location) -> &'static str {
    match location {
        wire::Location::Internal => "internal",
        wire::Location::External => "external",
        wire::Location::Unknown | wire::Location::Unspecified => "unknown",
    }
}

/// Why, in words; nothing for an agent that never said.
pub(super) fn basis_words(basis: Option<wire::Basis>) -> String {
    if basis.is_none() {
        return String::new();
    }
    basis_from_wire(basis, &Path::root()).map(|basis| basis.to_string()).unwrap_or_default()
}

fn state_word(state: wire::AssignmentState) -> Word {
    let word = |text, tone| Word { text, tone };
    match state {
        wire::AssignmentState::Current => word("current", "good"),
        wire::AssignmentState::Behind => word("behind", "warn"),
        wire::AssignmentState::Rejected => word("rejected", "bad"),
        wire::AssignmentState::None | wire::AssignmentState::Unspecified => word("nothing assigned", ""),
    }
}

fn enforcement_word(state: wire::EnforcementState) -> Word {
    let word = |text, tone| Word { text, tone };
    match state {
        wire::EnforcementState::Applied => word("in force", "good"),
        wire::EnforcementState::Repaired => word("repaired", "good"),
        wire::EnforcementState::Observed => word("only observed", "note"),
        wire::EnforcementState::Failed => word("failed", "bad"),
        wire::EnforcementState::Unavailable => word("not available", "bad"),
        wire::EnforcementState::Nothing => word("nothing to enforce", ""),
        wire::EnforcementState::Unspecified => word("not told", ""),
    }
}
