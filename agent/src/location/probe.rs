//! One attempt: resolves if need be, connects, closes at once, and says how it ended. Not one byte is sent.
//!
//! Of a name all addresses of both families are tried (RFC 8305): the families alternate, the first address is tried at
//! once, the next one when one fails or after a short while; the first connection wins and the rest are dropped. The
//! time-out covers resolving and connecting together. It must not know why an attempt is made, nor what follows from it.

pub(crate) mod address;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use landmark_proto::evidence::Outcome;
use landmark_proto::host::Host;
use landmark_proto::port::Port;
use landmark_proto::reference_server::Target;
use rustix::io::Errno;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout_at};

use self::address::Rules;
use super::race::ATTEMPT_TIMEOUT;
use super::resolve::{Lookup, Lookups, ResolveError, Resolved, Resolver};
use super::tried::Ended;
use crate::platform;

/// Between two addresses of one name while none fails: the least that RFC 8305 (section 5) allows, for here nobody is
/// kept waiting by a second connection.
const ADDRESS_STAGGER: Duration = Duration::from_millis(100);
/// All addresses shall have been tried after this time, so that each has half of the attempt's time at least.
const ALL_ADDRESSES_AFTER: Duration = Duration::from_secs(1);
/// Addresses of one name that are tried, at most: what a lying resolver can make an agent do. A domain's name stands for
/// all its controllers; whoever can reach the domain reaches one of sixteen.
const MAX_ADDRESSES: usize = 16;

/// Makes attempts. The seam at which tests put a network of their own.
pub(crate) trait Probing: Send + Sync + 'static {
    /// For one evaluation.
    fn round(&self) -> Box<dyn Round>;
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
}

impl Prober {
    /// Loopback addresses are only tried where they are allowed.
    pub(crate) fn new(resolver: Resolver, rules: Rules) -> Self {
        Self { resolver, rules }
    }
}

impl Probing for Prober {
    fn round(&self) -> Box<dyn Round> {
        Box::new(ProberRound { lookups: self.resolver.lookups(), rules: self.rules })
    }
}

struct ProberRound {
    lookups: Lookups,
    rules: Rules,
}

impl Round for ProberRound {
    fn attempt(&mut self, Target { host, port, .. }: Target<'_>) -> BoxFuture<'static, Ended> {
        let rules = self.rules;
        match host {
            Host::Name(name) => tcp_by_name(self.lookups.of(name), port, rules).boxed(),
            Host::V4(_) | Host::V6(..) => tcp_by_address(address::written(host, port), port, rules).boxed(),
        }
    }
}

async fn tcp_by_address(address: io::Result<SocketAddr>, port: Port, rules: Rules) -> Ended {
    match address {
        Ok(address) => connect_any(&[address], port, rules, Instant::now() + ATTEMPT_TIMEOUT).await,
        Err(error) => Ended { os_error: error.raw_os_error(), ..Ended::with(outcome_of(&error)) },
    }
}

async fn tcp_by_name(lookup: Lookup, port: Port, rules: Rules) -> Ended {
    let deadline = Instant::now() + ATTEMPT_TIMEOUT;
    let resolved: Resolved = match timeout_at(deadline, lookup).await {
        Ok(Ok(resolved)) => resolved,
        Ok(Err(_)) | Err(_) => Err(ResolveError::Failed { os_error: None }),
    };
    match resolved {
        Ok(addresses) => {
            let ended = connect_any(&addresses, port, rules, deadline).await;
            Ended { n_addresses: addresses.len(), ..ended }
        }
        Err(ResolveError::NotFound) => Ended::with(Outcome::NameNotFound),
        Err(ResolveError::Failed { os_error }) => Ended { os_error, ..Ended::with(Outcome::ResolverFailed) },
    }
}

/// Tries the addresses that may be tried, until one answers, all have failed, or the time is over.
async fn connect_any(addresses: &[SocketAddr], port: Port, rules: Rules, deadline: Instant) -> Ended {
    let allowed: Vec<SocketAddr> = addresses.iter().copied().filter(|it| rules.allow(it.ip())).collect();
    let mut left = address::interleaved(&allowed).into_iter().take(MAX_ADDRESSES);
    let stagger = address_stagger(left.len());
    let mut under_way = FuturesUnordered::new();
    let mut failed: Option<Ended> = None;
    let mut tried_last = addresses.first().map(SocketAddr::ip);
    let mut next_at = Instant::now();
    loop {
        if next_at <= Instant::now() || under_way.is_empty() {
            if let Some(mut address) = left.next() {
                address.set_port(port.get());
                tried_last = Some(address.ip());
                under_way.push(connect(address));
                next_at = Instant::now() + stagger;
            } else if under_way.is_empty() {
                return failed.unwrap_or(Ended { address: tried_last, ..Ended::with(Outcome::LocalError) });
            }
        }
        tokio::select! {
            biased;
            Some(ended) = under_way.next() => {
                if ended.outcome == Outcome::Answered {
                    return ended;
                }
                failed = Some(more_telling(failed, ended));
                next_at = Instant::now();
            }
            () = sleep_until(deadline) => {
                return Ended { address: tried_last, ..Ended::with(Outcome::Timeout) };
            }
            () = sleep_until(next_at), if left.len() > 0 => {}
        }
    }
}

fn address_stagger(n_addresses: usize) -> Duration {
    let n = u32::try_from(n_addresses).unwrap_or(u32::MAX).max(1);
    ADDRESS_STAGGER.min(ALL_ADDRESSES_AFTER / n)
}

/// Connects, notes the local address, and closes: the drop sends a FIN and nothing else.
async fn connect(address: SocketAddr) -> Ended {
    let ended = Ended { address: Some(address.ip()), ..Ended::with(Outcome::Answered) };
    let connected = TcpStream::connect(address).await;
    match connected.and_then(|stream| stream.local_addr()) {
        // Where nobody listens on a loopback port, the kernel may choose that very port for the near end, and the
        // connection meets itself (simultaneous open, RFC 9293, section 3.5).
        Ok(local) if local == address => {
            let os_error = Some(Errno::CONNREFUSED.raw_os_error());
            Ended { outcome: Outcome::Refused, os_error, ..ended }
        }
        Ok(local) => Ended { local_address: Some(local.ip()), ..ended },
        Err(error) => Ended { outcome: outcome_of(&error), os_error: error.raw_os_error(), ..ended },
    }
}

/// Of two failures the one that says more about the place: a refusal comes from a machine that is there; silence may
/// come from one; the rest never got that far. Of equals the later one.
fn more_telling(earlier: Option<Ended>, later: Ended) -> Ended {
    let weight = |ended: &Ended| match ended.outcome {
        Outcome::Refused => 3,
        Outcome::Timeout => 2,
        Outcome::Unreachable => 1,
        Outcome::Answered
        | Outcome::NameNotFound
        | Outcome::ResolverFailed
        | Outcome::NotNeeded
        | Outcome::LocalError => 0,
    };
    earlier.filter(|earlier| weight(earlier) > weight(&later)).unwrap_or(later)
}

fn outcome_of(error: &io::Error) -> Outcome {
    match Errno::from_io_error(error) {
        Some(Errno::CONNREFUSED | Errno::CONNRESET) => Outcome::Refused,
        Some(Errno::TIMEDOUT) => Outcome::Timeout,
        Some(errno) if platform::UNREACHABLE.contains(&errno) => Outcome::Unreachable,
        // No descriptor, no memory, no local port, no permission.
        Some(_) | None => Outcome::LocalError,
    }
}

#[cfg(test)]
mod tests;
