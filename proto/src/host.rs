//! Hosts: what an administrator may write for a reference server, in one canonical form.
//!
//! Accepted: IPv4, IPv6 (with or without brackets, a zone on link-local addresses), computer names and fully qualified
//! domain names, international ones too (UTS 46). The canonical form compares: case folded, brackets and a final dot
//! gone, IPv4-mapped IPv6 as IPv4.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;

/// The longest name DNS can carry, as text without the final dot (RFC 1035).
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;
/// Longer than any name with its international form; what is longer is cut in messages.
const MAX_SHOWN: usize = 80;

/// Where a reference server is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address; the zone (an interface) only with a link-local one.
    V6(Ipv6Addr, Option<Zone>),
    /// A computer name or a domain name, resolved at each evaluation.
    Name(Name),
}

/// An interface name or number after `%`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Zone(String);

impl Zone {
    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name in its ASCII form, lower case, without a final dot.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(String);

impl Name {
    /// As it is given to a resolver.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Host {
    /// The address, if the host is written as one.
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::V4(address) => Some(IpAddr::V4(*address)),
            Self::V6(address, _) => Some(IpAddr::V6(*address)),
            Self::Name(_) => None,
        }
    }
}

/// Why an address may never be tried, whether written or resolved: an agent must not become a scanner or a key to a
/// cloud account. `None` for an address that may.
pub fn forbidden(address: IpAddr) -> Option<&'static str> {
    let address = address.to_canonical();
    if address.is_unspecified() || matches!(address, IpAddr::V4(v4) if v4.octets()[0] == 0) {
        return Some("the unspecified address is not a host");
    }
    if address.is_multicast() {
        return Some("a multicast address is not a host");
    }
    if address == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return Some("the broadcast address is not a host");
    }
    let metadata = [
        IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
        IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
        IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254)),
    ];
    metadata.contains(&address).then_some("a cloud metadata address is never tried")
}

impl FromStr for Host {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(InvalidHost::Empty);
        }
        if trimmed.contains("://") || trimmed.contains('/') {
            return Err(InvalidHost::Url(shown(trimmed)));
        }
        let bracketed = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if let Some(inside) = bracketed {
            return parse_v6(inside).unwrap_or_else(|| Err(InvalidHost::Address(shown(trimmed))));
        }
        if trimmed.matches(':').count() >= 2 || trimmed.contains('%') {
            return parse_v6(trimmed).unwrap_or_else(|| Err(InvalidHost::Address(shown(trimmed))));
        }
        if trimmed.contains(':') || trimmed.contains('[') || trimmed.contains(']') {
            return Err(InvalidHost::WithPort(shown(trimmed)));
        }
        if let Ok(address) = trimmed.parse::<Ipv4Addr>() {
            return allowed(Self::V4(address));
        }
        parse_name(trimmed)
    }
}

/// `None` when it is no IPv6 address at all.
fn parse_v6(text: &str) -> Option<Result<Host, InvalidHost>> {
    let (address, zone) = match text.split_once('%') {
        Some((address, zone)) => (address, Some(zone)),
        None => (text, None),
    };
    let address: Ipv6Addr = address.parse().ok()?;
    if let Some(v4) = address.to_ipv4_mapped() {
        return Some(if zone.is_some() {
            Err(InvalidHost::Zone(shown(text)))
        } else {
            allowed(Host::V4(v4))
        });
    }
    let zone = match zone {
        None => None,
        Some(zone) if is_link_local(address) && is_zone(zone) => Some(Zone(zone.to_owned())),
        Some(_) => return Some(Err(InvalidHost::Zone(shown(text)))),
    };
    Some(allowed(Host::V6(address, zone)))
}

/// `Ipv6Addr::is_unicast_link_local`: fe80::/10.
fn is_link_local(address: Ipv6Addr) -> bool {
    address.segments()[0] & 0xffc0 == 0xfe80
}

/// Linux interface names have at most 15 bytes; Windows uses numbers.
fn is_zone(zone: &str) -> bool {
    (1..=15).contains(&zone.len())
        && zone.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn allowed(host: Host) -> Result<Host, InvalidHost> {
    match host.address().and_then(forbidden) {
        Some(reason) => Err(InvalidHost::Forbidden { host: host.to_string(), reason }),
        None => Ok(host),
    }
}

fn parse_name(text: &str) -> Result<Host, InvalidHost> {
    let invalid = |reason| InvalidHost::Name { text: shown(text), reason };
    let without_dot = text.strip_suffix('.').unwrap_or(text);
    // The longest useful text is a name in its Unicode form; more is not worth the work.
    if without_dot.len() > MAX_NAME * 4 {
        return Err(invalid("a name has at most 253 characters"));
    }
    let ascii = idna::domain_to_ascii_cow(without_dot.as_bytes(), idna::AsciiDenyList::URL)
        .map_err(|_| invalid("has characters that a name cannot have"))?
        .into_owned();
    if ascii.len() > MAX_NAME {
        return Err(invalid("a name has at most 253 characters"));
    }
    for label in ascii.split('.') {
        check_label(label).map_err(invalid)?;
    }
    // No top-level domain is a number: what ends in one is a mistyped address (URL standard, "ends in a number").
    let last = ascii.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(InvalidHost::Address(shown(text)));
    }
    Ok(Host::Name(Name(ascii)))
}

/// Letters, digits and hyphens (RFC 1123); underscores too, since computer names in the field have them.
fn check_label(label: &str) -> Result<(), &'static str> {
    if label.is_empty() {
        return Err("a part between dots is empty");
    }
    if label.len() > MAX_LABEL {
        return Err("a part between dots has at most 63 characters");
    }
    if label.starts_with('-') || label.ends_with('-') {
        return Err("a part between dots neither starts nor ends with a hyphen");
    }
    if label.bytes().any(|byte| !byte.is_ascii_alphanumeric() && byte != b'-' && byte != b'_') {
        return Err("has characters that a name cannot have");
    }
    Ok(())
}

fn shown(text: &str) -> String {
    if text.chars().count() <= MAX_SHOWN {
        return text.escape_debug().to_string();
    }
    let mut cut: String = text.chars().take(MAX_SHOWN).collect::<String>().escape_debug().to_string();
    cut.push('…');
    cut
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(address) => address.fmt(f),
            Self::V6(address, None) => address.fmt(f),
            Self::V6(address, Some(zone)) => write!(f, "{address}%{}", zone.0),
            Self::Name(name) => f.write_str(&name.0),
        }
    }
}

/// Not a host that can be a reference server.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidHost {
    /// Nothing but blanks.
    #[error("a host is missing (an IPv4 or IPv6 address, a computer name or a domain name)")]
    Empty,
    /// A URL or a path.
    #[error("\"{0}\" is a URL; give the host alone and the port beside it")]
    Url(String),
    /// Host and port in one.
    #[error("\"{0}\" has a port in it; give the host alone and the port beside it")]
    WithPort(String),
    /// Looks like an address and is none.
    #[error("\"{0}\" is not an IPv4 or IPv6 address")]
    Address(String),
    /// A zone where none belongs.
    #[error("\"{0}\": only a link-local IPv6 address (fe80::…) can have a zone, an interface name or number")]
    Zone(String),
    /// Not a name.
    #[error("\"{text}\" is not a host name: {reason}")]
    Name {
        /// As written, shortened.
        text: String,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// An address that no agent may try.
    #[error("{host}: {reason}")]
    Forbidden {
        /// In canonical form.
        host: String,
        /// Why.
        reason: &'static str,
    },
}

#[cfg(test)]
mod tests;
