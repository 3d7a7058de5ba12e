//! Flows from before a policy.

use landmark_proto::firewall::{Direction, Exception, Level, Traffic};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::enforce::firewall::evaluate::{Packet, State, evaluate};
use crate::enforce::firewall::ground::Resolvers;
use crate::enforce::firewall::protocol::{TCP, UDP};
use crate::enforce::firewall::render::render;
use crate::enforce::firewall::ruleset::Verdict;
use crate::enforce::firewall::testing::{exception, ground, policy, policy_of, seed};

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn tuple(protocol: u8, source: (&str, u16), destination: (&str, u16)) -> Tuple {
    Tuple {
        source: address(source.0),
        destination: address(destination.0),
        protocol,
        source_port: source.1,
        destination_port: destination.1,
    }
}

fn turned(tuple: Tuple) -> Tuple {
    Tuple {
        source: tuple.destination,
        destination: tuple.source,
        protocol: tuple.protocol,
        source_port: tuple.destination_port,
        destination_port: tuple.source_port,
    }
}

/// Without NAT.
fn flow(original: Tuple) -> Flow {
    Flow { original, reply: turned(original), mark: 0 }
}

fn own() -> BTreeSet<IpAddr> {
    ["192.168.7.1", "192.0.2.7", "fe80::7:1"].map(address).into()
}

proptest! {
    #[test]
    fn a_flow_is_cut_exactly_if_its_first_packet_would_be_dropped(
        policy in policy(), ground in ground(), seeds in vec(seed(), 40),
    ) {
        let ruleset = render(&policy, &ground).ruleset;
        for seed in seeds {
            // Of discovery no connections are made; 128 asks for an echo.
            let packet = Packet { icmp_type: 128, state: State::New, ..seed.packet(&policy, &ground) };
            // From the edge of a range, and nobody whom this machine could meet.
            if packet.connection().remote.is_loopback() {
                continue;
            }
            let original = Tuple {
                source: packet.source,
                destination: packet.destination,
                protocol: packet.protocol,
                source_port: packet.source_port,
                destination_port: packet.destination_port,
            };
            let is_dropped = evaluate(&ruleset, &packet).verdict == Verdict::Drop;
            for mark in [0, 7, CUT_MARK, OWN_MARK] {
                let expected = match (mark, is_dropped) {
                    (0 | 7, true) => Treatment::Cut,
                    (CUT_MARK, false) => Treatment::Restore,
                    _ => Treatment::Leave,
                };
                let treatment = treat(&policy, &ground, &own(), &Flow { mark, ..flow(original) });
                prop_assert_eq!(treatment, expected, "{:?} {:#x}", packet, mark);
            }
        }
    }
}

fn allow(direction: Direction, port: &str, remotes: &str) -> Exception {
    let exception = exception("E", Action::Allow, direction, Traffic::Tcp(port.parse().unwrap()));
    Exception { remotes: remotes.parse().unwrap(), ..exception }
}

#[test]
fn with_nat_it_is_the_servers_port_and_the_real_remote_that_count() {
    let high = |exception| policy_of(Level::High, Mode::Enforce, vec![exception]);
    let treated = |policy: &Policy, flow: &Flow| treat(policy, &Ground::default(), &own(), flow);
    // Port 80 of this machine is turned to its port 8080.
    let inbound = Flow {
        original: tuple(TCP, ("198.51.100.1", 40_000), ("192.0.2.7", 80)),
        reply: tuple(TCP, ("192.168.7.1", 8_080), ("198.51.100.1", 40_000)),
        mark: 0,
    };
    assert_eq!(treated(&high(allow(Direction::Inbound, "8080", "198.51.100.1")), &inbound), Treatment::Leave);
    assert_eq!(treated(&high(allow(Direction::Inbound, "80", "all")), &inbound), Treatment::Cut);
    assert_eq!(treated(&high(allow(Direction::Outbound, "8080", "all")), &inbound), Treatment::Cut);
    // Who is let in under another address (NAT of the source, of what comes in) was seen by the rules under its own.
    let masked = Flow { reply: tuple(TCP, ("192.168.7.1", 8_080), ("10.99.0.1", 40_000)), ..inbound };
    assert_eq!(treated(&high(allow(Direction::Inbound, "8080", "198.51.100.1")), &masked), Treatment::Leave);
    assert_eq!(treated(&high(allow(Direction::Inbound, "8080", "10.99.0.1")), &masked), Treatment::Cut);
    // What this machine sends to one address goes to another one, and from another port.
    let outbound = Flow {
        original: tuple(TCP, ("192.0.2.7", 40_000), ("203.0.113.1", 443)),
        reply: tuple(TCP, ("198.51.100.9", 8_443), ("192.0.2.7", 50_000)),
        mark: 0,
    };
    assert_eq!(
        treated(&high(allow(Direction::Outbound, "8443", "198.51.100.9")), &outbound),
        Treatment::Leave
    );
    assert_eq!(treated(&high(allow(Direction::Outbound, "443", "203.0.113.1")), &outbound), Treatment::Cut);
}

