//! The policies that are measured. Decides only.
//!
//! No two exceptions of a policy are about the same port. Their order then says nothing, which allows the expert of
//! `expert.rs` to look ports up in maps: nobody can do better than that.

use anyhow::Result;
use landmark_proto::firewall::{
    Action, Direction, Exception, Exceptions, Level, Mode, Policy, PortSet, Remotes, Traffic,
};
use serde_json::{Value, json};

/// Of an exception each, from this one on.
const FIRST_PORT: usize = 2000;
const PORTS_EACH: usize = 40;
/// That are listened on.
const MAX_PORTS: usize = 50;
/// Whom exceptions are about, if not everybody. The bench's own addresses are in 10.77.0.0/16.
const NETWORKS: [&str; 4] =
    ["10.77.0.0/16", "10.0.0.0/9", "10.77.0.0/16,10.99.1.0/24", "10.77.0.0/16,2001:db8::/32"];

/// A port that begins nowhere in [`mixed`], and is left to the level.
pub(crate) const UNMENTIONED: u16 = 1999;

/// What administrators write: single ports, lists and ranges, some for everybody and some for a network, both directions;
/// every eighth and the one after the next block.
///
/// # Errors
/// More than a policy takes.
pub(crate) fn mixed(name: &str, n: usize, level: Level) -> Result<Policy> {
    let numbered = |index: usize| {
        let port = first_port(index);
        let (action, direction, protocol, ports, is_for_all) = match index % 8 {
            0 => (Action::Allow, Direction::Inbound, "tcp", format!("{port}"), true),
            1 => (Action::Allow, Direction::Outbound, "tcp+udp", list(port, 3), true),
            2 => (Action::Allow, Direction::Inbound, "tcp", format!("{port}-{}", port + 9), false),
            3 => (Action::Block, Direction::Inbound, "udp", format!("{port}"), true),
            4 => (Action::Allow, Direction::Outbound, "tcp", format!("{port}"), false),
            5 => (Action::Allow, Direction::Both, "tcp", format!("{port},{}-{}", port + 2, port + 9), true),
            6 => (Action::Allow, Direction::Inbound, "tcp+udp", format!("{port}"), false),
            _ => (Action::Block, Direction::Outbound, "tcp", format!("{port}-{}", port + 9), true),
        };
        let network = NETWORKS.get(index / 8 % NETWORKS.len()).copied().unwrap_or_default();
        let remotes = if is_for_all { "all" } else { network };
        exception(index, (action, direction), (protocol, &ports), remotes)
    };
    policy(name, level, (0..n).map(numbered).collect::<Result<_>>()?)
}

/// Every exception with a list of ports and a list of addresses that no other has: nothing can be shared.
///
/// # Errors
/// More than a policy takes.
pub(crate) fn unshared(name: &str, n: usize, n_of_each: usize) -> Result<Policy> {
    let numbered = |index: usize| {
        let (a, b) = (index / 250, index % 250);
        let remotes: Vec<String> = (0..n_of_each).map(|host| format!("10.{a}.{b}.{}", 2 * host)).collect();
        // Of some 32,000 lists of this length the ports may overlap: only their equality counts here.
        let port = 1 + index * 20;
        let ports = (0..n_of_each).map(|place| (port + 2 * place).to_string()).collect::<Vec<_>>().join(",");
        exception(index, (Action::Allow, Direction::Both), ("tcp+udp", &ports), &remotes.join(","))
    };
    policy(name, Level::High, (0..n).map(numbered).collect::<Result<_>>()?)
}

/// The first port of an exception of [`mixed`].
pub(crate) fn first_port(index: usize) -> usize {
    FIRST_PORT + index * PORTS_EACH
}

