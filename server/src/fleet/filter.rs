//! Which agents someone wants to see, and in which order.

use landmark_proto::ids::AgentId;
use landmark_proto::location::Location;

use super::agent::{Agent, AssignmentState};

/// Which agents; an unset field matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentFilter {
    text: Option<String>,
    /// Where the agent is.
    pub location: Option<Location>,
    /// Whether a session is open.
    pub online: Option<bool>,
    /// How it stands to the present assignment.
    pub assignment_state: Option<AssignmentState>,
}

impl AgentFilter {
    /// Only agents whose host name contains the text, in whatever case, or whose id begins with it. An empty text matches
    /// all.
    #[must_use]
    pub fn with_text(self, text: &str) -> Self {
        let text = text.trim().to_lowercase();
        Self { text: (!text.is_empty()).then_some(text), ..self }
    }

    /// Whether it is one of them.
    pub fn matches(&self, agent: &Agent, state: AssignmentState) -> bool {
        let Self { text, location, online, assignment_state } = self;
        location.is_none_or(|wanted| location_of(agent) == wanted)
            && online.is_none_or(|wanted| agent.online == wanted)
            && assignment_state.is_none_or(|wanted| state == wanted)
            && text.as_ref().is_none_or(|text| matches_text(text, agent))
    }
}

/// An agent that never reported is in an unknown place.
fn location_of(agent: &Agent) -> Location {
    agent.location.as_ref().map_or(Location::Unknown, |reported| reported.report.verdict.location)
}

fn matches_text(text: &str, agent: &Agent) -> bool {
    agent.facts.host_name.to_lowercase().contains(text) || agent.agent_id.to_string().starts_with(text)
}

/// The place of an agent in a list: by host name, whatever its case, then by id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AgentKey {
    /// In lower case.
    pub host_name: String,
    /// Of agents with one host name, the one that was enrolled first stands first.
    pub agent_id: AgentId,
}

impl AgentKey {
    /// Of an agent.
    pub fn of(agent: &Agent) -> Self {
        Self { host_name: agent.facts.host_name.to_lowercase(), agent_id: agent.agent_id }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use landmark_proto::message::HostFacts;
    use landmark_proto::pin::SpkiPin;
    use uuid::Uuid;

    use super::*;

    fn agent(host_name: &str) -> Agent {
        let agent_id = AgentId::from_uuid(Uuid::from_u128(0xabcd_ef00_0000_0000_0000_0000_0000_0001));
        let facts = HostFacts { host_name: host_name.to_owned(), ..HostFacts::default() };
        Agent::enrolled(agent_id, SpkiPin::of(b""), facts, SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn a_text_is_part_of_a_host_name_or_the_beginning_of_an_id() {
        let matches =
            |text| AgentFilter::default().with_text(text).matches(&agent("Web-01"), AssignmentState::None);
        assert!(["", "  ", "web", "B-0", "abcdef", "ABCD"].into_iter().all(matches));
        assert!(!["web-02", "bcdef"].into_iter().any(matches));
    }

    #[test]
    fn every_set_field_must_match() {
        let (agent, state) = (agent("a"), AssignmentState::Behind);
        let all = AgentFilter {
            location: Some(Location::Unknown),
            online: Some(false),
            assignment_state: Some(state),
            ..AgentFilter::default()
        };
        assert!(all.matches(&agent, state));
        for filter in [
            AgentFilter { location: Some(Location::Internal), ..all.clone() },
            AgentFilter { online: Some(true), ..all.clone() },
            AgentFilter { assignment_state: Some(AssignmentState::Current), ..all.clone() },
        ] {
            assert!(!filter.matches(&agent, state));
        }
    }
}
