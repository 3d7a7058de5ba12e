//! What is rendered means what the policy says, packet by packet.

use std::collections::HashSet;
use std::net::IpAddr;

use landmark_proto::firewall::ruling::rule as ruled;
use landmark_proto::firewall::{Direction, Exceptions, Level, PortSet};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::enforce::firewall::evaluate::{Outcome, Packet, State, evaluate};
use crate::enforce::firewall::ground::Resolvers;
use crate::enforce::firewall::protocol::IGMP;
use crate::enforce::firewall::ruleset::Elements;
use crate::enforce::firewall::testing::{exception, ground, policy, policy_of, seed};

/// What a policy cannot forbid, said once more and in other words.
fn always_passes(packet: &Packet, ground: &Ground) -> bool {
    let Packet { hook, source, destination, protocol, source_port, destination_port, icmp_type, .. } =
        *packet;
    let from_neighbour = source.to_string().starts_with("fe80:");
    match (hook, protocol, source_port, destination_port) {
        (Hook::Output, 17, 68, 67) | (Hook::Input, 17, 67, 68) if source.is_ipv4() => true,
        (Hook::Output, 17, 546, 547) | (Hook::Input, 17, 547, 546) if from_neighbour => true,
        (Hook::Output, 17 | 6, _, 53) | (Hook::Output, 6, _, 853)
            if ground.resolvers.contains(destination) =>
        {
            true
        }
        (_, 2, _, _) => source.is_ipv4(),
        (_, 58, _, _) if source.is_ipv6() => {
            [130, 131, 132, 133, 134, 135, 136, 137, 143].contains(&icmp_type)
        }
        _ => false,
    }
}

fn counted<'a>(rendered: &'a Rendered, outcome: &Outcome) -> Vec<&'a Counter> {
    let is_counted = |counter: &&Counter| outcome.counted.contains(&(counter.chain.clone(), counter.rule));
    rendered.counters.iter().filter(is_counted).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_is_rendered_does_what_the_policy_says(
        policy in policy(), ground in ground(), seeds in vec(seed(), 60),
    ) {
        let rendered = render(&policy, &ground);
        for seed in seeds {
            let packet = seed.packet(&policy, &ground);
            let outcome = evaluate(&rendered.ruleset, &packet);
            let counted = counted(&rendered, &outcome);
            if always_passes(&packet, &ground) {
                prop_assert_eq!(outcome.verdict, Verdict::Accept, "{:?}", packet);
                prop_assert!(counted.is_empty(), "{:?}", packet);
                continue;
            }
            let ruling = ruled(&policy, &packet.connection(), |name| ground.addresses(name));
            let is_dropped = policy.mode == Mode::Enforce && ruling.action == firewall::Action::Block;
            let verdict = if is_dropped { Verdict::Drop } else { Verdict::Accept };
            prop_assert_eq!(outcome.verdict, verdict, "{:?} {:?}", packet, ruling);
            prop_assert_eq!(counted.len(), 1, "{:?} {:?}", packet, counted);
            let decided_by = ruling.exception.map_or(DecidedBy::Level, DecidedBy::Exception);
            prop_assert_eq!(counted[0].decided_by, decided_by);
            prop_assert_eq!(counted[0].flow, packet.connection().flow);
            prop_assert_eq!(counted[0].action, ruling.action);
            prop_assert_eq!(outcome.decided, outcome.counted.first().cloned());
        }
    }

    #[test]
    fn replies_loopback_and_the_agents_own_pass_and_cut_flows_do_not(
        policy in policy(), ground in ground(), seeds in vec(seed(), 20),
    ) {
        let Rendered { ruleset, .. } = render(&policy, &ground);
        for seed in seeds {
            let packet = seed.packet(&policy, &ground);
            for state in [State::Established, State::Related] {
                let outcome = evaluate(&ruleset, &Packet { state, ..packet });
                prop_assert_eq!(outcome.verdict, Verdict::Accept);
                let outcome = evaluate(&ruleset, &Packet { state, connection_mark: CUT_MARK, ..packet });
                let is_enforced = policy.mode == Mode::Enforce;
                prop_assert_eq!(outcome.verdict == Verdict::Drop, is_enforced);
                prop_assert!(outcome.counted.is_empty());
            }
            let outcome = evaluate(&ruleset, &Packet { is_loopback: true, ..packet });
            prop_assert_eq!(outcome.verdict, Verdict::Accept);
            if packet.hook == Hook::Output {
                let outcome = evaluate(&ruleset, &Packet { mark: OWN_MARK, ..packet });
                prop_assert_eq!((outcome.verdict, outcome.connection_mark), (Verdict::Accept, OWN_MARK));
            }
        }
    }

    #[test]
    fn what_is_rendered_is_well_formed_and_always_the_same(policy in policy(), ground in ground()) {
        let rendered = render(&policy, &ground);
        check(&rendered);
        prop_assert_eq!(render(&policy, &ground), rendered);
    }
}

