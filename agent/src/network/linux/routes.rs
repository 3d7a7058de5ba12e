//! Makes out of the kernel's answers what the rest of the agent is told: default routes, and the interface of a way. It
//! must not know who asks.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{IpAddr, SocketAddr};

use landmark_proto::network::{DefaultRoute, Interface, MacAddress};
use rustix::io::Errno;

use super::kind::{is_stacked, kind_of};
use super::message::{Event, Fact, Link, Neighbour, Route};
use super::snapshot::{RT_TABLE_MAIN, RTM_F_CLONED, is_usable};
use crate::netlink::message::Message;
use crate::netlink::request::Request;
use crate::netlink::socket::{Asker, Protocol};

/// Default routes of a family that are told, at most: many of one must not hide the other's.
const MAX_ROUTES: usize = 32;
/// Next hops of one family's default routes that are put in order, at most.
const MAX_WAYS: usize = 1024;
/// Interfaces below an interface that are looked at, at most: a VLAN on a VLAN on a bond is the deepest in use.
const MAX_STACK: usize = 4;
/// Addresses of a machine that are told, at most: a load balancer has thousands.
const MAX_ADDRESSES: usize = 4096;

const RTN_UNICAST: u8 = 1;
const RTNH_F_DEAD: u32 = 0x1;
const RTNH_F_LINKDOWN: u32 = 0x10;

/// States in which a neighbour's hardware address is in use: reachable, stale, delay, probe, without ARP, permanent.
const NUD_USABLE: u16 = 0x02 | 0x04 | 0x08 | 0x10 | 0x40 | 0x80;
/// Those of them that say so by something that was heard of late, or that need nothing to be heard: reachable, without
/// ARP, permanent. The others may be those of a network that the machine has left.
const NUD_CONFIRMED: u16 = 0x02 | 0x40 | 0x80;
/// It was looked for and did not answer.
const NUD_FAILED: u16 = 0x20;

/// A gateway as the neighbour table names it: interface and address.
pub(super) type Gateway = (u32, IpAddr);

/// A next hop of a default route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    is_ipv6: bool,
    metric: u32,
    preference: u8,
    index: u32,
    gateway: Option<IpAddr>,
}

impl Way {
    pub(super) fn gateway(&self) -> Option<Gateway> {
        self.gateway.map(|address| (self.index, address))
    }
}

/// The default routes, preferred ones first, with what is known of them.
///
/// # Errors
/// The kernel refuses.
pub(super) fn default_routes() -> io::Result<Vec<DefaultRoute>> {
    let mut asker = Asker::open(Protocol::Route)?;
    let ways = ways(&mut asker)?;
    let macs = hardware_addresses(&mut asker, &ways.iter().filter_map(Way::gateway).collect())?;
    let mut interfaces: HashMap<u32, Option<Interface>> = HashMap::new();
    let mut routes = Vec::new();
    for way in ways {
        let interface = match interfaces.get(&way.index) {
            Some(known) => known.clone(),
            None => interface(&mut asker, way.index)?,
        };
        interfaces.insert(way.index, interface.clone());
        // An interface that went in this moment takes its routes along.
        let Some(interface) = interface else { continue };
        let mac = way.gateway().and_then(|gateway| macs.get(&gateway).copied());
        routes.push(DefaultRoute {
            gateway: way.gateway,
            mac,
            interface,
            metric: way.metric,
            is_ipv6: way.is_ipv6,
        });
    }
    Ok(routes)
}

/// The addresses of this machine from which something can be sent, at most [`MAX_ADDRESSES`].
///
/// # Errors
/// The kernel refuses.
pub(super) fn addresses() -> io::Result<Vec<IpAddr>> {
    Asker::open(Protocol::Route)?.ask(&Request::addresses(), |found: &mut Vec<IpAddr>, message| {
        if let Some(Event::Is(Fact::Address(address))) = message.event()
            && found.len() < MAX_ADDRESSES
            && is_usable(&address)
        {
            found.push(address.address);
        }
    })
}

/// The interface of a connection's packets.
///
/// # Errors
/// The kernel refuses, or knows no way.
pub(super) fn egress(local: SocketAddr, remote: SocketAddr) -> io::Result<Option<Interface>> {
    let mut asker = Asker::open(Protocol::Route)?;
    let index = asker.ask(&Request::way(local, remote), |index: &mut Option<u32>, message| {
        if let Some(Event::Is(Fact::Route(route))) = message.event() {
            *index = route.hops.first().map(|hop| hop.index);
        }
    })?;
    index.map_or(Ok(None), |index| interface(&mut asker, index))
}

