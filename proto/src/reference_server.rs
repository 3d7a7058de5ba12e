//! Reference servers and their ordered list: what tells a machine without its server where it is.

use std::collections::HashSet;
use std::fmt;

use thiserror::Error;

use crate::host::Host;
use crate::pin::Pins;
use crate::port::{Port, Ports};

/// A host and the ports that are tried on it. Nothing is ever sent to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReferenceServer {
    /// Stands once on a list.
    pub host: Host,
    /// In the order in which they are tried.
    pub ports: Ports,
    /// What counts as an answer of any of its ports.
    pub probe: Probe,
}

impl fmt::Display for ReferenceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}{})", self.host, self.ports, self.probe)
    }
}

/// What counts as an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Probe {
    /// A connection. Not a byte is sent.
    #[default]
    Tcp,
    /// A TLS handshake with a peer that has one of these keys, and not a byte after it.
    Tls(Pins),
}

impl Probe {
    /// The keys that are recognised, where any are asked for.
    pub fn pins(&self) -> Option<&Pins> {
        match self {
            Self::Tcp => None,
            Self::Tls(pins) => Some(pins),
        }
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp => Ok(()),
            Self::Tls(pins) => write!(f, "; tls {pins}"),
        }
    }
}

/// The most reference servers any list may have: the limit of OfficeScan XG and Apex One.
pub const MAX_SERVERS: usize = 320;
/// The most unless an operator allows more: the limit of OfficeScan 10 to 10.6.
pub const DEFAULT_MAX_SERVERS: usize = 32;

/// Whether the list is used, and its servers in the order in which they are tried. Each host stands on it once; there
/// are at most [`MAX_SERVERS`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReferenceServerList {
    enabled: bool,
    servers: Vec<ReferenceServer>,
}

impl ReferenceServerList {
    /// Takes the servers in their order.
    ///
    /// # Errors
    /// More than [`MAX_SERVERS`], or a host twice.
    pub fn new(enabled: bool, servers: Vec<ReferenceServer>) -> Result<Self, InvalidList> {
        if servers.len() > MAX_SERVERS {
            return Err(InvalidList::TooMany { n_servers: servers.len(), max: MAX_SERVERS });
        }
        let mut seen = HashSet::new();
        for (index, server) in servers.iter().enumerate() {
            if !seen.insert(&server.host) {
                return Err(InvalidList::Twice { index, host: server.host.clone() });
            }
        }
        Ok(Self { enabled, servers })
    }

    /// Whether an agent that lost its server tries the servers.
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// In the order in which they are tried.
    pub fn servers(&self) -> &[ReferenceServer] {
        &self.servers
    }

    /// The place of a host, from 0.
    pub fn position(&self, host: &Host) -> Option<usize> {
        self.servers.iter().position(|server| server.host == *host)
    }

    /// Every (server, port) in the order of a strict walk.
    pub fn targets(&self) -> impl Iterator<Item = Target<'_>> {
        self.servers.iter().enumerate().flat_map(|(position, server)| {
            server.ports.as_slice().iter().map(move |port| Target {
                position,
                host: &server.host,
                port: *port,
                probe: &server.probe,
            })
        })
    }
}

/// One port of one reference server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// Place of the server in the list, from 0.
    pub position: usize,
    /// Of the server.
    pub host: &'a Host,
    /// The port to try.
    pub port: Port,
    /// What counts as an answer.
    pub probe: &'a Probe,
}

/// A host with its ports, as people write it: `10.1.1.5:80, 443` or `[::1]:80`.
pub fn place(host: &Host, ports: &[Port]) -> String {
    let ports = ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match host {
        Host::V6(..) => format!("[{host}]:{ports}"),
        Host::V4(_) | Host::Name(_) => format!("{host}:{ports}"),
    }
}

/// Not a list.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidList {
    /// More servers than allowed.
    #[error("{n_servers} reference servers are too many (at most {max})")]
    TooMany {
        /// On the list.
        n_servers: usize,
        /// Allowed.
        max: usize,
    },
    /// A host stands there twice.
    #[error("{host} is on the list twice; add its ports to one entry")]
    Twice {
        /// The second place, from 0.
        index: usize,
        /// The host.
        host: Host,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(host: &str, ports: &[u32]) -> ReferenceServer {
        let ports = ports.iter().map(|port| Port::try_from(*port).unwrap()).collect();
        let ports = Ports::new(ports).unwrap();
        ReferenceServer { host: host.parse().unwrap(), ports, probe: Probe::Tcp }
    }

    #[test]
    fn a_host_stands_once_however_it_is_written() {
        let twice = vec![server("Web.example", &[80]), server("web.example.", &[443])];
        let error = ReferenceServerList::new(true, twice).unwrap_err();
        assert_eq!(error.to_string(), "web.example is on the list twice; add its ports to one entry");
    }

    #[test]
    fn a_list_holds_320_servers_and_not_one_more() {
        let servers =
            |n: usize| (0..n).map(|n| server(&format!("10.0.{}.{}", n / 200, n % 200 + 1), &[80])).collect();
        assert_eq!(ReferenceServerList::new(true, servers(320)).unwrap().servers().len(), 320);
        assert_eq!(
            ReferenceServerList::new(true, servers(321)).unwrap_err(),
            InvalidList::TooMany { n_servers: 321, max: 320 }
        );
    }

    #[test]
    fn targets_follow_the_list_then_the_ports() {
        let list = ReferenceServerList::new(true, vec![server("b", &[443, 80]), server("a", &[21])]).unwrap();
        let targets: Vec<String> = list
            .targets()
            .map(|target| format!("{}:{}@{}", target.host, target.port, target.position))
            .collect();
        assert_eq!(targets, ["b:443@0", "b:80@0", "a:21@1"]);
    }
}
