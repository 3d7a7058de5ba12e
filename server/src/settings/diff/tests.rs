use proptest::prelude::*;

use landmark_proto::location_rules::RecheckInterval;
use landmark_proto::port::{Port, Ports};

use super::*;

fn settings(enabled: bool, servers: &[(&str, &[u32])]) -> Settings {
    let servers = servers
        .iter()
        .map(|(host, numbers)| ReferenceServer {
            host: host.parse().unwrap(),
            ports: Ports::new(numbers.iter().map(|number| Port::try_from(*number).unwrap()).collect())
                .unwrap(),
            probe: landmark_proto::reference_server::Probe::Tcp,
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

fn any_settings() -> impl Strategy<Value = Settings> {
    let hosts: Vec<u8> = (0..12).collect();
    let list = proptest::sample::subsequence(hosts, 0..=12).prop_shuffle();
    (any::<bool>(), list, any::<bool>()).prop_map(|(enabled, hosts, more)| {
        let names: Vec<String> = hosts.iter().map(|n| format!("h{n}")).collect();
        let ports: &[u32] = if more { &[1, 2] } else { &[1] };
        let servers: Vec<(&str, &[u32])> = names.iter().map(|name| (name.as_str(), ports)).collect();
        settings(enabled, &servers)
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
