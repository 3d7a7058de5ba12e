//! What became of one attempt, without the names of who was tried: those stand in the list.

use std::net::IpAddr;
use std::time::Duration;

use landmark_proto::evidence::{Attempt, Outcome, PeerCertificate};
use landmark_proto::network::Interface;
use landmark_proto::reference_server::Target;

use super::clock::Moment;

/// The end of an attempt, as its probe tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    /// How.
    pub(crate) outcome: Outcome,
    /// The address that answered or was tried last.
    pub(crate) address: Option<IpAddr>,
    /// The local address of the connection.
    pub(crate) local_address: Option<IpAddr>,
    /// The operating system's error number.
    pub(crate) os_error: Option<i32>,
    /// How many addresses the name resolved to; 0 for hosts given as addresses.
    pub(crate) n_addresses: usize,
    /// The way out, of an attempt that was answered.
    pub(crate) interface: Option<Interface>,
    /// What a TLS peer showed.
    pub(crate) certificate: Option<PeerCertificate>,
    /// What ended a handshake.
    pub(crate) tls_error: Option<String>,
}

impl Ended {
    /// Nothing is known but how it ended.
    pub(crate) fn with(outcome: Outcome) -> Self {
        Self {
            outcome,
            address: None,
            local_address: None,
            os_error: None,
            n_addresses: 0,
            interface: None,
            certificate: None,
            tls_error: None,
        }
    }
}

/// An attempt that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tried {
    pub(crate) started_after: Duration,
    pub(crate) took: Duration,
    pub(crate) ended: Ended,
    started: bool,
}

impl Tried {
    /// Ran from `started` to `now`.
    pub(crate) fn new(began: Moment, started: Moment, now: Moment, ended: Ended) -> Self {
        Self { started_after: started.since(began), took: now.since(started), ended, started: true }
    }

    /// Was dropped at `now`, under way since `started` or before it started at all.
    pub(crate) fn not_needed(began: Moment, started: Option<Moment>, now: Moment) -> Self {
        let ended = Ended::with(Outcome::NotNeeded);
        Self { started: started.is_some(), ..Self::new(began, started.unwrap_or(now), now, ended) }
    }

    /// Whether anything was tried at all.
    pub(crate) fn was_started(&self) -> bool {
        self.started
    }

    /// With the names of who was tried.
    pub(crate) fn to_attempt(&self, target: Target<'_>) -> Attempt {
        let Ended {
            outcome,
            address,
            local_address,
            os_error,
            n_addresses,
            interface,
            certificate,
            tls_error,
        } = self.ended.clone();
        Attempt {
            position: target.position,
            host: target.host.clone(),
            port: target.port,
            address,
            local_address,
            started_after: self.started_after,
            took: self.took,
            outcome,
            os_error,
            n_addresses,
            interface,
            certificate,
            tls_error,
        }
    }
}
