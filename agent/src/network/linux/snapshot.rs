//! Decides what is a change of the network. It must not see a socket.
//!
//! Of every link, address and route it holds two digests: of what it is, and of what matters of it. So that a machine with
//! a hundred thousand routes costs no more than one with four, it holds a bounded number; of what is beyond it only such
//! events count that the kernel sends for nothing but a change.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher as _};

use super::message::{Address, Event, Fact, Link, Route};

/// Links, addresses and routes that are held, at most, of each; 48 bytes and less for one.
const MAX_HELD: usize = 4096;

/// The table that everything goes by unless rules say otherwise.
pub(super) const RT_TABLE_MAIN: u32 = 254;
/// The kernel's own table: this machine's addresses.
const RT_TABLE_LOCAL: u32 = 255;
/// What leads nowhere but to this machine or to all of a link: local, broadcast, anycast, multicast.
const RTN_OWN: std::ops::RangeInclusive<u8> = 2..=5;
/// A copy of a route for one destination.
pub(super) const RTM_F_CLONED: u32 = 0x200;

const IFF_UP: u32 = 0x1;
const IFF_RUNNING: u32 = 0x40;
const IFF_LOWER_UP: u32 = 0x1_0000;

const IFA_F_OPTIMISTIC: u32 = 0x4;
const IFA_F_DADFAILED: u32 = 0x8;
const IFA_F_TENTATIVE: u32 = 0x40;

/// The network, as far as it matters.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    links: Held,
    addresses: Held,
    routes: Held,
}

#[derive(Debug, Default)]
struct Held(HashMap<u64, u64>);

impl Snapshot {
    /// Adds what another part of the network is like.
    pub(super) fn absorb(&mut self, part: Self) {
        for (held, part) in [
            (&mut self.links, part.links),
            (&mut self.addresses, part.addresses),
            (&mut self.routes, part.routes),
        ] {
            for (identity, value) in part.0 {
                held.set(identity, Some(value));
            }
        }
    }

    /// Takes what the kernel said; whether that is a change.
    pub(super) fn apply(&mut self, event: &Event) -> bool {
        let is_gone = matches!(event, Event::Gone(_));
        let is_replaced = matches!(event, Event::Replaced(_));
        let (Event::Is(fact) | Event::Replaced(fact) | Event::Gone(fact)) = event;
        match fact {
            Fact::Link(link) => self.link(link, is_gone),
            Fact::Address(address) => self.address(address, is_gone),
            Fact::Route(route) => self.route(route, is_gone, is_replaced),
            // The kernel tells of a rule when it has put it in or taken it out. They are few.
            Fact::Rule => true,
            // Gateways are looked after elsewhere; all other neighbours are of no interest.
            Fact::Neighbour(_) => false,
        }
    }

    /// A link matters once it is up in some way; carrier and its administrator's word each count.
    fn link(&mut self, link: &Link, is_gone: bool) -> bool {
        let state = link.flags & (IFF_UP | IFF_RUNNING | IFF_LOWER_UP);
        let is_there = !is_gone && state != 0;
        self.links.set(digest(&link.index), is_there.then(|| digest(&state)))
    }

    /// An address matters once something can be sent from it.
    fn address(&mut self, address: &Address, is_gone: bool) -> bool {
        let is_there = !is_gone && is_usable(address);
        let Address { index, address, prefix_len, flags: _ } = address;
        self.addresses.set(digest(&(index, address, prefix_len)), is_there.then_some(1))
    }

    /// Every table but the kernel's own counts: a VPN that takes all packets puts its routes beside the main table.
    ///
    /// The kernel tells of a route when it put it in or took it out, and otherwise not at all. Only a replacement, which
    /// network managers make at every router advertisement, may be by the same. Some ways of losing a route are silent
    /// (an IPv4 one whose interface goes down): what is held is then out of date, which is why only a replacement goes
    /// by it.
    fn route(&mut self, route: &Route, is_gone: bool, is_replaced: bool) -> bool {
        let is_own = route.table == RT_TABLE_LOCAL || RTN_OWN.contains(&route.kind);
        if is_own || route.flags & RTM_F_CLONED != 0 {
            return false;
        }
        let Route { is_ipv6, destination, destination_len, source_len, tos, table, metric, .. } = route;
        let identity = digest(&(is_ipv6, destination, destination_len, source_len, tos, table, metric));
        if is_gone {
            self.routes.set(identity, None);
            return true;
        }
        let hops: Vec<_> = route.hops.iter().map(|hop| (hop.index, hop.gateway)).collect();
        let is_another = self.routes.set(identity, Some(digest(&(route.kind, route.preference, hops))));
        is_another || !is_replaced
    }
}

impl Held {
    /// Whether it is another value than is held.
    fn set(&mut self, identity: u64, value: Option<u64>) -> bool {
        let Some(value) = value else { return self.0.remove(&identity).is_some() };
        let is_full = self.0.len() >= MAX_HELD;
        match self.0.get_mut(&identity) {
            Some(held) => std::mem::replace(held, value) != value,
            None if is_full => false,
            None => self.0.insert(identity, value).is_none(),
        }
    }
}

/// Whether something can be sent from an address.
pub(super) fn is_usable(address: &Address) -> bool {
    let is_tentative = address.flags & IFA_F_TENTATIVE != 0 && address.flags & IFA_F_OPTIMISTIC == 0;
    !is_tentative && address.flags & IFA_F_DADFAILED == 0
}

/// The same for the same in every process: the hasher has no random key.
fn digest(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
