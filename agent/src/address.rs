//! Where a server can be dialled: `HOST:PORT`.

use std::fmt;
use std::str::FromStr;

use landmark_proto::host::{Host, InvalidHost};
use landmark_proto::port::{InvalidPort, Port};
use thiserror::Error;

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerAddress {
    /// An address or a name.
    pub host: Host,
    /// Of the listener.
    pub port: Port,
}

/// Not `HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidServerAddress {
    /// No port.
    #[error("{0:?} has no port (write it as landmark.example:7443 or [2001:db8::1]:7443)")]
    NoPort(String),
    /// The part before the last colon.
    #[error("{text:?}: {source}")]
    Host {
        /// All of it.
        text: String,
        /// What is wrong.
        source: InvalidHost,
    },
    /// The part after the last colon.
    #[error("{text:?}: {source}")]
    Port {
        /// All of it.
        text: String,
        /// What is wrong.
        source: InvalidPort,
    },
}

impl FromStr for ServerAddress {
    type Err = InvalidServerAddress;

    fn from_str(text: &str) -> Result<Self, InvalidServerAddress> {
        let text: String = text.trim().chars().take(300).collect();
        let Some((host, port)) = text.rsplit_once(':') else {
            return Err(InvalidServerAddress::NoPort(text));
        };
        // An IPv6 address without brackets has colons of its own, and its last group is not a port.
        if host.contains(':') && !host.ends_with(']') {
            return Err(InvalidServerAddress::NoPort(text));
        }
        let host =
            host.parse().map_err(|source| InvalidServerAddress::Host { text: text.clone(), source })?;
        let port =
            port.parse().map_err(|source| InvalidServerAddress::Port { text: text.clone(), source })?;
        Ok(Self { host, port })
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            host @ Host::V6(..) => write!(f, "[{host}]:{}", self.port),
            host @ (Host::V4(_) | Host::Name(_)) => write!(f, "{host}:{}", self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_gives_its_text_back() {
        for text in ["landmark.example:7443", "192.0.2.1:1", "[2001:db8::1]:7443", "[fe80::1%eth0]:7443"] {
            assert_eq!(text.parse::<ServerAddress>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |text: &str| text.parse::<ServerAddress>().unwrap_err().to_string();
        assert!(error("landmark.example").contains("has no port"));
        assert!(error("2001:db8::1").contains("has no port"));
        assert!(error("a:70000").contains("70000"));
        assert!(error("a b:1").starts_with("\"a b:1\": "));
    }
}
