//! Adds up what all firewalls have counted. Pure; O(agents × counters), a fraction of a second for 100,000 agents: to be
//! run where nobody waits for it.

use std::collections::BTreeMap;
use std::time::SystemTime;

use landmark_proto::firewall::ruling::Flow;
use landmark_proto::firewall::{Action, ItemName, Policy};
use landmark_proto::revision::Held;

use super::{Counter, Report, Rule, Snapshot};

/// What the firewalls of the fleet have counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FleetHits {
    /// The assignment whose rules they are; `None` before the first.
    pub held: Option<Held>,
    /// Agents that have reported, under whatever policies.
    pub n_agents: usize,
    /// All of its policies, in their order.
    pub policies: Vec<PolicyHits>,
}

/// One policy. An agent has one at a time, and tells what it has counted under the one before, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyHits {
    /// Which.
    pub policy: ItemName,
    /// Agents whose reports these are.
    pub n_agents: usize,
    /// What was counted: exceptions in their order, then the level; inbound before outbound.
    pub rules: Vec<RuleCount>,
    /// When the oldest of the reports came.
    pub oldest_report_at: Option<SystemTime>,
    /// When the newest did.
    pub newest_report_at: Option<SystemTime>,
}

/// One exception, or the level, in one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleCount {
    /// `None`: the level.
    pub exception: Option<ItemName>,
    /// Of which connections.
    pub flow: Flow,
    /// What becomes of them.
    pub action: Action,
    /// Whether what is blocked passes and is only counted.
    pub is_observing: bool,
    /// Agents that have counted any.
    pub n_agents: usize,
    /// All of theirs.
    pub n_packets: u64,
    /// All of theirs.
    pub n_bytes: u64,
}

impl Snapshot {
    /// Adds up.
    pub(in crate::fleet) fn sums(&self) -> FleetHits {
        let Some(present) = &self.present else { return FleetHits::default() };
        let policies = present.settings().firewall.policies();
        let mut sums: Vec<Sums> = policies.iter().map(|_| Sums::default()).collect();
        for Report { received_at, counted } in &self.reports {
            let Some(sums) = sums.get_mut(usize::from(counted.policy)) else { continue };
            sums.n_agents += 1;
            sums.oldest_at = Some(sums.oldest_at.map_or(*received_at, |oldest| oldest.min(*received_at)));
            sums.newest_at = sums.newest_at.max(Some(*received_at));
            for Counter { rule, n_packets, n_bytes } in counted.counters.iter() {
                let sum = sums.by_rule.entry((*rule, counted.is_observing)).or_default();
                sum.n_agents += 1;
                sum.n_packets = sum.n_packets.saturating_add(*n_packets);
                sum.n_bytes = sum.n_bytes.saturating_add(*n_bytes);
            }
        }
        let policies = policies.iter().zip(sums).map(|(policy, sums)| sums.named(policy)).collect();
        FleetHits { held: Some(present.held()), n_agents: self.n_agents, policies }
    }
}

/// Of one policy.
#[derive(Debug, Default)]
struct Sums {
    n_agents: usize,
    oldest_at: Option<SystemTime>,
    newest_at: Option<SystemTime>,
    /// By rule, and whether it is only observed.
    by_rule: BTreeMap<(Rule, bool), Sum>,
}

#[derive(Debug, Default)]
struct Sum {
    n_agents: usize,
    n_packets: u64,
    n_bytes: u64,
}

impl Sums {
    fn named(self, policy: &Policy) -> PolicyHits {
        let Self { n_agents, oldest_at, newest_at, by_rule } = self;
        let rules = by_rule.into_iter().map(|((Rule { place, flow }, is_observing), sum)| {
            let exception = policy.exceptions.as_slice().get(usize::from(place));
            let Sum { n_agents, n_packets, n_bytes } = sum;
            RuleCount {
                exception: exception.map(|exception| exception.name.clone()),
                flow,
                action: exception.map_or(policy.level.action(flow.into()), |exception| exception.action),
                is_observing,
                n_agents,
                n_packets,
                n_bytes,
            }
        });
        PolicyHits {
            policy: policy.name.clone(),
            n_agents,
            rules: rules.collect(),
            oldest_report_at: oldest_at,
            newest_report_at: newest_at,
        }
    }
}
