//! Rulesets to try: a rich one, random ones, large ones.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use landmark_agent::enforce::firewall::ruleset::{
    Action, Base, CUT_MARK, Chain, Elements, Family, Hook, OWN_MARK, Rule, Ruleset, Set, Side, States, Test,
    Verdict,
};
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;

pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

pub(crate) fn rule(tests: &[Test], action: Action) -> Rule {
    Rule { tests: tests.to_vec(), is_counted: false, action, comment: String::new() }
}

pub(crate) fn counted(tests: &[Test], action: Action, comment: &str) -> Rule {
    Rule { is_counted: true, comment: comment.to_owned(), ..rule(tests, action) }
}

pub(crate) fn accept() -> Action {
    Action::Verdict(Verdict::Accept)
}

pub(crate) fn drop() -> Action {
    Action::Verdict(Verdict::Drop)
}

pub(crate) fn base(name: &str, hook: Hook, policy: Verdict, rules: Vec<Rule>) -> Chain {
    Chain { name: name.to_owned(), base: Some(Base { hook, policy }), rules }
}

pub(crate) fn known() -> Test {
    Test::State(States { established: true, related: true, new: false, invalid: false })
}

pub(crate) fn to_port(port: u16) -> Test {
    Test::Port(Side::Destination, port, port)
}

fn v4(octets: [u8; 4]) -> Ipv4Addr {
    Ipv4Addr::from(octets)
}

fn v6(bits: u128) -> Ipv6Addr {
    Ipv6Addr::from_bits(bits)
}

/// Of everything one.
pub(crate) fn rich() -> Ruleset {
    let new = States { established: false, related: false, new: true, invalid: false };
    let input = vec![
        rule(&[Test::ConnectionMark(CUT_MARK)], drop()),
        rule(&[known()], accept()),
        rule(&[Test::Loopback(Hook::Input)], accept()),
        counted(
            &[
                Test::Family(Family::V4),
                Test::AddressIn(Side::Source, Family::V4, "offices".to_owned()),
                Test::Protocol(TCP),
                Test::PortIn(Side::Destination, "web".to_owned()),
            ],
            Action::Jump("sub".to_owned()),
            "exception 1: web from the offices",
        ),
        counted(
            &[
                Test::Family(Family::V6),
                Test::V6(
                    Side::Source,
                    v6(0xfe80_0000_0000_0000_0000_0000_0000_0000),
                    v6(0xfebf_ffff_ffff_ffff_ffff_ffff_ffff_ffff),
                ),
                Test::Protocol(ICMPV6),
                Test::IcmpType(133, 136),
            ],
            accept(),
            "neighbours",
        ),
        rule(
            &[Test::Family(Family::V4), Test::V4(Side::Source, v4([10, 0, 0, 0]), v4([10, 127, 255, 255]))],
            drop(),
        ),
        rule(
            &[
                Test::Family(Family::V4),
                Test::V4(Side::Source, v4([0, 0, 0, 0]), v4([255, 255, 255, 255])),
                Test::Protocol(ICMP),
                Test::IcmpType(8, 8),
            ],
            accept(),
        ),
        rule(&[Test::Protocol(TCP), Test::Port(Side::Destination, 0, 65535)], Action::Goto("sub".to_owned())),
    ];
    let output = vec![
        rule(&[Test::Mark(OWN_MARK)], Action::AcceptMarked),
        rule(&[Test::Loopback(Hook::Output)], accept()),
        counted(
            &[
                Test::Family(Family::V6),
                Test::AddressIn(Side::Destination, Family::V6, "servers".to_owned()),
                Test::State(new),
                Test::Protocol(UDP),
                Test::Port(Side::Source, 1024, 65535),
            ],
            drop(),
            "",
        ),
    ];
    let sub = vec![counted(
        &[Test::Family(Family::V4), Test::V4(Side::Destination, v4([192, 0, 2, 1]), v4([192, 0, 2, 9]))],
        accept(),
        "a range",
    )];
    Ruleset {
        sets: rich_sets(),
        chains: vec![
            base("input", Hook::Input, Verdict::Drop, input),
            base("output", Hook::Output, Verdict::Accept, output),
            Chain { name: "sub".to_owned(), base: None, rules: sub },
        ],
    }
}

