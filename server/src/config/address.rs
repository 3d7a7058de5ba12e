//! Where others reach this server: a host and a port.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use landmark_proto::host::{Host, InvalidHost};
use landmark_proto::port::{InvalidPort, Port};
use thiserror::Error;

/// `HOST:PORT`, with brackets around an IPv6 address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// As others shall resolve it.
    pub host: Host,
    /// As others shall dial it.
    pub port: Port,
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let text = text.trim();
        // A URL has a message of its own, that of the host.
        if text.contains('/') {
            text.parse::<Host>()?;
        }
        let missing = || InvalidAddress::Port { text: shown(text) };
        let (host, port) = text.rsplit_once(':').ok_or_else(missing)?;
        // The last colon of a bare IPv6 address is part of it.
        if port.is_empty() || port.ends_with(']') || (host.contains(':') && !host.ends_with(']')) {
            return Err(missing());
        }
        Ok(Self { host: host.parse()?, port: port.parse()? })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if matches!(host, Host::V6(..)) { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl TryFrom<SocketAddr> for Address {
    type Error = InvalidAddress;

    fn try_from(address: SocketAddr) -> Result<Self, InvalidAddress> {
        address.to_string().parse()
    }
}

/// Not `HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidAddress {
    /// There is none, or it cannot be told from the host.
    #[error("{text:?} has no port (HOST:PORT, or [IPv6]:PORT)")]
    Port {
        /// As written, shortened.
        text: String,
    },
    /// The host is none.
    #[error(transparent)]
    Host(#[from] InvalidHost),
    /// The port is none.
    #[error(transparent)]
    PortNumber(#[from] InvalidPort),
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_canonical_form() {
        for (text, expected) in [
            ("Landmark.Example.:7443", "landmark.example:7443"),
            (" 10.0.0.1:1 ", "10.0.0.1:1"),
            ("[2001:DB8::1]:7444", "[2001:db8::1]:7444"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), expected);
        }
    }

    #[test]
    fn what_is_not_an_address_says_why() {
        let told = |text: &str| text.parse::<Address>().unwrap_err().to_string();
        for text in ["landmark.example", "landmark.example:", "2001:db8::1", "2001:db8::1:7444", "[::1]", ""]
        {
            assert!(
                told(text).ends_with("has no port (HOST:PORT, or [IPv6]:PORT)"),
                "{text}: {}",
                told(text)
            );
        }
        assert_eq!(told("a:70000"), "70000 is not a port (1 to 65535)");
        assert_eq!(told("a:https"), "\"https\" is not a port (1 to 65535)");
        assert!(told(":7443").starts_with("a host is missing"));
        assert!(told("https://a:7443").contains("is a URL"));
    }
}
