//! Numbers of transport protocols (IANA, protocol numbers), and what a policy calls them.

use std::net::IpAddr;

use landmark_proto::firewall::ruling::Transport;

pub(super) const ICMP: u8 = 1;
pub(super) const IGMP: u8 = 2;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
pub(super) const ICMPV6: u8 = 58;

/// What a policy calls a protocol between addresses like this one; `port` is that of the side which is connected to.
///
/// ICMP belongs to IPv4 and ICMPv6 to IPv6: with an address of the other family it is just a number.
pub fn transport(protocol: u8, remote: IpAddr, port: u16) -> Transport {
    match (protocol, remote) {
        (TCP, _) => Transport::Tcp(port),
        (UDP, _) => Transport::Udp(port),
        (ICMP, IpAddr::V4(_)) => Transport::Icmp,
        (ICMPV6, IpAddr::V6(_)) => Transport::Icmpv6,
        (other, _) => Transport::Other(other),
    }
}