/// What the kernel, the codec and the reader of what stands rely on.
fn check(rendered: &Rendered) {
    let Rendered { ruleset: Ruleset { sets, chains }, counters } = rendered;
    assert!(sets.is_sorted_by(|one, other| one.name < other.name), "{sets:?}");
    assert!(chains.is_sorted_by(|one, other| one.name < other.name), "{chains:?}");
    let distinct: HashSet<&Elements> = sets.iter().map(|set| &set.elements).collect();
    assert_eq!(distinct.len(), sets.len(), "two sets with the same elements");
    for set in sets {
        assert!(set.name.len() <= 31);
        let is_apart = match &set.elements {
            Elements::Ports(ranges) => {
                ranges.len() > 1 && ranges.is_sorted_by(|one, other| u32::from(one.1) + 1 < other.0.into())
            }
            Elements::V4(ranges) => {
                let far = |one: u32, other: u32| u64::from(one) + 1 < other.into();
                ranges.len() > 1 && ranges.is_sorted_by(|one, other| far(one.1.into(), other.0.into()))
            }
            Elements::V6(ranges) => {
                let far = |one: u128, other: u128| one.saturating_add(1) < other;
                ranges.len() > 1 && ranges.is_sorted_by(|one, other| far(one.1.into(), other.0.into()))
            }
        };
        assert!(is_apart, "{set:?}");
    }
    let mut used = HashSet::new();
    for rule in chains.iter().flat_map(|chain| &chain.rules) {
        assert!(rule.comment.len() <= MAX_COMMENT);
        for (index, test) in rule.tests.iter().enumerate() {
            let before = &rule.tests[..index];
            let needed = match test {
                Test::Port(..) | Test::PortIn(..) => vec![Test::Protocol(TCP), Test::Protocol(UDP)],
                Test::IcmpType(..) => vec![Test::Protocol(ICMPV6)],
                Test::V4(..) | Test::AddressIn(_, Family::V4, _) => vec![Test::Family(Family::V4)],
                Test::V6(..) | Test::AddressIn(_, Family::V6, _) => vec![Test::Family(Family::V6)],
                Test::State(_) | Test::ConnectionMark(_) | Test::Loopback(_) | Test::Mark(_) => continue,
                Test::Family(_) | Test::Protocol(_) => continue,
            };
            assert!(needed.iter().any(|needed| before.contains(needed)), "{rule:?}");
            if let Test::PortIn(_, name) | Test::AddressIn(_, _, name) = test {
                used.insert(name);
            }
        }
    }
    assert_eq!(used.len(), sets.len(), "a set that no rule uses");
    let n_counted = chains.iter().flat_map(|chain| &chain.rules).filter(|rule| rule.is_counted).count();
    assert_eq!(counters.len(), n_counted);
    for counter in counters {
        let chain = chains.iter().find(|chain| chain.name == counter.chain).unwrap();
        assert!(chain.rules[counter.rule].is_counted);
    }
}

fn packet(hook: Hook, protocol: u8, from: &str, to: &str, (source, destination): (u16, u16)) -> Packet {
    Packet {
        hook,
        source: from.parse().unwrap(),
        destination: to.parse().unwrap(),
        protocol,
        source_port: source,
        destination_port: destination,
        icmp_type: 0,
        state: State::New,
        connection_mark: 0,
        mark: 0,
        is_loopback: false,
    }
}

