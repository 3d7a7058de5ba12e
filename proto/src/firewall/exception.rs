//! Exceptions: what a policy says of some connections, whatever its level says of the rest.

use std::fmt;

use thiserror::Error;

use super::name::ItemName;
use super::port_set::PortSet;
use super::remote::Remotes;

/// One exception.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Exception {
    /// Unique in its policy.
    pub name: ItemName,
    /// What becomes of a connection that it matches.
    pub action: Action,
    /// Of which connections.
    pub direction: Direction,
    /// Of what kind.
    pub traffic: Traffic,
    /// With whom.
    pub remotes: Remotes,
}

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// It passes, and so do its replies.
    Allow,
    /// Its packets are dropped.
    Block,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Allow => "allow",
            Self::Block => "block",
        })
    }
}

/// Which side began a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// The other one.
    Inbound,
    /// This machine.
    Outbound,
    /// Whichever.
    Both,
}

impl Direction {
    /// Whether connections of the one kind are among those of the other.
    pub fn covers(self, other: Self) -> bool {
        self == Self::Both || self == other
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
            Self::Both => "both",
        })
    }
}

/// Protocol, and the ports of the side that is connected to: local ones inbound, remote ones outbound.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Traffic {
    /// Everything, of any protocol.
    All,
    /// TCP.
    Tcp(PortSet),
    /// UDP.
    Udp(PortSet),
    /// TCP and UDP.
    TcpUdp(PortSet),
    /// ICMP, which belongs to IPv4.
    Icmp,
    /// ICMPv6.
    Icmpv6,
}

impl Traffic {
    /// The ports, where there are any.
    pub fn ports(&self) -> Option<&PortSet> {
        match self {
            Self::Tcp(ports) | Self::Udp(ports) | Self::TcpUdp(ports) => Some(ports),
            Self::All | Self::Icmp | Self::Icmpv6 => None,
        }
    }

    /// The protocol, as it is written: `all`, `tcp`, `udp`, `tcp+udp`, `icmp`, `icmpv6`.
    pub fn protocol(&self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Tcp(_) => "tcp",
            Self::Udp(_) => "udp",
            Self::TcpUdp(_) => "tcp+udp",
            Self::Icmp => "icmp",
            Self::Icmpv6 => "icmpv6",
        }
    }
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ports().filter(|ports| !ports.is_all()) {
            Some(ports) => f.pad(&format!("{} {ports}", self.protocol())),
            None => f.pad(self.protocol()),
        }
    }
}

/// For people: `allow inbound tcp 137-139,445 from 10.0.0.0/8`.
impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name: _, action, direction, traffic, remotes } = self;
        let direction_text = match direction {
            Direction::Inbound | Direction::Outbound => direction.to_string(),
            Direction::Both => "in and out".to_owned(),
        };
        write!(f, "{action} {direction_text} {traffic}")?;
        let preposition = match direction {
            Direction::Inbound => "from",
            Direction::Outbound => "to",
            Direction::Both => "with",
        };
        if remotes.is_all() { Ok(()) } else { write!(f, " {preposition} {remotes}") }
    }
}

/// Exceptions in their order, names unique, at most [`Exceptions::MAX`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exceptions(Vec<Exception>);

impl Exceptions {
    /// Exceptions of one policy, at most.
    pub const MAX: usize = 1000;

    /// Takes them in their order.
    ///
    /// # Errors
    /// Too many, or a name twice.
    pub fn new(exceptions: Vec<Exception>) -> Result<Self, InvalidExceptions> {
        if exceptions.len() > Self::MAX {
            return Err(InvalidExceptions::TooMany(exceptions.len()));
        }
        let mut seen = std::collections::HashSet::with_capacity(exceptions.len());
        for (index, exception) in exceptions.iter().enumerate() {
            if !seen.insert(&exception.name) {
                return Err(InvalidExceptions::Twice { index, name: exception.name.clone() });
            }
        }
        Ok(Self(exceptions))
    }

    /// In their order: the first that matches decides.
    pub fn as_slice(&self) -> &[Exception] {
        &self.0
    }

    /// The one of this name, and its place from 0.
    pub fn find(&self, name: &ItemName) -> Option<(usize, &Exception)> {
        self.0.iter().enumerate().find(|(_, exception)| exception.name == *name)
    }

    /// Taken apart, to be changed and made anew.
    pub fn into_vec(self) -> Vec<Exception> {
        self.0
    }
}

/// Not a list of exceptions.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidExceptions {
    /// More than [`Exceptions::MAX`].
    #[error("{0} exceptions are too many (at most {max} a policy)", max = Exceptions::MAX)]
    TooMany(usize),
    /// A name stands there twice.
    #[error("there is another exception \"{name}\"")]
    Twice {
        /// The second place.
        index: usize,
        /// The name.
        name: ItemName,
    },
}
