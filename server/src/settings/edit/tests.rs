use std::time::Duration;

use landmark_proto::network::MacAddress;
use landmark_proto::pin::{Pins, SpkiPin};
use proptest::prelude::*;

use super::*;

fn server(host: &str, numbers: &[u32]) -> ReferenceServer {
    ReferenceServer { host: host.parse().unwrap(), ports: ports(numbers), probe: Probe::Tcp }
}

fn ports(numbers: &[u32]) -> Ports {
    Ports::new(numbers.iter().map(|number| Port::try_from(*number).unwrap()).collect()).unwrap()
}

fn host(text: &str) -> Host {
    text.parse().unwrap()
}

fn add(host: &str, numbers: &[u32]) -> Edit {
    Edit::AddReferenceServer { server: server(host, numbers), position: None }
}

fn shown(settings: &Settings) -> Vec<String> {
    settings.reference_servers.servers().iter().map(ToString::to_string).collect()
}

fn applied(settings: &Settings, edits: &[Edit]) -> Settings {
    apply(settings, edits, MaxServers::default()).unwrap()
}

fn refused(settings: &Settings, edits: &[Edit]) -> String {
    apply(settings, edits, MaxServers::default()).unwrap_err().to_string()
}

/// a (443, 80), b (21), c (22).
fn three() -> Settings {
    applied(&Settings::default(), &[add("a", &[443, 80]), add("b", &[21]), add("c", &[22])])
}

#[test]
fn adding_a_host_that_is_there_adds_its_ports_and_keeps_its_place() {
    let settings = applied(&three(), &[add("A", &[80, 8080])]);
    assert_eq!(shown(&settings), ["a (443, 80, 8080)", "b (21)", "c (22)"]);
}

#[test]
fn a_new_entry_goes_to_its_place_or_to_the_end() {
    let first = Edit::AddReferenceServer { server: server("10.0.0.1", &[1]), position: Some(0) };
    let settings = applied(&three(), &[first, add("fe80::1%eth0", &[2])]);
    assert_eq!(shown(&settings), ["10.0.0.1 (1)", "a (443, 80)", "b (21)", "c (22)", "fe80::1%eth0 (2)"]);
    let beyond = Edit::AddReferenceServer { server: server("d", &[1]), position: Some(4) };
    assert_eq!(
        refused(&three(), &[beyond]),
        "edits[0].add_reference_server.position: 4 is beyond the end of the list (0 to 3)"
    );
}

#[test]
fn an_entry_is_edited_where_it_stands() {
    let edit = Edit::EditReferenceServer {
        host: host("b"),
        new_host: Some(host("ftp.example")),
        new_ports: Some(ports(&[990, 21])),
        new_probe: None,
    };
    assert_eq!(shown(&applied(&three(), &[edit])), ["a (443, 80)", "ftp.example (990, 21)", "c (22)"]);
    let same_name = Edit::EditReferenceServer {
        host: host("b"),
        new_host: Some(host("B.")),
        new_ports: None,
        new_probe: None,
    };
    assert_eq!(applied(&three(), &[same_name]), three());
    let taken = Edit::EditReferenceServer {
        host: host("b"),
        new_host: Some(host("c")),
        new_ports: None,
        new_probe: None,
    };
    assert_eq!(
        refused(&three(), &[taken]),
        "edits[0].edit_reference_server.new_host: c is on the list already; add the ports to that entry"
    );
}

#[test]
fn a_place_to_move_to_is_counted_without_the_entry() {
    let to = |position| Edit::MoveReferenceServer { host: host("a"), position };
    assert_eq!(shown(&applied(&three(), &[to(1)])), ["b (21)", "a (443, 80)", "c (22)"]);
    assert_eq!(shown(&applied(&three(), &[to(2)])), ["b (21)", "c (22)", "a (443, 80)"]);
    assert_eq!(applied(&three(), &[to(0)]), three());
    assert_eq!(
        refused(&three(), &[to(3)]),
        "edits[0].move_reference_server.position: 3 is beyond the end of the list (0 to 2)"
    );
}

