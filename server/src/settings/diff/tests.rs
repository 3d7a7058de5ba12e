use proptest::prelude::*;

use landmark_proto::gateway::{Gateway, GatewayList};
use landmark_proto::location_rules::{
    Confirmations, Criterion, MinimumDwell, RecheckInterval, RequiredSuccesses, Tunnels,
};
use landmark_proto::network::MacAddress;
use landmark_proto::pin::Pins;
use landmark_proto::port::{Port, Ports};

use super::*;

fn settings(enabled: bool, servers: &[(&str, &[u32])]) -> Settings {
    let servers = servers
        .iter()
        .map(|(host, numbers)| ReferenceServer {
            host: host.parse().unwrap(),
            ports: Ports::new(numbers.iter().map(|number| Port::try_from(*number).unwrap()).collect())
                .unwrap(),
            probe: Probe::Tcp,
        })
        .collect();
    Settings { reference_servers: ReferenceServerList::new(enabled, servers).unwrap(), ..Settings::default() }
}

#[test]
fn every_kind_of_change_has_its_words() {
    let from = settings(false, &[("10.1.1.5", &[443]), ("b", &[21]), ("c", &[22]), ("d", &[23])]);
    let mut to = settings(true, &[("d", &[23]), ("b", &[21, 990]), ("e", &[1, 2]), ("c", &[22])]);
    to.location.server_connection = ServerConnection::SaysNothing;
    to.location.recheck_interval = RecheckInterval::new(Duration::from_secs(300)).unwrap();
    let lines: Vec<String> = diff(&from, &to)
        .iter()
        .map(|Change { kind, path, before, after }| format!("{kind:?} {path}: {before:?} -> {after:?}"))
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    Changed reference_servers.enabled: "disabled" -> "enabled"
    Removed reference_servers.servers[10.1.1.5]: "443 at place 1" -> ""
    Moved reference_servers.servers[d]: "place 4" -> "place 1"
    Changed reference_servers.servers[b]: "21" -> "21, 990"
    Added reference_servers.servers[e]: "" -> "1, 2 at place 3"
    Changed location.server_connection: "means internal" -> "says nothing"
    Changed location.recheck_interval: "60s" -> "300s"
    "#);
}

#[test]
fn an_entry_that_only_made_room_has_not_moved() {
    let from = settings(true, &[("a", &[1]), ("b", &[1]), ("c", &[1]), ("d", &[1])]);
    let to = settings(true, &[("b", &[1]), ("c", &[1]), ("d", &[1]), ("a", &[1])]);
    let changes = diff(&from, &to);
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].path, "reference_servers.servers[a]");
}

fn pins(keys: &[&str]) -> Probe {
    Probe::Tls(Pins::new(keys.iter().map(|key| SpkiPin::of(key.as_bytes())).collect()).unwrap())
}

fn with_probe(probe: Probe) -> Settings {
    let Settings { reference_servers, location, gateways, firewall } = settings(true, &[("a", &[443])]);
    let mut servers = reference_servers.servers().to_vec();
    servers[0].probe = probe;
    Settings {
        reference_servers: ReferenceServerList::new(true, servers).unwrap(),
        location,
        gateways,
        firewall,
    }
}

fn lines(from: &Settings, to: &Settings) -> String {
    let lines: Vec<String> = diff(from, to)
        .iter()
        .map(|Change { kind, path, before, after }| format!("{kind:?} {path}: {before:?} -> {after:?}"))
        .collect();
    lines.join("\n")
}

