//! What covers what: everything that the one matches, the other matches too. Says no where that is not plain to see.

use landmark_proto::firewall::profile::{NamePattern, Place};
use landmark_proto::firewall::remote::AddressRange;
use landmark_proto::firewall::{Conditions, Exception, PortRange, PortSet, Remote, Remotes, Traffic};

/// Whether an exception matches every connection that the other matches.
pub(super) fn covers(wide: &Exception, narrow: &Exception) -> bool {
    wide.direction.covers(narrow.direction)
        && covers_traffic(&wide.traffic, &narrow.traffic)
        && covers_remotes(&wide.remotes, &narrow.remotes)
}

fn covers_traffic(wide: &Traffic, narrow: &Traffic) -> bool {
    match (wide, narrow) {
        (Traffic::All, _) | (Traffic::Icmp, Traffic::Icmp) | (Traffic::Icmpv6, Traffic::Icmpv6) => true,
        (Traffic::Tcp(wide), Traffic::Tcp(narrow))
        | (Traffic::Udp(wide), Traffic::Udp(narrow))
        | (Traffic::TcpUdp(wide), Traffic::Tcp(narrow) | Traffic::Udp(narrow) | Traffic::TcpUdp(narrow)) => {
            covers_ports(wide, narrow)
        }
        (
            Traffic::Tcp(_) | Traffic::Udp(_) | Traffic::TcpUdp(_) | Traffic::Icmp | Traffic::Icmpv6,
            Traffic::All
            | Traffic::Tcp(_)
            | Traffic::Udp(_)
            | Traffic::TcpUdp(_)
            | Traffic::Icmp
            | Traffic::Icmpv6,
        ) => false,
    }
}

/// Ranges of a set are apart from each other, so that one is covered by one or by none.
fn covers_ports(wide: &PortSet, narrow: &PortSet) -> bool {
    let is_covered = |narrow: &PortRange| {
        wide.ranges().iter().any(|wide| wide.first() <= narrow.first() && narrow.last() <= wide.last())
    };
    wide.is_all() || !narrow.is_all() && narrow.ranges().iter().all(is_covered)
}

fn covers_remotes(wide: &Remotes, narrow: &Remotes) -> bool {
    let is_covered = |narrow: &Remote| {
        wide.as_slice().iter().any(|wide| match (wide, narrow) {
            (Remote::Addresses(wide), Remote::Addresses(narrow)) => covers_range(*wide, *narrow),
            (Remote::Name(wide), Remote::Name(narrow)) => wide == narrow,
            (Remote::Addresses(_), Remote::Name(_)) | (Remote::Name(_), Remote::Addresses(_)) => false,
        })
    };
    wide.is_all() || !narrow.is_all() && narrow.as_slice().iter().all(is_covered)
}

fn covers_range(wide: AddressRange, narrow: AddressRange) -> bool {
    wide.contains(narrow.first()) && wide.contains(narrow.last())
}

/// Whether every machine that fulfils the others fulfils these.
pub(super) fn covers_conditions(wide: &Conditions, narrow: &Conditions) -> bool {
    let Conditions { places, addresses, host_names, platforms, labels } = wide;
    // Every machine is inside or outside.
    let is_anywhere = [Place::Internal, Place::External].iter().all(|place| places.contains(place));
    (is_anywhere || covers_kind(places, &narrow.places, |wide, narrow| wide == narrow))
        && covers_kind(addresses, &narrow.addresses, |wide, narrow| covers_range(*wide, *narrow))
        && covers_kind(host_names, &narrow.host_names, covers_pattern)
        && covers_kind(platforms, &narrow.platforms, |wide, narrow| wide == narrow)
        && covers_kind(labels, &narrow.labels, |wide, narrow| wide == narrow)
}

fn covers_kind<T>(wide: &[T], narrow: &[T], covers: impl Fn(&T, &T) -> bool) -> bool {
    let is_covered = |narrow: &T| wide.iter().any(|wide| covers(wide, narrow));
    wide.is_empty() || !narrow.is_empty() && narrow.iter().all(is_covered)
}

/// The same, or one that fits the only name that the other fits.
fn covers_pattern(wide: &NamePattern, narrow: &NamePattern) -> bool {
    let name = narrow.to_string();
    wide == narrow || !name.contains(['*', '?']) && wide.matches(&name)
}
