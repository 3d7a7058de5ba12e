//! Connection tracking (ctnetlink): lists the flows that the kernel knows, and marks one. It must not know what a mark means.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustix::io::Errno;

use super::attribute::{Writer, be16, find, find_be32};
use super::message::{CTNETLINK, HEADER, header, kind};
use crate::netlink::message::{Attributes, Message};
use crate::netlink::request::{NLM_F_ACK, NLM_F_DUMP, Request};
use crate::netlink::socket::{Asker, Protocol};

const CT_NEW: u16 = kind(CTNETLINK, 0);
const CT_GET: u16 = kind(CTNETLINK, 1);

const ORIGINAL: u16 = 1;
const REPLY: u16 = 2;
const MARK: u16 = 8;
const ID: u16 = 12;
const ZONE: u16 = 18;

const TUPLE_IP: u16 = 1;
const TUPLE_PROTOCOL: u16 = 2;
const TUPLE_ZONE: u16 = 3;

const AF_UNSPEC: u8 = 0;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// A flow that the kernel keeps track of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// As its first packet had it.
    pub original: Tuple,
    /// As the packets that come back have it: the other way round, unless addresses are translated.
    pub reply: Tuple,
    /// Its mark; zero is none.
    pub mark: u32,
    /// Flows of different zones may have the same addresses.
    pub zone: Option<u16>,
    /// Another flow with the same addresses, later, most likely has another.
    pub id: u32,
}

/// The packets of one way of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tuple {
    /// Where they come from.
    pub source: IpAddr,
    /// Where they go to; of the same family.
    pub destination: IpAddr,
    /// Their transport protocol (IANA).
    pub protocol: u8,
    /// What tells flows between the same addresses apart.
    pub ends: Ends,
}

/// What tells flows of one protocol between the same addresses apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ends {
    /// As of TCP and UDP.
    Ports {
        /// Where they come from.
        source: u16,
        /// Where they go to.
        destination: u16,
    },
    /// Of ICMP and ICMPv6.
    Icmp {
        /// Such as an echo request.
        kind: u8,
        /// More precisely.
        code: u8,
        /// Of who asks.
        id: u16,
    },
    /// Nothing does.
    None,
}

/// Shows each flow that there is at the time, of both families. They are not collected: it may be called with a million. It
/// blocks.
///
/// A flow that comes or goes meanwhile may be shown or not. A flow of which the kernel says less than we know flows by is
/// passed over.
///
/// # Errors
/// The kernel refuses, has no connection tracking, or does not answer.
pub fn each_flow(mut each: impl FnMut(&Flow)) -> io::Result<()> {
    let request = Request::new(CT_GET, NLM_F_DUMP, &header(AF_UNSPEC));
    let mut asker = Asker::open(Protocol::Netfilter)?;
    // Nothing says that a change disturbed it, and none does: what stays is shown.
    asker
        .exchange(request, &mut |message| {
            if let Some(flow) = read(message) {
                each(&flow);
            }
        })
        .map(drop)
}

/// Marks flows.
pub struct Marker(Asker);

impl Marker {
    /// Also while flows are listed.
    ///
    /// # Errors
    /// No socket is to be had.
    pub fn open() -> io::Result<Self> {
        Asker::open(Protocol::Netfilter).map(Self)
    }

