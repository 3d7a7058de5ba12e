//! What was counted under the policies of the assignment that is held, that of the present one first. A machine that comes
//! home has a server to tell what its policy has counted outside. Pure.

use std::time::Instant;

use landmark_proto::firewall::{Mode, Policy};
use landmark_proto::message::FirewallHits;

use crate::enforce::firewall::hits::{Hits, Subject};
use crate::enforce::firewall::render::Rendered;
use crate::enforce::firewall::ruleset::Count;

/// Policies that are remembered, at most; a machine has one inside and one outside.
const MAX: usize = 4;

/// The counts, the present ones last.
#[derive(Debug, Default)]
pub(super) struct Tallies(Vec<Tally>);

#[derive(Debug)]
struct Tally {
    subject: Subject,
    is_observing: bool,
    since: Instant,
    hits: Hits,
}

impl Tallies {
    /// What is counted at present.
    pub(super) fn subject(&self) -> Option<&Subject> {
        self.0.last().map(|tally| &tally.subject)
    }

    /// Adds what the table that stands has counted since the last time.
    pub(super) fn read(&mut self, counts: &[Vec<Count>]) {
        if let Some(tally) = self.0.last_mut() {
            tally.hits.read(counts);
        }
    }

    /// From now on the counters of this policy stand, and have counted so much already, which belongs to nobody. What was
    /// counted under it before goes on; what was counted under another assignment is forgotten.
    pub(super) fn stands(
        &mut self,
        subject: Subject,
        (policy, rendered): (&Policy, &Rendered),
        counts: &[Vec<Count>],
        now: Instant,
    ) {
        self.0.retain(|tally| tally.subject.held == subject.held);
        let known = self.0.iter().position(|tally| tally.subject.is_same(&subject));
        let mut tally = match known {
            Some(place) => self.0.remove(place),
            None => {
                Tally { subject: subject.clone(), is_observing: false, since: now, hits: Hits::default() }
            }
        };
        tally.subject = subject.clone();
        tally.is_observing = policy.mode == Mode::Observe;
        tally.hits.stands(subject, policy, rendered, counts);
        if self.0.len() == MAX {
            self.0.remove(0);
        }
        self.0.push(tally);
    }

    /// For the server, that of the policy in force first; of the others those that have counted anything.
    pub(super) fn reports(&self, now: Instant) -> Vec<FirewallHits> {
        let mut reports: Vec<FirewallHits> = self.0.iter().rev().map(|tally| tally.report(now)).collect();
        let mut is_first = true;
        reports.retain(|report| std::mem::take(&mut is_first) || !report.hits.is_empty());
        reports
    }
}

impl Tally {
    fn report(&self, now: Instant) -> FirewallHits {
        let Self { subject: Subject { held, in_force }, is_observing, since, hits } = self;
        FirewallHits {
            held: *held,
            in_force: in_force.clone(),
            is_observing: *is_observing,
            counted_for: now.saturating_duration_since(*since),
            hits: hits.report(),
        }
    }
}

#[cfg(test)]
mod tests {
    use landmark_proto::firewall::{Exceptions, ItemName, Level};
    use landmark_proto::message::ProfileInForce;
    use landmark_proto::revision::{Digest, Held, Revision};

    use super::*;
    use crate::enforce::firewall::ground::Ground;
    use crate::enforce::firewall::render::render;

    fn policy(name: &str) -> Policy {
        let name: ItemName = name.parse().unwrap();
        Policy { name, level: Level::High, mode: Mode::Enforce, exceptions: Exceptions::default() }
    }

    fn stand(tallies: &mut Tallies, revision: u64, policy: &Policy) -> Rendered {
        stand_by(tallies, revision, policy, &policy.name)
    }

    fn stand_by(tallies: &mut Tallies, revision: u64, policy: &Policy, profile: &ItemName) -> Rendered {
        let held = Held { revision: Revision::new(revision).unwrap(), digest: Digest::of(b"") };
        let in_force = ProfileInForce { profile: profile.clone(), policy: policy.name.clone() };
        let rendered = render(policy, &Ground::default());
        tallies.stands(Subject { held, in_force }, (policy, &rendered), &[], Instant::now());
        rendered
    }

    /// As if every rule had counted one packet.
    fn count(tallies: &mut Tallies, rendered: &Rendered) {
        let one = Count { n_packets: 1, n_bytes: 60 };
        let counts: Vec<Vec<Count>> =
            rendered.ruleset.chains.iter().map(|chain| vec![one; chain.rules.len()]).collect();
        tallies.read(&counts);
    }

    fn told(tallies: &Tallies) -> Vec<(String, u64)> {
        let told = |report: FirewallHits| {
            let total = report.hits.iter().map(|hits| hits.n_packets).sum();
            (report.in_force.policy.to_string(), total)
        };
        tallies.reports(Instant::now()).into_iter().map(told).collect()
    }

    #[test]
    fn what_was_counted_outside_is_told_inside_and_goes_on_outside() {
        let (inside, outside) = (policy("inside"), policy("outside"));
        let mut tallies = Tallies::default();
        let rendered = stand(&mut tallies, 7, &outside);
        count(&mut tallies, &rendered);
        let n = told(&tallies)[0].1;
        assert!(n > 0);
        stand(&mut tallies, 7, &inside);
        assert_eq!(told(&tallies), [("inside".to_owned(), 0), ("outside".to_owned(), n)]);
        let rendered = stand(&mut tallies, 7, &outside);
        count(&mut tallies, &rendered);
        assert_eq!(told(&tallies), [("outside".to_owned(), 2 * n)]);
    }

    #[test]
    fn a_policy_that_two_profiles_give_is_told_once() {
        let outside = policy("outside");
        let mut tallies = Tallies::default();
        let rendered = stand_by(&mut tallies, 7, &outside, &"hotel".parse().unwrap());
        count(&mut tallies, &rendered);
        let n = told(&tallies)[0].1;
        let rendered = stand_by(&mut tallies, 7, &outside, &"train".parse().unwrap());
        count(&mut tallies, &rendered);
        assert_eq!(told(&tallies), [("outside".to_owned(), 2 * n)]);
        assert_eq!(tallies.reports(Instant::now())[0].in_force.profile.as_str(), "train");
    }

    #[test]
    fn another_assignment_begins_anew_and_few_policies_are_remembered() {
        let mut tallies = Tallies::default();
        for n in 0..9 {
            let rendered = stand(&mut tallies, 7, &policy(&format!("p{n}")));
            count(&mut tallies, &rendered);
        }
        assert_eq!(told(&tallies).len(), MAX);
        stand(&mut tallies, 8, &policy("p1"));
        assert_eq!(told(&tallies), [("p1".to_owned(), 0)]);
    }
}
