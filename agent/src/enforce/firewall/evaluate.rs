//! What the kernel does with a packet, as a small model: the first rule whose tests all pass acts. Only for tests.

use std::net::IpAddr;

use super::ruleset::{Action, Chain, Elements, Family, Hook, Ruleset, Side, States, Test, Verdict};

/// A packet at a hook.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet {
    pub(crate) hook: Hook,
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) protocol: u8,
    /// Of protocols that have ports.
    pub(crate) source_port: u16,
    /// Of protocols that have ports.
    pub(crate) destination_port: u16,
    /// Of ICMP and ICMPv6.
    pub(crate) icmp_type: u8,
    pub(crate) state: State,
    /// Of its connection.
    pub(crate) connection_mark: u32,
    pub(crate) mark: u32,
    pub(crate) is_loopback: bool,
}

/// Of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    New,
    Established,
    Related,
    Invalid,
    /// As neighbour discovery is.
    Untracked,
}

/// What becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) verdict: Verdict,
    /// Chain and place of the rule that decided; `None`: the policy of the base chain did.
    pub(crate) decided: Option<(String, usize)>,
    /// Chain and place of the rules that counted it.
    pub(crate) counted: Vec<(String, usize)>,
    /// Of its connection, afterwards.
    pub(crate) connection_mark: u32,
}

pub(crate) fn evaluate(ruleset: &Ruleset, packet: &Packet) -> Outcome {
    let base = |chain: &&Chain| chain.base.is_some_and(|base| base.hook == packet.hook);
    let mut bases = ruleset.chains.iter().filter(base);
    let (chain, None) = (bases.next().expect("a base chain"), bases.next()) else {
        panic!("two base chains")
    };
    let mut outcome = Outcome {
        verdict: chain.base.unwrap().policy,
        decided: None,
        counted: Vec::new(),
        connection_mark: packet.connection_mark,
    };
    if let Some(verdict) = walk(ruleset, chain, packet, &mut outcome) {
        outcome.verdict = verdict;
    }
    outcome
}

/// `None`: the chain has ended without a decision.
fn walk(ruleset: &Ruleset, chain: &Chain, packet: &Packet, outcome: &mut Outcome) -> Option<Verdict> {
    for (place, rule) in chain.rules.iter().enumerate() {
        if !rule.tests.iter().all(|test| passes(ruleset, test, packet)) {
            continue;
        }
        let here = (chain.name.clone(), place);
        if rule.is_counted {
            outcome.counted.push(here.clone());
        }
        match &rule.action {
            Action::Verdict(verdict) => {
                outcome.decided = Some(here);
                return Some(*verdict);
            }
            Action::AcceptMarked => {
                outcome.decided = Some(here);
                outcome.connection_mark = packet.mark;
                return Some(Verdict::Accept);
            }
            Action::Jump(name) => {
                if let Some(verdict) = walk(ruleset, named(ruleset, name), packet, outcome) {
                    return Some(verdict);
                }
            }
            Action::Goto(name) => return walk(ruleset, named(ruleset, name), packet, outcome),
        }
    }
    None
}

fn passes(ruleset: &Ruleset, test: &Test, packet: &Packet) -> bool {
    match test {
        Test::State(states) => is_in(*states, packet.state),
        Test::ConnectionMark(mark) => packet.connection_mark == *mark,
        Test::Loopback(hook) => {
            assert_eq!(*hook, packet.hook, "an interface of the other direction");
            packet.is_loopback
        }
        Test::Mark(mark) => packet.mark == *mark,
        Test::Family(Family::V4) => packet.destination.is_ipv4(),
        Test::Family(Family::V6) => packet.destination.is_ipv6(),
        Test::Protocol(protocol) => packet.protocol == *protocol,
        Test::Port(side, first, last) => (*first..=*last).contains(&port(packet, *side)),
        Test::V4(side, first, last) => is_between(packet, *side, (*first).into(), (*last).into()),
        Test::V6(side, first, last) => is_between(packet, *side, (*first).into(), (*last).into()),
        Test::IcmpType(first, last) => (*first..=*last).contains(&packet.icmp_type),
        Test::PortIn(side, name) | Test::AddressIn(side, _, name) => {
            let set = ruleset.sets.iter().find(|set| set.name == *name).expect("a set");
            match &set.elements {
                Elements::Ports(ranges) => {
                    ranges.iter().any(|(first, last)| (*first..=*last).contains(&port(packet, *side)))
                }
                Elements::V4(ranges) => ranges
                    .iter()
                    .any(|(first, last)| is_between(packet, *side, (*first).into(), (*last).into())),
                Elements::V6(ranges) => ranges
                    .iter()
                    .any(|(first, last)| is_between(packet, *side, (*first).into(), (*last).into())),
            }
        }
    }
}

fn is_in(states: States, state: State) -> bool {
    match state {
        State::New => states.new,
        State::Established => states.established,
        State::Related => states.related,
        State::Invalid => states.invalid,
        State::Untracked => false,
    }
}

fn port(packet: &Packet, side: Side) -> u16 {
    match side {
        Side::Source => packet.source_port,
        Side::Destination => packet.destination_port,
    }
}

fn is_between(packet: &Packet, side: Side, first: IpAddr, last: IpAddr) -> bool {
    let address = match side {
        Side::Source => packet.source,
        Side::Destination => packet.destination,
    };
    address.is_ipv4() == first.is_ipv4() && (first..=last).contains(&address)
}

fn named<'a>(ruleset: &'a Ruleset, name: &str) -> &'a Chain {
    ruleset.chains.iter().find(|chain| chain.name == name).expect("a chain")
}
