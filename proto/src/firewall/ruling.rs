//! What a policy says of a connection: the first exception that matches it decides, the level where none does. This is the
//! meaning of a policy; whatever makes one real must agree with it.

use std::net::IpAddr;

use super::exception::{Action, Direction, Exception, Traffic};
use super::policy::Policy;
use super::remote::Remote;
use crate::host::Name;

/// The first packet of a connection, as far as a policy looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Connection {
    /// Who began it.
    pub flow: Flow,
    /// Of what kind.
    pub transport: Transport,
    /// The other side.
    pub remote: IpAddr,
}

/// Which side began a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Flow {
    /// The other one.
    Inbound,
    /// This machine.
    Outbound,
}

impl From<Flow> for Direction {
    fn from(flow: Flow) -> Self {
        match flow {
            Flow::Inbound => Self::Inbound,
            Flow::Outbound => Self::Outbound,
        }
    }
}

/// Protocol, and the port of the side that is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP.
    Tcp(u16),
    /// UDP.
    Udp(u16),
    /// ICMP.
    Icmp,
    /// ICMPv6.
    Icmpv6,
    /// Another one, by its number (IANA, protocol numbers).
    Other(u8),
}

/// What becomes of a connection, and what decided it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// What becomes of it.
    pub action: Action,
    /// The place of the exception that decided, from 0; `None`: the level did.
    pub exception: Option<usize>,
}

/// Decides. `addresses` gives the addresses that a name has at the time; a name without any matches nobody.
pub fn rule<'a>(
    policy: &Policy,
    connection: &Connection,
    addresses: impl Fn(&Name) -> &'a [IpAddr],
) -> Ruling {
    let matching = policy
        .exceptions
        .as_slice()
        .iter()
        .enumerate()
        .find(|(_, exception)| matches(exception, connection, &addresses));
    match matching {
        Some((index, exception)) => Ruling { action: exception.action, exception: Some(index) },
        None => Ruling { action: policy.level.action(connection.flow.into()), exception: None },
    }
}

fn matches<'a>(
    exception: &Exception,
    connection: &Connection,
    addresses: &impl Fn(&Name) -> &'a [IpAddr],
) -> bool {
    let Exception { name: _, action: _, direction, traffic, remotes } = exception;
    let is_remote = |remote: &Remote| match remote {
        Remote::Addresses(range) => range.contains(connection.remote),
        Remote::Name(name) => {
            addresses(name).iter().any(|address| address.to_canonical() == connection.remote.to_canonical())
        }
    };
    direction.covers(connection.flow.into())
        && covers(traffic, connection.transport)
        && (remotes.is_all() || remotes.as_slice().iter().any(is_remote))
}

fn covers(traffic: &Traffic, transport: Transport) -> bool {
    match (traffic, transport) {
        (Traffic::All, _) | (Traffic::Icmp, Transport::Icmp) | (Traffic::Icmpv6, Transport::Icmpv6) => true,
        (Traffic::Tcp(ports) | Traffic::TcpUdp(ports), Transport::Tcp(port))
        | (Traffic::Udp(ports) | Traffic::TcpUdp(ports), Transport::Udp(port)) => ports.contains(port),
        (
            Traffic::Tcp(_) | Traffic::Udp(_) | Traffic::TcpUdp(_) | Traffic::Icmp | Traffic::Icmpv6,
            Transport::Tcp(_) | Transport::Udp(_) | Transport::Icmp | Transport::Icmpv6 | Transport::Other(_),
        ) => false,
    }
}
