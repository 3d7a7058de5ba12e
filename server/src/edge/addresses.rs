//! Counts connections and handshakes by source address.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::limits::Limits;

/// The connections of a plane.
#[derive(Clone, Debug)]
pub(super) struct Addresses(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    connections: usize,
    connections_per_address: usize,
    handshakes_per_address: usize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    n_connections: usize,
    by_source: HashMap<IpAddr, Count>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    n_connections: usize,
    n_handshakes: usize,
}

/// The place of one connection, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    addresses: Addresses,
    source: IpAddr,
    in_handshake: bool,
}

/// Which limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    Plane,
    Address,
    Handshakes,
}

impl Full {
    /// For metrics.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Plane => "connections",
            Self::Address => "connections_per_address",
            Self::Handshakes => "handshakes_per_address",
        }
    }
}

impl Addresses {
    pub(super) fn new(limits: &Limits) -> Self {
        Self(Arc::new(Inner {
            connections: limits.connections,
            connections_per_address: limits.connections_per_address,
            handshakes_per_address: limits.handshakes_per_address,
            counts: Mutex::default(),
        }))
    }

    /// A place for a connection that begins its handshake.
    pub(super) fn enter(&self, address: IpAddr) -> Result<Place, Full> {
        let source = source_of(address);
        let mut counts = self.counts();
        if counts.n_connections >= self.0.connections {
            return Err(Full::Plane);
        }
        let count = counts.by_source.get(&source).copied().unwrap_or_default();
        if count.n_connections >= self.0.connections_per_address {
            return Err(Full::Address);
        }
        if count.n_handshakes >= self.0.handshakes_per_address {
            return Err(Full::Handshakes);
        }
        counts.n_connections += 1;
        let count = counts.by_source.entry(source).or_default();
        count.n_connections += 1;
        count.n_handshakes += 1;
        Ok(Place { addresses: self.clone(), source, in_handshake: true })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Counting does not panic, so what is behind the lock is whole.
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// The handshake has ended.
    pub(super) fn established(&mut self) {
        if std::mem::take(&mut self.in_handshake)
            && let Some(count) = self.addresses.counts().by_source.get_mut(&self.source)
        {
            count.n_handshakes -= 1;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.established();
        let mut counts = self.addresses.counts();
        counts.n_connections -= 1;
        if let Entry::Occupied(mut entry) = counts.by_source.entry(self.source) {
            entry.get_mut().n_connections -= 1;
            if entry.get().n_connections == 0 {
                entry.remove();
            }
        }
    }
}

/// Whoever has one IPv6 address mostly has its whole /64 (RFC 6177).
fn source_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(connections: usize, per_address: usize, handshakes: usize) -> Addresses {
        Addresses::new(&Limits {
            connections,
            connections_per_address: per_address,
            handshakes_per_address: handshakes,
            ..Limits::agents()
        })
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_gets_its_share_and_gives_it_back() {
        let addresses = addresses(10, 2, 2);
        let first = addresses.enter(ip("192.0.2.1")).unwrap();
        let second = addresses.enter(ip("::ffff:192.0.2.1")).unwrap();
        assert_eq!(addresses.enter(ip("192.0.2.1")).unwrap_err(), Full::Address);
        let other = addresses.enter(ip("192.0.2.2")).unwrap();
        drop(first);
        let third = addresses.enter(ip("192.0.2.1")).unwrap();
        drop((second, third, other));
        assert!(addresses.counts().by_source.is_empty());
        assert_eq!(addresses.counts().n_connections, 0);
    }

    #[test]
    fn a_whole_prefix_is_one_source() {
        let addresses = addresses(10, 1, 1);
        let _place = addresses.enter(ip("2001:db8:1:2::1")).unwrap();
        assert_eq!(addresses.enter(ip("2001:db8:1:2:ffff::9")).unwrap_err(), Full::Address);
        addresses.enter(ip("2001:db8:1:3::1")).unwrap();
    }

    #[test]
    fn handshakes_count_until_they_end() {
        let addresses = addresses(10, 10, 1);
        let mut first = addresses.enter(ip("192.0.2.1")).unwrap();
        assert_eq!(addresses.enter(ip("192.0.2.1")).unwrap_err(), Full::Handshakes);
        first.established();
        first.established();
        let _second = addresses.enter(ip("192.0.2.1")).unwrap();
        assert_eq!(addresses.enter(ip("192.0.2.1")).unwrap_err(), Full::Handshakes);
    }

    #[test]
    fn the_plane_has_a_limit_of_its_own() {
        let addresses = addresses(1, 10, 10);
        let _place = addresses.enter(ip("192.0.2.1")).unwrap();
        assert_eq!(addresses.enter(ip("192.0.2.2")).unwrap_err(), Full::Plane);
    }
}
