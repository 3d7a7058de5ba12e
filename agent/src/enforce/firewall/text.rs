//! A ruleset in words close to those of `nft list table`, for people who compare the two.

use std::fmt::Display;
use std::net::IpAddr;

use landmark_proto::firewall::remote::AddressRange;

use super::protocol::{ICMP, ICMPV6, IGMP, TCP, UDP};
use super::ruleset::{
    Action, Chain, Elements, Family, Hook, Rule, Ruleset, Set, Side, States, TABLE, Test, Verdict,
};

const INDENT: &str = "    ";

/// The whole table.
pub fn ruleset(ruleset: &Ruleset) -> String {
    let mut text = format!("table inet {TABLE} {{\n");
    for line in ruleset.sets.iter().map(set).chain(ruleset.chains.iter().flat_map(chain)) {
        text.push_str(INDENT);
        text.push_str(&line);
        text.push('\n');
    }
    text.push_str("}\n");
    text
}

/// A set, on one line.
pub fn set(set: &Set) -> String {
    let Set { name, elements } = set;
    let (kind, elements): (_, Vec<String>) = match elements {
        Elements::Ports(ranges) => {
            ("inet_service", ranges.iter().map(|(first, last)| range(first, last)).collect())
        }
        Elements::V4(ranges) => {
            let addresses = ranges.iter().map(|(first, last)| addresses((*first).into(), (*last).into()));
            ("ipv4_addr", addresses.collect())
        }
        Elements::V6(ranges) => {
            let addresses = ranges.iter().map(|(first, last)| addresses((*first).into(), (*last).into()));
            ("ipv6_addr", addresses.collect())
        }
    };
    let elements = elements.join(", ");
    let elements = if elements.is_empty() { String::new() } else { format!(" elements = {{ {elements} }};") };
    format!("set {name} {{ type {kind}; flags interval;{elements} }}")
}

/// A chain: its head, a line for each rule, and its end.
pub fn chain(chain: &Chain) -> Vec<String> {
    let Chain { name, base, rules } = chain;
    let mut lines = vec![format!("chain {name} {{")];
    if let Some(base) = base {
        let hook = match base.hook {
            Hook::Input => "input",
            Hook::Output => "output",
        };
        let policy = verdict(base.policy);
        lines.push(format!("{INDENT}type filter hook {hook} priority filter; policy {policy};"));
    }
    lines.extend(rules.iter().map(|one| format!("{INDENT}{}", rule(one))));
    lines.push("}".to_owned());
    lines
}

/// A rule: what it tests, whether it counts, what it does, and for what.
pub fn rule(rule: &Rule) -> String {
    let Rule { tests, is_counted, action, comment } = rule;
    let mut words = Vec::new();
    let mut protocol = None;
    for (index, test) in tests.iter().enumerate() {
        let later = tests.get(index + 1..).unwrap_or_default();
        match test {
            Test::Protocol(number) => {
                protocol = Some(*number);
                // The next test names it too.
                if !later.iter().any(is_of_protocol) {
                    words.push(format!("meta l4proto {}", protocol_word(*number)));
                }
            }
            Test::Family(family) => {
                if !later.iter().any(|test| is_of_family(test, *family)) {
                    let word = match family {
                        Family::V4 => "ipv4",
                        Family::V6 => "ipv6",
                    };
                    words.push(format!("meta nfproto {word}"));
                }
            }
            Test::State(_)
            | Test::ConnectionMark(_)
            | Test::Loopback(_)
            | Test::Mark(_)
            | Test::Port(..)
            | Test::PortIn(..)
            | Test::V4(..)
            | Test::V6(..)
            | Test::AddressIn(..)
            | Test::IcmpType(..) => words.push(tested(test, protocol)),
        }
    }
    if *is_counted {
        words.push("counter".to_owned());
    }
    words.push(match action {
        Action::Verdict(what) => verdict(*what).to_owned(),
        Action::AcceptMarked => "ct mark set meta mark accept".to_owned(),
        Action::Jump(name) => format!("jump {name}"),
        Action::Goto(name) => format!("goto {name}"),
    });
    if !comment.is_empty() {
        words.push(format!("comment {comment:?}"));
    }
    words.join(" ")
}