/// Of TCP connections in one direction: the exceptions of [`mixed`] that allow them to everybody of the bench, by their
/// first ports, in their order. Of many, [`MAX_PORTS`] that lie evenly among them, and the last.
pub(crate) fn allowed_ports(n: usize, is_inbound: bool) -> Vec<u16> {
    let kinds: &[usize] = if is_inbound { &[0, 2, 5, 6] } else { &[1, 4, 5] };
    let of_it = (0..n).rev().filter(|index| kinds.contains(&(index % 8)));
    let mut ports: Vec<u16> = of_it.filter_map(|index| u16::try_from(first_port(index)).ok()).collect();
    let step = ports.len().div_ceil(MAX_PORTS).max(1);
    ports = ports.into_iter().step_by(step).collect();
    ports.reverse();
    ports
}

/// As a document that `landmarkctl firewall import` reads: each policy for the machines of one location.
pub(crate) fn document(inside: &Policy, outside: &Policy) -> Value {
    let profile = |policy: &Policy, location: &str| {
        json!({
            "name": location,
            "policy": policy.name.as_str(),
            "conditions": { "locations": [location] },
        })
    };
    json!({
        "policies": [policy_document(inside), policy_document(outside)],
        "profiles": [profile(inside, "internal"), profile(outside, "external")],
    })
}

fn policy_document(policy: &Policy) -> Value {
    let exceptions: Vec<Value> = policy
        .exceptions
        .as_slice()
        .iter()
        .map(|exception| {
            let ports = exception.traffic.ports().into_iter().flat_map(PortSet::ranges);
            let remotes = exception.remotes.as_slice().iter();
            json!({
                "name": exception.name.as_str(),
                "action": exception.action.to_string(),
                "direction": exception.direction.to_string(),
                "protocol": exception.traffic.protocol(),
                "ports": ports.map(ToString::to_string).collect::<Vec<_>>(),
                "remotes": remotes.map(ToString::to_string).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({ "name": policy.name.as_str(), "level": policy.level.to_string(), "exceptions": exceptions })
}

fn exception(
    index: usize,
    (action, direction): (Action, Direction),
    (protocol, ports): (&str, &str),
    remotes: &str,
) -> Result<Exception> {
    let ports: PortSet = ports.parse()?;
    let traffic = match protocol {
        "tcp" => Traffic::Tcp(ports),
        "udp" => Traffic::Udp(ports),
        _ => Traffic::TcpUdp(ports),
    };
    let remotes: Remotes = remotes.parse()?;
    Ok(Exception { name: format!("Exception {}", index + 1).parse()?, action, direction, traffic, remotes })
}

fn policy(name: &str, level: Level, exceptions: Vec<Exception>) -> Result<Policy> {
    let exceptions = Exceptions::new(exceptions)?;
    Ok(Policy { name: name.parse()?, level, mode: Mode::Enforce, exceptions })
}

/// Ports apart from each other.
fn list(first: usize, n: usize) -> String {
    (0..n).map(|place| (first + 2 * place).to_string()).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use landmark_proto::firewall::ruling::{Connection, Flow, Transport, rule};

    use super::*;

    #[test]
    fn what_is_said_to_be_allowed_is() {
        let policy = mixed("P", 100, Level::High).unwrap();
        let remote: IpAddr = "10.77.1.1".parse().unwrap();
        for (is_inbound, flow) in [(true, Flow::Inbound), (false, Flow::Outbound)] {
            let ports = allowed_ports(100, is_inbound);
            assert!(ports.len() > 30);
            for port in ports {
                let connection = Connection { flow, transport: Transport::Tcp(port), remote };
                assert_eq!(rule(&policy, &connection, |_| &[]).action, Action::Allow, "{flow:?} {port}");
            }
        }
        let connection = Connection { flow: Flow::Inbound, transport: Transport::Tcp(UNMENTIONED), remote };
        assert_eq!(rule(&policy, &connection, |_| &[]).action, Action::Block);
    }

    #[test]
    fn the_largest_policies_are_policies() {
        mixed("P", 1000, Level::High).unwrap();
        unshared("P", 1000, 4).unwrap();
        unshared("P", 1000, 64).unwrap();
    }
}
