//! The elements of a set, and what they are in the kernel: the first of each range, and the first behind it. It must know no
//! bytes of messages.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::enforce::firewall::ruleset::Elements;

/// What a set holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ports,
    V4,
    V6,
}

/// Where a range begins or has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) key: u128,
    /// Nothing from here on is in the set, up to the next.
    pub(super) is_end: bool,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Ports, Self::V4, Self::V6];

    pub(super) fn of(elements: &Elements) -> Self {
        match elements {
            Elements::Ports(_) => Self::Ports,
            Elements::V4(_) => Self::V4,
            Elements::V6(_) => Self::V6,
        }
    }

    /// By its number in nf_tables' user space, and its length.
    pub(super) fn from_numbers(number: u32, length: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number && kind.length() == length)
    }

    /// `inet_service`, `ipv4_addr`, `ipv6_addr`.
    pub(super) fn number(self) -> u32 {
        match self {
            Self::Ports => 13,
            Self::V4 => 7,
            Self::V6 => 8,
        }
    }

    /// Bytes of a key.
    pub(super) fn length(self) -> u32 {
        match self {
            Self::Ports => 2,
            Self::V4 => 4,
            Self::V6 => 16,
        }
    }

    /// The greatest key.
    pub(super) fn max(self) -> u128 {
        u128::MAX >> (128 - 8 * self.length())
    }

    pub(super) fn key(self, key: u128) -> Vec<u8> {
        key.to_be_bytes().into_iter().skip(16 - self.length() as usize).collect()
    }

    pub(super) fn number_of(self, key: &[u8]) -> Option<u128> {
        let is_whole = key.len() == self.length() as usize;
        is_whole.then(|| key.iter().fold(0, |number, byte| number << 8 | u128::from(*byte)))
    }
}

/// Ascending. A range up to the greatest key has no end, and what begins behind the least one has an end there, as `nft`
/// makes it.
pub(super) fn bounds(elements: &Elements) -> Vec<Bound> {
    let max = Kind::of(elements).max();
    let ranges = ranges(elements);
    let mut bounds = Vec::with_capacity(2 * ranges.len() + 1);
    if ranges.first().is_some_and(|(first, _)| *first != 0) {
        bounds.push(Bound { key: 0, is_end: true });
    }
    for (first, last) in ranges {
        bounds.push(Bound { key: first, is_end: false });
        if last < max {
            bounds.push(Bound { key: last + 1, is_end: true });
        }
    }
    bounds
}

/// What stands between these bounds; in whatever order they come. Ranges that touch are one.
///
/// # Errors
/// They are no ranges: what is strange.
pub(super) fn elements(kind: Kind, mut bounds: Vec<Bound>) -> Result<Elements, String> {
    // One range may begin where another has ended.
    bounds.sort_unstable_by_key(|bound| (bound.key, !bound.is_end));
    let (mut ranges, mut begun) = (Vec::<(u128, u128)>::new(), None);
    for bound in bounds {
        match (begun, bound.is_end) {
            (None, false) => begun = Some(bound.key),
            (Some(first), true) if bound.key > first => {
                join(&mut ranges, first, bound.key - 1);
                begun = None;
            }
            (None, true) if bound.key == 0 => {}
            _ => return Err("a set with ranges that are cut".to_owned()),
        }
    }
    if let Some(first) = begun {
        join(&mut ranges, first, kind.max());
    }
    from_ranges(kind, &ranges).ok_or_else(|| "a set with keys of another width".to_owned())
}

fn join(ranges: &mut Vec<(u128, u128)>, first: u128, last: u128) {
    match ranges.last_mut() {
        Some(before) if before.1.checked_add(1) == Some(first) => before.1 = last,
        _ => ranges.push((first, last)),
    }
}

fn ranges(elements: &Elements) -> Vec<(u128, u128)> {
    match elements {
        Elements::Ports(ranges) => {
            ranges.iter().map(|(first, last)| (u128::from(*first), u128::from(*last))).collect()
        }
        Elements::V4(ranges) => ranges
            .iter()
            .map(|(first, last)| (u128::from(first.to_bits()), u128::from(last.to_bits())))
            .collect(),
        Elements::V6(ranges) => {
            ranges.iter().map(|(first, last)| (first.to_bits(), last.to_bits())).collect()
        }
    }
}

fn from_ranges(kind: Kind, ranges: &[(u128, u128)]) -> Option<Elements> {
    fn all<T>(ranges: &[(u128, u128)], one: impl Fn(u128) -> Option<T>) -> Option<Vec<(T, T)>> {
        ranges.iter().map(|(first, last)| Some((one(*first)?, one(*last)?))).collect()
    }
    match kind {
        Kind::Ports => all(ranges, |key| key.try_into().ok()).map(Elements::Ports),
        Kind::V4 => all(ranges, |key| key.try_into().ok().map(Ipv4Addr::from_bits)).map(Elements::V4),
        Kind::V6 => all(ranges, |key| Some(Ipv6Addr::from_bits(key))).map(Elements::V6),
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_set;
    use proptest::prelude::*;

    use super::*;

    fn bound(key: u128, is_end: bool) -> Bound {
        Bound { key, is_end }
    }

    #[test]
    fn a_range_from_the_first_to_the_last_is_all() {
        let all = Elements::Ports(vec![(0, 65535)]);
        assert_eq!(bounds(&all), [bound(0, false)]);
        assert_eq!(elements(Kind::Ports, bounds(&all)), Ok(all));
    }

    #[test]
    fn a_set_is_written_as_nft_does() {
        let some = Elements::Ports(vec![(80, 80), (1024, 65535)]);
        assert_eq!(bounds(&some), [bound(0, true), bound(80, false), bound(81, true), bound(1024, false)]);
        assert_eq!(bounds(&Elements::V6(Vec::new())), []);
    }

    #[test]
    fn ranges_that_touch_are_one() {
        let touching = vec![bound(6, false), bound(11, true), bound(1, false), bound(6, true)];
        assert_eq!(elements(Kind::Ports, touching), Ok(Elements::Ports(vec![(1, 10)])));
    }

    #[test]
    fn what_is_no_range_is_strange() {
        for strange in [
            vec![bound(5, true)],
            vec![bound(5, false), bound(6, false)],
            vec![bound(70_000, false), bound(70_001, true)],
        ] {
            assert!(elements(Kind::Ports, strange.clone()).is_err(), "{strange:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(keys in btree_set(any::<u128>(), 0..40), ends: bool) {
            // Ascending and apart: every second pair of keys.
            let mut keys: Vec<u128> = keys.into_iter().collect();
            if ends {
                keys.extend([u128::MAX - 5, u128::MAX]);
                keys.dedup();
                keys.sort_unstable();
            }
            let ranges: Vec<_> = keys.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
            let apart = ranges.windows(2).all(|two| two[0].1 + 1 < two[1].0);
            prop_assume!(apart);
            let whole = from_ranges(Kind::V6, &ranges).unwrap();
            let mut mixed = bounds(&whole);
            mixed.reverse();
            prop_assert_eq!(elements(Kind::V6, mixed), Ok(whole));
        }

        #[test]
        fn no_bounds_are_too_strange(keys in proptest::collection::vec((any::<u128>(), any::<bool>()), 0..20)) {
            let bounds = keys.into_iter().map(|(key, is_end)| Bound { key, is_end }).collect();
            if let Ok(Elements::V4(ranges)) = elements(Kind::V4, bounds) {
                prop_assert!(ranges.iter().all(|(first, last)| first <= last));
            }
        }
    }
}