    /// Gives a flow this mark; false if it has gone meanwhile. It blocks.
    ///
    /// # Errors
    /// The kernel refuses or does not answer.
    pub fn mark(&mut self, flow: &Flow, mark: u32) -> io::Result<bool> {
        match self.0.exchange(marking(flow, mark), &mut |_| {}) {
            Ok(_) => Ok(true),
            Err(error) if error.raw_os_error() == Some(Errno::NOENT.raw_os_error()) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Changes the flow that is there; none is made.
fn marking(flow: &Flow, mark: u32) -> Request {
    let family = if flow.original.source.is_ipv4() { AF_INET } else { AF_INET6 };
    let mut attributes = Vec::new();
    let mut writer = Writer::new(&mut attributes);
    writer.nest(ORIGINAL, |tuple| write_tuple(tuple, &flow.original));
    if let Some(zone) = flow.zone {
        writer.be16(ZONE, zone);
    }
    writer.be32(MARK, mark);
    Request::new(CT_NEW, NLM_F_ACK, &[&header(family)[..], &attributes].concat())
}

fn write_tuple(writer: &mut Writer<'_>, tuple: &Tuple) {
    writer.nest(TUPLE_IP, |ip| {
        for ([v4, v6], address) in [(ip::SOURCE, tuple.source), (ip::DESTINATION, tuple.destination)] {
            match address {
                IpAddr::V4(address) => ip.bytes(v4, &address.octets()),
                IpAddr::V6(address) => ip.bytes(v6, &address.octets()),
            }
        }
    });
    writer.nest(TUPLE_PROTOCOL, |protocol| {
        protocol.bytes(protocol::NUMBER, &[tuple.protocol]);
        match tuple.ends {
            Ends::Ports { source, destination } => {
                protocol.be16(protocol::SOURCE_PORT, source);
                protocol.be16(protocol::DESTINATION_PORT, destination);
            }
            Ends::Icmp { kind, code, id } => {
                let [id_of, kind_of, code_of] =
                    if tuple.source.is_ipv4() { protocol::ICMP } else { protocol::ICMPV6 };
                protocol.be16(id_of, id);
                protocol.bytes(kind_of, &[kind]);
                protocol.bytes(code_of, &[code]);
            }
            Ends::None => {}
        }
    });
}

fn read(message: &Message<'_>) -> Option<Flow> {
    if message.kind != CT_NEW {
        return None;
    }
    let body = message.body.get(HEADER..)?;
    let original = find(body, ORIGINAL)?;
    // A zone is that of both ways, or of one.
    let zone = find(body, ZONE).or_else(|| find(original, TUPLE_ZONE)).and_then(be16);
    Some(Flow {
        original: read_tuple(original)?,
        reply: read_tuple(find(body, REPLY)?)?,
        mark: find_be32(body, MARK).unwrap_or_default(),
        zone,
        id: find_be32(body, ID)?,
    })
}

fn read_tuple(tuple: &[u8]) -> Option<Tuple> {
    let (mut source, mut destination) = (None, None);
    for (kind, value) in Attributes::new(find(tuple, TUPLE_IP)?) {
        if ip::SOURCE.contains(&kind) {
            source = address(value);
        } else if ip::DESTINATION.contains(&kind) {
            destination = address(value);
        }
    }
    let (source, destination) = (source?, destination?);
    let protocol = find(tuple, TUPLE_PROTOCOL)?;
    let number = byte(protocol, protocol::NUMBER)?;
    (source.is_ipv4() == destination.is_ipv4()).then(|| Tuple {
        source,
        destination,
        protocol: number,
        ends: read_ports(protocol)
            .or_else(|| read_icmp(protocol, protocol::ICMP))
            .or_else(|| read_icmp(protocol, protocol::ICMPV6))
            .unwrap_or(Ends::None),
    })
}

fn read_ports(protocol: &[u8]) -> Option<Ends> {
    let source = find(protocol, protocol::SOURCE_PORT).and_then(be16)?;
    let destination = find(protocol, protocol::DESTINATION_PORT).and_then(be16)?;
    Some(Ends::Ports { source, destination })
}

fn read_icmp(protocol: &[u8], [id, kind, code]: [u16; 3]) -> Option<Ends> {
    let id = find(protocol, id).and_then(be16)?;
    Some(Ends::Icmp { kind: byte(protocol, kind)?, code: byte(protocol, code)?, id })
}

fn byte(value: &[u8], kind: u16) -> Option<u8> {
    find(value, kind)?.first().copied()
}

fn address(value: &[u8]) -> Option<IpAddr> {
    match value.len() {
        4 => value.try_into().ok().map(|octets: [u8; 4]| Ipv4Addr::from(octets).into()),
        16 => value.try_into().ok().map(|octets: [u8; 16]| Ipv6Addr::from(octets).into()),
        _ => None,
    }
}

mod ip {
    /// Of IPv4 and of IPv6.
    pub(super) const SOURCE: [u16; 2] = [1, 3];
    pub(super) const DESTINATION: [u16; 2] = [2, 4];
}

mod protocol {
    pub(super) const NUMBER: u16 = 1;
    pub(super) const SOURCE_PORT: u16 = 2;
    pub(super) const DESTINATION_PORT: u16 = 3;
    /// Identifier, type, code.
    pub(super) const ICMP: [u16; 3] = [4, 5, 6];
    pub(super) const ICMPV6: [u16; 3] = [7, 8, 9];
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::netlink::message::Messages;

    fn any_tuple() -> impl Strategy<Value = Tuple> {
        let addresses = prop_oneof![
            any::<[Ipv4Addr; 2]>().prop_map(|both| both.map(IpAddr::V4)),
            any::<[Ipv6Addr; 2]>().prop_map(|both| both.map(IpAddr::V6)),
        ];
        let ends = prop_oneof![
            any::<[u16; 2]>().prop_map(|[source, destination]| Ends::Ports { source, destination }),
            any::<(u8, u8, u16)>().prop_map(|(kind, code, id)| Ends::Icmp { kind, code, id }),
            Just(Ends::None),
        ];
        (addresses, any::<u8>(), ends).prop_map(|([source, destination], protocol, ends)| Tuple {
            source,
            destination,
            protocol,
            ends,
        })
    }

    /// What the kernel says of a flow, as far as it is what we would say.
    fn told(flow: &Flow) -> Vec<u8> {
        let mut bytes = marking(flow, flow.mark).numbered(1);
        let mut writer = Writer::new(&mut bytes);
        writer.nest(REPLY, |tuple| write_tuple(tuple, &flow.reply));
        writer.be32(ID, flow.id);
        let length = u32::try_from(bytes.len()).unwrap();
        bytes[..4].copy_from_slice(&length.to_ne_bytes());
        bytes
    }

    proptest! {
        #[test]
        fn a_flow_is_read_as_it_is_written(
            original in any_tuple(), reply in any_tuple(), mark: u32, zone: Option<u16>, id: u32,
        ) {
            let flow = Flow { original, reply, mark, zone, id };
            let bytes = told(&flow);
            prop_assert_eq!(read(&Messages::new(&bytes).next().unwrap()), Some(flow));
        }

        #[test]
        fn no_bytes_are_too_strange_to_read(
            original in any_tuple(),
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        ) {
            let flow = Flow { original, reply: original, mark: 0, zone: Some(1), id: 1 };
            let mut bytes = told(&flow);
            for (place, byte) in changes {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            for flow in Messages::new(&bytes).filter_map(|message| read(&message)) {
                prop_assert_eq!(flow.original.source.is_ipv4(), flow.original.destination.is_ipv4());
            }
        }
    }
}
