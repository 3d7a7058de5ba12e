//! What an expert would write by hand for the same policy, in the language of `nft`: established connections first, then one
//! lookup for ports and one for addresses with ports, whatever the number of exceptions. Decides only.
//!
//! It is possible because no two exceptions of `policies.rs` are about the same port. It does less than Landmark's: nothing
//! is counted, and connections from before the policy are not cut.

use std::fmt::Write as _;

use landmark_proto::firewall::remote::AddressRange;
use landmark_proto::firewall::{Action, Direction, Exception, Policy, PortSet, Remote, Traffic};

/// The name of its table.
pub(crate) const TABLE: &str = "expert";

/// The whole file.
pub(crate) fn ruleset(policy: &Policy) -> String {
    let mut maps = String::new();
    let mut chains = String::new();
    for (direction, hook, remote) in
        [(Direction::Inbound, "input", "saddr"), (Direction::Outbound, "output", "daddr")]
    {
        let action = verdict(policy.level.action(direction));
        let mut lanes = String::new();
        for protocol in ["tcp", "udp"] {
            let of_it: Vec<&Exception> = exceptions(policy, direction, protocol).collect();
            let lane = format!("{hook}_{protocol}");
            let _ = writeln!(lanes, "chain {lane} {{");
            for (version, family) in [("ip", "ipv4_addr"), ("ip6", "ipv6_addr")] {
                let elements: Vec<String> =
                    of_it.iter().flat_map(|exception| with_addresses(exception, version == "ip")).collect();
                if !elements.is_empty() {
                    let map = format!("{lane}_{version}");
                    let kind = format!("{family} . inet_service");
                    maps.push_str(&self::map(&map, &kind, &elements));
                    let _ = writeln!(lanes, "{version} {remote} . {protocol} dport vmap @{map}");
                }
            }
            let elements: Vec<String> = of_it.iter().flat_map(|exception| for_all(exception)).collect();
            if !elements.is_empty() {
                maps.push_str(&map(&lane, "inet_service", &elements));
                let _ = writeln!(lanes, "{protocol} dport vmap @{lane}");
            }
            let _ = writeln!(lanes, "{}}}", udp_always(direction, protocol));
        }
        let (interface, own) = match direction {
            Direction::Inbound | Direction::Both => ("iiftype", ""),
            Direction::Outbound => ("oiftype", "meta mark 0x4c4d0000 ct mark set meta mark accept\n"),
        };
        let _ = write!(
            chains,
            "{lanes}chain {hook} {{\n\
             type filter hook {hook} priority filter; policy {action};\n\
             ct state established,related accept\n\
             {interface} loopback accept\n\
             {own}\
             meta l4proto vmap {{ tcp : goto {hook}_tcp, udp : goto {hook}_udp }}\n\
             icmpv6 type {{ 130-137, 143 }} accept\n\
             }}\n"
        );
    }
    format!("table inet {TABLE} {{\n{maps}{chains}}}\n")
}

/// DHCP, where nothing else decides: it is rare.
fn udp_always(direction: Direction, protocol: &str) -> &'static str {
    match (protocol, direction) {
        ("udp", Direction::Inbound) => {
            "udp sport . udp dport { 67 . 68 } accept\nip6 saddr fe80::/10 udp sport . udp dport { 547 . 546 } accept\n"
        }
        ("udp", Direction::Outbound | Direction::Both) => {
            "udp sport . udp dport { 68 . 67 } accept\nip6 saddr fe80::/10 udp sport . udp dport { 546 . 547 } accept\n"
        }
        _ => "",
    }
}

fn exceptions<'a>(
    policy: &'a Policy,
    direction: Direction,
    protocol: &'a str,
) -> impl Iterator<Item = &'a Exception> {
    policy.exceptions.as_slice().iter().filter(move |exception| {
        let is_of_it = match exception.traffic {
            Traffic::Tcp(_) => protocol == "tcp",
            Traffic::Udp(_) => protocol == "udp",
            Traffic::TcpUdp(_) => true,
            Traffic::All | Traffic::Icmp | Traffic::Icmpv6 => false,
        };
        is_of_it && exception.direction.covers(direction)
    })
}

fn for_all(exception: &Exception) -> Vec<String> {
    if !exception.remotes.is_all() {
        return Vec::new();
    }
    let verdict = verdict(exception.action);
    ports(exception).map(|range| format!("{range} : {verdict}")).collect()
}

fn with_addresses(exception: &Exception, is_v4: bool) -> Vec<String> {
    let verdict = verdict(exception.action);
    let addresses = exception.remotes.as_slice().iter().filter_map(|remote| match remote {
        Remote::Addresses(range) => Some(*range),
        Remote::Name(_) => None,
    });
    let of_family = addresses.filter(|range: &AddressRange| range.first().is_ipv4() == is_v4);
    of_family
        .flat_map(|range| ports(exception).map(move |port| format!("{range} . {port} : {verdict}")))
        .collect()
}

fn ports(exception: &Exception) -> impl Iterator<Item = String> {
    exception.traffic.ports().into_iter().flat_map(PortSet::ranges).map(ToString::to_string)
}

fn map(name: &str, kind: &str, elements: &[String]) -> String {
    format!(
        "map {name} {{\ntype {kind} : verdict\nflags interval\nelements = {{ {} }}\n}}\n",
        elements.join(", ")
    )
}

fn verdict(action: Action) -> &'static str {
    match action {
        Action::Allow => "accept",
        Action::Block => "drop",
    }
}

#[cfg(test)]
mod tests {
    use landmark_proto::firewall::Level;

    use super::*;
    use crate::policies::mixed;

    #[test]
    fn it_has_two_lookups_a_lane_and_every_exception() {
        let text = ruleset(&mixed("P", 16, Level::High).unwrap());
        for line in [
            "ip saddr . tcp dport vmap @input_tcp_ip",
            "tcp dport vmap @input_tcp",
            "type filter hook output priority filter; policy drop;",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert!(text.contains("2000 : accept"), "{text}");
        assert!(text.contains("10.77.0.0/16 . 2080-2089 : accept"), "{text}");
        assert!(text.contains("2120 : drop"), "{text}");
    }
}
