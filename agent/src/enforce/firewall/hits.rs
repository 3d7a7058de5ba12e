//! What the rules of a policy have counted, over the replacements of the table. Pure.
//!
//! Counters of the kernel begin at 0 with every table, and a table is replaced whenever a name has a new address. The totals
//! go on as long as the same policy is in force.

use std::collections::HashMap;

use landmark_proto::firewall::ruling::Flow;
use landmark_proto::firewall::{Action, ItemName, Policy};
use landmark_proto::message::{MAX_RULE_HITS, ProfileInForce, RuleHits};
use landmark_proto::revision::Held;

use super::render::{DecidedBy, Rendered};
use super::ruleset::Count;

/// What is counted: as long as it is the same policy of the same assignment, totals go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The assignment that the policy comes from.
    pub held: Held,
    /// The profile, and its policy.
    pub in_force: ProfileInForce,
}

impl Subject {
    /// Whether the same is counted, whichever profile gave the policy.
    pub fn is_same(&self, other: &Self) -> bool {
        self.held == other.held && self.in_force.policy == other.in_force.policy
    }
}

/// Totals of one policy.
#[derive(Clone, Debug, Default)]
pub struct Hits {
    subject: Option<Subject>,
    /// Of the exceptions.
    names: Vec<ItemName>,
    totals: HashMap<Key, Count>,
    /// The counters that stand in the kernel.
    counters: Vec<Standing>,
}

type Key = (DecidedBy, Flow, Action);

#[derive(Clone, Debug)]
struct Standing {
    /// Places of its chain and of its rule there.
    place: (usize, usize),
    key: Key,
    last: Count,
}

impl Hits {
    /// Takes what stands in the kernel from now on. `counts`: what its rules have counted so far, which belongs to nobody's
    /// totals any more, or is in them; empty for a table that has just been put in place.
    ///
    /// Returns whether totals started anew, because it is not the same that is counted.
    pub fn stands(
        &mut self,
        subject: Subject,
        policy: &Policy,
        rendered: &Rendered,
        counts: &[Vec<Count>],
    ) -> bool {
        let is_new = self.subject.as_ref().is_none_or(|before| !before.is_same(&subject));
        if is_new {
            self.totals.clear();
            self.names =
                policy.exceptions.as_slice().iter().map(|exception| exception.name.clone()).collect();
        }
        self.subject = Some(subject);
        let chains = rendered.ruleset.chains.iter().map(|chain| chain.name.as_str()).zip(0..);
        let places: HashMap<&str, usize> = chains.collect();
        let standing = |counter: &super::render::Counter| {
            let place = (*places.get(counter.chain.as_str())?, counter.rule);
            let key = (counter.decided_by, counter.flow, counter.action);
            Some(Standing { place, key, last: count_at(counts, place).unwrap_or_default() })
        };
        self.counters = rendered.counters.iter().filter_map(standing).collect();
        is_new
    }

    /// Adds what has been counted since the last time. `counts`: of the table that [`Self::stands`] was told of, by chain
    /// and rule.
    pub fn read(&mut self, counts: &[Vec<Count>]) {
        for Standing { place, key, last } in &mut self.counters {
            let Some(count) = count_at(counts, *place) else { continue };
            let total = self.totals.entry(*key).or_default();
            total.n_packets = total.n_packets.saturating_add(since(last.n_packets, count.n_packets));
            total.n_bytes = total.n_bytes.saturating_add(since(last.n_bytes, count.n_bytes));
            *last = count;
        }
    }

    /// What is counted; `None` before there is anything.
    pub fn subject(&self) -> Option<&Subject> {
        self.subject.as_ref()
    }

    /// Those that are not 0, the largest first, as many as a report takes.
    pub fn report(&self) -> Vec<RuleHits> {
        let mut totals: Vec<(&Key, &Count)> =
            self.totals.iter().filter(|(_, total)| total.n_packets > 0).collect();
        totals.sort_by(|(one_key, one), (other_key, other)| {
            let by_size = (other.n_packets, other.n_bytes).cmp(&(one.n_packets, one.n_bytes));
            by_size.then_with(|| (one_key.0, one_key.1).cmp(&(other_key.0, other_key.1)))
        });
        totals.into_iter().filter_map(|(key, total)| self.hits(*key, *total)).take(MAX_RULE_HITS).collect()
    }

    fn hits(&self, (decided_by, flow, action): Key, total: Count) -> Option<RuleHits> {
        let exception = match decided_by {
            DecidedBy::Exception(index) => Some(self.names.get(index)?.clone()),
            DecidedBy::Level => None,
        };
        let Count { n_packets, n_bytes } = total;
        Some(RuleHits { exception, flow, action, n_packets, n_bytes })
    }
}

fn count_at(counts: &[Vec<Count>], (chain, rule): (usize, usize)) -> Option<Count> {
    counts.get(chain)?.get(rule).copied()
}

/// A counter that fell was restarted.
fn since(last: u64, count: u64) -> u64 {
    count.checked_sub(last).unwrap_or(count)
}

#[cfg(test)]
mod tests;
