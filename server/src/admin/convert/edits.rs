//! Edits from the wire: every value checked for itself, before any is made.

mod firewall;

use landmark_proto::convert::gateways::gateway_from_wire;
use landmark_proto::convert::location_rules::{
    criterion_from_wire, minimum_dwell_from_wire, recheck_interval_from_wire, server_connection_from_wire,
    tunnels_from_wire,
};
use landmark_proto::convert::settings::{pins_from_wire, ports_from_wire, server_from_wire};
use landmark_proto::gateway::{Gateway, InvalidGatewayList, MAX_GATEWAYS};
use landmark_proto::host::Host;
use landmark_proto::location_rules::{Confirmations, RequiredSuccesses};
use landmark_proto::port::Port;
use landmark_proto::reference_server::{InvalidList, MAX_SERVERS, Probe};
use landmark_proto::violation::{Findings, Path, Violations};
use landmark_proto::wire;

use crate::settings::edit::Removal;
use crate::settings::{Edit, NewRules};

/// One request makes at most this many edits: three for each entry of the longest list.
const MAX_EDITS: usize = 1000;

pub(in crate::admin) fn edits_from_wire(edits: Vec<wire::Edit>) -> Result<Vec<Edit>, Violations> {
    let path = Path::root().field("edits");
    if edits.is_empty() {
        return Err(Violations::one(&path, "at least one edit is needed"));
    }
    if edits.len() > MAX_EDITS {
        let message = format!("{} edits are too many (at most {MAX_EDITS} a call)", edits.len());
        return Err(Violations::one(&path, message));
    }
    let mut findings = Findings::default();
    let mut checked = Vec::with_capacity(edits.len());
    for (index, edit) in edits.into_iter().enumerate() {
        checked.extend(findings.keep(edit_from_wire(edit, &path.index(index))));
    }
    findings.finish(Some(checked))
}

fn edit_from_wire(edit: wire::Edit, path: &Path) -> Result<Edit, Violations> {
    use wire::edit::Kind;
    let wire::Edit { kind } = edit;
    match kind {
        Some(Kind::AddReferenceServer(edit)) => add_from_wire(edit, &path.field("add_reference_server")),
        Some(Kind::EditReferenceServer(edit)) => change_from_wire(edit, &path.field("edit_reference_server")),
        Some(Kind::MoveReferenceServer(edit)) => {
            let wire::edit::MoveReferenceServer { host, position } = edit;
            let host = host_from_wire(&host, &path.field("move_reference_server").field("host"))?;
            Ok(Edit::MoveReferenceServer { host, position: place(position) })
        }
        Some(Kind::RemoveReferenceServers(edit)) => {
            let wire::edit::RemoveReferenceServers { servers } = edit;
            removals_from_wire(servers, &path.field("remove_reference_servers").field("servers"))
        }
        Some(Kind::EnableReferenceServers(edit)) => {
            let wire::edit::EnableReferenceServers { enabled } = edit;
            Ok(Edit::EnableReferenceServers(enabled))
        }
        Some(Kind::ReplaceReferenceServers(edit)) => {
            let wire::edit::ReplaceReferenceServers { servers } = edit;
            replacement_from_wire(servers, &path.field("replace_reference_servers").field("servers"))
        }
        Some(Kind::SetLocationRules(edit)) => rules_from_wire(edit, &path.field("set_location_rules")),
        Some(Kind::AddGateways(edit)) => {
            let wire::edit::AddGateways { gateways } = edit;
            let path = path.field("add_gateways").field("gateways");
            some_gateways_from_wire(&gateways, &path).map(Edit::AddGateways)
        }
        Some(Kind::RemoveGateways(edit)) => {
            let wire::edit::RemoveGateways { gateways } = edit;
            let path = path.field("remove_gateways").field("gateways");
            some_gateways_from_wire(&gateways, &path).map(Edit::RemoveGateways)
        }
        Some(Kind::ReplaceGateways(edit)) => {
            let wire::edit::ReplaceGateways { gateways } = edit;
            let path = path.field("replace_gateways").field("gateways");
            gateways_from_wire(&gateways, &path).map(Edit::ReplaceGateways)
        }
        Some(Kind::AddFirewallPolicy(edit)) => firewall::add_policy(edit, path),
        Some(Kind::EditFirewallPolicy(edit)) => firewall::edit_policy(edit, path),
        Some(Kind::RemoveFirewallPolicies(edit)) => firewall::remove_policies(edit, path),
        Some(Kind::AddFirewallException(edit)) => firewall::add_exception(edit, path),
        Some(Kind::EditFirewallException(edit)) => firewall::edit_exception(edit, path),
        Some(Kind::MoveFirewallException(edit)) => firewall::move_exception(edit, path),
        Some(Kind::RemoveFirewallExceptions(edit)) => firewall::remove_exceptions(edit, path),
        Some(Kind::AddFirewallProfile(edit)) => firewall::add_profile(edit, path),
        Some(Kind::EditFirewallProfile(edit)) => firewall::edit_profile(edit, path),
        Some(Kind::MoveFirewallProfile(edit)) => firewall::move_profile(edit, path),
        Some(Kind::RemoveFirewallProfiles(edit)) => firewall::remove_profiles(edit, path),
        Some(Kind::ReplaceFirewall(edit)) => firewall::replace(edit, path),
        Some(Kind::ResetFirewallTemplate(edit)) => Ok(firewall::reset_template(edit)),
        None => {
            Err(Violations::one(path, "says nothing to do (or something that this server does not know)"))
        }
    }
}

