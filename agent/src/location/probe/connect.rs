//! Connects to a port on any of the addresses that a host has.
//!
//! All addresses of both families are tried (RFC 8305): the families alternate, the first address is tried at once, the
//! next one when one fails or after a short while; the first that answers wins and the rest are dropped.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use landmark_proto::decision::counts;
use landmark_proto::evidence::Outcome;
use landmark_proto::location_rules::Tunnels;
use landmark_proto::port::Port;
use rustix::io::Errno;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::address::{self, Rules};
use super::tls::Wanted;
use crate::location::tried::Ended;
use crate::network::NetworkHandle;
use crate::own;
use crate::platform;

/// Between two addresses of one name while none fails: the least that RFC 8305 (section 5) allows, for here nobody is
/// kept waiting by a second connection.
const ADDRESS_STAGGER: Duration = Duration::from_millis(100);
/// All addresses shall have been tried after this time, so that each has half of the attempt's time at least.
const ALL_ADDRESSES_AFTER: Duration = Duration::from_secs(1);
/// Addresses of one name that are tried, at most: what a lying resolver can make an agent do. A domain's name stands for
/// all its controllers; whoever can reach the domain reaches one of sixteen.
const MAX_ADDRESSES: usize = 16;

/// For the kernel's word on the way out: usually a fraction of a millisecond, longer while its tables are locked. An attempt
/// may last so much longer than its own time; the last one of a list still ends within the 5 s of an evaluation.
const WAY_OUT_LIMIT: Duration = Duration::from_millis(200);

/// What is wanted of the addresses of one host.
pub(super) struct Errand {
    pub(super) port: Port,
    /// A handshake with whom; none: a connection is enough.
    pub(super) tls: Option<Wanted>,
    pub(super) rules: Rules,
    /// An answer that does not count is not the last word: another address may be reached without a tunnel.
    pub(super) tunnels: Tunnels,
    pub(super) network: NetworkHandle,
}

impl Errand {
    /// Tries the addresses that may be tried, until one answers, all have failed, or the time is over.
    pub(super) async fn any_of(&self, addresses: &[SocketAddr], deadline: Instant) -> Ended {
        let may = |it: &SocketAddr| self.rules.allow(it.ip());
        let allowed: Vec<SocketAddr> = addresses.iter().copied().filter(may).collect();
        let mut left = VecDeque::from(address::interleaved(&allowed));
        left.truncate(MAX_ADDRESSES);
        let stagger = address_stagger(left.len());
        let mut under_way = FuturesUnordered::new();
        let mut failed: Option<Ended> = None;
        let mut next_at = Instant::now();
        loop {
            let now = Instant::now();
            let is_first = under_way.is_empty() && failed.is_none();
            if deadline <= now && !is_first {
                left.clear();
            }
            if let Some(mut address) = left.pop_front_if(|_| next_at <= now) {
                address.set_port(self.port.get());
                under_way.push(self.one(address, deadline));
                next_at = now + stagger;
            }
            tokio::select! {
                biased;
                Some(ended) = under_way.next() => {
                    if counts(self.tunnels, ended.outcome, ended.interface.as_ref()) {
                        return ended;
                    }
                    failed = Some(more_telling(failed, ended));
                    next_at = Instant::now();
                }
                () = sleep_until(next_at), if !left.is_empty() => {}
                else => {
                    let address = addresses.first().map(SocketAddr::ip);
                    return failed.unwrap_or(Ended { address, ..Ended::with(Outcome::LocalError) });
                }
            }
        }
    }

    /// Tries one address until the deadline, and asks which way an answer came.
    async fn one(&self, address: SocketAddr, deadline: Instant) -> Ended {
        let mut near = None;
        let ended = timeout_at(deadline, self.reach(address, &mut near)).await.unwrap_or_else(|_elapsed| {
            let tls_error = near.map(|_| "connected, but no handshake in time".to_owned());
            Ended { address: Some(address.ip()), tls_error, ..Ended::with(Outcome::Timeout) }
        });
        let Some(local) = near.filter(|_| ended.outcome == Outcome::Answered) else { return ended };
        // What answered has answered, however long the kernel takes to say which way.
        let way_out = timeout(WAY_OUT_LIMIT, self.network.egress(local, address)).await;
        Ended { interface: way_out.unwrap_or_default(), ..ended }
    }

