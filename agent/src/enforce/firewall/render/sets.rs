//! Ports and addresses as tests: one range is tested in place, several are in a named set that all rules with the same ones
//! share. The kernel looks sets up one by one as it takes a transaction, so that what they cost grows with the square of
//! their number.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use landmark_proto::firewall::PortSet;
use landmark_proto::firewall::remote::AddressRange;

use crate::enforce::firewall::ruleset::{Elements, Family, Set, Side, Test};

/// The sets that rules use so far.
#[derive(Debug, Default)]
pub(super) struct Sets {
    names: HashMap<Elements, String>,
    n_ports: usize,
    n_v4: usize,
    n_v6: usize,
}

impl Sets {
    /// The set with these elements.
    fn name(&mut self, elements: Elements) -> String {
        if let Some(name) = self.names.get(&elements) {
            return name.clone();
        }
        let (word, number) = match elements {
            Elements::Ports(_) => ("ports", &mut self.n_ports),
            Elements::V4(_) => ("v4", &mut self.n_v4),
            Elements::V6(_) => ("v6", &mut self.n_v6),
        };
        *number += 1;
        let name = format!("{word}-{number}");
        self.names.insert(elements, name.clone());
        name
    }

    /// All of them, by name.
    pub(super) fn into_sorted(self) -> Vec<Set> {
        let mut sets: Vec<Set> =
            self.names.into_iter().map(|(elements, name)| Set { name, elements }).collect();
        sets.sort_by(|one, other| one.name.cmp(&other.name));
        sets
    }

    /// A test for one of these ports; `None`: any port passes.
    pub(super) fn ports(&mut self, side: Side, ports: &PortSet) -> Option<Test> {
        let ranges = ports.ranges().iter().map(|range| (range.first().get(), range.last().get()));
        match ranges.collect::<Vec<_>>().as_slice() {
            [] => None,
            [(first, last)] => Some(Test::Port(side, *first, *last)),
            several => Some(Test::PortIn(side, self.name(Elements::Ports(several.to_vec())))),
        }
    }
}

/// Addresses that one side of a packet may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Addresses {
    /// Any, of whichever family.
    All,
    /// One of these: ranges, ascending, apart from each other.
    Ranges {
        /// Of IPv4.
        v4: Vec<(Ipv4Addr, Ipv4Addr)>,
        /// Of IPv6.
        v6: Vec<(Ipv6Addr, Ipv6Addr)>,
    },
}