fn rich_sets() -> Vec<Set> {
    let set = |name: &str, elements| Set { name: name.to_owned(), elements };
    vec![
        set("nothing", Elements::V4(Vec::new())),
        set(
            "offices",
            Elements::V4(vec![
                (v4([0, 0, 0, 0]), v4([0, 255, 255, 255])),
                (v4([10, 0, 0, 0]), v4([10, 255, 255, 255])),
                (v4([192, 168, 0, 7]), v4([192, 168, 0, 9])),
                (v4([255, 255, 255, 255]), v4([255, 255, 255, 255])),
            ]),
        ),
        set(
            "servers",
            Elements::V6(vec![
                (
                    v6(0x2001_0db8_0000_0000_0000_0000_0000_0005),
                    v6(0x2001_0db8_0000_0000_0000_0000_0000_0005),
                ),
                (
                    v6(0xff00_0000_0000_0000_0000_0000_0000_0000),
                    v6(0xffff_ffff_ffff_ffff_ffff_ffff_ffff_ffff),
                ),
            ]),
        ),
        set("web", Elements::Ports(vec![(80, 80), (443, 443), (8000, 8999)])),
    ]
}

/// How the exceptions of a large ruleset say what they are about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Style {
    /// One port each, in the rule.
    Single,
    /// A set of ports and one of addresses each.
    Sets,
}

/// So many exceptions, in both directions.
pub(crate) fn large(n_exceptions: u32, style: Style) -> Ruleset {
    let mut sets = Vec::new();
    let (mut input, mut output) = (vec![rule(&[known()], accept())], vec![rule(&[known()], accept())]);
    for number in 0..n_exceptions {
        let port = u16::try_from(1000 + number % 60_000).unwrap_or_default();
        let comment = format!("exception {number}");
        for (rules, side) in [(&mut input, Side::Source), (&mut output, Side::Destination)] {
            let mut tests = vec![Test::Family(Family::V4)];
            match style {
                Style::Single => {
                    tests.extend([Test::Protocol(TCP), Test::Port(Side::Destination, port, port)]);
                }
                Style::Sets => tests.extend([
                    Test::AddressIn(side, Family::V4, format!("a{number}")),
                    Test::Protocol(TCP),
                    Test::PortIn(Side::Destination, format!("p{number}")),
                ]),
            }
            rules.push(counted(&tests, accept(), &comment));
        }
        if matches!(style, Style::Sets) {
            let addresses = (0..4).map(|one| Ipv4Addr::from_bits(0x0a00_0000 + number * 256 + one * 16));
            let addresses =
                addresses.map(|first| (first, Ipv4Addr::from_bits(first.to_bits() + 3))).collect();
            sets.push(Set { name: format!("a{number}"), elements: Elements::V4(addresses) });
            let ports = vec![(80, 80), (443, 443), (port + 1000, port + 1009)];
            sets.push(Set { name: format!("p{number}"), elements: Elements::Ports(ports) });
        }
    }
    sets.sort_by(|one, other| one.name.cmp(&other.name));
    let chains = vec![
        base("input", Hook::Input, Verdict::Drop, input),
        base("output", Hook::Output, Verdict::Accept, output),
    ];
    Ruleset { sets, chains }
}

/// Any that makes sense: sets that are there, chains that lead nowhere in circles. In the order in which it is read.
pub(crate) fn any_ruleset() -> impl Strategy<Value = Ruleset> {
    let set = prop_oneof![
        ranges(u128::from(u16::MAX)).prop_map(|ranges| {
            Elements::Ports(all(&ranges, |key| u16::try_from(key).unwrap_or_default()))
        }),
        ranges(u128::from(u32::MAX)).prop_map(|ranges| {
            Elements::V4(all(&ranges, |key| Ipv4Addr::from_bits(u32::try_from(key).unwrap_or_default())))
        }),
        ranges(u128::MAX).prop_map(|ranges| Elements::V6(all(&ranges, Ipv6Addr::from_bits))),
    ];
    vec(set, 3..6).prop_flat_map(|elements| {
        let names = (0..elements.len()).map(|number| format!("set-{number}"));
        let sets: Vec<Set> = names.zip(elements).map(|(name, elements)| Set { name, elements }).collect();
        (
            any_chain("a-input", Some(Hook::Input), &["c-sub", "d-sub"], &sets),
            any_chain("b-output", Some(Hook::Output), &["c-sub", "d-sub"], &sets),
            any_chain("c-sub", None, &["d-sub"], &sets),
            any_chain("d-sub", None, &[], &sets),
            Just(sets.clone()),
        )
            .prop_map(|(a, b, c, d, sets)| Ruleset { sets, chains: vec![a, b, c, d] })
    })
}

