//! An address as system files write it: IPv4, IPv6, or IPv6 with a zone (`fe80::1%eth0`, RFC 4007).

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use crate::platform;

/// An address and, where one is written, its zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scoped {
    ip: IpAddr,
    zone: Option<Box<str>>,
}

impl Scoped {
    /// `None`: it is not an address.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (ip, zone) = match text.split_once('%') {
            Some((ip, zone)) if !zone.is_empty() => (ip, Some(zone.into())),
            Some(_) => return None,
            None => (text, None),
        };
        let ip: IpAddr = ip.parse().ok()?;
        (zone.is_none() || ip.is_ipv6()).then_some(Self { ip, zone })
    }

    /// Without its zone.
    pub(super) fn ip(&self) -> IpAddr {
        self.ip
    }

    /// With the number that its zone has at this moment. `None`: there is no such interface.
    pub(super) fn at(&self, port: u16) -> Option<SocketAddr> {
        match (self.ip, &self.zone) {
            (IpAddr::V6(ip), Some(zone)) => {
                let scope = zone.parse().or_else(|_| platform::interface_number(zone)).ok()?;
                Some(SocketAddr::V6(SocketAddrV6::new(ip, port, 0, scope)))
            }
            (ip, _) => Some(SocketAddr::new(ip, port)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_the_number_of_an_interface_when_it_is_used() {
        let at = |text: &str| Scoped::parse(text).and_then(|it| it.at(53));
        assert_eq!(at("10.0.0.1").unwrap().to_string(), "10.0.0.1:53");
        assert_eq!(at("2001:db8::1").unwrap().to_string(), "[2001:db8::1]:53");
        assert_eq!(at("fe80::1%7").unwrap().to_string(), "[fe80::1%7]:53");
        assert!(matches!(at("fe80::1%lo"), Some(SocketAddr::V6(it)) if it.scope_id() != 0));
        assert_eq!(at("fe80::1%nowhere0"), None);
        for not_one in ["", "db", "10.0.0.1%lo", "fe80::1%", "10.0.0.256", "[::1]"] {
            assert_eq!(Scoped::parse(not_one), None, "{not_one}");
        }
    }
}
