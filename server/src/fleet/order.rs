//! In which order agents are listed, and where in such a list one stands. Pure.
//!
//! A place is a number that the order gives an agent, then its host name and id, so that one comparison serves all orders.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::SystemTime;

use landmark_proto::ids::AgentId;
use landmark_proto::location::Location;
use landmark_proto::message::EnforcementState;

use super::agent::Agent;

/// By what a list is ordered. Agents that are alike stand by host name, then by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AgentOrder {
    /// By host name, whatever its case.
    #[default]
    HostName,
    /// Offline ones first.
    Connection,
    /// External, unknown, internal.
    Location,
    /// Longest in their location first; one that never reported has been in an unknown place since its enrolment.
    LocationSince,
    /// The lowest first, those without any before.
    HeldRevision,
    /// The worst first: failed, unavailable, repaired, unknown, nothing to enforce, observed, applied.
    Enforcement,
    /// Longest not seen first, those that are online last; one that was never connected was seen at its enrolment.
    LastSeen,
}

impl AgentOrder {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::HostName,
        Self::Connection,
        Self::Location,
        Self::LocationSince,
        Self::HeldRevision,
        Self::Enforcement,
        Self::LastSeen,
    ];

    /// The name of a fixed set, for tokens and people.
    pub fn name(self) -> &'static str {
        match self {
            Self::HostName => "host-name",
            Self::Connection => "connection",
            Self::Location => "location",
            Self::LocationSince => "location-since",
            Self::HeldRevision => "held-revision",
            Self::Enforcement => "enforcement",
            Self::LastSeen => "last-seen",
        }
    }
}

/// How a list is sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sorting {
    /// By what.
    pub order: AgentOrder,
    /// The other way round. By host name that turns the whole list; in other orders agents that are alike still stand by
    /// host name.
    pub descending: bool,
}

impl Sorting {
    /// What the order makes of an agent.
    pub(super) fn rank(self, agent: &Agent) -> u64 {
        match self.order {
            AgentOrder::HostName => 0,
            AgentOrder::Connection => u64::from(agent.online),
            AgentOrder::Location => match agent.present_location() {
                Location::External => 0,
                Location::Unknown => 1,
                Location::Internal => 2,
            },
            AgentOrder::LocationSince => {
                micros(agent.location.as_ref().map_or(agent.enrolled_at, |reported| reported.report.at))
            }
            AgentOrder::HeldRevision => agent.held.map_or(0, |held| held.revision.get()),
            AgentOrder::Enforcement => match agent.enforcement.as_ref().map(|status| status.state) {
                Some(EnforcementState::Failed) => 0,
                Some(EnforcementState::Unavailable) => 1,
                Some(EnforcementState::Repaired) => 2,
                None => 3,
                Some(EnforcementState::Nothing) => 4,
                Some(EnforcementState::Observed) => 5,
                Some(EnforcementState::Applied) => 6,
            },
            AgentOrder::LastSeen if agent.online => u64::MAX,
            AgentOrder::LastSeen => micros(agent.connection_since.unwrap_or(agent.enrolled_at)),
        }
    }

    /// Which of two stands before the other.
    pub(super) fn compare(self, one: (u64, &AgentKey), other: (u64, &AgentKey)) -> Ordering {
        let by_key = || one.1.cmp(other.1);
        match (self.order, self.descending) {
            (AgentOrder::HostName, true) => by_key().reverse(),
            (_, true) => other.0.cmp(&one.0).then_with(by_key),
            (_, false) => one.0.cmp(&other.0).then_with(by_key),
        }
    }
}

/// By whole microseconds, as they are stored.
fn micros(time: SystemTime) -> u64 {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX)
}

/// The place of an agent in a list of one [`Sorting`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What the order made of it.
    pub rank: u64,
    /// For agents that are alike.
    pub key: AgentKey,
}

/// The place of an agent in a list by host name, whatever its case, then by id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AgentKey {
    /// In lower case.
    pub host_name: Arc<str>,
    /// Of agents with one host name, the one that was enrolled first stands first.
    pub agent_id: AgentId,
}

