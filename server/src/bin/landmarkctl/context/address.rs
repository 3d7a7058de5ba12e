//! Addresses of servers: `HOST:PORT`, `[v6]:PORT`, or a host alone with the port that administration has by default.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where administration listens unless configured otherwise.
const DEFAULT_PORT: u16 = 7445;

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Address {
    host: String,
    port: u16,
}

/// Not an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an address: {reason}")]
pub(crate) struct InvalidAddress {
    text: String,
    reason: &'static str,
}

impl Address {
    /// The server on this machine.
    pub(crate) fn local() -> Self {
        Self { host: "127.0.0.1".into(), port: DEFAULT_PORT }
    }

    /// Without brackets.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Whether it is on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        self.host == "localhost"
            || self.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let text = text.trim();
        let invalid = |reason| InvalidAddress { text: text.to_owned(), reason };
        if text.contains("://") || text.contains('/') {
            return Err(invalid("give HOST:PORT, not a URL"));
        }
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) =
                    rest.split_once(']').ok_or_else(|| invalid("the bracket is not closed"))?;
                let port = match rest {
                    "" => None,
                    rest => Some(rest.strip_prefix(':').ok_or_else(|| invalid("after ] comes :PORT"))?),
                };
                (host, port)
            }
            // Two colons or more are an IPv6 address without a port.
            None if text.matches(':').count() > 1 => (text, None),
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        if host.is_empty() || host.contains(char::is_whitespace) {
            return Err(invalid("the host is missing (HOST:PORT)"));
        }
        let port = match port {
            None => DEFAULT_PORT,
            Some(port) => match port.parse() {
                Ok(port) if port != 0 => port,
                Ok(_) | Err(_) => return Err(invalid("the port is a number from 1 to 65535")),
            },
        };
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl TryFrom<String> for Address {
    type Error = InvalidAddress;

    fn try_from(text: String) -> Result<Self, InvalidAddress> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_in_every_form_and_written_in_one() {
        for (text, address) in [
            ("landmark.example", "landmark.example:7445"),
            ("landmark.example:9", "landmark.example:9"),
            ("10.1.1.5", "10.1.1.5:7445"),
            ("2001:db8::1", "[2001:db8::1]:7445"),
            ("[2001:db8::1]", "[2001:db8::1]:7445"),
            ("[::1]:443", "[::1]:443"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), address);
        }
    }

    #[test]
    fn what_is_no_address_says_why() {
        let error = |text: &str| text.parse::<Address>().unwrap_err().to_string();
        assert_eq!(
            error("https://a.example"),
            "\"https://a.example\" is not an address: give HOST:PORT, not a URL"
        );
        assert_eq!(error("a:0"), "\"a:0\" is not an address: the port is a number from 1 to 65535");
        assert_eq!(error(":7445"), "\":7445\" is not an address: the host is missing (HOST:PORT)");
        assert_eq!(error("[::1"), "\"[::1\" is not an address: the bracket is not closed");
        assert_eq!(error(""), "\"\" is not an address: the host is missing (HOST:PORT)");
    }

    #[test]
    fn loopback_is_known() {
        assert!(Address::local().is_loopback());
        assert!("[::1]:9".parse::<Address>().unwrap().is_loopback());
        assert!(!"10.1.1.5".parse::<Address>().unwrap().is_loopback());
    }
}