#[test]
fn a_key_that_is_rotated_is_two_changes() {
    let (tcp, old) = (with_probe(Probe::Tcp), with_probe(pins(&["old"])));
    let (both, new) = (with_probe(pins(&["old", "new"])), with_probe(pins(&["new"])));
    insta::assert_snapshot!(lines(&tcp, &old), @r#"
    Changed reference_servers.servers[a].probe: "tcp" -> "tls"
    Added reference_servers.servers[a].tls.pins: "" -> "sha256:y6BrVzb69n5UsHtWHq6UOV53TFF6fZEKVDaeEmPM-9Q"
    "#);
    insta::assert_snapshot!(lines(&old, &both), @r#"Added reference_servers.servers[a].tls.pins: "" -> "sha256:EVB6Di9eadXfpApiob17buV-a82FxnybhDGzb_8hxDc""#);
    insta::assert_snapshot!(lines(&both, &new), @r#"Removed reference_servers.servers[a].tls.pins: "sha256:y6BrVzb69n5UsHtWHq6UOV53TFF6fZEKVDaeEmPM-9Q" -> """#);
    insta::assert_snapshot!(lines(&new, &tcp), @r#"
    Changed reference_servers.servers[a].probe: "tls" -> "tcp"
    Removed reference_servers.servers[a].tls.pins: "sha256:EVB6Di9eadXfpApiob17buV-a82FxnybhDGzb_8hxDc" -> ""
    "#);
    insta::assert_snapshot!(lines(&both, &with_probe(pins(&["new", "old"]))), @r#"Moved reference_servers.servers[a].tls.pins: "" -> "the same in another order""#);
    insta::assert_snapshot!(lines(&Settings::default(), &old), @r#"
    Changed reference_servers.enabled: "disabled" -> "enabled"
    Added reference_servers.servers[a]: "" -> "443; tls sha256:y6BrVzb69n5UsHtWHq6UOV53TFF6fZEKVDaeEmPM-9Q at place 1"
    "#);
}

#[test]
fn every_rule_and_every_gateway_has_its_words() {
    let gateway = |address: &str, last: Option<u8>| {
        let mac = last.map(|last| MacAddress::new([0, 0x11, 0x22, 0xaa, 0xbb, last]));
        Gateway::new(address.parse().unwrap(), mac).unwrap()
    };
    let list = |gateways: &[Gateway]| GatewayList::new(gateways.to_vec()).unwrap();
    let (one, two, three) =
        (gateway("10.0.0.1", None), gateway("10.0.0.1", Some(1)), gateway("fe80::1", Some(2)));
    let from = Settings { gateways: list(&[one, two]), ..Settings::default() };
    let mut to = Settings { gateways: list(&[two, three]), ..Settings::default() };
    to.location = LocationRules {
        criterion: Criterion::Gateway,
        required_successes: RequiredSuccesses::new(2).unwrap(),
        tunnels: Tunnels::Ignore,
        hysteresis: Hysteresis {
            confirmations_to_internal: Confirmations::new(2).unwrap(),
            confirmations_to_external: Confirmations::new(3).unwrap(),
            minimum_dwell: MinimumDwell::new(Duration::from_secs(30)).unwrap(),
        },
        ..LocationRules::default()
    };
    insta::assert_snapshot!(lines(&from, &to), @r#"
    Changed location.criterion: "connection-status" -> "gateway"
    Changed location.required_successes: "1" -> "2"
    Changed location.tunnels: "count" -> "ignore"
    Changed location.confirmations_to_internal: "1" -> "2"
    Changed location.confirmations_to_external: "1" -> "3"
    Changed location.minimum_dwell: "0s" -> "30s"
    Removed gateways[10.0.0.1]: "any hardware" -> ""
    Added gateways[fe80::1]: "" -> "00:11:22:aa:bb:02"
    "#);
    let turned = Settings { gateways: list(&[two, one]), ..Settings::default() };
    insta::assert_snapshot!(lines(&from, &turned), @r#"Moved gateways: "" -> "the same in another order""#);
}

fn any_probe() -> impl Strategy<Value = Probe> {
    let keys = proptest::sample::subsequence(vec!["k1", "k2", "k3"], 1..=3).prop_shuffle();
    prop_oneof![Just(Probe::Tcp), keys.prop_map(|keys| pins(&keys))]
}

fn any_gateways() -> impl Strategy<Value = GatewayList> {
    let all: Vec<Gateway> = (0..3_u8)
        .flat_map(|n| {
            let mac = MacAddress::new([2, 0, 0, 0, 0, n]);
            [None, Some(mac)].map(|mac| Gateway::new([10, 0, 0, n].into(), mac).unwrap())
        })
        .collect();
    proptest::sample::subsequence(all, 0..=6).prop_shuffle().prop_map(|some| GatewayList::new(some).unwrap())
}

fn any_rules() -> impl Strategy<Value = LocationRules> {
    (any::<bool>(), any::<bool>(), 1..=3_u32, 1..=3_u32, 1..=3_u32, 0..2_u64).prop_map(
        |(is_gateway, ignores, required, to_internal, to_external, dwell_s)| LocationRules {
            criterion: if is_gateway { Criterion::Gateway } else { Criterion::ConnectionStatus },
            tunnels: if ignores { Tunnels::Ignore } else { Tunnels::Count },
            required_successes: RequiredSuccesses::new(required).unwrap(),
            hysteresis: Hysteresis {
                confirmations_to_internal: Confirmations::new(to_internal).unwrap(),
                confirmations_to_external: Confirmations::new(to_external).unwrap(),
                minimum_dwell: MinimumDwell::new(Duration::from_secs(dwell_s)).unwrap(),
            },
            ..LocationRules::default()
        },
    )
}

fn any_settings() -> impl Strategy<Value = Settings> {
    let hosts: Vec<u8> = (0..12).collect();
    let list = proptest::sample::subsequence(hosts, 0..=12).prop_shuffle();
    let more = (any::<bool>(), any_probe(), any_gateways(), any_rules());
    (any::<bool>(), list, more).prop_map(|(enabled, hosts, (more, probe, gateways, location))| {
        let names: Vec<String> = hosts.iter().map(|n| format!("h{n}")).collect();
        let ports: &[u32] = if more { &[1, 2] } else { &[1] };
        let servers: Vec<(&str, &[u32])> = names.iter().map(|name| (name.as_str(), ports)).collect();
        let list = settings(enabled, &servers).reference_servers;
        let mut servers = list.servers().to_vec();
        if let Some(first) = servers.first_mut() {
            first.probe = probe;
        }
        let reference_servers = ReferenceServerList::new(enabled, servers).unwrap();
        Settings { reference_servers, location, gateways, ..Settings::default() }
    })
}

proptest! {
    #[test]
    fn there_is_a_difference_exactly_when_settings_differ(from in any_settings(), to in any_settings()) {
        prop_assert_eq!(diff(&from, &to).is_empty(), from == to);
        prop_assert!(diff(&to, &to).is_empty());
    }

    #[test]
    fn what_neither_moved_nor_came_nor_went_kept_its_order(from in any_settings(), to in any_settings()) {
        let changes = diff(&from, &to);
        let touched = |host: &Host| {
            changes.iter().any(|change| change.kind != ChangeKind::Changed && change.path == path_of(host))
        };
        let rest = |settings: &Settings| -> Vec<Host> {
            let servers = settings.reference_servers.servers();
            servers.iter().map(|server| server.host.clone()).filter(|host| !touched(host)).collect()
        };
        prop_assert_eq!(rest(&from), rest(&to));
    }
}
