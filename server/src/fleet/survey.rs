//! Which agents need attention, by name: found in one pass over all of them.

use std::time::{Duration, SystemTime};

use landmark_proto::message::EnforcementState;

use super::Fleet;
use super::agent::Agent;

/// Names that are kept: enough to recognise what they have in common.
const N_NAMES: usize = 3;
/// An agent that is away so shortly before its certificate ends will probably not renew it in time.
const LAPSING: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Agents renew after two thirds of a certificate's life: with more than the last of them left nothing is late.
const LATE: u32 = 3;

/// Some agents: how many, and the host names of the first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// All of them.
    pub n_agents: usize,
    /// At most three, those that were enrolled first.
    pub host_names: Vec<String>,
}

impl Named {
    fn add(&mut self, agent: &Agent) {
        self.n_agents += 1;
        if self.host_names.len() < N_NAMES {
            self.host_names.push(agent.facts.host_name.clone());
        }
    }
}

/// The agents that need attention.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Could not enforce their policy.
    pub failed: Named,
    /// Share their identity with another machine.
    pub cloned: Named,
    /// Their certificate has ended.
    pub lapsed: Named,
    /// Their certificate ends soon, and they are away.
    pub lapsing: Named,
}

impl Survey {
    fn note(&mut self, agent: &Agent, now: SystemTime, soon: Duration) {
        if agent.enforcement.as_ref().is_some_and(|status| status.state == EnforcementState::Failed) {
            self.failed.add(agent);
        }
        if agent.boots.is_cloned() {
            self.cloned.add(agent);
        }
        match agent.certificate_expires_at.duration_since(now) {
            Ok(left) if !left.is_zero() => {
                if !agent.online && left <= soon {
                    self.lapsing.add(agent);
                }
            }
            Ok(_) | Err(_) => self.lapsed.add(agent),
        }
    }
}

impl Fleet {
    /// Looks at all agents, in parts: a few milliseconds for 100,000.
    pub fn survey(&self, now: SystemTime) -> Survey {
        let soon = LAPSING.min(self.0.authority.agent_life() / LATE);
        let mut survey = Survey::default();
        self.0.registry.look(|_, agent, _| survey.note(agent, now, soon));
        survey
    }
}

#[cfg(test)]
mod tests {
    use landmark_proto::ids::AgentId;
    use landmark_proto::message::HostFacts;
    use landmark_proto::pin::SpkiPin;
    use uuid::Uuid;

    use super::*;
    use crate::fleet::agent::Boots;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + 1_000 * DAY
    }

    fn agent(host_name: &str, certificate_expires_at: SystemTime) -> Agent {
        let facts = HostFacts { host_name: host_name.to_owned(), ..HostFacts::default() };
        let agent_id = AgentId::from_uuid(Uuid::from_u128(1));
        Agent::enrolled(agent_id, SpkiPin::of(b""), facts, now(), certificate_expires_at)
    }

    #[test]
    fn a_certificate_that_ends_is_noted_if_its_agent_is_away_and_one_that_has_ended_in_any_case() {
        let mut survey = Survey::default();
        for (host_name, left, online) in [
            ("away", 7 * DAY, false),
            ("here", DAY, true),
            ("later", 8 * DAY, false),
            ("ended", Duration::ZERO, true),
        ] {
            let agent = Agent { online, ..agent(host_name, now() + left) };
            survey.note(&agent, now(), 7 * DAY);
        }
        survey.note(&agent("long ago", now() - DAY), now(), 7 * DAY);
        assert_eq!(survey.lapsing.host_names, ["away"]);
        assert_eq!(survey.lapsed.host_names, ["ended", "long ago"]);
        assert_eq!((survey.failed, survey.cloned), (Named::default(), Named::default()));
    }

    #[test]
    fn the_first_three_are_named_and_all_are_counted() {
        let mut survey = Survey::default();
        for number in 1..=5 {
            let boots = Boots::restored(Vec::new(), true);
            let agent = Agent { boots, ..agent(&format!("vm-{number}"), now() + 99 * DAY) };
            survey.note(&agent, now(), DAY);
        }
        assert_eq!(survey.cloned.n_agents, 5);
        assert_eq!(survey.cloned.host_names, ["vm-1", "vm-2", "vm-3"]);
    }
}