fn add_from_wire(edit: wire::edit::AddReferenceServer, path: &Path) -> Result<Edit, Violations> {
    let wire::edit::AddReferenceServer { host, ports, position, tls } = edit;
    let server = server_from_wire(wire::ReferenceServer { host, ports, tls }, path)?;
    Ok(Edit::AddReferenceServer { server, position: position.map(place) })
}

fn change_from_wire(edit: wire::edit::EditReferenceServer, path: &Path) -> Result<Edit, Violations> {
    let wire::edit::EditReferenceServer { host, new_host, new_ports, new_tls } = edit;
    let mut findings = Findings::default();
    let host = findings.keep(host_from_wire(&host, &path.field("host")));
    if new_host.is_empty() && new_ports.is_empty() && new_tls.is_none() {
        findings.push(path, "nothing to change: give new_host, new_ports, new_tls or several of them");
    }
    let new_host = (!new_host.is_empty())
        .then(|| findings.keep(host_from_wire(&new_host, &path.field("new_host"))))
        .flatten();
    let new_ports = (!new_ports.is_empty())
        .then(|| findings.keep(ports_from_wire(&new_ports, &path.field("new_ports"))))
        .flatten();
    let new_probe = new_tls.and_then(|tls| {
        if tls.pins.is_empty() {
            return Some(Probe::Tcp);
        }
        findings.keep(pins_from_wire(&tls, &path.field("new_tls"))).map(Probe::Tls)
    });
    findings.finish(host.map(|host| Edit::EditReferenceServer { host, new_host, new_ports, new_probe }))
}

fn removals_from_wire(servers: Vec<wire::ReferenceServer>, path: &Path) -> Result<Edit, Violations> {
    if servers.is_empty() {
        return Err(Violations::one(path, "at least one reference server is needed"));
    }
    let mut findings = Findings::default();
    let mut removals = Vec::with_capacity(servers.len());
    for (index, wire::ReferenceServer { host, ports, tls: _ }) in servers.into_iter().enumerate() {
        let path = path.index(index);
        let host = findings.keep(host_from_wire(&host, &path.field("host")));
        let path = path.field("ports");
        let ports: Vec<Port> = ports
            .into_iter()
            .enumerate()
            .filter_map(|(index, number)| findings.keep_at(&path.index(index), Port::try_from(number)))
            .collect();
        removals.extend(host.map(|host| Removal { host, ports }));
    }
    findings.finish(Some(Edit::RemoveReferenceServers(removals)))
}

fn replacement_from_wire(servers: Vec<wire::ReferenceServer>, path: &Path) -> Result<Edit, Violations> {
    // Refused before its entries are read: nobody makes us list a million violations.
    if servers.len() > MAX_SERVERS {
        return Err(Violations::one(
            path,
            InvalidList::TooMany { n_servers: servers.len(), max: MAX_SERVERS },
        ));
    }
    let mut findings = Findings::default();
    let mut checked = Vec::with_capacity(servers.len());
    for (index, server) in servers.into_iter().enumerate() {
        checked.extend(findings.keep(server_from_wire(server, &path.index(index))));
    }
    findings.finish(Some(Edit::ReplaceReferenceServers(checked)))
}

