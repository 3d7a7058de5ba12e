//! What the firewalls of the fleet have counted under the present assignment, told at policies and exceptions.

use std::collections::BTreeMap;

use landmark_proto::wire;

use super::words::DIRECTIONS;
use crate::console::Console;
use crate::console::format::{Number, counted};
use crate::console::problem::Problem;

/// Everything that was counted.
pub(super) struct Counts {
    hits: Vec<wire::FleetRuleHits>,
    /// Agents that have told.
    pub(super) n_agents: Number,
    /// The assignment under which it was counted.
    pub(super) revision: u64,
}

impl Counts {
    pub(super) async fn read(console: &Console) -> Result<Self, Problem> {
        let told = console.admin().firewall.hits(wire::ListFirewallHitsRequest::default()).await?;
        let wire::ListFirewallHitsResponse { revision, n_agents, hits, .. } = told;
        Ok(Self { hits, n_agents: Number(n_agents), revision })
    }

    /// Whether anything was.
    pub(super) fn are_any(&self) -> bool {
        self.hits.iter().any(|hits| hits.n_packets > 0)
    }

    /// Of a whole policy, its level with it: one text for each thing that happened.
    pub(super) fn of_policy(&self, policy: &str) -> Vec<String> {
        let mut sums = BTreeMap::<&str, u64>::new();
        for hits in self.hits.iter().filter(|hits| hits.policy == policy && hits.n_packets > 0) {
            let sum = sums.entry(deed(hits)).or_default();
            *sum = sum.saturating_add(hits.n_packets);
        }
        sums.into_iter().map(|(deed, n)| format!("{} {deed}", Number(n))).collect()
    }

    /// Of an exception, or of the level, which has no name: one text for each direction.
    pub(super) fn of(&self, policy: &str, exception: &str) -> Vec<String> {
        let own = self.hits.iter().filter(|hits| hits.policy == policy && hits.exception == exception);
        own.filter(|hits| hits.n_packets > 0)
            .map(|hits| {
                let direction = DIRECTIONS.word(hits.direction);
                let agents = counted(hits.n_agents, "machine", "machines");
                format!("{} {} {direction}, on {agents}", Number(hits.n_packets), deed(hits))
            })
            .collect()
    }
}

fn deed(hits: &wire::FleetRuleHits) -> &'static str {
    match (hits.action(), hits.observing) {
        (wire::FirewallAction::Block, true) => "would be blocked",
        (wire::FirewallAction::Block, false) => "blocked",
        (wire::FirewallAction::Allow | wire::FirewallAction::Unspecified, _) => "allowed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(exception: &str, action: wire::FirewallAction, observing: bool, n: u64) -> wire::FleetRuleHits {
        wire::FleetRuleHits {
            policy: "Road".to_owned(),
            exception: exception.to_owned(),
            direction: wire::FirewallDirection::Inbound.into(),
            action: action.into(),
            observing,
            n_agents: 2,
            n_packets: n,
            n_bytes: n,
        }
    }

    #[test]
    fn what_passed_and_what_did_not_are_counted_apart() {
        let (allow, block) = (wire::FirewallAction::Allow, wire::FirewallAction::Block);
        let all = vec![
            hits("DNS", allow, true, 4),
            hits("", block, true, 2),
            hits("Web", allow, true, 1_000),
            hits("FTP", block, true, 0),
        ];
        let counts = Counts { hits: all, n_agents: Number(2), revision: 7 };
        assert!(counts.are_any());
        assert_eq!(counts.of_policy("Road"), ["1\u{202f}004 allowed", "2 would be blocked"]);
        assert_eq!(counts.of("Road", "DNS"), ["4 allowed inbound, on 2 machines"]);
        assert_eq!(counts.of("Road", ""), ["2 would be blocked inbound, on 2 machines"]);
        assert_eq!(counts.of("Road", "FTP"), Vec::<String>::new());
        assert_eq!(counts.of_policy("Other"), Vec::<String>::new());
    }
}
