//! Gateways: what tells a machine's place where the criterion is the gateway of its default route.

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;

use thiserror::Error;

use crate::host;
use crate::network::MacAddress;

/// The most gateways any list may have: a site has a few for each of its networks.
pub const MAX_GATEWAYS: usize = 1000;

/// A default gateway of the company's networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Gateway {
    address: IpAddr,
    mac: Option<MacAddress>,
}

impl Gateway {
    /// Without a hardware address any gateway with this address matches (as in Apex One). An IPv4 address that is
    /// written as IPv6 is taken as IPv4.
    ///
    /// # Errors
    /// No machine can have the address, or the hardware address.
    pub fn new(address: IpAddr, mac: Option<MacAddress>) -> Result<Self, InvalidGateway> {
        let address = address.to_canonical();
        let forbidden = host::forbidden(address)
            .or_else(|| address.is_loopback().then_some("a loopback address is this machine"));
        match forbidden {
            Some(reason) => Err(InvalidGateway::Address { address, reason }),
            None => match mac.and_then(|mac| forbidden_hardware(mac).map(|reason| (mac, reason))) {
                Some((mac, reason)) => Err(InvalidGateway::Hardware { mac, reason }),
                None => Ok(Self { address, mac }),
            },
        }
    }

    /// Of the next hop. IPv6 routers usually have a link-local one.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Which hardware it must be.
    pub fn mac(&self) -> Option<MacAddress> {
        self.mac
    }

    /// Whether a next hop is this gateway; one whose hardware address is not known is none that has one.
    pub fn matches(&self, address: IpAddr, mac: Option<MacAddress>) -> bool {
        self.address == address.to_canonical() && self.mac.is_none_or(|wanted| mac == Some(wanted))
    }
}

impl fmt::Display for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mac {
            None => self.address.fmt(f),
            Some(mac) => write!(f, "{} ({mac})", self.address),
        }
    }
}

/// Not a gateway.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidGateway {
    /// No machine can have the address.
    #[error("{address} cannot be a gateway: {reason}")]
    Address {
        /// It.
        address: IpAddr,
        /// Why not.
        reason: &'static str,
    },
    /// No machine can have the hardware address.
    #[error("{mac} cannot be a gateway: {reason}")]
    Hardware {
        /// It.
        mac: MacAddress,
        /// Why not.
        reason: &'static str,
    },
}

/// Why no machine can send from a hardware address, if so: the lowest bit of the first byte says that it is of a group
/// (IEEE 802, the I/G bit).
fn forbidden_hardware(mac: MacAddress) -> Option<&'static str> {
    let [first, ..] = *mac.as_bytes();
    match *mac.as_bytes() {
        [0, 0, 0, 0, 0, 0] => Some("the hardware address 0 is of no machine"),
        [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] => Some("the broadcast hardware address is of no machine"),
        _ if first & 1 == 1 => Some("a multicast hardware address is of no machine"),
        _ => None,
    }
}

/// The gateways of the company's networks, each once, at most [`MAX_GATEWAYS`]. Their order says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayList(Vec<Gateway>);

impl GatewayList {
    /// Takes the gateways.
    ///
    /// # Errors
    /// Too many, or one of them twice.
    pub fn new(gateways: Vec<Gateway>) -> Result<Self, InvalidGatewayList> {
        if gateways.len() > MAX_GATEWAYS {
            return Err(InvalidGatewayList::TooMany(gateways.len()));
        }
        let mut seen = HashSet::new();
        for (index, gateway) in gateways.iter().enumerate() {
            if !seen.insert(*gateway) {
                return Err(InvalidGatewayList::Twice { index, gateway: *gateway });
            }
        }
        Ok(Self(gateways))
    }

    /// All of them.
    pub fn as_slice(&self) -> &[Gateway] {
        &self.0
    }

    /// Whether any entry names hardware, so that the neighbour table matters.
    pub fn name_hardware(&self) -> bool {
        self.0.iter().any(|gateway| gateway.mac.is_some())
    }

