use std::net::IpAddr;

use super::super::message::Hop;
use super::*;

fn link(index: u32, flags: u32) -> Fact {
    Fact::Link(Link { index, flags, name: format!("eth{index}"), ..Link::default() })
}

fn address(text: &str, flags: u32) -> Fact {
    Fact::Address(Address { index: 2, address: text.parse().unwrap(), prefix_len: 64, flags })
}

fn route(gateway: &str, metric: u32) -> Route {
    let gateway: IpAddr = gateway.parse().unwrap();
    Route {
        is_ipv6: gateway.is_ipv6(),
        destination: None,
        destination_len: 0,
        source_len: 0,
        tos: 0,
        table: RT_TABLE_MAIN,
        kind: 1,
        flags: 0,
        metric,
        preference: 0,
        hops: vec![Hop { index: 2, gateway: Some(gateway), flags: 0 }],
    }
}

/// Which of these events are changes.
fn changes(snapshot: &mut Snapshot, events: impl IntoIterator<Item = Event>) -> Vec<bool> {
    events.into_iter().map(|event| snapshot.apply(&event)).collect()
}

const UP_WITH_CARRIER: u32 = IFF_UP | IFF_RUNNING | IFF_LOWER_UP;
const IFF_PROMISC: u32 = 0x100;

#[test]
fn a_link_that_goes_up_or_down_is_a_change_and_its_statistics_are_not() {
    let events = [
        (Event::Is(link(2, 0)), false),
        (Event::Is(link(2, IFF_UP)), true),
        (Event::Is(link(2, UP_WITH_CARRIER)), true),
        (Event::Is(link(2, UP_WITH_CARRIER)), false),
        (Event::Is(link(2, UP_WITH_CARRIER | IFF_PROMISC)), false),
        (Event::Is(link(3, 0)), false),
        // The cable is pulled.
        (Event::Is(link(2, IFF_UP)), true),
        (Event::Is(link(2, UP_WITH_CARRIER)), true),
        (Event::Gone(link(2, UP_WITH_CARRIER)), true),
        (Event::Gone(link(3, 0)), false),
    ];
    let mut snapshot = Snapshot::default();
    for (number, (event, is_change)) in events.into_iter().enumerate() {
        assert_eq!(snapshot.apply(&event), is_change, "event {number}");
    }
}

#[test]
fn an_address_counts_once_it_is_usable() {
    let mut snapshot = Snapshot::default();
    let tentative = Event::Is(address("fe80::1", IFA_F_TENTATIVE));
    let usable = Event::Is(address("fe80::1", 0x80));
    let failed = Event::Is(address("fe80::1", IFA_F_TENTATIVE | IFA_F_DADFAILED));
    let gone = Event::Gone(address("fe80::1", 0x80));
    let seen = changes(
        &mut snapshot,
        [
            tentative.clone(),
            usable.clone(),
            usable.clone(),
            failed,
            usable,
            gone.clone(),
            gone,
            tentative.clone(),
        ],
    );
    assert_eq!(seen, [false, true, false, true, true, true, false, false]);
    assert!(!snapshot.apply(&Event::Gone(address("fe80::1", IFA_F_TENTATIVE))));
    let optimistic = Event::Is(address("fe80::2", IFA_F_TENTATIVE | IFA_F_OPTIMISTIC));
    assert!(snapshot.apply(&optimistic), "it may be sent from");
}

#[test]
fn a_route_that_comes_goes_or_becomes_another_is_a_change() {
    let mut snapshot = Snapshot::default();
    let first = Fact::Route(route("192.0.2.1", 100));
    let second = Fact::Route(route("192.0.2.254", 100));
    let seen = changes(
        &mut snapshot,
        [
            Event::Is(first.clone()),
            Event::Replaced(second.clone()),
            Event::Replaced(first.clone()),
            Event::Is(Fact::Route(route("192.0.2.1", 200))),
            Event::Gone(first),
        ],
    );
    assert_eq!(seen, [true; 5]);
}

#[test]
fn a_router_that_says_the_same_again_is_no_change() {
    let mut snapshot = Snapshot::default();
    let advertised = Event::Replaced(Fact::Route(route("fe80::1", 1024)));
    assert!(snapshot.apply(&advertised));
    for _ in 0..100 {
        assert!(!snapshot.apply(&advertised));
    }
    let low = Route { preference: 3, ..route("fe80::1", 1024) };
    assert!(snapshot.apply(&Event::Replaced(Fact::Route(low))), "but less willing than before");
}

#[test]
fn a_route_that_went_silently_is_a_change_when_it_comes_again() {
    let mut snapshot = Snapshot::default();
    let event = Event::Is(Fact::Route(route("192.0.2.1", 100)));
    assert!(snapshot.apply(&event));
    assert!(snapshot.apply(&event));
}

#[test]
fn a_vpn_beside_the_main_table_is_a_change() {
    let mut snapshot = Snapshot::default();
    let default = Route { table: 51_820, ..route("192.0.2.1", 0) };
    let events = [
        Event::Is(Fact::Route(default.clone())),
        Event::Is(Fact::Rule),
        Event::Gone(Fact::Rule),
        Event::Gone(Fact::Route(default)),
    ];
    assert_eq!(changes(&mut snapshot, events), [true; 4]);
}

#[test]
fn the_kernels_own_and_cached_routes_are_no_change() {
    let mut snapshot = Snapshot::default();
    let local = Route { table: RT_TABLE_LOCAL, ..route("192.0.2.1", 0) };
    // A kernel without several tables has all in the main one.
    let multicast = Route { kind: 5, ..route("fe80::1", 256) };
    let cached = Route { flags: RTM_F_CLONED, ..route("192.0.2.1", 0) };
    for other in [local, multicast, cached] {
        let fact = Fact::Route(other);
        assert_eq!(changes(&mut snapshot, [Event::Is(fact.clone()), Event::Gone(fact)]), [false, false]);
    }
}

#[test]
fn what_a_look_found_is_no_change_when_it_is_told_again() {
    let mut part = Snapshot::default();
    let known = [
        Event::Is(link(2, UP_WITH_CARRIER)),
        Event::Is(address("192.0.2.7", 0)),
        Event::Replaced(Fact::Route(route("fe80::1", 1024))),
    ];
    changes(&mut part, known.clone());
    let mut snapshot = Snapshot::default();
    snapshot.absorb(part);
    assert_eq!(changes(&mut snapshot, known), [false, false, false]);
}

#[test]
fn a_machine_with_very_many_routes_costs_no_more() {
    let mut snapshot = Snapshot::default();
    for metric in 0..u32::try_from(MAX_HELD).unwrap() + 1_000 {
        assert!(snapshot.apply(&Event::Is(Fact::Route(route("192.0.2.1", metric)))));
        snapshot.apply(&Event::Is(link(metric, UP_WITH_CARRIER)));
    }
    assert_eq!((snapshot.routes.0.len(), snapshot.links.0.len()), (MAX_HELD, MAX_HELD));
    let beyond = route("fe80::1", 900_000);
    assert!(!snapshot.apply(&Event::Replaced(Fact::Route(beyond.clone()))), "perhaps by the same");
    assert!(snapshot.apply(&Event::Is(Fact::Route(beyond.clone()))));
    assert!(snapshot.apply(&Event::Gone(Fact::Route(beyond))));
}