/// A test that stands for itself; `protocol` is that of the tests before it.
fn tested(test: &Test, protocol: Option<u8>) -> String {
    let protocol = protocol.map_or_else(|| "th".to_owned(), protocol_word);
    match test {
        Test::State(states) => format!("ct state {}", states_word(*states)),
        Test::ConnectionMark(mark) => format!("ct mark {mark:#010x}"),
        Test::Mark(mark) => format!("meta mark {mark:#010x}"),
        Test::Loopback(Hook::Input) => "meta iiftype loopback".to_owned(),
        Test::Loopback(Hook::Output) => "meta oiftype loopback".to_owned(),
        Test::Family(_) | Test::Protocol(_) => String::new(),
        Test::Port(side, first, last) => format!("{protocol} {}port {}", letter(*side), range(first, last)),
        Test::PortIn(side, set) => format!("{protocol} {}port @{set}", letter(*side)),
        Test::V4(side, first, last) => {
            format!("ip {}addr {}", letter(*side), addresses((*first).into(), (*last).into()))
        }
        Test::V6(side, first, last) => {
            format!("ip6 {}addr {}", letter(*side), addresses((*first).into(), (*last).into()))
        }
        Test::AddressIn(side, Family::V4, set) => format!("ip {}addr @{set}", letter(*side)),
        Test::AddressIn(side, Family::V6, set) => format!("ip6 {}addr @{set}", letter(*side)),
        Test::IcmpType(first, last) => {
            // As nft calls the header, which is not what it calls the protocol.
            let header = if protocol == "ipv6-icmp" { "icmpv6" } else { "icmp" };
            format!("{header} type {}", range(first, last))
        }
    }
}

fn is_of_protocol(test: &Test) -> bool {
    matches!(test, Test::Port(..) | Test::PortIn(..) | Test::IcmpType(..))
}

fn is_of_family(test: &Test, family: Family) -> bool {
    match test {
        Test::V4(..) => family == Family::V4,
        Test::V6(..) => family == Family::V6,
        Test::AddressIn(_, of, _) => *of == family,
        Test::State(_)
        | Test::ConnectionMark(_)
        | Test::Loopback(_)
        | Test::Mark(_)
        | Test::Family(_)
        | Test::Protocol(_)
        | Test::Port(..)
        | Test::PortIn(..)
        | Test::IcmpType(..) => false,
    }
}

fn states_word(states: States) -> String {
    let States { established, related, new, invalid } = states;
    let words = [(established, "established"), (related, "related"), (new, "new"), (invalid, "invalid")];
    let words: Vec<&str> =
        words.into_iter().filter(|(is_there, _)| *is_there).map(|(_, word)| word).collect();
    words.join(",")
}

fn protocol_word(number: u8) -> String {
    match number {
        ICMP => "icmp".to_owned(),
        IGMP => "igmp".to_owned(),
        TCP => "tcp".to_owned(),
        UDP => "udp".to_owned(),
        ICMPV6 => "ipv6-icmp".to_owned(),
        other => other.to_string(),
    }
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accept => "accept",
        Verdict::Drop => "drop",
    }
}

fn letter(side: Side) -> char {
    match side {
        Side::Source => 's',
        Side::Destination => 'd',
    }
}

fn range<T: Display + PartialEq>(first: &T, last: &T) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

/// One address, a prefix, or a range.
fn addresses(first: IpAddr, last: IpAddr) -> String {
    AddressRange::new(first, last).map_or_else(|_| range(&first, &last), |range| range.to_string())
}

#[cfg(test)]
mod tests;
