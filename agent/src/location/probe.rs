//! One attempt: resolves if need be, connects, shakes hands if the entry has pins, closes at once, and says how it ended.
//! Not one byte is sent but those of a handshake.
//!
//! The time-out covers all of it together, but not the kernel's word on which way an answer came. It must not know why an
//! attempt is made, nor what follows from it.

pub(crate) mod address;
mod connect;
mod tls;

use std::io;
use std::net::SocketAddr;

use futures_util::future::{BoxFuture, FutureExt as _};
use landmark_proto::evidence::Outcome;
use landmark_proto::host::Host;
use landmark_proto::location_rules::Tunnels;
use landmark_proto::reference_server::{Probe, Target};
use tokio::time::{Instant, timeout_at};

use self::address::Rules;
use self::connect::{Errand, outcome_of};
use self::tls::Wanted;
use super::race::ATTEMPT_TIMEOUT;
use super::resolve::{Lookup, Lookups, ResolveError, Resolved, Resolver};
use super::tried::Ended;
use crate::network::NetworkHandle;

/// Makes attempts. The seam at which tests put a network of their own.
pub(crate) trait Probing: Send + Sync + 'static {
    /// For one evaluation.
    fn round(&self, tunnels: Tunnels) -> Box<dyn Round>;
}

/// Makes the attempts of one evaluation, which share what they find out.
pub(crate) trait Round: Send {
    /// Begins when it is first polled; dropping it closes its sockets.
    fn attempt(&mut self, target: Target<'_>) -> BoxFuture<'static, Ended>;
}

/// Makes attempts on the machine's network.
pub(crate) struct Prober {
    resolver: Resolver,
    rules: Rules,
    network: NetworkHandle,
}

impl Prober {
    /// Loopback addresses are only tried where they are allowed; the network tells which way an answer came.
    pub(crate) fn new(resolver: Resolver, rules: Rules, network: NetworkHandle) -> Self {
        Self { resolver, rules, network }
    }
}

impl Probing for Prober {
    fn round(&self, tunnels: Tunnels) -> Box<dyn Round> {
        let network = self.network.clone();
        Box::new(ProberRound { lookups: self.resolver.lookups(), rules: self.rules, tunnels, network })
    }
}

struct ProberRound {
    lookups: Lookups,
    rules: Rules,
    tunnels: Tunnels,
    network: NetworkHandle,
}

impl Round for ProberRound {
    fn attempt(&mut self, Target { host, port, probe, .. }: Target<'_>) -> BoxFuture<'static, Ended> {
        let tls = match probe {
            Probe::Tcp => None,
            Probe::Tls(pins) => Some(Wanted::of(host, pins)),
        };
        let errand =
            Errand { port, tls, rules: self.rules, tunnels: self.tunnels, network: self.network.clone() };
        match host {
            Host::Name(name) => by_name(self.lookups.of(name), errand).boxed(),
            Host::V4(_) | Host::V6(..) => by_address(address::written(host, port), errand).boxed(),
        }
    }
}

async fn by_address(address: io::Result<SocketAddr>, errand: Errand) -> Ended {
    match address {
        Ok(address) => errand.any_of(&[address], Instant::now() + ATTEMPT_TIMEOUT).await,
        Err(error) => Ended { os_error: error.raw_os_error(), ..Ended::with(outcome_of(&error)) },
    }
}

async fn by_name(lookup: Lookup, errand: Errand) -> Ended {
    let deadline = Instant::now() + ATTEMPT_TIMEOUT;
    let resolved: Resolved = match timeout_at(deadline, lookup).await {
        Ok(Ok(resolved)) => resolved,
        Ok(Err(_)) | Err(_) => Err(ResolveError::Failed { os_error: None }),
    };
    match resolved {
        Ok(addresses) => {
            let ended = errand.any_of(&addresses, deadline).await;
            Ended { n_addresses: addresses.len(), ..ended }
        }
        Err(ResolveError::NotFound) => Ended::with(Outcome::NameNotFound),
        Err(ResolveError::Failed { os_error }) => Ended { os_error, ..Ended::with(Outcome::ResolverFailed) },
    }
}

#[cfg(test)]
mod tests;
