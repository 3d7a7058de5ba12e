//! What passes whatever a policy says: without it a machine has no address, no neighbours and no names, and cannot find out
//! that it is back inside.
//!
//! Loopback, replies and the agent's own sockets pass too; their tests are not about addresses and ports and stand in
//! [`super`].

use std::net::{IpAddr, Ipv6Addr};

use landmark_proto::firewall::remote::AddressRange;
use landmark_proto::firewall::ruling::Flow;

use super::sets::{Addresses, Sets};
use crate::enforce::firewall::ground::{Ground, Resolvers};
use crate::enforce::firewall::protocol::{ICMPV6, IGMP, TCP, UDP};
use crate::enforce::firewall::ruleset::{Action, Family, Rule, Side, Test, Verdict};

const DNS: u16 = 53;
/// RFC 7858.
const DNS_OVER_TLS: u16 = 853;
const DHCP_SERVER: u16 = 67;
const DHCP_CLIENT: u16 = 68;
const DHCPV6_CLIENT: u16 = 546;
const DHCPV6_SERVER: u16 = 547;

/// fe80::/10: the addresses that DHCPv6 is spoken from (RFC 8415, section 13 and 16).
const LINK_LOCAL: (Ipv6Addr, Ipv6Addr) = (
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0),
    Ipv6Addr::new(0xfebf, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff),
);

/// ICMPv6 types: multicast listener discovery (130 to 132, RFC 2710; 143, RFC 3810), and neighbour and router discovery (133
/// to 137, RFC 4861). Connection tracking does not track them, so that none of them is ever a reply.
const DISCOVERY: [(u8, u8); 2] = [(130, 137), (143, 143)];

/// The first packet of a connection, at this machine: the source before a source NAT, the destination after a destination
/// NAT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::enforce::firewall) struct First {
    /// Which side sends it.
    pub(in crate::enforce::firewall) flow: Flow,
    pub(in crate::enforce::firewall) protocol: u8,
    pub(in crate::enforce::firewall) source: IpAddr,
    pub(in crate::enforce::firewall) source_port: u16,
    pub(in crate::enforce::firewall) destination: IpAddr,
    pub(in crate::enforce::firewall) destination_port: u16,
}

/// Whether it begins a connection that always passes: what [`rules`] say, but for discovery, of which no connections are
/// made.
pub(in crate::enforce::firewall) fn passes(first: &First, ground: &Ground) -> bool {
    let First { flow, protocol, source, source_port, destination, destination_port } = *first;
    let is_outbound = flow == Flow::Outbound;
    let ports = (source_port, destination_port);
    match (protocol, source) {
        (IGMP, IpAddr::V4(_)) => true,
        (UDP, IpAddr::V4(_)) if ports == dhcp(flow) => true,
        (UDP, IpAddr::V6(v6)) if ports == dhcpv6(flow) && is_link_local(v6) => true,
        (TCP | UDP, _) => {
            is_outbound && is_dns(protocol, destination_port) && ground.resolvers.contains(destination)
        }
        (_, _) => false,
    }
}

/// The rules for all of it.
pub(super) fn rules(flow: Flow, ground: &Ground, sets: &mut Sets) -> Vec<Rule> {
    let udp = |(source, destination): (u16, u16)| {
        [
            Test::Protocol(UDP),
            Test::Port(Side::Source, source, source),
            Test::Port(Side::Destination, destination, destination),
        ]
    };
    let v4 = [Test::Family(Family::V4)];
    let from_neighbour = [Test::Family(Family::V6), Test::V6(Side::Source, LINK_LOCAL.0, LINK_LOCAL.1)];
    let mut rules = vec![
        accept(v4.into_iter().chain(udp(dhcp(flow))).collect(), "DHCP"),
        accept(from_neighbour.into_iter().chain(udp(dhcpv6(flow))).collect(), "DHCPv6"),
    ];
    rules.extend(DISCOVERY.map(|(first, last)| {
        let tests = vec![Test::Family(Family::V6), Test::Protocol(ICMPV6), Test::IcmpType(first, last)];
        accept(tests, "neighbours and multicast listeners")
    }));
    rules.push(accept(vec![Test::Family(Family::V4), Test::Protocol(IGMP)], "multicast groups"));
    if flow == Flow::Outbound {
        let alternatives = match &ground.resolvers {
            Resolvers::These(these) => {
                let these = Addresses::new(these.iter().copied().map(AddressRange::single));
                these.alternatives(Side::Destination, None, sets)
            }
            Resolvers::Any => vec![Vec::new()],
        };
        for (protocol, port) in [(UDP, DNS), (TCP, DNS), (TCP, DNS_OVER_TLS)] {
            for addresses in &alternatives {
                let mut tests = vec![Test::Protocol(protocol), Test::Port(Side::Destination, port, port)];
                tests.extend(addresses.iter().cloned());
                rules.push(accept(tests, "this machine's name servers"));
            }
        }
    }
    rules
}

fn is_dns(protocol: u8, port: u16) -> bool {
    port == DNS || (protocol == TCP && port == DNS_OVER_TLS)
}

/// Source and destination port of what a client gets or sends (RFC 2131).
fn dhcp(flow: Flow) -> (u16, u16) {
    match flow {
        Flow::Inbound => (DHCP_SERVER, DHCP_CLIENT),
        Flow::Outbound => (DHCP_CLIENT, DHCP_SERVER),
    }
}

/// The same for IPv6 (RFC 8415).
fn dhcpv6(flow: Flow) -> (u16, u16) {
    match flow {
        Flow::Inbound => (DHCPV6_SERVER, DHCPV6_CLIENT),
        Flow::Outbound => (DHCPV6_CLIENT, DHCPV6_SERVER),
    }
}

fn is_link_local(address: Ipv6Addr) -> bool {
    (LINK_LOCAL.0..=LINK_LOCAL.1).contains(&address)
}

fn accept(tests: Vec<Test>, comment: &str) -> Rule {
    Rule { tests, is_counted: false, action: Action::Verdict(Verdict::Accept), comment: comment.to_owned() }
}