impl AgentKey {
    /// Of an agent.
    pub fn of(agent: &Agent) -> Self {
        Self { host_name: agent.facts.host_name.to_lowercase().into(), agent_id: agent.agent_id }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use landmark_proto::message::{EnforcementStatus, HostFacts};
    use landmark_proto::pin::SpkiPin;
    use landmark_proto::revision::{Digest, Held, Revision};
    use uuid::Uuid;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn agent(number: u128, host_name: &str) -> Agent {
        let facts = HostFacts { host_name: host_name.to_owned(), ..HostFacts::default() };
        let agent_id = AgentId::from_uuid(Uuid::from_u128(number));
        Agent::enrolled(agent_id, SpkiPin::of(b""), facts, at(5), at(9))
    }

    fn sorted(order: AgentOrder, descending: bool, agents: &[Agent]) -> Vec<&str> {
        let sorting = Sorting { order, descending };
        let mut agents: Vec<_> = agents.iter().collect();
        agents.sort_by(|one, other| {
            let (key, other_key) = (AgentKey::of(one), AgentKey::of(other));
            sorting.compare((sorting.rank(one), &key), (sorting.rank(other), &other_key))
        });
        agents.iter().map(|agent| agent.facts.host_name.as_str()).collect()
    }

    #[test]
    fn the_worst_enforcement_comes_first() {
        let states = [
            Some(EnforcementState::Applied),
            None,
            Some(EnforcementState::Nothing),
            Some(EnforcementState::Failed),
            Some(EnforcementState::Repaired),
            Some(EnforcementState::Observed),
            Some(EnforcementState::Unavailable),
        ];
        let agents = states.map(|state| {
            let mut agent = agent(1, &state.map_or("Unknown".to_owned(), |state| format!("{state:?}")));
            agent.enforcement = state.map(|state| EnforcementStatus {
                state,
                backend: String::new(),
                reason: String::new(),
                location: Location::Unknown,
                revision: None,
                since: at(0),
                profile: None,
            });
            agent
        });
        let expected = ["Failed", "Unavailable", "Repaired", "Unknown", "Nothing", "Observed", "Applied"];
        assert_eq!(sorted(AgentOrder::Enforcement, false, &agents), expected);
    }

    #[test]
    fn those_that_are_alike_stand_by_host_name_whichever_way_the_list_goes() {
        let mut agents = [agent(1, "b"), agent(2, "A"), agent(3, "c"), agent(4, "a")];
        agents[2].online = true;
        assert_eq!(sorted(AgentOrder::Connection, false, &agents), ["A", "a", "b", "c"]);
        assert_eq!(sorted(AgentOrder::Connection, true, &agents), ["c", "A", "a", "b"]);
        assert_eq!(sorted(AgentOrder::HostName, true, &agents), ["c", "b", "a", "A"]);
    }

    #[test]
    fn who_was_not_seen_for_longest_comes_first_and_who_is_here_last() {
        let mut agents = ["online", "gone", "never", "long gone"].map(|host_name| agent(1, host_name));
        agents[0].online = true;
        agents[0].connection_since = Some(at(1));
        agents[1].connection_since = Some(at(7));
        agents[3].connection_since = Some(at(2));
        assert_eq!(sorted(AgentOrder::LastSeen, false, &agents), ["long gone", "never", "gone", "online"]);
    }

    #[test]
    fn who_holds_nothing_is_before_who_holds_the_first() {
        let held = |number| Some(Held { revision: Revision::new(number).unwrap(), digest: Digest::of(b"") });
        let mut agents = ["second", "none", "first"].map(|host_name| agent(1, host_name));
        (agents[0].held, agents[2].held) = (held(2), held(1));
        assert_eq!(sorted(AgentOrder::HeldRevision, false, &agents), ["none", "first", "second"]);
        assert_eq!(sorted(AgentOrder::HeldRevision, true, &agents), ["second", "first", "none"]);
    }

    #[test]
    fn every_order_has_a_name_of_its_own() {
        let names: BTreeSet<_> = AgentOrder::ALL.map(AgentOrder::name).into();
        assert_eq!(names.len(), AgentOrder::ALL.len());
    }
}
