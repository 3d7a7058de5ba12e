//! Writes what rtnetlink is asked. It must know no socket, and nothing of the answers.

use std::net::{IpAddr, SocketAddr};

use super::message::{AF_INET, AF_INET6};
use crate::netlink::request::{NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, Request};

const RTM_GETLINK: u16 = 18;
const RTM_GETADDR: u16 = 22;
const RTM_GETROUTE: u16 = 26;
const RTM_NEWNEIGH: u16 = 28;
const RTM_GETNEIGH: u16 = 30;

const IFLA_EXT_MASK: u16 = 29;
/// Statistics are most of what a link has to say.
const RTEXT_FILTER_SKIP_STATS: u32 = 1 << 3;

const RTA_DST: u16 = 1;
const RTA_SRC: u16 = 2;
const RTA_OIF: u16 = 4;
const RTA_IP_PROTO: u16 = 27;
const RTA_SPORT: u16 = 28;
const RTA_DPORT: u16 = 29;

const NDA_DST: u16 = 1;
/// A neighbour that is asked whether it is still there.
const NUD_PROBE: u16 = 0x10;
/// The neighbour is used: look for its hardware address.
const NTF_USE: u8 = 1;

const IPPROTO_TCP: u8 = 6;

impl Request {
    /// All links.
    pub(super) fn links() -> Self {
        Self::new(RTM_GETLINK, NLM_F_DUMP, &[0; 16]).with(IFLA_EXT_MASK, &skip_statistics())
    }

    /// One link.
    pub(super) fn link(index: u32) -> Self {
        let mut header = [0; 16];
        header[4..8].copy_from_slice(&index.to_ne_bytes());
        Self::new(RTM_GETLINK, NLM_F_ACK, &header).with(IFLA_EXT_MASK, &skip_statistics())
    }

    /// All addresses of both families.
    pub(super) fn addresses() -> Self {
        Self::new(RTM_GETADDR, NLM_F_DUMP, &[0; 8])
    }

    /// All routes of a family.
    pub(super) fn routes(is_ipv6: bool) -> Self {
        let mut header = [0; 12];
        header[0] = if is_ipv6 { AF_INET6 } else { AF_INET };
        Self::new(RTM_GETROUTE, NLM_F_DUMP, &header)
    }

    /// All neighbours of both families.
    pub(super) fn neighbours() -> Self {
        Self::new(RTM_GETNEIGH, NLM_F_DUMP, &[0; 12])
    }

    /// The way of a TCP connection's packets.
    pub(super) fn way(local: SocketAddr, remote: SocketAddr) -> Self {
        let destination = remote.ip().to_canonical();
        // A source of the other family, or none, says nothing.
        let source = Some(local.ip().to_canonical())
            .filter(|source| source.is_ipv4() == destination.is_ipv4() && !source.is_unspecified());
        let bits = if destination.is_ipv4() { 32 } else { 128 };
        let mut header = [0; 12];
        header[0] = family(destination);
        header[1] = bits;
        header[2] = source.map_or(0, |_| bits);
        let mut request =
            Self::new(RTM_GETROUTE, NLM_F_ACK, &header).with(RTA_DST, ip_bytes(&destination).as_slice());
        if let Some(source) = source {
            request = request.with(RTA_SRC, ip_bytes(&source).as_slice());
        }
        // Addresses of one link only are the same on every other.
        if let Some(index) = scope(remote).or_else(|| scope(local)) {
            request = request.with(RTA_OIF, &index.to_ne_bytes());
        }
        // Policy rules may go by these, and so may the choice among several next hops.
        request
            .with(RTA_IP_PROTO, &[IPPROTO_TCP])
            .with(RTA_SPORT, &local.port().to_be_bytes())
            .with(RTA_DPORT, &remote.port().to_be_bytes())
    }

    /// Makes the kernel look for a neighbour's hardware address. It must be allowed to (`CAP_NET_ADMIN`).
    pub(super) fn use_neighbour(index: u32, address: IpAddr) -> Self {
        Self::neighbour(index, address, NLM_F_CREATE, 0, NTF_USE)
    }

    /// Makes the kernel ask a neighbour at once whose hardware address it has, but not of late. As above.
    pub(super) fn probe_neighbour(index: u32, address: IpAddr) -> Self {
        Self::neighbour(index, address, 0, NUD_PROBE, 0)
    }

    fn neighbour(index: u32, address: IpAddr, how: u16, state: u16, flags: u8) -> Self {
        let mut header = [0; 12];
        header[0] = family(address);
        header[4..8].copy_from_slice(&index.to_ne_bytes());
        header[8..10].copy_from_slice(&state.to_ne_bytes());
        header[10] = flags;
        Self::new(RTM_NEWNEIGH, NLM_F_ACK | how, &header).with(NDA_DST, ip_bytes(&address).as_slice())
    }
}

fn skip_statistics() -> [u8; 4] {
    RTEXT_FILTER_SKIP_STATS.to_ne_bytes()
}

fn family(address: IpAddr) -> u8 {
    if address.is_ipv4() { AF_INET } else { AF_INET6 }
}

fn ip_bytes(address: &IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn scope(address: SocketAddr) -> Option<u32> {
    match address {
        SocketAddr::V4(_) => None,
        SocketAddr::V6(address) => Some(address.scope_id()).filter(|scope| *scope != 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::message::HEADER;

    fn holds(request: &Request, attribute: u16, value: &[u8]) -> bool {
        let mut wanted = u16::try_from(value.len() + 4).unwrap().to_ne_bytes().to_vec();
        wanted.extend(attribute.to_ne_bytes());
        wanted.extend(value);
        request.clone().numbered(0).windows(wanted.len()).any(|window| window == wanted)
    }

    #[test]
    fn a_way_is_asked_for_with_both_ends() {
        let way = Request::way("10.0.0.2:40000".parse().unwrap(), "192.0.2.1:443".parse().unwrap());
        assert!(holds(&way, RTA_DST, &[192, 0, 2, 1]));
        assert!(holds(&way, RTA_SRC, &[10, 0, 0, 2]));
        assert!(holds(&way, RTA_DPORT, &443_u16.to_be_bytes()));
        let bytes = way.numbered(7);
        assert_eq!(u32::from_ne_bytes(bytes[0..4].try_into().unwrap()) as usize, bytes.len());
        assert_eq!(u32::from_ne_bytes(bytes[8..12].try_into().unwrap()), 7);
    }

    #[test]
    fn a_source_that_says_nothing_is_left_out() {
        for local in ["0.0.0.0:0", "[::]:0", "[2001:db8::1]:1"] {
            let way = Request::way(local.parse().unwrap(), "192.0.2.1:443".parse().unwrap());
            assert_eq!(way.numbered(0)[HEADER + 2], 0, "{local}");
        }
        let mapped = Request::way("[::ffff:10.0.0.2]:1".parse().unwrap(), "192.0.2.1:443".parse().unwrap());
        assert!(holds(&mapped, RTA_SRC, &[10, 0, 0, 2]));
    }

    #[test]
    fn an_address_of_one_link_is_asked_for_on_that_link() {
        let way = Request::way("[fe80::2]:1".parse().unwrap(), "[fe80::1%7]:443".parse().unwrap());
        assert!(holds(&way, RTA_OIF, &7_u32.to_ne_bytes()));
    }
}