#[test]
fn the_last_port_takes_the_entry_with_it() {
    let remove = |host: &str, numbers: &[u32]| {
        let ports = numbers.iter().map(|number| Port::try_from(*number).unwrap()).collect();
        Edit::RemoveReferenceServers(vec![Removal { host: host.parse().unwrap(), ports }])
    };
    assert_eq!(shown(&applied(&three(), &[remove("a", &[443])])), ["a (80)", "b (21)", "c (22)"]);
    assert_eq!(shown(&applied(&three(), &[remove("a", &[80, 443])])), ["b (21)", "c (22)"]);
    assert_eq!(shown(&applied(&three(), &[remove("b", &[])])), ["a (443, 80)", "c (22)"]);
    assert_eq!(
        refused(&three(), &[remove("a", &[80, 22])]),
        "edits[0].remove_reference_servers.servers[0].ports[1]: a does not have port 22 (it has 443, 80)"
    );
}

#[test]
fn all_edits_are_made_or_none_and_every_problem_is_told() {
    let gone = Removal { host: host("x"), ports: vec![] };
    let edits = [
        Edit::EnableReferenceServers(true),
        Edit::MoveReferenceServer { host: host("z"), position: 0 },
        Edit::RemoveReferenceServers(vec![Removal { host: host("a"), ports: vec![] }, gone]),
        add("a", &[1, 2, 3, 4, 5, 6, 7]),
    ];
    assert_eq!(
        refused(&three(), &edits),
        "edits[1].move_reference_server.host: z is not on the list; \
         edits[2].remove_reference_servers.servers[1].host: x is not on the list; \
         edits[3].add_reference_server.ports: 9 ports are too many (at most 8 a server)"
    );
}

#[test]
fn a_list_takes_32_servers_unless_more_are_allowed() {
    let edits: Vec<Edit> = (0..33).map(|n| add(&format!("host-{n}"), &[443])).collect();
    assert_eq!(
        refused(&Settings::default(), &edits),
        "edits[32].add_reference_server: 33 reference servers are too many (at most 32)"
    );
    let more = apply(&Settings::default(), &edits, MaxServers::new(320).unwrap()).unwrap();
    assert_eq!(more.reference_servers.servers().len(), 33);
    // A host that is there already does not make a full list longer.
    assert!(apply(&more, &[add("host-0", &[80])], MaxServers::default()).is_ok());
    // The limit was lowered: the list can be made shorter, and not longer.
    let shorter = [Edit::RemoveReferenceServers(vec![Removal { host: host("host-0"), ports: vec![] }])];
    assert!(apply(&more, &shorter, MaxServers::default()).is_ok());
    assert!(apply(&more, &[add("another", &[80])], MaxServers::default()).is_err());
    let replaced = [Edit::ReplaceReferenceServers(more.reference_servers.servers().to_vec())];
    assert_eq!(
        refused(&more, &replaced),
        "edits[0].replace_reference_servers.servers: 33 reference servers are too many (at most 32)"
    );
    assert!(MaxServers::new(31).is_err() && MaxServers::new(321).is_err());
}

#[test]
fn a_replacement_names_each_host_once() {
    let replace = Edit::ReplaceReferenceServers(vec![server("x", &[1]), server("X", &[2])]);
    assert_eq!(
        refused(&three(), &[replace]),
        "edits[0].replace_reference_servers.servers[1].host: \
         x is on the list twice; add its ports to one entry"
    );
}

#[test]
fn rules_that_are_not_named_stay() {
    let interval = RecheckInterval::new(Duration::from_secs(30)).unwrap();
    let set = |server_connection, recheck_interval| {
        Edit::SetLocationRules(NewRules { server_connection, recheck_interval, ..NewRules::default() })
    };
    let settings =
        applied(&three(), &[set(None, Some(interval)), set(Some(ServerConnection::SaysNothing), None)]);
    assert_eq!(settings.location.recheck_interval, interval);
    assert_eq!(settings.location.server_connection, ServerConnection::SaysNothing);
    assert_eq!(settings.reference_servers, three().reference_servers);
}

