//! Sets of ports: lists and ranges, in one canonical form.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::port::{InvalidPort, Port};

/// Ports from the first to the last, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortRange {
    first: Port,
    last: Port,
}

impl PortRange {
    /// Takes both ends.
    ///
    /// # Errors
    /// The last is below the first.
    pub fn new(first: Port, last: Port) -> Result<Self, InvalidPortSet> {
        if last < first { Err(InvalidPortSet::Backwards { first, last }) } else { Ok(Self { first, last }) }
    }

    /// The lowest.
    pub fn first(self) -> Port {
        self.first
    }

    /// The highest.
    pub fn last(self) -> Port {
        self.last
    }

    /// Whether it is one of these.
    pub fn contains(self, port: u16) -> bool {
        (self.first.get()..=self.last.get()).contains(&port)
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { self.first.fmt(f) } else { write!(f, "{}-{}", self.first, self.last) }
    }
}

/// Ports of an exception: ascending ranges, apart from each other, at most [`PortSet::MAX`]; none stands for all ports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PortSet(Vec<PortRange>);

impl PortSet {
    /// Ranges, at most.
    pub const MAX: usize = 64;

    /// Takes ranges in any order; those that overlap or touch become one.
    ///
    /// # Errors
    /// More than [`PortSet::MAX`] are left.
    pub fn new(mut ranges: Vec<PortRange>) -> Result<Self, InvalidPortSet> {
        ranges.sort();
        let mut merged: Vec<PortRange> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match merged.last_mut() {
                Some(before) if range.first.get() <= before.last.get().saturating_add(1) => {
                    before.last = before.last.max(range.last);
                }
                _ => merged.push(range),
            }
        }
        if merged.len() > Self::MAX {
            return Err(InvalidPortSet::TooMany(merged.len()));
        }
        Ok(Self(merged))
    }

    /// Ascending, apart from each other; none stands for all ports.
    pub fn ranges(&self) -> &[PortRange] {
        &self.0
    }

    /// Whether every port is among them.
    pub fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the port is among them.
    pub fn contains(&self, port: u16) -> bool {
        self.is_all() || self.0.iter().any(|range| range.contains(port))
    }
}

impl fmt::Display for PortSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all() {
            return f.pad("all");
        }
        let text: Vec<String> = self.0.iter().map(PortRange::to_string).collect();
        f.pad(&text.join(","))
    }
}

/// `all`, or ports and ranges with commas between them: `53`, `137-139,445`.
impl FromStr for PortSet {
    type Err = InvalidPortSet;

    fn from_str(text: &str) -> Result<Self, InvalidPortSet> {
        if text.trim().eq_ignore_ascii_case("all") {
            return Ok(Self::default());
        }
        let range = |part: &str| -> Result<PortRange, InvalidPortSet> {
            match part.split_once('-') {
                None => {
                    let port = part.parse::<Port>()?;
                    PortRange::new(port, port)
                }
                Some((first, last)) => PortRange::new(first.parse::<Port>()?, last.parse::<Port>()?),
            }
        };
        Self::new(text.split(',').map(range).collect::<Result<_, _>>()?)
    }
}

/// Not a set of ports.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidPortSet {
    /// One of them is no port.
    #[error(transparent)]
    Port(#[from] InvalidPort),
    /// A range whose last port is below its first.
    #[error("the range {first}-{last} goes backwards; write {last}-{first}")]
    Backwards {
        /// As written.
        first: Port,
        /// As written.
        last: Port,
    },
    /// More than [`PortSet::MAX`].
    #[error("{0} ranges of ports are too many (at most {max} an exception)", max = PortSet::MAX)]
    TooMany(usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match text.parse::<PortSet>() {
            Ok(ports) => ports.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn lists_and_ranges_have_one_canonical_form() {
        for (text, canonical) in [
            ("53", "53"),
            ("445,137-139", "137-139,445"),
            ("80, 81 ,82", "80-82"),
            ("1-100,50-200,200", "1-200"),
            ("65535,1", "1,65535"),
            ("1-65535", "1-65535"),
            ("all", "all"),
            ("139-137", "the range 139-137 goes backwards; write 137-139"),
            ("0", "0 is not a port (1 to 65535)"),
            ("80,,81", "\"\" is not a port (1 to 65535)"),
            ("http", "\"http\" is not a port (1 to 65535)"),
        ] {
            assert_eq!(shown(text), canonical, "{text}");
        }
        let many: Vec<String> = (1..=65).map(|n| (n * 2).to_string()).collect();
        assert_eq!(shown(&many.join(",")), "65 ranges of ports are too many (at most 64 an exception)");
    }

    #[test]
    fn no_range_stands_for_all_ports() {
        let all = PortSet::default();
        assert!(all.is_all() && all.contains(1) && all.contains(65_535));
        let some: PortSet = "137-139,445".parse().unwrap();
        assert!([137, 138, 139, 445].into_iter().all(|port| some.contains(port)));
        assert!([136, 140, 444, 446].into_iter().all(|port| !some.contains(port)));
    }
}
