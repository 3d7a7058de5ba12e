//! The latest report of every agent's firewall under the present assignment: what its exceptions and its level have
//! decided.
//!
//! In memory only: what a restart forgets, agents send again. Names are kept as places in the assignment. A counter takes 24
//! bytes and a report about 100 beside them: 100,000 agents that count 10 rules each under one policy take 34 MB, and 164 MB with
//! as many as a report may have; a machine has a policy inside and one outside, so twice that. Must not know: sessions, a clock.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use landmark_proto::firewall::ruling::Flow;
use landmark_proto::firewall::{Firewall, Policy};
use landmark_proto::ids::AgentId;
use landmark_proto::message::{FirewallHits, RuleHits};
use landmark_proto::revision::Held;

use crate::assignments::Published;

mod aggregate;

pub use self::aggregate::{FleetHits, PolicyHits, RuleCount};

/// Policies of one agent that are kept, at most: that of inside, that of outside, and some that its addresses gave it.
const MAX_POLICIES: usize = 4;

/// The reports.
#[derive(Debug, Default)]
pub(super) struct Hits {
    present: Option<Published>,
    /// One of each policy, the latest last.
    by_agent: HashMap<AgentId, Vec<Report>>,
}

/// One agent's.
#[derive(Clone, Debug)]
struct Report {
    received_at: SystemTime,
    counted: Counted,
}

/// What an agent has counted, by places in the assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    policy: u16,
    is_observing: bool,
    /// Each rule once, none with 0.
    counters: Arc<[Counter]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counter {
    rule: Rule,
    n_packets: u64,
    n_bytes: u64,
}

/// An exception or the level, in one direction. In the order in which they are told: the level last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Rule {
    /// Of the exception; [`Rule::LEVEL`] for the level.
    place: u16,
    flow: Flow,
}

impl Rule {
    /// Beyond the place of any exception.
    const LEVEL: u16 = u16::MAX;
}

/// A report that says nothing about the present assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It is of another assignment.
    Other,
    /// No profile of the assignment gives that policy.
    Policy,
    /// The policy does not have such a rule, or it stands there twice.
    Rule,
}

/// Everything that sums are made of, taken out so that nobody waits while they are made.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    present: Option<Published>,
    n_agents: usize,
    reports: Vec<Report>,
}

impl Hits {
    /// Under this assignment.
    pub(super) fn new(present: Option<Published>) -> Self {
        Self { present, ..Self::default() }
    }

    /// Another assignment is the present one: what was counted under the one before is of other rules.
    pub(super) fn publish(&mut self, published: Published) {
        let held = |published: &Published| published.held();
        if self.present.as_ref().map(held) != Some(published.held()) {
            *self = Self::new(Some(published));
        }
    }

    /// The assignment by which reports are read.
    pub(super) fn present(&self) -> Option<Published> {
        self.present.clone()
    }

    /// Takes in what an agent has counted under an assignment, instead of its report of the same policy before.
    ///
    /// # Errors
    /// Another assignment is the present one: everything is as before.
    pub(super) fn note(
        &mut self,
        agent_id: AgentId,
        held: Held,
        counted: Counted,
        now: SystemTime,
    ) -> Result<(), Unfit> {
        if self.present.as_ref().is_none_or(|present| present.held() != held) {
            return Err(Unfit::Other);
        }
        let reports = self.by_agent.entry(agent_id).or_default();
        reports.retain(|report| report.counted.policy != counted.policy);
        if reports.len() == MAX_POLICIES {
            reports.remove(0);
        }
        reports.push(Report { received_at: now, counted });
        Ok(())
    }

    /// Forgets an agent.
    pub(super) fn forget(&mut self, agent_id: AgentId) {
        self.by_agent.remove(&agent_id);
    }

    /// A copy to add up: a few milliseconds for 100,000 agents.
    pub(super) fn snapshot(&self) -> Snapshot {
        let reports = self.by_agent.values().flatten().cloned().collect();
        Snapshot { present: self.present.clone(), n_agents: self.by_agent.len(), reports }
    }
}

/// Finds the places of what a report names; to be done where nobody waits for it. What became of a connection is known from
/// the assignment: a report that says something else is of other rules.
///
/// # Errors
/// It says nothing about the present assignment.
pub(super) fn read(present: Option<&Published>, report: &FirewallHits) -> Result<Counted, Unfit> {
    let FirewallHits { held, in_force, is_observing, counted_for: _, hits } = report;
    let present = present.filter(|present| present.held() == *held).ok_or(Unfit::Other)?;
    let firewall: &Firewall = &present.settings().firewall;
    let gives = firewall
        .profiles()
        .iter()
        .any(|profile| profile.name == in_force.profile && profile.policy == in_force.policy);
    let policies = firewall.policies().iter().zip(0..);
    let (policy, place) = policies
        .into_iter()
        .find(|(policy, _)| gives && policy.name == in_force.policy)
        .ok_or(Unfit::Policy)?;
    let mut counters = hits
        .iter()
        .filter(|hits| hits.n_packets > 0 || hits.n_bytes > 0)
        .map(|hits| read_rule(policy, hits))
        .collect::<Option<Vec<Counter>>>()
        .ok_or(Unfit::Rule)?;
    counters.sort_unstable_by_key(|counter| counter.rule);
    if counters.windows(2).any(|pair| matches!(pair, [one, next] if one.rule == next.rule)) {
        return Err(Unfit::Rule);
    }
    Ok(Counted { policy: place, is_observing: *is_observing, counters: counters.into() })
}

/// `None` where the policy has no such rule.
fn read_rule(policy: &Policy, hits: &RuleHits) -> Option<Counter> {
    let RuleHits { exception, flow, action, n_packets, n_bytes } = hits;
    let (place, means) = match exception {
        None => (Rule::LEVEL, policy.level.action((*flow).into())),
        Some(name) => {
            let (place, exception) = policy.exceptions.find(name)?;
            let is_covered = exception.direction.covers((*flow).into());
            let place = u16::try_from(place).ok().filter(|_| is_covered)?;
            (place, exception.action)
        }
    };
    let counter = Counter { rule: Rule { place, flow: *flow }, n_packets: *n_packets, n_bytes: *n_bytes };
    (means == *action).then_some(counter)
}

#[cfg(test)]
pub(in crate::fleet) mod tests;