fn block_all() -> Policy {
    let block = exception("no!", firewall::Action::Block, Direction::Both, Traffic::All);
    policy_of(Level::High, Mode::Enforce, vec![block])
}

fn resolved(texts: &[&str]) -> Ground {
    let resolvers: Vec<IpAddr> = texts.iter().map(|text| text.parse().unwrap()).collect();
    Ground { resolvers: Resolvers::These(resolvers), ..Ground::default() }
}

#[test]
fn no_policy_cuts_a_machine_off_from_its_address_neighbours_and_names() {
    let ground = resolved(&["192.0.2.53", "192.0.2.99", "2001:db8::53"]);
    let Rendered { ruleset, .. } = render(&block_all(), &ground);
    let udp = |hook, from, to, ports| packet(hook, UDP, from, to, ports);
    let discovery =
        |hook, icmp_type| Packet { icmp_type, ..packet(hook, ICMPV6, "fe80::7", "ff02::1", (0, 0)) };
    let (input, output) = (Hook::Input, Hook::Output);
    let mut passing = vec![
        udp(output, "0.0.0.0", "255.255.255.255", (68, 67)),
        udp(input, "192.0.2.1", "255.255.255.255", (67, 68)),
        udp(output, "fe80::7", "ff02::1:2", (546, 547)),
        udp(input, "fe80::1", "fe80::7", (547, 546)),
        udp(output, "192.0.2.7", "192.0.2.53", (40_000, 53)),
        packet(output, TCP, "192.0.2.7", "192.0.2.99", (40_000, 53)),
        packet(output, TCP, "192.0.2.7", "192.0.2.99", (40_000, 853)),
        packet(output, IGMP, "192.0.2.7", "224.0.0.22", (0, 0)),
        packet(input, IGMP, "192.0.2.1", "224.0.0.1", (0, 0)),
        udp(output, "2001:db8::7", "2001:db8::53", (40_000, 53)),
    ];
    for icmp_type in [130, 131, 132, 133, 134, 135, 136, 137, 143] {
        passing.extend([discovery(input, icmp_type), discovery(output, icmp_type)]);
    }
    for packet in passing {
        assert_eq!(evaluate(&ruleset, &packet).verdict, Verdict::Accept, "{packet:?}");
    }
    for packet in [
        udp(input, "192.0.2.1", "192.0.2.7", (68, 67)),
        udp(output, "192.0.2.7", "192.0.2.1", (67, 68)),
        udp(input, "2001:db8::1", "fe80::7", (547, 546)),
        udp(output, "192.0.2.7", "192.0.2.54", (40_000, 53)),
        udp(input, "192.0.2.53", "192.0.2.7", (40_000, 53)),
        udp(output, "192.0.2.7", "192.0.2.53", (40_000, 853)),
        discovery(input, 128),
        discovery(output, 138),
    ] {
        assert_eq!(evaluate(&ruleset, &packet).verdict, Verdict::Drop, "{packet:?}");
    }
}

#[test]
fn a_resolver_that_does_not_say_whom_it_asks_may_ask_anyone() {
    let ground = Ground { resolvers: Resolvers::Any, ..Ground::default() };
    let Rendered { ruleset, .. } = render(&block_all(), &ground);
    let verdict = |packet: Packet| evaluate(&ruleset, &packet).verdict;
    for to in ["198.51.100.53", "192.0.2.53"] {
        assert_eq!(verdict(packet(Hook::Output, UDP, "192.0.2.7", to, (40_000, 53))), Verdict::Accept);
        assert_eq!(verdict(packet(Hook::Output, TCP, "192.0.2.7", to, (40_000, 853))), Verdict::Accept);
        assert_eq!(verdict(packet(Hook::Output, TCP, "192.0.2.7", to, (40_000, 443))), Verdict::Drop);
    }
}