#[test]
fn every_rule_is_set_by_itself() {
    let criterion = NewRules { criterion: Some(Criterion::Gateway), ..NewRules::default() };
    let required = RequiredSuccesses::new(2).unwrap();
    let required = NewRules { required_successes: Some(required), ..NewRules::default() };
    let tunnels = NewRules { tunnels: Some(Tunnels::Ignore), ..NewRules::default() };
    let dwell = MinimumDwell::new(Duration::from_secs(30)).unwrap();
    let hysteresis = NewRules {
        confirmations_to_internal: Confirmations::new(2).ok(),
        confirmations_to_external: Confirmations::new(3).ok(),
        minimum_dwell: Some(dwell),
        ..NewRules::default()
    };
    let edits = [criterion, required, tunnels, hysteresis].map(Edit::SetLocationRules);
    let LocationRules {
        criterion,
        server_connection,
        recheck_interval,
        required_successes,
        tunnels,
        hysteresis,
    } = applied(&three(), &edits).location;
    assert_eq!((criterion, tunnels), (Criterion::Gateway, Tunnels::Ignore));
    assert_eq!(required_successes.get(), 2);
    assert_eq!(hysteresis.confirmations_to_internal.get(), 2);
    assert_eq!(hysteresis.confirmations_to_external.get(), 3);
    assert_eq!(hysteresis.minimum_dwell, dwell);
    let untouched = LocationRules::default();
    assert_eq!(server_connection, untouched.server_connection);
    assert_eq!(recheck_interval, untouched.recheck_interval);
}

fn pins(keys: &[u8]) -> Pins {
    Pins::new(keys.iter().map(|key| SpkiPin::of(&[*key])).collect()).unwrap()
}

fn add_pinned(host: &str, keys: &[u8]) -> Edit {
    let server = ReferenceServer { probe: Probe::Tls(pins(keys)), ..server(host, &[443]) };
    Edit::AddReferenceServer { server, position: None }
}

fn probe_of<'a>(settings: &'a Settings, wanted: &str) -> &'a Probe {
    let servers = settings.reference_servers.servers();
    &servers.iter().find(|server| server.host == host(wanted)).unwrap().probe
}

#[test]
fn pins_are_added_to_an_entry_and_make_it_tls() {
    let settings =
        applied(&three(), &[add_pinned("n", &[1]), add_pinned("a", &[1]), add_pinned("a", &[2, 1])]);
    assert_eq!(probe_of(&settings, "n"), &Probe::Tls(pins(&[1])));
    assert_eq!(probe_of(&settings, "a"), &Probe::Tls(pins(&[1, 2])));
    // More ports leave the kind as it is.
    assert_eq!(probe_of(&applied(&settings, &[add("a", &[8443])]), "a"), &Probe::Tls(pins(&[1, 2])));
    let too_many = [add_pinned("a", &[3, 4, 5, 6, 7, 8, 9])];
    assert_eq!(
        refused(&settings, &too_many),
        "edits[0].add_reference_server.tls.pins: 9 key pins are too many (at most 8)"
    );
}

#[test]
fn too_many_ports_and_too_many_pins_are_told_at_once_and_neither_is_added() {
    let full =
        applied(&three(), &[add("a", &[1, 2, 3, 4, 5, 6]), add_pinned("a", &[1, 2, 3, 4, 5, 6, 7, 8])]);
    let more = ReferenceServer { probe: Probe::Tls(pins(&[9])), ..server("a", &[7]) };
    let more = [Edit::AddReferenceServer { server: more, position: None }];
    assert_eq!(
        refused(&full, &more),
        "edits[0].add_reference_server.ports: 9 ports are too many (at most 8 a server); \
         edits[0].add_reference_server.tls.pins: 9 key pins are too many (at most 8)"
    );
}

