//! The words of documents for programs: stable, in snake case.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde::Serialize;

use crate::evidence::Outcome;
use crate::location::{Basis, LinkState, Location, Trigger};

/// Why a machine is where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum BasisDocument {
    /// The link stands.
    ManagementServer,
    /// This one answered.
    ReferenceServer {
        /// As on the list.
        host: String,
        /// That answered.
        port: u16,
        /// From 1, as people count.
        position: usize,
    },
    /// Nobody answered.
    NoneReachable {
        /// (server, port) pairs that were tried.
        n_attempts: usize,
    },
    /// Some answered, but fewer than are required.
    TooFewAnswered {
        /// Different servers.
        n_answered: usize,
        /// How many must.
        n_required: usize,
        /// (server, port) pairs that were tried.
        n_attempts: usize,
    },
    /// Disabled or empty.
    ListDisabled,
    /// Nothing is held.
    NoAssignment,
    /// The gateway is on the list.
    Gateway {
        /// Of the next hop.
        address: IpAddr,
        /// Where the entry names one.
        mac: Option<String>,
        /// From 1, as people count.
        position: usize,
    },
    /// The gateway is not on the list.
    NoGateway {
        /// The one that is used, if there is one.
        seen: Option<IpAddr>,
    },
}

impl From<&Basis> for BasisDocument {
    fn from(basis: &Basis) -> Self {
        match basis {
            Basis::ManagementServer => Self::ManagementServer,
            Basis::ReferenceServer { host, port, position } => {
                Self::ReferenceServer { host: host.to_string(), port: port.get(), position: position + 1 }
            }
            Basis::NoneReachable { n_attempts } => Self::NoneReachable { n_attempts: *n_attempts },
            Basis::TooFewAnswered { n_answered, n_required, n_attempts } => Self::TooFewAnswered {
                n_answered: *n_answered,
                n_required: *n_required,
                n_attempts: *n_attempts,
            },
            Basis::ListDisabled => Self::ListDisabled,
            Basis::NoAssignment => Self::NoAssignment,
            Basis::Gateway { address, mac, position } => Self::Gateway {
                address: *address,
                mac: mac.map(|mac| mac.to_string()),
                position: position + 1,
            },
            Basis::NoGateway { seen } => Self::NoGateway { seen: *seen },
        }
    }
}

/// The word for a location.
pub fn location(location: Location) -> &'static str {
    match location {
        Location::Internal => "internal",
        Location::External => "external",
        Location::Unknown => "unknown",
    }
}

/// The word for the state of a link.
pub fn link_state(state: LinkState) -> &'static str {
    match state {
        LinkState::Connected => "connected",
        LinkState::Lost => "lost",
    }
}

/// The word for what made an agent look.
pub fn trigger(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Start => "start",
        Trigger::LinkLost => "link_lost",
        Trigger::LinkConnected => "link_connected",
        Trigger::Assignment => "assignment",
        Trigger::Recheck => "recheck",
        Trigger::ServerRequest => "server_request",
        Trigger::LocalRequest => "local_request",
        Trigger::NetworkChange => "network_change",
        Trigger::ResolverChange => "resolver_change",
        Trigger::Wake => "wake",
        Trigger::Confirmation => "confirmation",
    }
}

/// What a word for what made an agent look stands for; `None` for a word of a newer agent.
pub fn trigger_of(word: &str) -> Option<Trigger> {
    Trigger::ALL.into_iter().find(|it| trigger(*it) == word)
}

/// The word for how an attempt ended.
pub fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Answered => "answered",
        Outcome::Refused => "refused",
        Outcome::Timeout => "timeout",
        Outcome::Unreachable => "unreachable",
        Outcome::NameNotFound => "name_not_found",
        Outcome::ResolverFailed => "resolver_failed",
        Outcome::NotNeeded => "not_needed",
        Outcome::LocalError => "local_error",
        Outcome::PinMismatch => "pin_mismatch",
        Outcome::TlsFailed => "tls_failed",
    }
}

/// `None` for a time that no calendar has.
pub fn time(time: SystemTime) -> Option<Timestamp> {
    let time = Timestamp::try_from(time).ok()?;
    // Nobody reads nanoseconds.
    time.round(jiff::Unit::Millisecond).ok()
}

/// Milliseconds; microseconds are more than enough.
pub fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