#[test]
fn names_without_an_address_give_no_rule() {
    let with = |remotes: &str, action| {
        let exception = exception("E", action, Direction::Both, Traffic::All);
        Exception { remotes: remotes.parse().unwrap(), ..exception }
    };
    for action in [firewall::Action::Allow, firewall::Action::Block] {
        let policy = policy_of(Level::Medium, Mode::Enforce, vec![with("files.example", action)]);
        let without = policy_of(Level::Medium, Mode::Enforce, Vec::new());
        let ground = Ground::default();
        assert_eq!(render(&policy, &ground), render(&without, &ground));
    }
}

#[test]
fn a_long_name_is_cut_between_two_characters() {
    let name = "a".to_owned() + &"ä".repeat(63);
    let exception = exception(&name, firewall::Action::Allow, Direction::Inbound, Traffic::Icmp);
    let Rendered { ruleset, counters } =
        render(&policy_of(Level::High, Mode::Enforce, vec![exception]), &Ground::default());
    let Counter { chain, rule, .. } =
        counters.iter().find(|counter| counter.decided_by == DecidedBy::Exception(0)).unwrap();
    let chain = ruleset.chains.iter().find(|one| one.name == *chain).unwrap();
    assert_eq!(chain.rules[*rule].comment, "a".to_owned() + &"ä".repeat(59));
}

#[test]
fn a_thousand_exceptions_give_few_rules_sets_and_chains() {
    let numbers = |exceptions: Vec<Exception>| {
        let policy = policy_of(Level::High, Mode::Enforce, exceptions);
        let rendered = render(&policy, &resolved(&["192.0.2.53", "2001:db8::53"]));
        check(&rendered);
        let Ruleset { sets, chains } = rendered.ruleset;
        let n_rules: usize = chains.iter().map(|chain| chain.rules.len()).sum();
        (sets.len(), chains.len(), n_rules)
    };
    let max = Exceptions::MAX;
    let (_, n_chains, n_fixed) = numbers(Vec::new());
    assert_eq!((n_chains, n_fixed), (6, 33));
    let exceptions =
        |direction, traffic: &dyn Fn(PortSet) -> Traffic, ports: &dyn Fn(usize) -> String, remotes: &str| {
            let one = |index: usize| {
                let traffic = traffic(ports(index).parse().unwrap());
                let name = format!("E{index}");
                let exception = exception(&name, firewall::Action::Allow, direction, traffic);
                Exception { remotes: remotes.parse().unwrap(), ..exception }
            };
            (0..max).map(one).collect::<Vec<_>>()
        };
    // One port from everywhere: one rule each, and no set.
    let port = |index: usize| (index + 1).to_string();
    let plain = exceptions(Direction::Inbound, &Traffic::Tcp, &port, "all");
    assert_eq!(numbers(plain), (0, 6, n_fixed + max));
    // The worst: all of them of two protocols, in both directions, with addresses of both families, and no two alike.
    let ports = |index: usize| format!("{},{}", index + 1, index + 2_003);
    let lists = exceptions(Direction::Both, &Traffic::TcpUdp, &ports, "10.0.0.1,10.0.0.3,::1,::3");
    assert_eq!(numbers(lists), (max + 2, 6, n_fixed + 8 * max));
    // Without a protocol they stand in each of the three chains of a direction.
    let any = exceptions(Direction::Both, &|_| Traffic::All, &ports, "10.0.0.1,::1");
    assert_eq!(numbers(any), (0, 6, n_fixed + 12 * max));
}

#[test]
fn with_nothing_to_enforce_everything_passes_and_flows_become_known() {
    let base = base();
    for hook in [Hook::Input, Hook::Output] {
        for connection_mark in [0, CUT_MARK] {
            let packet = Packet { connection_mark, ..packet(hook, TCP, "192.0.2.1", "192.0.2.7", (1, 2)) };
            assert_eq!(evaluate(&base, &packet).verdict, Verdict::Accept);
        }
    }
    let asks_for_connections =
        |chain: &Chain| chain.rules.iter().any(|rule| matches!(rule.tests.as_slice(), [Test::State(_)]));
    assert!(base.chains.iter().all(asks_for_connections));
    let own = Packet { mark: OWN_MARK, ..packet(Hook::Output, TCP, "192.0.2.7", "192.0.2.1", (1, 2)) };
    assert_eq!(evaluate(&base, &own).connection_mark, OWN_MARK);
}
