//! Ports: what a port is, and the short ordered list of them that a reference server has.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use thiserror::Error;

/// A TCP port, 1 to 65535.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Port(NonZeroU16);

impl Port {
    /// The number.
    pub fn get(self) -> u16 {
        self.0.get()
    }
}

impl TryFrom<u32> for Port {
    type Error = InvalidPort;

    fn try_from(number: u32) -> Result<Self, InvalidPort> {
        u16::try_from(number)
            .ok()
            .and_then(NonZeroU16::new)
            .map(Self)
            .ok_or_else(|| InvalidPort(number.to_string()))
    }
}

impl FromStr for Port {
    type Err = InvalidPort;

    fn from_str(text: &str) -> Result<Self, InvalidPort> {
        let trimmed = text.trim();
        let number: u32 = trimmed.parse().map_err(|_| InvalidPort(format!("{trimmed:?}")))?;
        Self::try_from(number)
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Not a port.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0} is not a port (1 to 65535)")]
pub struct InvalidPort(String);

/// 1 to [`Ports::MAX`] different ports, in the order in which they are tried.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ports(Vec<Port>);

impl Ports {
    /// The most ports one reference server can have.
    pub const MAX: usize = 8;

    /// Takes the ports in their order.
    ///
    /// # Errors
    /// None, too many, or one of them twice.
    pub fn new(ports: Vec<Port>) -> Result<Self, InvalidPorts> {
        if ports.is_empty() {
            return Err(InvalidPorts::None);
        }
        if ports.len() > Self::MAX {
            return Err(InvalidPorts::TooMany(ports.len()));
        }
        for (index, port) in ports.iter().enumerate() {
            if ports.iter().take(index).any(|earlier| earlier == port) {
                return Err(InvalidPorts::Twice { index, port: *port });
            }
        }
        Ok(Self(ports))
    }

    /// These ports with those of `more` that are not among them yet, at the end.
    ///
    /// # Errors
    /// More than [`Ports::MAX`] in all.
    pub fn with(&self, more: &Self) -> Result<Self, InvalidPorts> {
        let mut all = self.0.clone();
        all.extend(more.0.iter().filter(|port| !self.0.contains(port)));
        Self::new(all)
    }

    /// In the order in which they are tried; at least one.
    pub fn as_slice(&self) -> &[Port] {
        &self.0
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, port) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            port.fmt(f)?;
        }
        Ok(())
    }
}

/// Not a list of ports.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidPorts {
    /// There is none.
    #[error("at least one port is needed")]
    None,
    /// More than [`Ports::MAX`].
    #[error("{0} ports are too many (at most 8 a server)")]
    TooMany(usize),
    /// One of them stands there twice.
    #[error("port {port} is listed twice")]
    Twice {
        /// The second place.
        index: usize,
        /// The port.
        port: Port,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(numbers: &[u32]) -> Result<Ports, InvalidPorts> {
        Ports::new(numbers.iter().map(|number| Port::try_from(*number).unwrap()).collect())
    }

    #[test]
    fn zero_and_seventy_thousand_are_not_ports() {
        assert_eq!(Port::try_from(0).unwrap_err().to_string(), "0 is not a port (1 to 65535)");
        assert_eq!(Port::try_from(70_000).unwrap_err().to_string(), "70000 is not a port (1 to 65535)");
        assert_eq!("http".parse::<Port>().unwrap_err().to_string(), "\"http\" is not a port (1 to 65535)");
        assert_eq!(" 443 ".parse::<Port>().unwrap().get(), 443);
    }

    #[test]
    fn ports_keep_their_order_and_stand_once() {
        assert_eq!(ports(&[443, 80]).unwrap().to_string(), "443, 80");
        assert_eq!(ports(&[443, 80, 443]).unwrap_err().to_string(), "port 443 is listed twice");
        assert_eq!(ports(&[]), Err(InvalidPorts::None));
        assert_eq!(ports(&[1, 2, 3, 4, 5, 6, 7, 8, 9]), Err(InvalidPorts::TooMany(9)));
    }

    #[test]
    fn adding_ports_keeps_those_that_are_there_first() {
        let both = ports(&[443, 80]).unwrap().with(&ports(&[80, 21]).unwrap()).unwrap();
        assert_eq!(both, ports(&[443, 80, 21]).unwrap());
    }
}
