use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::enforce::firewall::ruleset::Hook;

/// Any rule that can be said, whether it makes sense or not.
pub(crate) fn any_rule() -> impl Strategy<Value = Rule> {
    let action = prop_oneof![
        any::<bool>().prop_map(|is_accept| Action::Verdict(if is_accept {
            Verdict::Accept
        } else {
            Verdict::Drop
        })),
        Just(Action::AcceptMarked),
        "[a-z]{1,8}".prop_map(Action::Jump),
        "[a-z]{1,8}".prop_map(Action::Goto),
    ];
    (vec(any_test(), 0..6), any::<bool>(), action, "[a-zA-Z0-9 .:/-]{0,120}")
        .prop_map(|(tests, is_counted, action, comment)| Rule { tests, is_counted, action, comment })
}

fn any_test() -> impl Strategy<Value = Test> {
    let side =
        || any::<bool>().prop_map(|is_source| if is_source { Side::Source } else { Side::Destination });
    let family = || any::<bool>().prop_map(|is_v4| if is_v4 { Family::V4 } else { Family::V6 });
    prop_oneof![
        (1_u32..16).prop_map(|bits| Test::State(states(bits).unwrap())),
        any::<u32>().prop_map(Test::ConnectionMark),
        any::<bool>().prop_map(|is_input| Test::Loopback(if is_input { Hook::Input } else { Hook::Output })),
        any::<u32>().prop_map(Test::Mark),
        family().prop_map(Test::Family),
        any::<u8>().prop_map(Test::Protocol),
        (side(), any::<[u16; 2]>()).prop_map(|(side, [a, b])| Test::Port(side, a.min(b), a.max(b))),
        (side(), "[a-z0-9-]{1,31}").prop_map(|(side, set)| Test::PortIn(side, set)),
        (side(), any::<[u32; 2]>(), option::of(0_u32..=32)).prop_map(|(side, [a, b], prefix)| {
            let (first, last) = match prefix {
                Some(length) => {
                    let hosts = u32::MAX.checked_shr(length).unwrap_or_default();
                    (a & !hosts, a | hosts)
                }
                None => (a.min(b), a.max(b)),
            };
            Test::V4(side, Ipv4Addr::from_bits(first), Ipv4Addr::from_bits(last))
        }),
        (side(), any::<[u128; 2]>(), option::of(0_u32..=128)).prop_map(|(side, [a, b], prefix)| {
            let (first, last) = match prefix {
                Some(length) => {
                    let hosts = u128::MAX.checked_shr(length).unwrap_or_default();
                    (a & !hosts, a | hosts)
                }
                None => (a.min(b), a.max(b)),
            };
            Test::V6(side, Ipv6Addr::from_bits(first), Ipv6Addr::from_bits(last))
        }),
        (side(), family(), "[a-z0-9-]{1,31}")
            .prop_map(|(side, family, set)| Test::AddressIn(side, family, set)),
        any::<[u8; 2]>().prop_map(|[a, b]| Test::IcmpType(a.min(b), a.max(b))),
    ]
}

fn rule(tests: Vec<Test>) -> Rule {
    Rule { tests, is_counted: false, action: Action::Verdict(Verdict::Drop), comment: String::new() }
}

proptest! {
    #[test]
    fn every_rule_is_recognised(rule in any_rule()) {
        let found = recognise(steps(&rule), rule.comment.clone());
        prop_assert_eq!(found, Ok((rule, Count::default())));
    }
}

#[test]
fn a_prefix_is_said_with_a_mask_and_another_range_with_its_ends() {
    let addresses = |first: &str, last: &str| {
        let test = Test::V4(Side::Source, first.parse().unwrap(), last.parse().unwrap());
        steps(&rule(vec![test]))[1].clone()
    };
    assert_eq!(addresses("10.0.0.0", "10.127.255.255"), Expression::Mask(vec![255, 128, 0, 0]));
    let at_least = |first: [u8; 4]| Expression::Compare(Relation::AtLeast, first.to_vec());
    assert_eq!(addresses("10.0.0.1", "10.127.255.255"), at_least([10, 0, 0, 1]));
    assert_eq!(addresses("10.0.0.0", "10.0.0.2"), at_least([10, 0, 0, 0]));
    assert_eq!(addresses("0.0.0.0", "255.255.255.255"), at_least([0; 4]), "a mask of nothing tests nothing");
    let one = Expression::Compare(Relation::Equal, vec![10, 0, 0, 1]);
    assert_eq!(addresses("10.0.0.1", "10.0.0.1"), one);
}

#[test]
fn what_we_do_not_write_is_strange() {
    let drop = Expression::Decide(Decision::Verdict(Verdict::Drop));
    let mark = Expression::Load(Field::Mark);
    let is = |value: &[u8]| Expression::Compare(Relation::Equal, value.to_vec());
    let state = Expression::Load(Field::State);
    let count = Expression::Count(Count::default());
    for (what, strange) in [
        ("nothing is decided", vec![]),
        ("something follows", vec![drop.clone(), drop.clone()]),
        ("a comparison without anything to compare", vec![is(&[1]), drop.clone()]),
        ("a mark of another width", vec![mark.clone(), is(&[1]), drop.clone()]),
        ("a mark and a drop", vec![mark.clone(), Expression::MarkConnection, drop.clone()]),
        ("a test behind a counter", vec![count, mark, is(&[0; 4]), drop.clone()]),
        (
            "a state that is not known",
            vec![
                state.clone(),
                Expression::Mask(64_u32.to_ne_bytes().to_vec()),
                Expression::Compare(Relation::NotEqual, vec![0; 4]),
                drop.clone(),
            ],
        ),
        ("a state that is all", vec![state, is(&2_u32.to_ne_bytes()), drop]),
    ] {
        assert!(recognise(strange, String::new()).is_err(), "{what}");
    }
}
