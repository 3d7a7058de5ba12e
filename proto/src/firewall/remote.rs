//! Remote addresses: what the other side of a connection may be.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;

use crate::host::{Host, InvalidHost, Name};

/// Longer than any address, prefix, range or name; what is longer is cut in messages.
const MAX_SHOWN: usize = 80;

/// Addresses of one family from the first to the last, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressRange {
    first: IpAddr,
    last: IpAddr,
}

impl AddressRange {
    /// Takes both ends; IPv4 addresses that are written as IPv6 are taken as IPv4.
    ///
    /// # Errors
    /// The ends are of two families, or the last is below the first.
    pub fn new(first: IpAddr, last: IpAddr) -> Result<Self, InvalidRemote> {
        let (first, last) = (first.to_canonical(), last.to_canonical());
        if first.is_ipv4() != last.is_ipv4() {
            return Err(InvalidRemote::Families { first, last });
        }
        if last < first {
            return Err(InvalidRemote::Backwards { first, last });
        }
        Ok(Self { first, last })
    }

    /// One address.
    pub fn single(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self { first: address, last: address }
    }

    /// All addresses that begin with the same `length` bits as `address`.
    ///
    /// # Errors
    /// Longer than an address, or bits are set behind the prefix.
    pub fn prefix(address: IpAddr, length: u8) -> Result<Self, InvalidRemote> {
        let (first, last) = match address {
            IpAddr::V4(v4) if length <= 32 => {
                let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
                let bits = u32::from(v4);
                (Ipv4Addr::from(bits & mask).into(), IpAddr::from(Ipv4Addr::from(bits | !mask)))
            }
            IpAddr::V6(v6) if length <= 128 => {
                let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
                let bits = u128::from(v6);
                (Ipv6Addr::from(bits & mask).into(), IpAddr::from(Ipv6Addr::from(bits | !mask)))
            }
            IpAddr::V4(_) | IpAddr::V6(_) => return Err(InvalidRemote::Length { address, length }),
        };
        if first == address {
            Ok(Self { first, last })
        } else {
            Err(InvalidRemote::HostBits { address, length, network: first })
        }
    }

    /// The lowest.
    pub fn first(self) -> IpAddr {
        self.first
    }

    /// The highest.
    pub fn last(self) -> IpAddr {
        self.last
    }

    /// Whether it is one of these.
    pub fn contains(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.first.is_ipv4() && (self.first..=self.last).contains(&address)
    }

    /// How many leading bits all of them share, if they are exactly the addresses that begin so.
    pub fn prefix_length(self) -> Option<u8> {
        let (first, last, width) = match (self.first, self.last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                (u128::from(u32::from(first)), u128::from(u32::from(last)), 32_u8)
            }
            (IpAddr::V6(first), IpAddr::V6(last)) => (u128::from(first), u128::from(last), 128),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
        };
        let differing = first ^ last;
        // What differs must be all the low bits: 0…01…1, 0 in the first and 1 in the last.
        let is_prefix = differing & differing.wrapping_add(1) == 0 && first & differing == 0;
        let n_low = u8::try_from(differing.count_ones()).unwrap_or(width);
        is_prefix.then(|| width.saturating_sub(n_low))
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            return f.pad(&self.first.to_string());
        }
        match self.prefix_length() {
            Some(length) => f.pad(&format!("{}/{length}", self.first)),
            None => f.pad(&format!("{}-{}", self.first, self.last)),
        }
    }
}

/// An address, a prefix (`10.0.0.0/8`) or a range (`10.0.0.1-10.0.0.9`).
impl FromStr for AddressRange {
    type Err = InvalidRemote;

    fn from_str(text: &str) -> Result<Self, InvalidRemote> {
        let text = text.trim();
        let address = |part: &str| {
            part.trim()
                .parse::<IpAddr>()
                .map_err(|_| InvalidRemote::Address(text.chars().take(MAX_SHOWN).collect()))
        };
        if let Some((prefix, length)) = text.split_once('/') {
            let prefix = address(prefix)?;
            let length = length
                .trim()
                .parse()
                .map_err(|_| InvalidRemote::Address(text.chars().take(MAX_SHOWN).collect()))?;
            return Self::prefix(prefix, length);
        }
        match text.split_once('-') {
            Some((first, last)) => Self::new(address(first)?, address(last)?),
            None => Ok(Self::single(address(text)?)),
        }
    }
}

/// One thing that the other side may be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Remote {
    /// Addresses.
    Addresses(AddressRange),
    /// A host by its name: whatever addresses it has at the time.
    Name(Name),
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addresses(addresses) => addresses.fmt(f),
            Self::Name(name) => f.pad(name.as_str()),
        }
    }
}

/// An address, a prefix, a range or a host name.
impl FromStr for Remote {
    type Err = InvalidRemote;

    fn from_str(text: &str) -> Result<Self, InvalidRemote> {
        let text = text.trim();
        // No name has a slash or a colon in it, or begins like an address on both sides of a hyphen.
        let is_range = text.split_once('-').is_some_and(|(first, _)| first.trim().parse::<IpAddr>().is_ok());
        if text.contains('/') || text.contains(':') || is_range || text.parse::<IpAddr>().is_ok() {
            return text.parse().map(Self::Addresses);
        }
        match text.parse::<Host>()? {
            Host::Name(name) => Ok(Self::Name(name)),
            Host::V4(v4) => Ok(Self::Addresses(AddressRange::single(v4.into()))),
            Host::V6(v6, _) => Ok(Self::Addresses(AddressRange::single(v6.into()))),
        }
    }
}

