//! The order of changes: every agent has one place, which moves to the end when the agent changes.
//!
//! A follower keeps the number of the last change it saw. However slow it is, it finds each changed agent once, and the
//! feed never grows beyond one place an agent.

use std::collections::BTreeMap;
use std::ops::Bound;

use landmark_proto::ids::AgentId;

/// Counts changes, from 1; 0 is before all of them.
pub(super) type Change = u64;

#[derive(Clone, Debug, Default)]
pub(super) struct Feed {
    places: BTreeMap<Change, AgentId>,
    last: Change,
}

impl Feed {
    /// Moves an agent from its old place to the end, and returns the new one.
    pub(super) fn touch(&mut self, agent_id: AgentId, old: Option<Change>) -> Change {
        if let Some(old) = old {
            self.places.remove(&old);
        }
        self.last += 1;
        self.places.insert(self.last, agent_id);
        self.last
    }

    /// The last change there was.
    pub(super) fn last(&self) -> Change {
        self.last
    }

    /// What changed after `seen`, in order.
    pub(super) fn after(&self, seen: Change) -> impl Iterator<Item = (Change, AgentId)> {
        self.places
            .range((Bound::Excluded(seen), Bound::Unbounded))
            .map(|(change, agent_id)| (*change, *agent_id))
    }
}
