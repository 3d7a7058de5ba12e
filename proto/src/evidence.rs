//! The record of an evaluation: enough for anyone to recompute its verdict.

use std::time::{Duration, SystemTime};

pub use crate::attempt::{Attempt, Outcome, PeerCertificate};
use crate::decision::{Decision, by_gateway, counts, decide, probed};
use crate::hysteresis::{Standing, tempered};
use crate::ids::{BootId, EvaluationId};
use crate::location::{LinkState, Location, Trigger, Verdict};
use crate::network::DefaultRoute;
use crate::revision::Held;
use crate::settings::Settings;

/// What was known, what was tried, what was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Counts the evaluations of one agent process, from 1.
    pub evaluation: EvaluationId,
    /// Which boot.
    pub boot_id: BootId,
    /// Wall clock.
    pub started_at: SystemTime,
    /// What made the agent look; at least one, each once.
    pub triggers: Vec<Trigger>,
    /// The link when the verdict was given.
    pub link: LinkState,
    /// The assignment that was held, and its settings; a record that has travelled has the default firewall in them.
    pub held: Option<(Held, Settings)>,
    /// In the order of the list's targets; empty when nothing had to be probed. When the link came back while probing,
    /// those that were under way.
    pub attempts: Vec<Attempt>,
    /// What was seen under the criterion gateway.
    pub default_routes: Vec<DefaultRoute>,
    /// The location that stood before; `None` for the first verdict under an assignment.
    pub standing: Option<Standing>,
    /// Where and why.
    pub verdict: Verdict,
    /// From the first trigger to the verdict.
    pub decided_in: Duration,
    /// From the first trigger until the last attempt ended.
    pub settled_in: Duration,
}

/// Recomputes the verdict from what the record says was known and seen.
pub fn replay(evidence: &Evidence) -> Verdict {
    let finding = finding(evidence);
    let hysteresis = evidence.held.as_ref().map(|(_, settings)| settings.location.hysteresis);
    tempered(hysteresis.unwrap_or_default(), evidence.standing.as_ref(), finding)
}

/// What was found, before hysteresis.
pub fn finding(evidence: &Evidence) -> Verdict {
    let settings = evidence.held.as_ref().map(|(_, settings)| settings);
    let rules = settings.map(|settings| settings.location.clone()).unwrap_or_default();
    match decide(evidence.link, settings) {
        Decision::Decided(verdict) => verdict,
        Decision::ReadRoutes(gateways) => by_gateway(gateways, rules.tunnels, &evidence.default_routes),
        Decision::Probe(list) => probed(list, rules.required_successes.get(), |index| {
            evidence
                .attempts
                .get(index)
                .is_some_and(|attempt| counts(rules.tunnels, attempt.outcome, attempt.interface.as_ref()))
        }),
    }
}

impl Evidence {
    /// The location that was decided.
    pub fn location(&self) -> Location {
        self.verdict.location
    }
}
