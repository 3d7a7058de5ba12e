//! The record of an evaluation: enough for anyone to recompute its verdict.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use crate::decision::{Decision, by_gateway, counts, decide, probed};
use crate::host::Host;
use crate::hysteresis::{Standing, tempered};
use crate::ids::{BootId, EvaluationId};
use crate::location::{LinkState, Location, Trigger, Verdict};
use crate::network::{DefaultRoute, Interface};
use crate::pin::SpkiPin;
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
    /// The way out, of an attempt that was answered, where it could be told.
    pub interface: Option<Interface>,
    /// What a TLS peer showed.
    pub certificate: Option<PeerCertificate>,
    /// The alert or what else ended a handshake; at most [`Attempt::MAX_TLS_ERROR`] characters.
    pub tls_error: Option<String>,
}

impl Attempt {
    /// Characters of the reason why a handshake failed, at most.
    pub const MAX_TLS_ERROR: usize = 200;
}

/// What a TLS peer showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerCertificate {
    /// Of its key.
    pub pin: SpkiPin,
    /// Until when it is valid, where that is a date. It decides nothing: a key is pinned, not a certificate.
    pub not_after: Option<SystemTime>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A connection was established (and closed without a byte), or a handshake with a pinned key.
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
    /// A TLS server that showed another key than the pinned ones: possibly a spoof.
    PinMismatch,
    /// Connected, but no handshake came about.
    TlsFailed,
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
            Self::PinMismatch => "wrong key (a spoof?)",
            Self::TlsFailed => "TLS failed",
        })
    }
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
