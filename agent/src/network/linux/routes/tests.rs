use std::net::{TcpListener, TcpStream};

use super::super::message::Hop;
use super::*;

fn hop(index: u32, gateway: &str, flags: u32) -> Hop {
    Hop { index, gateway: Some(gateway.parse().unwrap()), flags }
}

fn route(metric: u32, hops: Vec<Hop>) -> Route {
    Route {
        is_ipv6: false,
        destination: None,
        destination_len: 0,
        source_len: 0,
        tos: 0,
        table: RT_TABLE_MAIN,
        kind: RTN_UNICAST,
        flags: 0,
        metric,
        preference: 0,
        hops,
    }
}

#[test]
fn every_next_hop_that_leads_somewhere_is_a_way() {
    let hops = vec![
        hop(2, "192.0.2.1", 0),
        hop(3, "192.0.2.2", RTNH_F_DEAD),
        hop(4, "192.0.2.3", RTNH_F_LINKDOWN),
        hop(5, "192.0.2.4", 0x4),
    ];
    let gateways: Vec<_> = ways_of(&route(0, hops)).iter().filter_map(Way::gateway).collect();
    assert_eq!(gateways, [(2, "192.0.2.1".parse().unwrap()), (5, "192.0.2.4".parse().unwrap())]);
}

#[test]
fn only_default_routes_of_the_main_table_are_taken() {
    let way = || vec![hop(2, "192.0.2.1", 0)];
    assert_eq!(ways_of(&route(0, way())).len(), 1);
    for other in [
        Route { destination_len: 1, ..route(0, way()) },
        Route { source_len: 64, ..route(0, way()) },
        Route { tos: 0x10, ..route(0, way()) },
        Route { table: 255, ..route(0, way()) },
        Route { kind: 7, ..route(0, way()) },
        Route { flags: RTM_F_CLONED, ..route(0, way()) },
    ] {
        assert_eq!(ways_of(&other), [], "{other:?}");
    }
}

#[test]
fn the_lowest_metric_is_first_then_the_routers_preference_then_the_kernels_order() {
    let way = |index, metric, preference| Way { is_ipv6: true, metric, preference, index, gateway: None };
    let (low, medium, high, reserved) = (0b11, 0b00, 0b01, 0b10);
    let ways = vec![
        way(1, 1024, low),
        way(2, 1024, medium),
        way(3, 1024, reserved),
        way(4, 1024, high),
        way(5, 100, low),
        way(6, 1024, medium),
    ];
    let order: Vec<_> = in_order(ways).iter().map(|way| way.index).collect();
    assert_eq!(order, [5, 4, 2, 3, 6, 1]);
}

#[test]
fn many_routes_of_one_family_leave_room_for_the_others() {
    let many = |is_ipv6| {
        let way = |index| Way { is_ipv6, metric: 1000 - index, preference: 0, index, gateway: None };
        in_order((1..=100).map(way).collect())
    };
    for ways in [many(false), many(true)] {
        assert_eq!(ways.len(), MAX_ROUTES);
        assert_eq!(ways[0].index, 100, "the preferred ones are kept");
    }
}

#[test]
fn a_connection_to_this_machine_goes_through_loopback() {
    let loopback = Interface { name: "lo".to_owned(), kind: "loopback".to_owned(), is_tunnel: false };
    let ipv4 = TcpListener::bind("127.0.0.1:0").unwrap();
    // A machine without IPv6 has one family to show it with.
    for listener in [Some(ipv4), TcpListener::bind("[::1]:0").ok()].into_iter().flatten() {
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let egress = egress(stream.local_addr().unwrap(), stream.peer_addr().unwrap()).unwrap();
        assert_eq!(egress, Some(loopback.clone()), "{listener:?}");
    }
}

#[test]
fn a_source_that_is_not_of_this_machine_has_no_way() {
    let foreign = "192.0.2.77:1".parse().unwrap();
    assert!(egress(foreign, "127.0.0.1:2".parse().unwrap()).is_err());
}

#[test]
fn the_machines_own_default_routes_are_those_that_it_lists_elsewhere() {
    let routes = default_routes().unwrap();
    let text = std::fs::read_to_string("/proc/net/route").unwrap();
    // Interface, destination, gateway, flags, reference count, use, metric, mask: in hexadecimal, addresses reversed.
    let mut expected: Vec<(String, u32)> = text
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|fields| fields[1] == "00000000" && fields[7] == "00000000" && fields[3] != "0200")
        .map(|fields| (fields[0].to_owned(), fields[6].parse().unwrap()))
        .collect();
    let found: Vec<_> = routes
        .iter()
        .filter(|route| !route.is_ipv6)
        .map(|route| (route.interface.name.clone(), route.metric))
        .collect();
    expected.retain(|(name, _)| {
        let carrier = std::fs::read_to_string(format!("/sys/class/net/{name}/carrier"));
        carrier.is_ok_and(|carrier| carrier.trim() == "1")
    });
    // The file shows one next hop of several.
    assert_eq!(found.is_empty(), expected.is_empty());
    assert!(expected.iter().all(|route| found.contains(route)), "{found:?}, but {expected:?} in the file");
}

#[test]
fn there_is_no_interface_of_an_unused_number() {
    let mut asker = Asker::open(Protocol::Route).unwrap();
    assert_eq!(interface(&mut asker, 0x7fff_fff0).unwrap(), None);
    assert_eq!(interface(&mut asker, 1).unwrap().unwrap().kind, "loopback");
}