fn rules_from_wire(edit: wire::edit::SetLocationRules, path: &Path) -> Result<Edit, Violations> {
    if edit == wire::edit::SetLocationRules::default() {
        return Err(Violations::one(path, "nothing to change: give at least one rule"));
    }
    let wire::edit::SetLocationRules {
        server_connection,
        recheck_interval,
        criterion,
        required_successes,
        tunnels,
        confirmations_to_internal,
        confirmations_to_external,
        minimum_dwell,
    } = edit;
    let mut rules = Rules { path, findings: Findings::default() };
    let new = NewRules {
        server_connection: rules.read("server_connection", server_connection, server_connection_from_wire),
        recheck_interval: rules.read("recheck_interval", recheck_interval, |interval, path| {
            recheck_interval_from_wire(Some(interval), path)
        }),
        criterion: rules.read("criterion", criterion, criterion_from_wire),
        required_successes: rules.read("required_successes", required_successes, given_successes_from_wire),
        tunnels: rules.read("tunnels", tunnels, tunnels_from_wire),
        confirmations_to_internal: rules.read(
            "confirmations_to_internal",
            confirmations_to_internal,
            given_confirmations_from_wire,
        ),
        confirmations_to_external: rules.read(
            "confirmations_to_external",
            confirmations_to_external,
            given_confirmations_from_wire,
        ),
        minimum_dwell: rules
            .read("minimum_dwell", minimum_dwell, |dwell, path| minimum_dwell_from_wire(Some(dwell), path)),
    };
    rules.findings.finish(Some(Edit::SetLocationRules(new)))
}

/// In stored settings 0 is what is absent, and means 1. Here somebody wrote it.
fn given_successes_from_wire(n: u32, path: &Path) -> Result<RequiredSuccesses, Violations> {
    RequiredSuccesses::new(n).map_err(|error| Violations::one(path, error))
}

/// As [`given_successes_from_wire`].
fn given_confirmations_from_wire(n: u32, path: &Path) -> Result<Confirmations, Violations> {
    Confirmations::new(n).map_err(|error| Violations::one(path, error))
}

/// Rules that are read one by one; what is absent stays as it is.
struct Rules<'a> {
    path: &'a Path,
    findings: Findings,
}

impl Rules<'_> {
    fn read<W, T>(
        &mut self,
        name: &str,
        value: Option<W>,
        read: impl FnOnce(W, &Path) -> Result<T, Violations>,
    ) -> Option<T> {
        self.findings.keep(read(value?, &self.path.field(name)))
    }
}

fn some_gateways_from_wire(gateways: &[wire::Gateway], path: &Path) -> Result<Vec<Gateway>, Violations> {
    if gateways.is_empty() {
        return Err(Violations::one(path, "at least one gateway is needed"));
    }
    gateways_from_wire(gateways, path)
}

fn gateways_from_wire(gateways: &[wire::Gateway], path: &Path) -> Result<Vec<Gateway>, Violations> {
    // Refused before its entries are read, as a list of reference servers is.
    if gateways.len() > MAX_GATEWAYS {
        return Err(Violations::one(path, InvalidGatewayList::TooMany(gateways.len())));
    }
    let mut findings = Findings::default();
    let mut checked = Vec::with_capacity(gateways.len());
    for (index, gateway) in gateways.iter().enumerate() {
        checked.extend(findings.keep(gateway_from_wire(gateway, &path.index(index))));
    }
    findings.finish(Some(checked))
}

fn host_from_wire(host: &str, path: &Path) -> Result<Host, Violations> {
    host.parse().map_err(|error| Violations::one(path, error))
}

