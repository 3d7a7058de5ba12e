//! Reads what rtnetlink says (rtnetlink(7), and the kernel's include/uapi/linux/rtnetlink.h): of five kinds of message what a
//! location depends on. It must know no socket.
//!
//! What it does not know it passes over, for newer kernels say more; what is cut or malformed is no fact. The layouts are
//! the kernel's interface to user space and do not change, so that the part which is needed is read here: the crate
//! `netlink-packet-route` reads all of it, refuses a whole message for one attribute that it does not understand, and made a
//! small program 0.6 MB larger (with `rtnetlink` 1.4 MB), of the 8 MiB that the agent may have.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use landmark_proto::network::MacAddress;

use crate::netlink::message::{Attributes, Message, aligned, text, u8_at, u16_at, u32_at};

const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_NEWADDR: u16 = 20;
const RTM_DELADDR: u16 = 21;
const RTM_NEWROUTE: u16 = 24;
const RTM_DELROUTE: u16 = 25;
const RTM_NEWNEIGH: u16 = 28;
const RTM_DELNEIGH: u16 = 29;
const RTM_NEWRULE: u16 = 32;
const RTM_DELRULE: u16 = 33;

const NLM_F_REPLACE: u16 = 0x100;

pub(super) const AF_INET: u8 = 2;
pub(super) const AF_INET6: u8 = 10;
const AF_UNSPEC: u8 = 0;

/// Next hops of a route, at most; the rest is left out.
const MAX_HOPS: usize = 64;

/// Groups of events: bit n - 1 is `RTNLGRP_*` n.
pub(super) mod groups {
    const LINK: u32 = 1;
    const IPV4_ADDRESS: u32 = 0x10;
    const IPV4_ROUTE: u32 = 0x40;
    const IPV4_RULE: u32 = 0x80;
    const IPV6_ADDRESS: u32 = 0x100;
    const IPV6_ROUTE: u32 = 0x400;
    const IPV6_RULE: u32 = 0x4_0000;
    /// Links, addresses, routes, and the rules that choose among tables of routes.
    pub(in super::super) const NETWORK: u32 =
        LINK | IPV4_ADDRESS | IPV4_ROUTE | IPV4_RULE | IPV6_ADDRESS | IPV6_ROUTE | IPV6_RULE;
    /// Neighbours.
    pub(in super::super) const NEIGHBOURS: u32 = 0x4;
}

/// What a message says has happened, or is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// It is there, or is another than before.
    Is(Fact),
    /// It has taken the place of what had the same identity.
    Replaced(Fact),
    /// It has gone.
    Gone(Fact),
}

/// One thing of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    Link(Link),
    Address(Address),
    Route(Route),
    Neighbour(Neighbour),
    /// Which table is asked for which packets.
    Rule,
}

/// `struct ifinfomsg`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) index: u32,
    /// `ARPHRD_*`.
    pub(super) arphrd: u16,
    /// `IFF_*`.
    pub(super) flags: u32,
    pub(super) name: String,
    /// `IFLA_INFO_KIND`.
    pub(super) info_kind: Option<String>,
    /// The interface below it, if that is in the same network namespace.
    pub(super) lower: Option<u32>,
}

/// `struct ifaddrmsg`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) index: u32,
    pub(super) address: IpAddr,
    pub(super) prefix_len: u8,
    /// `IFA_F_*`.
    pub(super) flags: u32,
}

/// `struct rtmsg`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) is_ipv6: bool,
    pub(super) destination: Option<IpAddr>,
    pub(super) destination_len: u8,
    pub(super) source_len: u8,
    pub(super) tos: u8,
    pub(super) table: u32,
    /// `RTN_*`.
    pub(super) kind: u8,
    /// `RTM_F_*`, and `RTNH_F_*` of its only hop.
    pub(super) flags: u32,
    pub(super) metric: u32,
    /// `RTA_PREF`: the router's preference of itself (RFC 4191).
    pub(super) preference: u8,
    pub(super) hops: Vec<Hop>,
}