/// What the other side may be, each once, at most [`Remotes::MAX`]; none stands for everyone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Remotes(Vec<Remote>);

impl Remotes {
    /// Entries, at most.
    pub const MAX: usize = 64;

    /// Takes them; one that stands there twice stands there once.
    ///
    /// # Errors
    /// More than [`Remotes::MAX`].
    pub fn new(remotes: Vec<Remote>) -> Result<Self, InvalidRemote> {
        let mut distinct: Vec<Remote> = Vec::with_capacity(remotes.len().min(Self::MAX));
        for remote in remotes {
            if !distinct.contains(&remote) {
                if distinct.len() == Self::MAX {
                    return Err(InvalidRemote::TooMany);
                }
                distinct.push(remote);
            }
        }
        Ok(Self(distinct))
    }

    /// In their order; none stands for everyone.
    pub fn as_slice(&self) -> &[Remote] {
        &self.0
    }

    /// Whether everyone is among them.
    pub fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    /// The names among them.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.0.iter().filter_map(|remote| match remote {
            Remote::Name(name) => Some(name),
            Remote::Addresses(_) => None,
        })
    }
}

impl fmt::Display for Remotes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all() {
            return f.pad("all");
        }
        let text: Vec<String> = self.0.iter().map(Remote::to_string).collect();
        f.pad(&text.join(","))
    }
}

/// `all`, or entries with commas between them.
impl FromStr for Remotes {
    type Err = InvalidRemote;

    fn from_str(text: &str) -> Result<Self, InvalidRemote> {
        if text.trim().eq_ignore_ascii_case("all") {
            return Ok(Self::default());
        }
        Self::new(text.split(',').map(str::parse).collect::<Result<_, _>>()?)
    }
}

/// Not a remote address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidRemote {
    /// Nothing of what it may be.
    #[error("\"{0}\" is not an address, a prefix (10.0.0.0/8) or a range (10.0.0.1-10.0.0.9)")]
    Address(String),
    /// A range from IPv4 to IPv6.
    #[error("the range {first}-{last} has an IPv4 and an IPv6 address")]
    Families {
        /// As written.
        first: IpAddr,
        /// As written.
        last: IpAddr,
    },
    /// A range whose last address is below its first.
    #[error("the range {first}-{last} goes backwards; write {last}-{first}")]
    Backwards {
        /// As written.
        first: IpAddr,
        /// As written.
        last: IpAddr,
    },
    /// A prefix that is longer than an address.
    #[error("{address}/{length}: a prefix of such an address has at most {} bits", if address.is_ipv4() { 32 } else { 128 })]
    Length {
        /// As written.
        address: IpAddr,
        /// As written.
        length: u8,
    },
    /// A prefix with bits behind it.
    #[error("{address}/{length} has bits behind the prefix; write {network}/{length}, or {address} alone")]
    HostBits {
        /// As written.
        address: IpAddr,
        /// As written.
        length: u8,
        /// Without them.
        network: IpAddr,
    },
    /// Not a name either.
    #[error(transparent)]
    Host(#[from] InvalidHost),
    /// More than [`Remotes::MAX`].
    #[error("too many remote addresses (at most {} an exception)", Remotes::MAX)]
    TooMany,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown<T: FromStr<Err = InvalidRemote> + fmt::Display>(text: &str) -> String {
        match text.parse::<T>() {
            Ok(value) => value.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn addresses_have_one_canonical_form() {
        for (text, canonical) in [
            ("10.1.2.3", "10.1.2.3"),
            ("::ffff:10.1.2.3", "10.1.2.3"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.1.2.3/32", "10.1.2.3"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("10.0.0.0-10.255.255.255", "10.0.0.0/8"),
            ("10.0.0.1 - 10.0.0.9", "10.0.0.1-10.0.0.9"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("::/0", "::/0"),
            ("2001:DB8::1-2001:db8::9", "2001:db8::1-2001:db8::9"),
            ("FileServer.Example", "fileserver.example"),
            ("pc-7", "pc-7"),
            ("10.1.2.3/8", "10.1.2.3/8 has bits behind the prefix; write 10.0.0.0/8, or 10.1.2.3 alone"),
            ("10.0.0.0/33", "10.0.0.0/33: a prefix of such an address has at most 32 bits"),
            ("10.0.0.9-10.0.0.1", "the range 10.0.0.9-10.0.0.1 goes backwards; write 10.0.0.1-10.0.0.9"),
            ("10.0.0.1-::1", "the range 10.0.0.1-::1 has an IPv4 and an IPv6 address"),
            (
                "10.0.0.1-x",
                "\"10.0.0.1-x\" is not an address, a prefix (10.0.0.0/8) or a range (10.0.0.1-10.0.0.9)",
            ),
            ("10.0.0.300", "\"10.0.0.300\" is not an IPv4 or IPv6 address"),
        ] {
            assert_eq!(shown::<Remote>(text), canonical, "{text}");
        }
        assert_eq!(shown::<Remotes>("10.0.0.1,a,10.0.0.1"), "10.0.0.1,a");
        assert_eq!(shown::<Remotes>("all"), "all");
    }

    #[test]
    fn a_range_knows_its_own() {
        let range: AddressRange = "10.0.0.1-10.0.0.9".parse().unwrap();
        let is_in = |text: &str| range.contains(text.parse().unwrap());
        assert!(is_in("10.0.0.1") && is_in("10.0.0.9") && is_in("::ffff:10.0.0.5"));
        assert!(!is_in("10.0.0.0") && !is_in("10.0.0.10") && !is_in("::a00:5"));
        assert_eq!(range.prefix_length(), None);
    }
}