/// One that does not fit is beyond the end of every list.
fn place(position: u32) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use landmark_proto::location_rules::Criterion;

    use super::*;

    fn add(host: &str, ports: &[u32]) -> wire::Edit {
        let edit = wire::edit::AddReferenceServer {
            host: host.to_owned(),
            ports: ports.to_vec(),
            position: None,
            tls: None,
        };
        wire::Edit { kind: Some(wire::edit::Kind::AddReferenceServer(edit)) }
    }

    fn add_pinned(host: &str, pins: &[&[u8]]) -> wire::Edit {
        let pins = pins.iter().map(|pin| pin.to_vec().into()).collect();
        let edit = wire::edit::AddReferenceServer {
            host: host.to_owned(),
            ports: vec![443],
            position: None,
            tls: Some(wire::TlsProbe { pins }),
        };
        wire::Edit { kind: Some(wire::edit::Kind::AddReferenceServer(edit)) }
    }

    #[test]
    fn every_bad_value_of_every_edit_is_named_by_its_path() {
        let change = wire::edit::EditReferenceServer {
            host: "web".to_owned(),
            new_host: "224.0.0.1".to_owned(),
            new_ports: vec![1, 1],
            new_tls: Some(wire::TlsProbe { pins: vec![vec![1; 32].into(), vec![1; 31].into()] }),
        };
        let remove = wire::edit::RemoveReferenceServers {
            servers: vec![wire::ReferenceServer { host: String::new(), ports: vec![0], tls: None }],
        };
        let rules = wire::edit::SetLocationRules {
            server_connection: Some(7),
            recheck_interval: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
            criterion: Some(9),
            required_successes: Some(33),
            tunnels: Some(9),
            confirmations_to_internal: Some(11),
            confirmations_to_external: Some(12),
            minimum_dwell: Some(prost_types::Duration { seconds: 3601, nanos: 0 }),
        };
        let gateway = |address: &str, mac: &[u8]| wire::Gateway {
            address: address.to_owned(),
            mac: mac.to_vec().into(),
        };
        let add_gateways = wire::edit::AddGateways {
            gateways: vec![gateway("127.0.0.1", &[]), gateway("10.0.0.1", &[1]), gateway("", &[])],
        };
        let replace_gateways = wire::edit::ReplaceGateways {
            gateways: vec![gateway("ten", &[]), gateway("10.0.0.1", &[0xff; 6])],
        };
        let edits = vec![
            add("a.example", &[70_000, 443, 0]),
            wire::Edit { kind: Some(wire::edit::Kind::EditReferenceServer(change)) },
            wire::Edit { kind: Some(wire::edit::Kind::RemoveReferenceServers(remove)) },
            wire::Edit { kind: None },
            wire::Edit { kind: Some(wire::edit::Kind::SetLocationRules(rules)) },
            add("http://b", &[]),
            wire::Edit { kind: Some(wire::edit::Kind::AddGateways(add_gateways)) },
            wire::Edit {
                kind: Some(wire::edit::Kind::RemoveGateways(wire::edit::RemoveGateways::default())),
            },
            wire::Edit { kind: Some(wire::edit::Kind::ReplaceGateways(replace_gateways)) },
            add_pinned("c.example", &[]),
        ];
        let violations = edits_from_wire(edits).unwrap_err();
        let lines: Vec<String> = violations.as_slice().iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        edits[0].add_reference_server.ports[0]: 70000 is not a port (1 to 65535)
        edits[0].add_reference_server.ports[2]: 0 is not a port (1 to 65535)
        edits[1].edit_reference_server.new_host: 224.0.0.1: a multicast address is not a host
        edits[1].edit_reference_server.new_ports[1]: port 1 is listed twice
        edits[1].edit_reference_server.new_tls.pins[1]: not a key pin (sha256: and 43 characters of base64url, or 64 hexadecimal digits)
        edits[2].remove_reference_servers.servers[0].host: a host is missing (an IPv4 or IPv6 address, a computer name or a domain name)
        edits[2].remove_reference_servers.servers[0].ports[0]: 0 is not a port (1 to 65535)
        edits[3]: says nothing to do (or something that this server does not know)
        edits[4].set_location_rules.server_connection: 7 is not a known meaning
        edits[4].set_location_rules.recheck_interval: 1s is out of range (10 s to 1 d)
        edits[4].set_location_rules.criterion: 9 is not a criterion
        edits[4].set_location_rules.required_successes: 33 is out of range (1 to 32)
        edits[4].set_location_rules.tunnels: 9 is not a known treatment of tunnels
        edits[4].set_location_rules.confirmations_to_internal: 11 is out of range (1 to 10)
        edits[4].set_location_rules.confirmations_to_external: 12 is out of range (1 to 10)
        edits[4].set_location_rules.minimum_dwell: 3601s is out of range (0 s to 1 h)
        edits[5].add_reference_server.host: "http://b" is a URL; give the host alone and the port beside it
        edits[5].add_reference_server.ports: at least one port is needed
        edits[6].add_gateways.gateways[0].address: 127.0.0.1 cannot be a gateway: a loopback address is this machine
        edits[6].add_gateways.gateways[1].mac: 1 bytes are no MAC address (6 are)
        edits[6].add_gateways.gateways[2].address: is missing
        edits[7].remove_gateways.gateways: at least one gateway is needed
        edits[8].replace_gateways.gateways[0].address: "ten" is not an address
        edits[8].replace_gateways.gateways[1].mac: ff:ff:ff:ff:ff:ff cannot be a gateway: the broadcast hardware address is of no machine
        edits[9].add_reference_server.tls.pins: at least one key pin is needed
        "#);
    }

    #[test]
    fn an_edit_that_changes_nothing_by_its_form_is_refused() {
        let nothing = wire::edit::EditReferenceServer { host: "web".to_owned(), ..Default::default() };
        let nothing = wire::Edit { kind: Some(wire::edit::Kind::EditReferenceServer(nothing)) };
        let error = edits_from_wire(vec![nothing]).unwrap_err().to_string();
        assert_eq!(
            error,
            "edits[0].edit_reference_server: nothing to change: give new_host, new_ports, new_tls or several of them"
        );
        assert_eq!(edits_from_wire(vec![]).unwrap_err().to_string(), "edits: at least one edit is needed");
        let many = vec![add("a", &[1]); MAX_EDITS + 1];
        assert!(edits_from_wire(many).unwrap_err().to_string().contains("1001 edits are too many"));
    }

    #[test]
    fn an_entry_without_pins_is_tcp_again_and_rules_that_are_absent_stay() {
        let change = wire::edit::EditReferenceServer {
            host: "web".to_owned(),
            new_tls: Some(wire::TlsProbe::default()),
            ..Default::default()
        };
        let change = wire::Edit { kind: Some(wire::edit::Kind::EditReferenceServer(change)) };
        let rules = wire::edit::SetLocationRules { criterion: Some(2), ..Default::default() };
        let rules = wire::Edit { kind: Some(wire::edit::Kind::SetLocationRules(rules)) };
        let edits = edits_from_wire(vec![change, rules, add_pinned("a", &[&[7; 32]])]).unwrap();
        assert!(matches!(&edits[0], Edit::EditReferenceServer { new_probe: Some(Probe::Tcp), .. }));
        let expected = NewRules { criterion: Some(Criterion::Gateway), ..NewRules::default() };
        assert_eq!(edits[1], Edit::SetLocationRules(expected));
        let Edit::AddReferenceServer { server, .. } = &edits[2] else { panic!("{edits:?}") };
        assert!(server.probe.pins().is_some());
        let nothing = wire::Edit { kind: Some(wire::edit::Kind::SetLocationRules(Default::default())) };
        let error = edits_from_wire(vec![nothing]).unwrap_err().to_string();
        assert_eq!(error, "edits[0].set_location_rules: nothing to change: give at least one rule");
    }

    #[test]
    fn a_nought_that_was_given_is_not_taken_as_one() {
        let rules = |n| wire::edit::SetLocationRules {
            required_successes: Some(n),
            confirmations_to_internal: Some(n),
            confirmations_to_external: Some(n),
            ..Default::default()
        };
        let edit = |n| wire::Edit { kind: Some(wire::edit::Kind::SetLocationRules(rules(n))) };
        let violations = edits_from_wire(vec![edit(0)]).unwrap_err();
        let lines: Vec<String> = violations.as_slice().iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        edits[0].set_location_rules.required_successes: 0 is out of range (1 to 32)
        edits[0].set_location_rules.confirmations_to_internal: 0 is out of range (1 to 10)
        edits[0].set_location_rules.confirmations_to_external: 0 is out of range (1 to 10)
        ");
        assert!(edits_from_wire(vec![edit(1)]).is_ok());
    }

    #[test]
    fn good_edits_come_through_in_their_order() {
        let edits = edits_from_wire(vec![add("B.example", &[443, 80]), add("a.example", &[1])]).unwrap();
        let Edit::AddReferenceServer { server, position: None } = &edits[0] else { panic!("{edits:?}") };
        assert_eq!(server.to_string(), "b.example (443, 80)");
        assert_eq!(edits.len(), 2);
    }
}