#[test]
fn an_entry_gets_other_pins_or_none() {
    let set =
        |new_probe| Edit::EditReferenceServer { host: host("a"), new_host: None, new_ports: None, new_probe };
    let settings = applied(&three(), &[add_pinned("a", &[1, 2]), set(Some(Probe::Tls(pins(&[3]))))]);
    assert_eq!(probe_of(&settings, "a"), &Probe::Tls(pins(&[3])));
    assert_eq!(probe_of(&applied(&settings, &[set(None)]), "a"), &Probe::Tls(pins(&[3])));
    assert_eq!(probe_of(&applied(&settings, &[set(Some(Probe::Tcp))]), "a"), &Probe::Tcp);
}

/// `10.0.0.N`, and with `mac` one hardware of it.
fn gateway(n: u8, mac: Option<u8>) -> Gateway {
    let mac = mac.map(|last| MacAddress::new([0, 0x11, 0x22, 0xaa, 0xbb, last]));
    Gateway::new([10, 0, 0, n].into(), mac).unwrap()
}

#[test]
fn gateways_come_and_go() {
    let start = [gateway(1, None), gateway(2, Some(1)), gateway(2, Some(2))];
    let settings = applied(&three(), &[Edit::AddGateways(start.to_vec())]);
    let again = applied(&settings, &[Edit::AddGateways(vec![gateway(2, Some(1)), gateway(3, None)])]);
    assert_eq!(again.gateways.as_slice(), [start.as_slice(), &[gateway(3, None)]].concat());
    let one = applied(&settings, &[Edit::RemoveGateways(vec![gateway(2, Some(1))])]);
    assert_eq!(one.gateways.as_slice(), [gateway(1, None), gateway(2, Some(2))]);
    let all = applied(&settings, &[Edit::RemoveGateways(vec![gateway(2, None)])]);
    assert_eq!(all.gateways.as_slice(), [gateway(1, None)]);
    let replaced = applied(&settings, &[Edit::ReplaceGateways(vec![gateway(9, None)])]);
    assert_eq!(replaced.gateways.as_slice(), [gateway(9, None)]);
    let none = applied(&settings, &[Edit::ReplaceGateways(vec![])]);
    assert_eq!(none, three());
}

#[test]
fn bad_edits_of_gateways_are_told_all_at_once() {
    let settings = applied(&three(), &[Edit::AddGateways(vec![gateway(1, Some(1))])]);
    let many = (0..1001_u32).map(|n| Gateway::new((0x0a00_0001 + n).to_be_bytes().into(), None).unwrap());
    let edits = [
        Edit::RemoveGateways(vec![gateway(7, None), gateway(1, None), gateway(1, Some(1))]),
        Edit::ReplaceGateways(vec![gateway(1, None), gateway(1, None)]),
        Edit::AddGateways(many.collect()),
    ];
    assert_eq!(
        refused(&settings, &edits),
        "edits[0].remove_gateways.gateways[0]: 10.0.0.7 is not on the list; \
         edits[0].remove_gateways.gateways[2]: 10.0.0.1 (00:11:22:aa:bb:01) is not on the list; \
         edits[1].replace_gateways.gateways[1]: 10.0.0.1 is on the list twice; \
         edits[2].add_gateways.gateways: 1002 gateways are too many (at most 1000)"
    );
}

/// The same rules over plain vectors, without a thought for speed or messages: `None` is refused.
mod model {
    use super::{Edit, Gateway, Probe, Removal, SpkiPin};

    pub(super) type List = Vec<(String, Vec<u16>, Vec<SpkiPin>)>;

    pub(super) fn pins(probe: &Probe) -> Vec<SpkiPin> {
        probe.pins().map(|pins| pins.as_slice().to_vec()).unwrap_or_default()
    }

    fn extend(
        (_, ports, pins): &mut (String, Vec<u16>, Vec<SpkiPin>),
        more: Vec<u16>,
        keys: &[SpkiPin],
    ) -> Option<()> {
        for port in more {
            if !ports.contains(&port) {
                ports.push(port);
            }
        }
        for key in keys {
            if !pins.contains(key) {
                pins.push(*key);
            }
        }
        (ports.len() <= 8 && pins.len() <= 8).then_some(())
    }