#[test]
fn flows_that_are_local_or_forwarded_are_left_whatever_their_mark() {
    let policy = policy_of(Level::High, Mode::Enforce, Vec::new());
    for (original, reply) in [
        (tuple(TCP, ("127.0.0.1", 1), ("127.0.0.53", 53)), None),
        (tuple(TCP, ("192.0.2.7", 1), ("192.168.7.1", 80)), None),
        (tuple(TCP, ("10.0.0.1", 1), ("10.0.0.2", 80)), None),
        // A container behind this machine's address, and a port of this machine's that a container serves.
        (
            tuple(TCP, ("172.17.0.2", 1), ("10.0.0.2", 80)),
            Some(tuple(TCP, ("10.0.0.2", 80), ("192.0.2.7", 1))),
        ),
        (
            tuple(TCP, ("10.0.0.2", 1), ("192.0.2.7", 80)),
            Some(tuple(TCP, ("172.17.0.2", 80), ("10.0.0.2", 1))),
        ),
    ] {
        for mark in [0, CUT_MARK] {
            let flow = Flow { original, reply: reply.unwrap_or(turned(original)), mark };
            assert_eq!(treat(&policy, &Ground::default(), &own(), &flow), Treatment::Leave, "{flow:?}");
        }
    }
}

#[test]
fn what_always_passes_is_never_cut() {
    let policy = policy_of(Level::High, Mode::Enforce, Vec::new());
    let ground = Ground { resolvers: Resolvers::These(vec![address("192.0.2.53")]), ..Ground::default() };
    let treated = |original| treat(&policy, &ground, &own(), &flow(original));
    for (original, expected) in [
        (tuple(UDP, ("192.0.2.7", 40_000), ("192.0.2.53", 53)), Treatment::Leave),
        (tuple(TCP, ("192.0.2.7", 40_000), ("192.0.2.53", 53)), Treatment::Leave),
        (tuple(UDP, ("192.0.2.7", 40_000), ("192.0.2.54", 53)), Treatment::Cut),
        (tuple(UDP, ("192.0.2.53", 40_000), ("192.0.2.7", 53)), Treatment::Cut),
        (tuple(UDP, ("192.0.2.7", 68), ("192.0.2.1", 67)), Treatment::Leave),
        (tuple(UDP, ("192.0.2.1", 68), ("192.0.2.7", 67)), Treatment::Cut),
    ] {
        assert_eq!(treated(original), expected, "{original:?}");
    }
    // A name server that is new: what was cut as somebody else's is restored.
    let cut = Flow { mark: CUT_MARK, ..flow(tuple(UDP, ("192.0.2.7", 40_000), ("192.0.2.53", 53))) };
    assert_eq!(treat(&policy, &ground, &own(), &cut), Treatment::Restore);
}

#[test]
fn a_policy_that_only_observes_cuts_nothing_and_restores_what_another_one_cut() {
    let policy = policy_of(Level::High, Mode::Observe, Vec::new());
    let treated = |mark| {
        let original = tuple(TCP, ("198.51.100.1", 40_000), ("192.0.2.7", 80));
        treat(&policy, &Ground::default(), &own(), &Flow { mark, ..flow(original) })
    };
    assert_eq!(treated(0), Treatment::Leave);
    assert_eq!(treated(CUT_MARK), Treatment::Restore);
}