fn any_chain(
    name: &'static str,
    hook: Option<Hook>,
    others: &[&str],
    sets: &[Set],
) -> impl Strategy<Value = Chain> + use<> {
    let mut actions = vec![accept(), drop(), Action::AcceptMarked];
    for other in others {
        actions.extend([Action::Jump((*other).to_owned()), Action::Goto((*other).to_owned())]);
    }
    let rule =
        (vec(any_test(sets), 0..5), any::<bool>(), prop::sample::select(actions), "[a-zA-Z0-9 äé.:-]{0,60}")
            .prop_map(|(tests, is_counted, action, comment)| Rule { tests, is_counted, action, comment });
    (vec(rule, 0..12), any::<bool>()).prop_map(move |(rules, is_drop)| {
        let policy = if is_drop { Verdict::Drop } else { Verdict::Accept };
        Chain { name: name.to_owned(), base: hook.map(|hook| Base { hook, policy }), rules }
    })
}

fn any_test(sets: &[Set]) -> impl Strategy<Value = Test> + use<> {
    let side = || prop::sample::select(vec![Side::Source, Side::Destination]);
    let in_set = (prop::sample::select(sets.to_vec()), side()).prop_map(|(set, side)| match set.elements {
        Elements::Ports(_) => Test::PortIn(side, set.name),
        Elements::V4(_) => Test::AddressIn(side, Family::V4, set.name),
        Elements::V6(_) => Test::AddressIn(side, Family::V6, set.name),
    });
    prop_oneof![
        in_set,
        any::<[bool; 3]>().prop_map(|[established, related, new]| {
            Test::State(States { established, related, new, invalid: !(established || related || new) })
        }),
        any::<u32>().prop_map(Test::ConnectionMark),
        prop::sample::select(vec![Hook::Input, Hook::Output]).prop_map(Test::Loopback),
        any::<u32>().prop_map(Test::Mark),
        prop::sample::select(vec![Family::V4, Family::V6]).prop_map(Test::Family),
        any::<u8>().prop_map(Test::Protocol),
        (side(), any::<[u16; 2]>()).prop_map(|(side, [a, b])| Test::Port(side, a.min(b), a.max(b))),
        (side(), any::<[u32; 2]>(), option::of(0_u32..=32)).prop_map(|(side, [a, b], prefix)| {
            let hosts = prefix.map(|length| u32::MAX.checked_shr(length).unwrap_or_default());
            let (first, last) = hosts.map_or((a.min(b), a.max(b)), |hosts| (a & !hosts, a | hosts));
            Test::V4(side, Ipv4Addr::from_bits(first), Ipv4Addr::from_bits(last))
        }),
        (side(), any::<[u128; 2]>(), option::of(0_u32..=128)).prop_map(|(side, [a, b], prefix)| {
            let hosts = prefix.map(|length| u128::MAX.checked_shr(length).unwrap_or_default());
            let (first, last) = hosts.map_or((a.min(b), a.max(b)), |hosts| (a & !hosts, a | hosts));
            Test::V6(side, Ipv6Addr::from_bits(first), Ipv6Addr::from_bits(last))
        }),
        any::<[u8; 2]>().prop_map(|[a, b]| Test::IcmpType(a.min(b), a.max(b))),
    ]
}

/// Apart from each other; often with the first key or the last.
fn ranges(max: u128) -> impl Strategy<Value = Vec<(u128, u128)>> {
    (btree_set(0..=max, 0..40), any::<[bool; 2]>()).prop_map(move |(mut keys, [has_first, has_last])| {
        keys.extend(has_first.then_some([0, 5]).into_iter().flatten());
        keys.extend(has_last.then_some([max - 5, max]).into_iter().flatten());
        apart(&keys)
    })
}

fn apart(keys: &BTreeSet<u128>) -> Vec<(u128, u128)> {
    let mut ranges = Vec::<(u128, u128)>::new();
    let mut keys = keys.iter().copied();
    while let Some(first) = keys.next() {
        // What stands alone at the end is a range of one.
        let last = keys.next().unwrap_or(first);
        if ranges.last().is_none_or(|before| first - before.1 > 1) {
            ranges.push((first, last));
        }
    }
    ranges
}

fn all<T>(ranges: &[(u128, u128)], one: impl Fn(u128) -> T) -> Vec<(T, T)> {
    ranges.iter().map(|(first, last)| (one(*first), one(*last))).collect()
}