    pub(super) fn apply_to_gateways(list: &[Gateway], edit: &Edit) -> Option<Vec<Gateway>> {
        let mut list = list.to_vec();
        match edit {
            Edit::AddGateways(more) => {
                for gateway in more {
                    if !list.contains(gateway) {
                        list.push(*gateway);
                    }
                }
            }
            Edit::RemoveGateways(gone) => {
                for entry in gone {
                    let is_meant = |it: &Gateway| {
                        it.address() == entry.address() && (entry.mac().is_none() || it.mac() == entry.mac())
                    };
                    if !list.iter().any(is_meant) {
                        return None;
                    }
                    list.retain(|it| !is_meant(it));
                }
            }
            Edit::ReplaceGateways(others) => {
                if (1..others.len()).any(|index| others[..index].contains(&others[index])) {
                    return None;
                }
                list.clone_from(others);
            }
            Edit::AddReferenceServer { .. }
            | Edit::EditReferenceServer { .. }
            | Edit::MoveReferenceServer { .. }
            | Edit::RemoveReferenceServers(_)
            | Edit::EnableReferenceServers(_)
            | Edit::ReplaceReferenceServers(_)
            | Edit::SetLocationRules(_)
            | Edit::Firewall(_) => {}
        }
        Some(list)
    }

    pub(super) fn apply(list: &List, edit: &Edit, max: usize) -> Option<List> {
        let mut list = list.clone();
        let at = |list: &List, host: &str| list.iter().position(|(name, ..)| name == host);
        match edit {
            Edit::AddReferenceServer { server, position } => {
                let new: Vec<u16> = server.ports.as_slice().iter().map(|port| port.get()).collect();
                match at(&list, &server.host.to_string()) {
                    Some(index) => extend(&mut list[index], new, &pins(&server.probe))?,
                    None => {
                        let position = position.unwrap_or(list.len());
                        if list.len() == max || position > list.len() {
                            return None;
                        }
                        list.insert(position, (server.host.to_string(), new, pins(&server.probe)));
                    }
                }
            }
            Edit::EditReferenceServer { host, new_host, new_ports, new_probe } => {
                let index = at(&list, &host.to_string())?;
                if let Some(new_host) = new_host {
                    if at(&list, &new_host.to_string()).is_some_and(|other| other != index) {
                        return None;
                    }
                    list[index].0 = new_host.to_string();
                }
                if let Some(ports) = new_ports {
                    list[index].1 = ports.as_slice().iter().map(|port| port.get()).collect();
                }
                if let Some(probe) = new_probe {
                    list[index].2 = pins(probe);
                }
            }
            Edit::MoveReferenceServer { host, position } => {
                let entry = list.remove(at(&list, &host.to_string())?);
                if *position > list.len() {
                    return None;
                }
                list.insert(*position, entry);
            }
            Edit::RemoveReferenceServers(removals) => {
                for Removal { host, ports } in removals {
                    let index = at(&list, &host.to_string())?;
                    if ports.iter().any(|port| !list[index].1.contains(&port.get())) {
                        return None;
                    }
                    list[index].1.retain(|number| ports.iter().all(|port| port.get() != *number));
                    if ports.is_empty() || list[index].1.is_empty() {
                        list.remove(index);
                    }
                }
            }
            Edit::ReplaceReferenceServers(servers) => {
                if servers.len() > max {
                    return None;
                }
                list.clear();
                for server in servers {
                    if at(&list, &server.host.to_string()).is_some() {
                        return None;
                    }
                    let ports = server.ports.as_slice().iter().map(|port| port.get()).collect();
                    list.push((server.host.to_string(), ports, pins(&server.probe)));
                }
            }
            Edit::EnableReferenceServers(_)
            | Edit::SetLocationRules(_)
            | Edit::AddGateways(_)
            | Edit::RemoveGateways(_)
            | Edit::ReplaceGateways(_)
            | Edit::Firewall(_) => {}
        }
        Some(list)
    }
}

fn any_host() -> impl Strategy<Value = Host> {
    (0..40_u8).prop_map(|n| host(&format!("h{n}")))
}

fn any_ports() -> impl Strategy<Value = Ports> {
    proptest::sample::subsequence((1..=12_u32).collect::<Vec<_>>(), 1..=8)
        .prop_shuffle()
        .prop_map(|n| ports(&n))
}

