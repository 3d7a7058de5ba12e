//! The record of an evaluation: enough for anyone to recompute its verdict.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use crate::decision::{Decision, decide, probed};
use crate::host::Host;
use crate::ids::{BootId, EvaluationId};
use crate::location::{LinkState, Location, Trigger, Verdict};
use crate::port::Port;
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
    /// The assignment that was held, and its settings.
    pub held: Option<(Held, Settings)>,
    /// In the order of the list's targets; empty when nothing had to be probed. When the link came back while probing,
    /// those that were under way.
    pub attempts: Vec<Attempt>,
    /// Where and why.
    pub verdict: Verdict,
    /// From the first trigger to the verdict.
    pub decided_in: Duration,
    /// From the first trigger until the last attempt ended.
    pub settled_in: Duration,
}

/// One try of one port of one reference server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Place of the server in the list, from 0.
    pub position: usize,
    /// As on the list.
    pub host: Host,
    /// As on the list.
    pub port: Port,
    /// The address that answered or was tried last.
    pub address: Option<IpAddr>,
    /// The local address the kernel chose.
    pub local_address: Option<IpAddr>,
    /// After the evaluation's start.
    pub started_after: Duration,
    /// From its start to its outcome.
    pub took: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// The operating system's error number.
    pub os_error: Option<i32>,
    /// How many addresses the name resolved to; 0 for hosts given as addresses.
    pub n_addresses: usize,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A connection was established (and closed without a byte).
    Answered,
    /// Actively refused.
    Refused,
    /// Nothing came back in time.
    Timeout,
    /// No route, or the network said so.
    Unreachable,
    /// The name does not exist, or has no address.
    NameNotFound,
    /// No answer from a resolver.
    ResolverFailed,
    /// Not needed any more: an earlier entry had answered, or the link came back.
    NotNeeded,
    /// The agent itself could not try (no descriptor, no permission, an address that is never tried).
    LocalError,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Timeout => "no answer in time",
            Self::Unreachable => "unreachable",
            Self::NameNotFound => "name not found",
            Self::ResolverFailed => "resolver failed",
            Self::NotNeeded => "not needed",
            Self::LocalError => "could not be tried",
        })
    }
}

/// Recomputes the verdict from what the record says was known and seen.
pub fn replay(evidence: &Evidence) -> Verdict {
    match decide(evidence.link, evidence.held.as_ref().map(|(_, settings)| settings)) {
        Decision::Decided(verdict) => verdict,
        Decision::Probe(list) => {
            let answered = |index: usize| {
                evidence.attempts.get(index).is_some_and(|attempt| attempt.outcome == Outcome::Answered)
            };
            probed(list, answered)
        }
    }
}

impl Evidence {
    /// The location that was decided.
    pub fn location(&self) -> Location {
        self.verdict.location
    }
}