/// The next hops of default routes, preferred ones first.
///
/// # Errors
/// The kernel refuses.
pub(super) fn ways(asker: &mut Asker) -> io::Result<Vec<Way>> {
    let mut all = Vec::new();
    for is_ipv6 in [false, true] {
        let found = asker.ask(&Request::routes(is_ipv6), |found: &mut Vec<Way>, message| {
            // A kernel without IPv6 gives those of IPv4 again.
            if let Some(Event::Is(Fact::Route(route))) = message.event().filter(|_| found.len() < MAX_WAYS)
                && route.is_ipv6 == is_ipv6
            {
                found.extend(ways_of(&route));
            }
        })?;
        all.extend(in_order(found));
    }
    Ok(all)
}

/// The hardware addresses of these gateways, as far as they are known.
///
/// # Errors
/// The kernel refuses.
pub(super) fn hardware_addresses(
    asker: &mut Asker,
    gateways: &HashSet<Gateway>,
) -> io::Result<HashMap<Gateway, MacAddress>> {
    if gateways.is_empty() {
        return Ok(HashMap::new());
    }
    asker.ask(&Request::neighbours(), |found: &mut HashMap<Gateway, MacAddress>, message| {
        if let Some(neighbour) = neighbour_in(message) {
            let gateway = (neighbour.index, neighbour.address);
            if let Some(mac) = hardware_address(&neighbour).filter(|_| gateways.contains(&gateway)) {
                found.insert(gateway, mac);
            }
        }
    })
}

/// The neighbour that a message tells of, unless it has gone.
pub(super) fn neighbour_in(message: &Message<'_>) -> Option<Neighbour> {
    match message.event() {
        Some(Event::Is(Fact::Neighbour(neighbour)) | Event::Replaced(Fact::Neighbour(neighbour))) => {
            Some(neighbour)
        }
        _ => None,
    }
}

/// A neighbour's hardware address, if it is in use.
pub(super) fn hardware_address(neighbour: &Neighbour) -> Option<MacAddress> {
    neighbour.mac.filter(|_| neighbour.state & NUD_USABLE != 0)
}

/// A neighbour's hardware address, if it is surely the one that is there now.
pub(super) fn confirmed_address(neighbour: &Neighbour) -> Option<MacAddress> {
    neighbour.mac.filter(|_| neighbour.state & NUD_CONFIRMED != 0)
}

/// Whether the kernel has stopped looking for it.
pub(super) fn is_given_up(neighbour: &Neighbour) -> bool {
    neighbour.state & NUD_FAILED != 0
}

/// An interface, with what it stands on in mind; `None` if there is none of this number.
fn interface(asker: &mut Asker, index: u32) -> io::Result<Option<Interface>> {
    let Some(link) = link(asker, index)? else { return Ok(None) };
    let (kind, mut is_tunnel) = kind_of(link.info_kind.as_deref(), link.arphrd);
    let (mut above, mut lower) = (kind.clone(), link.lower);
    for _ in 0..MAX_STACK {
        let Some(below) = lower.filter(|_| !is_tunnel && is_stacked(&above)) else { break };
        let Some(link) = self::link(asker, below)? else { break };
        (above, is_tunnel) = kind_of(link.info_kind.as_deref(), link.arphrd);
        lower = link.lower;
    }
    Ok(Some(Interface { name: link.name, kind, is_tunnel }))
}

fn link(asker: &mut Asker, index: u32) -> io::Result<Option<Link>> {
    let answer = asker.ask(&Request::link(index), |link: &mut Option<Link>, message| {
        if let Some(Event::Is(Fact::Link(found))) = message.event() {
            *link = Some(found);
        }
    });
    match answer {
        Err(error) if error.raw_os_error() == Some(Errno::NODEV.raw_os_error()) => Ok(None),
        answer => answer,
    }
}

/// The next hops of a route, if it is a default route by which something can be sent.
fn ways_of(route: &Route) -> Vec<Way> {
    let is_default = route.destination_len == 0 && route.source_len == 0 && route.tos == 0;
    let is_in_use =
        route.table == RT_TABLE_MAIN && route.kind == RTN_UNICAST && route.flags & RTM_F_CLONED == 0;
    if !is_default || !is_in_use {
        return Vec::new();
    }
    let leads_somewhere = |flags: u32| flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN) == 0;
    let hops = route.hops.iter().filter(|hop| leads_somewhere(hop.flags));
    hops.map(|hop| Way {
        is_ipv6: route.is_ipv6,
        metric: route.metric,
        preference: route.preference,
        index: hop.index,
        gateway: hop.gateway,
    })
    .collect()
}

/// A family's preferred ones, the most preferred first; what is equal stays in the kernel's order.
fn in_order(mut ways: Vec<Way>) -> Vec<Way> {
    ways.sort_by_key(|way| (way.metric, preference_rank(way.preference)));
    ways.truncate(MAX_ROUTES);
    ways
}

/// High before medium before low (RFC 4191, 2.1: two bits, of which 10 is reserved and counts as medium).
fn preference_rank(preference: u8) -> u8 {
    match preference & 0b11 {
        0b01 => 0,
        0b11 => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests;
