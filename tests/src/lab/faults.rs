//! What packets of a site's network meet on their way, by packet rules of its router.

use std::fmt;
use std::net::IpAddr;

use anyhow::Result;

use super::namespace::Namespace;

/// What happens to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing comes back.
    BlackHole,
    /// An answer says that there is no such host (ICMP).
    HostUnreachable,
    /// An answer says that the port is closed (ICMP).
    PortUnreachable,
    /// An answer says that a firewall forbids it (ICMP).
    Prohibited,
    /// An answer breaks the connection off (TCP RST).
    Reset,
    /// This many of a hundred connection attempts (TCP SYN) are lost.
    LosesSyns(u8),
}

/// Which packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// To this address; `None`: to any.
    pub host: Option<IpAddr>,
    /// To this TCP port; `None`: of any protocol.
    pub port: Option<u16>,
}

impl Traffic {
    /// All of it.
    pub const ALL: Self = Self { host: None, port: None };

    /// To one address.
    pub fn to(host: impl Into<IpAddr>) -> Self {
        Self { host: Some(host.into()), port: None }
    }

    /// To one port of one address.
    pub fn to_port(host: impl Into<IpAddr>, port: u16) -> Self {
        Self { host: Some(host.into()), port: Some(port) }
    }
}

/// Of one site. Faults stay until they are cleared.
#[derive(Clone, Debug)]
pub struct Faults {
    router: Namespace,
}

impl Faults {
    /// Of the site with this router, none so far.
    pub(super) fn new(router: &Namespace) -> Result<Self> {
        let faults = Self { router: router.clone() };
        // Before the router's own rules.
        faults.router.nft(
            "table inet faults {\n\
             chain added { }\n\
             chain arriving { type filter hook input priority -10; policy accept; jump added; }\n\
             chain passing { type filter hook forward priority -10; policy accept; jump added; }\n\
             }\n",
        )?;
        Ok(faults)
    }

    /// Adds one, after those that are there.
    ///
    /// # Errors
    /// The kernel lacks what it needs.
    pub fn add(&self, traffic: Traffic, fault: Fault) -> Result<()> {
        self.router.nft(&format!("add rule inet faults added {traffic}{fault}\n"))
    }

    /// Takes all away.
    ///
    /// # Errors
    /// `nft` cannot be run.
    pub fn clear(&self) -> Result<()> {
        self.router.nft("flush chain inet faults added\n")
    }
}

/// The part of a rule that chooses.
impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host {
            None => {}
            Some(IpAddr::V4(host)) => write!(f, "ip daddr {host} ")?,
            Some(IpAddr::V6(host)) => write!(f, "ip6 daddr {host} ")?,
        }
        self.port.map_or(Ok(()), |port| write!(f, "tcp dport {port} "))
    }
}

/// The part of a rule that acts.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BlackHole => "drop",
            Self::HostUnreachable => "reject with icmpx host-unreachable",
            Self::PortUnreachable => "reject with icmpx port-unreachable",
            Self::Prohibited => "reject with icmpx admin-prohibited",
            // Only TCP is reset.
            Self::Reset => "meta l4proto tcp reject with tcp reset",
            Self::LosesSyns(percent) => {
                f.write_str("tcp flags & (syn | ack) == syn ")?;
                return write!(f, "numgen random mod 100 < {percent} drop");
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_one_rule() {
        let traffic = Traffic::to_port(std::net::Ipv4Addr::new(10, 20, 1, 11), 80);
        let rule = format!("{traffic}{}", Fault::Reset);
        assert_eq!(rule, "ip daddr 10.20.1.11 tcp dport 80 meta l4proto tcp reject with tcp reset");
        assert_eq!(format!("{}{}", Traffic::ALL, Fault::BlackHole), "drop");
    }
}