/// One way of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Hop {
    pub(super) index: u32,
    pub(super) gateway: Option<IpAddr>,
    /// `RTNH_F_*`.
    pub(super) flags: u32,
}

/// `struct ndmsg`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Neighbour {
    pub(super) index: u32,
    pub(super) address: IpAddr,
    /// `NUD_*`.
    pub(super) state: u16,
    pub(super) mac: Option<MacAddress>,
}

impl Message<'_> {
    /// What it says, if that is of use here.
    pub(super) fn event(&self) -> Option<Event> {
        let fact = match self.kind {
            RTM_NEWLINK | RTM_DELLINK => Fact::Link(link(self.body)?),
            RTM_NEWADDR | RTM_DELADDR => Fact::Address(address(self.body)?),
            RTM_NEWROUTE | RTM_DELROUTE => Fact::Route(route(self.body)?),
            RTM_NEWNEIGH | RTM_DELNEIGH => Fact::Neighbour(neighbour(self.body)?),
            RTM_NEWRULE | RTM_DELRULE => Fact::Rule,
            _ => return None,
        };
        Some(match self.kind {
            RTM_DELLINK | RTM_DELADDR | RTM_DELROUTE | RTM_DELNEIGH | RTM_DELRULE => Event::Gone(fact),
            _ if self.flags & NLM_F_REPLACE != 0 => Event::Replaced(fact),
            _ => Event::Is(fact),
        })
    }
}

fn link(body: &[u8]) -> Option<Link> {
    const IFLA_IFNAME: u16 = 3;
    const IFLA_LINK: u16 = 5;
    const IFLA_LINKINFO: u16 = 18;
    const IFLA_LINK_NETNSID: u16 = 37;
    const IFLA_INFO_KIND: u16 = 1;
    // A bridge tells of its ports in the same words: they come and go without the interface.
    if u8_at(body, 0)? != AF_UNSPEC {
        return None;
    }
    let mut link = Link {
        index: u32_at(body, 4)?,
        arphrd: u16_at(body, 2)?,
        flags: u32_at(body, 8)?,
        ..Link::default()
    };
    let mut is_elsewhere = false;
    for (kind, value) in Attributes::behind(body, 16) {
        match kind {
            IFLA_IFNAME => link.name = text(value),
            IFLA_LINK => link.lower = u32_at(value, 0).filter(|lower| *lower != 0),
            IFLA_LINK_NETNSID => is_elsewhere = true,
            IFLA_LINKINFO => {
                let mut parts = Attributes::new(value);
                link.info_kind =
                    parts.find(|(part, _)| *part == IFLA_INFO_KIND).map(|(_, value)| text(value));
            }
            _ => {}
        }
    }
    link.lower = link.lower.filter(|_| !is_elsewhere);
    Some(link)
}

fn address(body: &[u8]) -> Option<Address> {
    const IFA_ADDRESS: u16 = 1;
    const IFA_LOCAL: u16 = 2;
    const IFA_FLAGS: u16 = 8;
    let family = u8_at(body, 0)?;
    let mut flags = u32::from(u8_at(body, 2)?);
    let (mut local, mut other) = (None, None);
    for (kind, value) in Attributes::behind(body, 8) {
        match kind {
            IFA_ADDRESS => other = ip(family, value),
            // On a point-to-point link the other attribute is the peer's.
            IFA_LOCAL => local = ip(family, value),
            IFA_FLAGS => flags = u32_at(value, 0)?,
            _ => {}
        }
    }
    Some(Address { index: u32_at(body, 4)?, address: local.or(other)?, prefix_len: u8_at(body, 1)?, flags })
}