fn any_server() -> impl Strategy<Value = ReferenceServer> {
    (any_host(), any_ports(), any_probe()).prop_map(|(host, ports, probe)| ReferenceServer {
        host,
        ports,
        probe,
    })
}

fn any_probe() -> impl Strategy<Value = Probe> {
    let keys = proptest::sample::subsequence((1..=10_u8).collect::<Vec<_>>(), 1..=8).prop_shuffle();
    prop_oneof![2 => Just(Probe::Tcp), 1 => keys.prop_map(|keys| Probe::Tls(pins(&keys)))]
}

fn any_gateways() -> impl Strategy<Value = Vec<Gateway>> {
    let one = (0..4_u8, proptest::option::of(0..3_u8)).prop_map(|(n, mac)| gateway(n, mac));
    proptest::collection::vec(one, 0..4)
}

fn any_removal() -> impl Strategy<Value = Removal> {
    let some = any_ports().prop_map(|ports| ports.as_slice().iter().take(2).copied().collect());
    (any_host(), prop_oneof![Just(vec![]), some]).prop_map(|(host, ports)| Removal { host, ports })
}

fn any_edit() -> impl Strategy<Value = Edit> {
    use proptest::option::of;
    prop_oneof![
        8 => (any_server(), of(0..40_usize))
            .prop_map(|(server, position)| Edit::AddReferenceServer { server, position }),
        2 => (any_host(), of(any_host()), of(any_ports()), of(any_probe())).prop_map(
            |(host, new_host, new_ports, new_probe)| Edit::EditReferenceServer { host, new_host, new_ports, new_probe }
        ),
        2 => (any_host(), 0..40_usize)
            .prop_map(|(host, position)| Edit::MoveReferenceServer { host, position }),
        1 => proptest::collection::vec(any_removal(), 1..3).prop_map(Edit::RemoveReferenceServers),
        1 => any::<bool>().prop_map(Edit::EnableReferenceServers),
        1 => proptest::collection::vec(any_server(), 0..36).prop_map(Edit::ReplaceReferenceServers),
        3 => any_gateways().prop_map(Edit::AddGateways),
        2 => any_gateways().prop_map(Edit::RemoveGateways),
        1 => any_gateways().prop_map(Edit::ReplaceGateways),
    ]
}

proptest! {
    #[test]
    fn edits_do_what_the_plain_model_does(edits in proptest::collection::vec(any_edit(), 1..60)) {
        let mut settings = Settings::default();
        let mut list = model::List::new();
        let mut gateways = Vec::new();
        for edit in &edits {
            let before = settings.clone();
            let made = apply(&settings, std::slice::from_ref(edit), MaxServers::default());
            prop_assert_eq!(&settings, &before);
            let expected = model::apply(&list, edit, DEFAULT_MAX_SERVERS);
            match expected.zip(model::apply_to_gateways(&gateways, edit)) {
                Some((expected, expected_gateways)) => {
                    settings = made.unwrap();
                    list = expected;
                    gateways = expected_gateways;
                }
                None => prop_assert!(made.is_err(), "{:?}", edit),
            }
            let seen: model::List = settings
                .reference_servers
                .servers()
                .iter()
                .map(|server| {
                    let ports = server.ports.as_slice().iter().map(|port| port.get()).collect();
                    (server.host.to_string(), ports, model::pins(&server.probe))
                })
                .collect();
            prop_assert_eq!(&seen, &list);
            prop_assert_eq!(settings.gateways.as_slice(), &gateways);
        }
    }

    #[test]
    fn one_request_does_what_its_edits_do_one_by_one(edits in proptest::collection::vec(any_edit(), 1..20)) {
        let whole = apply(&Settings::default(), &edits, MaxServers::default());
        let stepwise = edits.iter().try_fold(Settings::default(), |settings, edit| {
            apply(&settings, std::slice::from_ref(edit), MaxServers::default())
        });
        prop_assert_eq!(whole.ok(), stepwise.ok());
    }
}
