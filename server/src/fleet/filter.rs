//! Which agents someone wants to see. Pure.

use landmark_proto::location::Location;
use landmark_proto::message::EnforcementState;
use uuid::fmt::Hyphenated;

use super::agent::{Agent, AssignmentState};

/// Which agents; an unset field matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentFilter {
    text: Option<Text>,
    /// Where the agent is.
    pub location: Option<Location>,
    /// Whether a session is open.
    pub online: Option<bool>,
    /// How it stands to the present assignment.
    pub assignment_state: Option<AssignmentState>,
    /// What it last said of its enforcement.
    pub enforcement_state: Option<EnforcementState>,
    /// Only those that share their identity with another machine.
    pub cloned: bool,
}

impl AgentFilter {
    /// Only agents whose host name contains the text, in whatever case, or whose id begins with it. An empty text matches
    /// all.
    #[must_use]
    pub fn with_text(self, text: &str) -> Self {
        let text = text.trim().to_lowercase();
        Self { text: (!text.is_empty()).then(|| Text::new(text)), ..self }
    }

    /// Whether all agents match.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it is one of them.
    pub fn matches(&self, agent: &Agent, state: AssignmentState) -> bool {
        let lower_name = match self.text {
            Some(_) => agent.facts.host_name.to_lowercase(),
            None => String::new(),
        };
        self.matches_named(agent, &lower_name, state)
    }

    /// The same, with the host name in lower case, which whoever looks at many agents has at hand. Allocates nothing.
    pub(super) fn matches_named(&self, agent: &Agent, lower_name: &str, state: AssignmentState) -> bool {
        let Self { text, location, online, assignment_state, enforcement_state, cloned } = self;
        let enforcement = agent.enforcement.as_ref().map(|status| status.state);
        location.is_none_or(|wanted| agent.present_location() == wanted)
            && online.is_none_or(|wanted| agent.online == wanted)
            && assignment_state.is_none_or(|wanted| state == wanted)
            && enforcement_state.is_none_or(|wanted| enforcement == Some(wanted))
            && (!cloned || agent.boots.is_cloned())
            && text.as_ref().is_none_or(|text| text.matches(agent, lower_name))
    }
}

/// What is looked for in names and ids.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Text {
    lower: String,
    /// Whether an id may begin with it, so that most texts need not be held against ids.
    may_be_id: bool,
}

impl Text {
    fn new(lower: String) -> Self {
        let is_of_id = |byte: u8| byte == b'-' || byte.is_ascii_hexdigit();
        let may_be_id = lower.len() <= Hyphenated::LENGTH && lower.bytes().all(is_of_id);
        Self { lower, may_be_id }
    }

    fn matches(&self, agent: &Agent, lower_name: &str) -> bool {
        lower_name.contains(&self.lower) || (self.may_be_id && self.begins_id(agent))
    }

    fn begins_id(&self, agent: &Agent) -> bool {
        let mut buffer = [0; Hyphenated::LENGTH];
        agent.agent_id.as_uuid().as_hyphenated().encode_lower(&mut buffer).starts_with(&self.lower)
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use landmark_proto::ids::{AgentId, BootId};
    use landmark_proto::message::{EnforcementStatus, HostFacts};
    use landmark_proto::pin::SpkiPin;
    use uuid::Uuid;

    use super::*;
    use crate::fleet::agent::Boots;

    fn agent(host_name: &str) -> Agent {
        let agent_id = AgentId::from_uuid(Uuid::from_u128(0xabcd_ef00_0000_0000_0000_0000_0000_0001));
        let facts = HostFacts { host_name: host_name.to_owned(), ..HostFacts::default() };
        Agent::enrolled(agent_id, SpkiPin::of(b""), facts, SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn a_text_is_part_of_a_host_name_or_the_beginning_of_an_id() {
        let matches =
            |text| AgentFilter::default().with_text(text).matches(&agent("Web-01"), AssignmentState::None);
        assert!(["", "  ", "web", "B-0", "abcdef", "ABCD", "abcdef00-0000"].into_iter().all(matches));
        assert!(!["web-02", "bcdef", "abcdef0000", &"a".repeat(40)].into_iter().any(matches));
    }

    #[test]
    fn every_set_field_must_match() {
        let (mut agent, state) = (agent("a"), AssignmentState::Behind);
        agent.boots = Boots::restored(vec![BootId::from_uuid(Uuid::nil())], true);
        agent.enforcement = Some(EnforcementStatus {
            state: EnforcementState::Failed,
            backend: String::new(),
            reason: String::new(),
            location: Location::Unknown,
            revision: None,
            since: SystemTime::UNIX_EPOCH,
            profile: None,
        });
        let all = AgentFilter {
            location: Some(Location::Unknown),
            online: Some(false),
            assignment_state: Some(state),
            enforcement_state: Some(EnforcementState::Failed),
            cloned: true,
            ..AgentFilter::default()
        };
        assert!(all.matches(&agent, state));
        for filter in [
            AgentFilter { location: Some(Location::Internal), ..all.clone() },
            AgentFilter { online: Some(true), ..all.clone() },
            AgentFilter { assignment_state: Some(AssignmentState::Current), ..all.clone() },
            AgentFilter { enforcement_state: Some(EnforcementState::Applied), ..all.clone() },
        ] {
            assert!(!filter.matches(&agent, state));
        }
        agent.boots = Boots::default();
        assert!(!all.matches(&agent, state));
        agent.enforcement = None;
        assert!(!AgentFilter { cloned: false, ..all.clone() }.matches(&agent, state), "it has not said");
        assert!(AgentFilter::default().matches(&agent, state) && !all.is_everything());
    }
}
