//! What a machine's network looks like where a location depends on it: interfaces and their kinds, default routes.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use thiserror::Error;

/// A network interface, as the kernel describes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Interface {
    /// For people; a name proves nothing.
    pub name: String,
    /// The kernel's word for what it is: `IFLA_INFO_KIND` (`tun`, `wireguard`, `veth` …), else its link layer (`ether`,
    /// `loopback`, `ppp` …).
    pub kind: String,
    /// Whether it carries packets inside others: what leaves here arrives elsewhere than the wire says.
    pub is_tunnel: bool,
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_tunnel {
            write!(f, "{} (tunnel: {})", self.name, self.kind)
        } else {
            f.write_str(&self.name)
        }
    }
}

/// A default route of the main table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DefaultRoute {
    /// The next hop; none where the interface itself is the way (most tunnels).
    pub gateway: Option<IpAddr>,
    /// The next hop's hardware address, as far as the neighbour table knows it.
    pub mac: Option<MacAddress>,
    /// The way out.
    pub interface: Interface,
    /// Of two routes of one family the one with the lower metric is taken.
    pub metric: u32,
    /// Whether it is for IPv6.
    pub is_ipv6: bool,
}

/// A hardware address of six bytes (IEEE 802 EUI-48).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MacAddress([u8; 6]);

impl MacAddress {
    /// From its bytes, in the order in which they are written.
    pub const fn new(bytes: [u8; 6]) -> Self {
        Self(bytes)
    }

    /// The six bytes.
    pub fn as_bytes(&self) -> &[u8; 6] {
        &self.0
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MacAddress({self})")
    }
}

impl FromStr for MacAddress {
    type Err = InvalidMacAddress;

    /// Reads `00:11:22:aa:bb:cc`, `00-11-22-AA-BB-CC`, `0011.22aa.bbcc` and `001122aabbcc`.
    fn from_str(text: &str) -> Result<Self, InvalidMacAddress> {
        let trimmed = text.trim();
        let invalid = || InvalidMacAddress::Text(trimmed.chars().take(40).collect());
        let groups: Vec<&str> = trimmed.split([':', '-', '.']).collect();
        let digits_each = match groups.len() {
            6 => 2,
            3 => 4,
            1 => 12,
            _ => return Err(invalid()),
        };
        let mut digits = Vec::with_capacity(12);
        for group in groups {
            if group.len() != digits_each {
                return Err(invalid());
            }
            for digit in group.chars() {
                digits.push(digit.to_digit(16).and_then(|it| u8::try_from(it).ok()).ok_or_else(invalid)?);
            }
        }
        let mut bytes = [0; 6];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            *byte = pair.iter().fold(0, |value, digit| value << 4 | digit);
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<&[u8]> for MacAddress {
    type Error = InvalidMacAddress;

    fn try_from(bytes: &[u8]) -> Result<Self, InvalidMacAddress> {
        let n_bytes = bytes.len();
        let bytes = <[u8; 6]>::try_from(bytes);
        bytes.map(Self).map_err(|_| InvalidMacAddress::Length(n_bytes))
    }
}

/// Not a hardware address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidMacAddress {
    /// As text.
    #[error("{0:?} is not a MAC address (for example 00:11:22:aa:bb:cc)")]
    Text(String),
    /// As bytes.
    #[error("{0} bytes are no MAC address (6 are)")]
    Length(usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_address_is_read_however_it_is_written() {
        for text in ["00:11:22:aa:bb:cc", "00-11-22-AA-BB-CC", "0011.22aa.bbcc", " 001122AABBCC "] {
            let mac: MacAddress = text.parse().unwrap();
            assert_eq!(mac.as_bytes(), &[0x00, 0x11, 0x22, 0xaa, 0xbb, 0xcc], "{text}");
            assert_eq!(mac.to_string(), "00:11:22:aa:bb:cc");
        }
        for text in ["", "00:11:22:aa:bb", "00:11:22:aa:bb:c", "00:11:22:aa:bb:cg", "0:11:22:aa:bb:ccc"] {
            assert!(text.parse::<MacAddress>().is_err(), "{text:?}");
        }
    }
}
