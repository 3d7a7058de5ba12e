use std::time::Duration;

use landmark_proto::reference_server::Probe;
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
    };
    assert_eq!(shown(&applied(&three(), &[edit])), ["a (443, 80)", "ftp.example (990, 21)", "c (22)"]);
    let same_name =
        Edit::EditReferenceServer { host: host("b"), new_host: Some(host("B.")), new_ports: None };
    assert_eq!(applied(&three(), &[same_name]), three());
    let taken = Edit::EditReferenceServer { host: host("b"), new_host: Some(host("c")), new_ports: None };
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
    let set =
        |server_connection, recheck_interval| Edit::SetLocationRules { server_connection, recheck_interval };
    let settings =
        applied(&three(), &[set(None, Some(interval)), set(Some(ServerConnection::SaysNothing), None)]);
    assert_eq!(settings.location.recheck_interval, interval);
    assert_eq!(settings.location.server_connection, ServerConnection::SaysNothing);
    assert_eq!(settings.reference_servers, three().reference_servers);
}

/// The same rules over plain vectors, without a thought for speed or messages: `None` is refused.
mod model {
    use super::{Edit, Removal};

    pub(super) type List = Vec<(String, Vec<u16>)>;

    pub(super) fn apply(list: &List, edit: &Edit, max: usize) -> Option<List> {
        let mut list = list.clone();
        let at = |list: &List, host: &str| list.iter().position(|(name, _)| name == host);
        match edit {
            Edit::AddReferenceServer { server, position } => {
                let new: Vec<u16> = server.ports.as_slice().iter().map(|port| port.get()).collect();
                match at(&list, &server.host.to_string()) {
                    Some(index) => {
                        for port in new {
                            if !list[index].1.contains(&port) {
                                list[index].1.push(port);
                            }
                        }
                        if list[index].1.len() > 8 {
                            return None;
                        }
                    }
                    None => {
                        let position = position.unwrap_or(list.len());
                        if list.len() == max || position > list.len() {
                            return None;
                        }
                        list.insert(position, (server.host.to_string(), new));
                    }
                }
            }
            Edit::EditReferenceServer { host, new_host, new_ports } => {
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
                    list.push((server.host.to_string(), ports));
                }
            }
            Edit::EnableReferenceServers(_) | Edit::SetLocationRules { .. } => {}
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
    (any_host(), any_ports()).prop_map(|(host, ports)| ReferenceServer { host, ports, probe: Probe::Tcp })
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
        2 => (any_host(), of(any_host()), of(any_ports()))
            .prop_map(|(host, new_host, new_ports)| Edit::EditReferenceServer { host, new_host, new_ports }),
        2 => (any_host(), 0..40_usize)
            .prop_map(|(host, position)| Edit::MoveReferenceServer { host, position }),
        1 => proptest::collection::vec(any_removal(), 1..3).prop_map(Edit::RemoveReferenceServers),
        1 => any::<bool>().prop_map(Edit::EnableReferenceServers),
        1 => proptest::collection::vec(any_server(), 0..36).prop_map(Edit::ReplaceReferenceServers),
    ]
}

proptest! {
    #[test]
    fn edits_do_what_the_plain_model_does(edits in proptest::collection::vec(any_edit(), 1..60)) {
        let mut settings = Settings::default();
        let mut list = model::List::new();
        for edit in &edits {
            let before = settings.clone();
            let made = apply(&settings, std::slice::from_ref(edit), MaxServers::default());
            prop_assert_eq!(&settings, &before);
            match model::apply(&list, edit, DEFAULT_MAX_SERVERS) {
                Some(expected) => {
                    settings = made.unwrap();
                    list = expected;
                }
                None => prop_assert!(made.is_err(), "{:?}", edit),
            }
            let seen: model::List = settings
                .reference_servers
                .servers()
                .iter()
                .map(|server| {
                    let ports = server.ports.as_slice().iter().map(|port| port.get()).collect();
                    (server.host.to_string(), ports)
                })
                .collect();
            prop_assert_eq!(&seen, &list);
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