    /// The place of the entry that a next hop is, from 0; one that names the hardware goes before one that does not.
    pub fn find(&self, address: IpAddr, mac: Option<MacAddress>) -> Option<usize> {
        let place = |is_strict: bool| {
            let matches = |it: &Gateway| it.matches(address, mac) && it.mac.is_some() == is_strict;
            self.0.iter().position(matches)
        };
        place(true).or_else(|| place(false))
    }
}

/// Not a list of gateways.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidGatewayList {
    /// More than [`MAX_GATEWAYS`].
    #[error("{0} gateways are too many (at most {MAX_GATEWAYS})")]
    TooMany(usize),
    /// One stands there twice.
    #[error("{gateway} is on the list twice")]
    Twice {
        /// The second place, from 0.
        index: usize,
        /// The gateway.
        gateway: Gateway,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mac(last: u8) -> MacAddress {
        MacAddress::new([0, 0x11, 0x22, 0xaa, 0xbb, last])
    }

    fn gateway(address: &str, mac: Option<MacAddress>) -> Gateway {
        Gateway::new(address.parse().unwrap(), mac).unwrap()
    }

    #[test]
    fn without_a_mac_any_matches_and_with_one_only_that() {
        let address: IpAddr = "10.0.0.1".parse().unwrap();
        let any = gateway("10.0.0.1", None);
        assert!(any.matches(address, None) && any.matches(address, Some(mac(1))));
        let one = gateway("10.0.0.1", Some(mac(1)));
        assert!(one.matches(address, Some(mac(1))));
        assert!(!one.matches(address, Some(mac(2))) && !one.matches(address, None));
        assert!(!any.matches("10.0.0.2".parse().unwrap(), None));
    }

    #[test]
    fn an_ipv4_gateway_is_the_same_however_it_is_written() {
        let mapped = gateway("::ffff:10.0.0.1", None);
        assert_eq!(mapped, gateway("10.0.0.1", None));
        assert!(mapped.matches("::ffff:10.0.0.1".parse().unwrap(), None));
    }

    #[test]
    fn an_address_may_stand_with_several_macs_but_no_pair_twice() {
        let sites = vec![gateway("192.168.1.1", Some(mac(1))), gateway("192.168.1.1", Some(mac(2)))];
        let list = GatewayList::new(sites.clone()).unwrap();
        assert_eq!(list.find("192.168.1.1".parse().unwrap(), Some(mac(2))), Some(1));
        assert_eq!(list.find("192.168.1.1".parse().unwrap(), Some(mac(3))), None);
        let twice = GatewayList::new([sites.clone(), sites].concat()).unwrap_err();
        assert_eq!(twice.to_string(), "192.168.1.1 (00:11:22:aa:bb:01) is on the list twice");
    }

    #[test]
    fn no_machine_has_these_addresses() {
        for address in ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "::", "::1", "ff02::1"] {
            assert!(Gateway::new(address.parse().unwrap(), None).is_err(), "{address}");
        }
        assert!(Gateway::new("fe80::1".parse().unwrap(), None).is_ok(), "what IPv6 routers have");
    }

    #[test]
    fn no_machine_has_these_hardware_addresses() {
        let told = |text: &str| {
            let made = Gateway::new([10, 0, 0, 1].into(), Some(text.parse().unwrap()));
            made.map_or_else(|error| error.to_string(), |gateway| gateway.to_string())
        };
        let all = [
            "00:00:00:00:00:00",
            "ff:ff:ff:ff:ff:ff",
            "01:00:5e:00:00:01",
            "33:33:00:00:00:01",
            "00:00:00:00:00:01",
            "fe:ff:ff:ff:ff:ff",
            "00:00:5e:00:01:07",
        ];
        assert_eq!(
            all.map(told),
            [
                "00:00:00:00:00:00 cannot be a gateway: the hardware address 0 is of no machine",
                "ff:ff:ff:ff:ff:ff cannot be a gateway: the broadcast hardware address is of no machine",
                "01:00:5e:00:00:01 cannot be a gateway: a multicast hardware address is of no machine",
                "33:33:00:00:00:01 cannot be a gateway: a multicast hardware address is of no machine",
                "10.0.0.1 (00:00:00:00:00:01)",
                "10.0.0.1 (fe:ff:ff:ff:ff:ff)",
                "10.0.0.1 (00:00:5e:00:01:07)",
            ]
        );
    }
}