fn route(body: &[u8]) -> Option<Route> {
    const RTA_DST: u16 = 1;
    const RTA_PRIORITY: u16 = 6;
    const RTA_TABLE: u16 = 15;
    const RTA_PREF: u16 = 20;
    let family = u8_at(body, 0)?;
    if family != AF_INET && family != AF_INET6 {
        return None;
    }
    let mut route = Route {
        is_ipv6: family == AF_INET6,
        destination: None,
        destination_len: u8_at(body, 1)?,
        source_len: u8_at(body, 2)?,
        tos: u8_at(body, 3)?,
        table: u32::from(u8_at(body, 4)?),
        kind: u8_at(body, 7)?,
        flags: u32_at(body, 8)?,
        metric: 0,
        preference: 0,
        hops: Vec::new(),
    };
    for (kind, value) in Attributes::behind(body, 12) {
        match kind {
            RTA_DST => route.destination = ip(family, value),
            RTA_PRIORITY => route.metric = u32_at(value, 0)?,
            RTA_TABLE => route.table = u32_at(value, 0)?,
            RTA_PREF => route.preference = u8_at(value, 0)?,
            _ => {}
        }
    }
    route.hops = hops(family, route.flags, Attributes::behind(body, 12));
    Some(route)
}

/// The ways of a route: its own, or those of `RTA_MULTIPATH`.
fn hops(family: u8, flags: u32, attributes: Attributes<'_>) -> Vec<Hop> {
    const RTA_OIF: u16 = 4;
    const RTA_GATEWAY: u16 = 5;
    const RTA_MULTIPATH: u16 = 9;
    const RTA_VIA: u16 = 18;
    let (mut index, mut gateway, mut several) = (None, None, Vec::new());
    for (kind, value) in attributes {
        match kind {
            RTA_OIF => index = u32_at(value, 0),
            RTA_GATEWAY => gateway = ip(family, value),
            RTA_VIA => gateway = via(value),
            RTA_MULTIPATH => several = multipath(family, value),
            _ => {}
        }
    }
    let own = index.map(|index| Hop { index, gateway, flags });
    several.extend(own.filter(|_| several.is_empty()));
    several
}

/// `struct rtnexthop`, each with attributes of its own.
fn multipath(family: u8, mut rest: &[u8]) -> Vec<Hop> {
    let mut hops = Vec::new();
    while hops.len() < MAX_HOPS {
        let Some(length) = u16_at(rest, 0).map(usize::from).filter(|length| *length >= 8) else { break };
        let Some(hop) = rest.get(..length) else { break };
        let (Some(flags), Some(index)) = (u8_at(hop, 2), u32_at(hop, 4)) else { break };
        let gateway = Attributes::behind(hop, 8).find_map(|(kind, value)| match kind {
            5 => ip(family, value),
            18 => via(value),
            _ => None,
        });
        hops.push(Hop { index, gateway, flags: u32::from(flags) });
        rest = rest.get(aligned(length)..).unwrap_or_default();
    }
    hops
}

/// `struct rtvia`: a gateway of another family than the route.
fn via(value: &[u8]) -> Option<IpAddr> {
    let family = u8::try_from(u16_at(value, 0)?).ok()?;
    ip(family, value.get(2..)?)
}

fn neighbour(body: &[u8]) -> Option<Neighbour> {
    const NDA_DST: u16 = 1;
    const NDA_LLADDR: u16 = 2;
    let family = u8_at(body, 0)?;
    let (mut address, mut mac) = (None, None);
    for (kind, value) in Attributes::behind(body, 12) {
        match kind {
            NDA_DST => address = ip(family, value),
            NDA_LLADDR => mac = MacAddress::try_from(value).ok(),
            _ => {}
        }
    }
    Some(Neighbour { index: u32_at(body, 4)?, address: address?, state: u16_at(body, 8)?, mac })
}

fn ip(family: u8, value: &[u8]) -> Option<IpAddr> {
    match family {
        AF_INET => <[u8; 4]>::try_from(value).ok().map(|bytes| Ipv4Addr::from(bytes).into()),
        AF_INET6 => <[u8; 16]>::try_from(value).ok().map(|bytes| Ipv6Addr::from(bytes).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