impl Addresses {
    /// Takes ranges in any order; those that overlap or touch become one. None of them: no address at all.
    pub(super) fn new(ranges: impl IntoIterator<Item = AddressRange>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for range in ranges {
            match (range.first(), range.last()) {
                (IpAddr::V4(first), IpAddr::V4(last)) => v4.push((first, last)),
                (IpAddr::V6(first), IpAddr::V6(last)) => v6.push((first, last)),
                // No range has both families.
                (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {}
            }
        }
        let v4 = merged(v4, |address| u32::from(address).checked_add(1).map(Ipv4Addr::from));
        let v6 = merged(v6, |address| u128::from(address).checked_add(1).map(Ipv6Addr::from));
        if is_all_v4(&v4) && is_all_v6(&v6) { Self::All } else { Self::Ranges { v4, v6 } }
    }

    /// Tests for these addresses, as many lists of them as it takes rules: a packet is one of these if all tests of one
    /// list pass. `only`: of one family alone.
    pub(super) fn alternatives(&self, side: Side, only: Option<Family>, sets: &mut Sets) -> Vec<Vec<Test>> {
        let (v4, v6) = match self {
            Self::All => return vec![only.map(Test::Family).into_iter().collect()],
            Self::Ranges { v4, v6 } => (v4, v6),
        };
        let mut alternatives = Vec::new();
        if only != Some(Family::V6) && !v4.is_empty() {
            let address = match v4.as_slice() {
                all if is_all_v4(all) => None,
                [(first, last)] => Some(Test::V4(side, *first, *last)),
                several => Some(Test::AddressIn(side, Family::V4, sets.name(Elements::V4(several.to_vec())))),
            };
            alternatives.push([Test::Family(Family::V4)].into_iter().chain(address).collect());
        }
        if only != Some(Family::V4) && !v6.is_empty() {
            let address = match v6.as_slice() {
                all if is_all_v6(all) => None,
                [(first, last)] => Some(Test::V6(side, *first, *last)),
                several => Some(Test::AddressIn(side, Family::V6, sets.name(Elements::V6(several.to_vec())))),
            };
            alternatives.push([Test::Family(Family::V6)].into_iter().chain(address).collect());
        }
        alternatives
    }
}

fn is_all_v4(ranges: &[(Ipv4Addr, Ipv4Addr)]) -> bool {
    ranges == [(Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST)]
}

fn is_all_v6(ranges: &[(Ipv6Addr, Ipv6Addr)]) -> bool {
    ranges == [(Ipv6Addr::UNSPECIFIED, Ipv6Addr::from(u128::MAX))]
}

fn merged<T: Copy + Ord>(mut ranges: Vec<(T, T)>, next: fn(T) -> Option<T>) -> Vec<(T, T)> {
    ranges.sort_unstable();
    let mut merged: Vec<(T, T)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match merged.last_mut() {
            Some(before) if next(before.1).is_none_or(|next| first <= next) => {
                before.1 = before.1.max(last);
            }
            _ => merged.push((first, last)),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Addresses {
        Addresses::new(texts.iter().map(|text| text.parse().unwrap()))
    }

    #[test]
    fn addresses_that_overlap_or_touch_become_one_range() {
        let v4 = |first: [u8; 4], last: [u8; 4]| (Ipv4Addr::from(first), Ipv4Addr::from(last));
        for (texts, expected) in [
            (vec!["10.0.0.2", "10.0.0.1"], vec![v4([10, 0, 0, 1], [10, 0, 0, 2])]),
            (vec!["10.0.0.0/8", "10.1.0.0/16"], vec![v4([10, 0, 0, 0], [10, 255, 255, 255])]),
            (
                vec!["10.0.0.3", "10.0.0.1"],
                vec![v4([10, 0, 0, 1], [10, 0, 0, 1]), v4([10, 0, 0, 3], [10, 0, 0, 3])],
            ),
            (vec!["255.255.255.255", "128.0.0.0/1", "0.0.0.0/1"], vec![v4([0; 4], [255; 4])]),
        ] {
            let expected = Addresses::Ranges { v4: expected, v6: Vec::new() };
            assert_eq!(addresses(&texts), expected, "{texts:?}");
        }
        assert_eq!(addresses(&["::/0", "0.0.0.0/0"]), Addresses::All);
        assert_eq!(addresses(&[]), Addresses::Ranges { v4: Vec::new(), v6: Vec::new() });
    }

    #[test]
    fn rules_with_the_same_elements_share_a_set_and_one_range_needs_none() {
        let mut sets = Sets::default();
        let port = |text: &str, sets: &mut Sets| sets.ports(Side::Destination, &text.parse().unwrap());
        assert_eq!(port("all", &mut sets), None);
        assert_eq!(port("80", &mut sets), Some(Test::Port(Side::Destination, 80, 80)));
        assert_eq!(port("80,443", &mut sets), Some(Test::PortIn(Side::Destination, "ports-1".to_owned())));
        assert_eq!(port("1,3", &mut sets), Some(Test::PortIn(Side::Destination, "ports-2".to_owned())));
        assert_eq!(port("443,80", &mut sets), Some(Test::PortIn(Side::Destination, "ports-1".to_owned())));
        let several = addresses(&["10.0.0.1", "10.0.0.3", "::1", "::3"]);
        for side in [Side::Source, Side::Destination] {
            let v4 = vec![Test::Family(Family::V4), Test::AddressIn(side, Family::V4, "v4-1".to_owned())];
            let v6 = vec![Test::Family(Family::V6), Test::AddressIn(side, Family::V6, "v6-1".to_owned())];
            assert_eq!(several.alternatives(side, None, &mut sets), [v4.clone(), v6]);
            assert_eq!(several.alternatives(side, Some(Family::V4), &mut sets), [v4]);
        }
        let names: Vec<String> = sets.into_sorted().into_iter().map(|set| set.name).collect();
        assert_eq!(names, ["ports-1", "ports-2", "v4-1", "v6-1"]);
    }

    #[test]
    fn everybody_of_a_family_is_tested_for_the_family_alone() {
        let mut sets = Sets::default();
        let v4 = vec![Test::Family(Family::V4)];
        for (addresses, only) in [(addresses(&["0.0.0.0/0"]), None), (Addresses::All, Some(Family::V4))] {
            assert_eq!(addresses.alternatives(Side::Source, only, &mut sets), std::slice::from_ref(&v4));
        }
        assert_eq!(Addresses::All.alternatives(Side::Source, None, &mut sets), [Vec::new()]);
        assert!(addresses(&["::1"]).alternatives(Side::Source, Some(Family::V4), &mut sets).is_empty());
    }
}