    /// Connects, shakes hands if that is wanted, and closes. `near` is the near end of a connection, once there is one.
    async fn reach(&self, address: SocketAddr, near: &mut Option<SocketAddr>) -> Ended {
        let ended = Ended { address: Some(address.ip()), ..Ended::with(Outcome::Answered) };
        let connected = connect(address).await;
        let (stream, local) = match connected.and_then(|stream| Ok((stream.local_addr()?, stream))) {
            // Where nobody listens on a loopback port, the kernel may choose that very port for the near end, and the
            // connection meets itself (simultaneous open, RFC 9293, section 3.5).
            Ok((local, _)) if local == address => {
                let os_error = Some(Errno::CONNREFUSED.raw_os_error());
                return Ended { outcome: Outcome::Refused, os_error, ..ended };
            }
            // The kernel takes an address of this machine as the near end of a connection to itself only.
            Ok((local, _)) if local.ip() == address.ip() && !self.rules.allow_loopback => {
                return Ended { outcome: Outcome::LocalError, local_address: Some(local.ip()), ..ended };
            }
            Ok((local, stream)) => (stream, local),
            Err(error) => {
                return Ended { outcome: outcome_of(&error), os_error: error.raw_os_error(), ..ended };
            }
        };
        *near = Some(local);
        let ended = Ended { local_address: Some(local.ip()), ..ended };
        match &self.tls {
            // The drop sends a FIN and nothing else.
            None => {
                drop(stream);
                ended
            }
            Some(wanted) => wanted.shake_hands(stream, address.ip(), ended).await,
        }
    }
}

/// Connects, once more if nobody seems to be at the next hop: the kernel looks for it for three seconds on behalf of all who
/// come meanwhile, and tells them all that it has given up. What it began before a cable was plugged in says nothing about
/// the network behind that cable. Asked again it looks again, and where a router says so, that costs a round trip.
async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    match own::connect(address).await {
        Err(error) if Errno::from_io_error(&error) == Some(Errno::HOSTUNREACH) => own::connect(address).await,
        connected => connected,
    }
}

fn address_stagger(n_addresses: usize) -> Duration {
    let n = u32::try_from(n_addresses).unwrap_or(u32::MAX).max(1);
    ADDRESS_STAGGER.min(ALL_ADDRESSES_AFTER / n)
}

/// Of two vain attempts the one that says more about the place: a connection on which nothing follows comes from a machine
/// that is there and listens; a refusal from one that is there; silence may come from one; the rest never got that far. Of
/// equals the later one.
fn more_telling(earlier: Option<Ended>, later: Ended) -> Ended {
    let weight = |ended: &Ended| match ended.outcome {
        // In a way that does not count.
        Outcome::Answered => 7,
        Outcome::PinMismatch => 6,
        Outcome::TlsFailed => 5,
        Outcome::Timeout if ended.tls_error.is_some() => 4,
        Outcome::Refused => 3,
        Outcome::Timeout => 2,
        Outcome::Unreachable => 1,
        Outcome::NameNotFound | Outcome::ResolverFailed | Outcome::NotNeeded | Outcome::LocalError => 0,
    };
    earlier.filter(|earlier| weight(earlier) > weight(&later)).unwrap_or(later)
}

/// How a connection failed.
pub(super) fn outcome_of(error: &io::Error) -> Outcome {
    match Errno::from_io_error(error) {
        Some(Errno::CONNREFUSED | Errno::CONNRESET) => Outcome::Refused,
        Some(Errno::TIMEDOUT) => Outcome::Timeout,
        Some(errno) if platform::UNREACHABLE.contains(&errno) => Outcome::Unreachable,
        // No descriptor, no memory, no local port, no permission.
        Some(_) | None => Outcome::LocalError,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_numbers_have_their_outcomes() {
        for (errno, expected) in [
            (Errno::CONNREFUSED, Outcome::Refused),
            (Errno::NETUNREACH, Outcome::Unreachable),
            (Errno::HOSTUNREACH, Outcome::Unreachable),
            (Errno::NETDOWN, Outcome::Unreachable),
            (Errno::TIMEDOUT, Outcome::Timeout),
            (Errno::MFILE, Outcome::LocalError),
            (Errno::ACCESS, Outcome::LocalError),
            (Errno::PERM, Outcome::LocalError),
            (Errno::ADDRNOTAVAIL, Outcome::LocalError),
        ] {
            assert_eq!(outcome_of(&io::Error::from(errno)), expected, "{errno:?}");
        }
    }

    #[test]
    fn every_address_has_half_of_the_time_at_least() {
        assert_eq!(address_stagger(2), Duration::from_millis(100));
        let last_starts = address_stagger(MAX_ADDRESSES) * (u32::try_from(MAX_ADDRESSES).unwrap() - 1);
        assert!(last_starts <= ALL_ADDRESSES_AFTER);
    }
}
