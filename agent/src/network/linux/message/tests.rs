use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::netlink::message::{HEADER, Messages, NLMSG_DONE, NLMSG_ERROR};

/// An attribute.
fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = u16::try_from(value.len() + 4).unwrap().to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(aligned(bytes.len()), 0);
    bytes
}

/// A datagram with one message.
fn datagram(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(HEADER + body.len()).unwrap().to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend(body);
    bytes
}

fn event(kind: u16, flags: u16, body: &[u8]) -> Option<Event> {
    Messages::new(&datagram(kind, flags, body)).next().unwrap().event()
}

fn link_body(family: u8, attributes: &[Vec<u8>]) -> Vec<u8> {
    let mut body = vec![family, 0];
    body.extend(65_534_u16.to_ne_bytes());
    body.extend(7_u32.to_ne_bytes());
    body.extend(0x1_0041_u32.to_ne_bytes());
    body.extend([0; 4]);
    body.extend(attributes.concat());
    body
}

/// A default route of the main table.
fn route_body(family: u8, attributes: &[Vec<u8>]) -> Vec<u8> {
    let mut body = vec![family, 0, 0, 0, 254, 3, 0, 1];
    body.extend([0; 4]);
    body.extend(attributes.concat());
    body
}

fn hop(flags: u8, index: u32, attributes: &[Vec<u8>]) -> Vec<u8> {
    let attributes = attributes.concat();
    let mut bytes = u16::try_from(8 + attributes.len()).unwrap().to_ne_bytes().to_vec();
    bytes.extend([flags, 0]);
    bytes.extend(index.to_ne_bytes());
    bytes.extend(attributes);
    bytes
}

fn route_in(event: Option<Event>) -> Route {
    match event {
        Some(Event::Is(Fact::Route(route)) | Event::Replaced(Fact::Route(route))) => route,
        other => panic!("{other:?}"),
    }
}

#[test]
fn reads_a_link_with_its_kind() {
    let info = [attribute(1, b"wireguard\0"), attribute(2, &[1, 2, 3, 4])].concat();
    let attributes =
        [attribute(3, b"wg0\0"), attribute(5, &3_u32.to_ne_bytes()), attribute(18 | 0x8000, &info)];
    let Some(Event::Is(Fact::Link(link))) = event(RTM_NEWLINK, 0, &link_body(0, &attributes)) else {
        panic!("no link")
    };
    let expected = Link {
        index: 7,
        arphrd: 65_534,
        flags: 0x1_0041,
        name: "wg0".to_owned(),
        info_kind: Some("wireguard".to_owned()),
        lower: Some(3),
    };
    assert_eq!(link, expected);
}

#[test]
fn an_interface_below_in_another_namespace_is_none_here() {
    let attributes = [attribute(5, &3_u32.to_ne_bytes()), attribute(37, &0_u32.to_ne_bytes())];
    let Some(Event::Gone(Fact::Link(link))) = event(RTM_DELLINK, 0, &link_body(0, &attributes)) else {
        panic!("no link")
    };
    assert_eq!(link.lower, None);
}

#[test]
fn what_a_bridge_says_of_its_ports_is_no_link() {
    assert_eq!(event(RTM_DELLINK, 0, &link_body(7, &[])), None);
}

#[test]
fn a_name_that_would_move_a_terminals_cursor_is_made_harmless() {
    let attributes = [attribute(3, b"a\x1b[2J\xff\0rest")];
    let Some(Event::Is(Fact::Link(link))) = event(RTM_NEWLINK, 0, &link_body(0, &attributes)) else {
        panic!("no link")
    };
    assert_eq!(link.name, "a\u{fffd}[2J\u{fffd}");
}

#[test]
fn reads_the_own_address_of_a_point_to_point_link() {
    let mut body = vec![AF_INET, 32, 0x80, 0];
    body.extend(7_u32.to_ne_bytes());
    body.extend(attribute(1, &[10, 8, 0, 1]));
    body.extend(attribute(2, &[10, 8, 0, 2]));
    body.extend(attribute(8, &0x280_u32.to_ne_bytes()));
    let expected = Address { index: 7, address: "10.8.0.2".parse().unwrap(), prefix_len: 32, flags: 0x280 };
    assert_eq!(event(RTM_NEWADDR, 0, &body), Some(Event::Is(Fact::Address(expected.clone()))));
    assert_eq!(event(RTM_DELADDR, 0, &body), Some(Event::Gone(Fact::Address(expected))));
}

#[test]
fn reads_a_route_with_its_gateway_and_metric() {
    let attributes = [
        attribute(15, &254_u32.to_ne_bytes()),
        attribute(4, &2_u32.to_ne_bytes()),
        attribute(5, &[192, 0, 2, 1]),
        attribute(6, &100_u32.to_ne_bytes()),
    ];
    let body = route_body(AF_INET, &attributes);
    let route = route_in(event(RTM_NEWROUTE, 0, &body));
    let gateway = Some("192.0.2.1".parse().unwrap());
    assert_eq!(route.hops, [Hop { index: 2, gateway, flags: 0 }]);
    assert_eq!((route.metric, route.table, route.is_ipv6), (100, 254, false));
    assert!(matches!(event(RTM_NEWROUTE, NLM_F_REPLACE, &body), Some(Event::Replaced(_))));
    assert!(matches!(event(RTM_DELROUTE, 0, &body), Some(Event::Gone(_))));
}

#[test]
fn reads_every_hop_of_a_multipath_route() {
    let hops = [
        hop(0, 2, &[attribute(5, &[192, 0, 2, 1])]),
        hop(1, 3, &[attribute(5, &[198, 51, 100, 1])]),
        hop(0, 4, &[]),
    ];
    let route = route_in(event(RTM_NEWROUTE, 0, &route_body(AF_INET, &[attribute(9, &hops.concat())])));
    let expected = [
        Hop { index: 2, gateway: Some("192.0.2.1".parse().unwrap()), flags: 0 },
        Hop { index: 3, gateway: Some("198.51.100.1".parse().unwrap()), flags: 1 },
        Hop { index: 4, gateway: None, flags: 0 },
    ];
    assert_eq!(route.hops, expected);
}

#[test]
fn an_ipv4_route_may_go_by_an_ipv6_gateway() {
    let mut via = u16::from(AF_INET6).to_ne_bytes().to_vec();
    let gateway: Ipv6Addr = "fe80::1".parse().unwrap();
    via.extend(gateway.octets());
    let attributes = [attribute(4, &2_u32.to_ne_bytes()), attribute(18, &via)];
    let route = route_in(event(RTM_NEWROUTE, 0, &route_body(AF_INET, &attributes)));
    assert_eq!(route.hops, [Hop { index: 2, gateway: Some(gateway.into()), flags: 0 }]);
}

#[test]
fn reads_a_neighbour_and_passes_over_hardware_addresses_of_other_lengths() {
    let mut header = vec![AF_INET, 0, 0, 0];
    header.extend(2_u32.to_ne_bytes());
    header.extend(0x02_u16.to_ne_bytes());
    header.extend([0, 1]);
    let destination = attribute(1, &[192, 0, 2, 1]);
    let body = |mac: &[u8]| [header.clone(), destination.clone(), attribute(2, mac)].concat();
    let expected = Neighbour {
        index: 2,
        address: "192.0.2.1".parse().unwrap(),
        state: 2,
        mac: Some(MacAddress::new([2, 0, 0, 0, 0, 1])),
    };
    let read = event(RTM_NEWNEIGH, 0, &body(&[2, 0, 0, 0, 0, 1]));
    assert_eq!(read, Some(Event::Is(Fact::Neighbour(expected))));
    let read = event(RTM_NEWNEIGH, 0, &body(&[10, 0, 0, 1]));
    assert_eq!(read, Some(Event::Is(Fact::Neighbour(Neighbour { mac: None, ..expected }))));
}

#[test]
fn a_datagram_holds_several_messages_and_a_cut_one_ends_it() {
    let mut bytes = datagram(RTM_NEWLINK, 0, &link_body(0, &[]));
    bytes.extend(datagram(NLMSG_DONE, 2, &0_i32.to_ne_bytes()));
    assert_eq!(
        Messages::new(&bytes).map(|message| message.kind).collect::<Vec<_>>(),
        [RTM_NEWLINK, NLMSG_DONE]
    );
    let cut = bytes.get(..bytes.len() - 1).unwrap();
    assert_eq!(Messages::new(cut).count(), 1);
    assert_eq!(Messages::new(&[0; 64]).count(), 0, "a length of nothing");
}

#[test]
fn a_rule_is_only_that_it_is() {
    assert_eq!(event(RTM_NEWRULE, 0, &[AF_INET; 12]), Some(Event::Is(Fact::Rule)));
    assert_eq!(event(RTM_DELRULE, 0, &[AF_INET6; 12]), Some(Event::Gone(Fact::Rule)));
}

#[test]
fn reads_an_error_number() {
    let bytes = datagram(NLMSG_ERROR, 0, &(-19_i32).to_ne_bytes());
    assert_eq!(Messages::new(&bytes).next().unwrap().error_number(), 19);
    let bytes = datagram(NLMSG_DONE, 0, &[]);
    assert_eq!(Messages::new(&bytes).next().unwrap().error_number(), 0);
}

proptest! {
    #[test]
    fn whatever_comes_is_read_to_its_end(bytes in vec(any::<u8>(), 0..512)) {
        prop_assert!(Messages::new(&bytes).count() <= bytes.len() / HEADER);
    }

    #[test]
    fn a_message_of_any_content_is_a_fact_or_none(
        kind in 16_u16..32,
        mut body in vec(any::<u8>(), 0..256),
        family in prop_oneof![Just(0_u8), Just(AF_INET), Just(AF_INET6), any::<u8>()],
    ) {
        if let Some(first) = body.first_mut() {
            *first = family;
        }
        if let Some(Event::Is(Fact::Route(route))) = event(kind, 0, &body) {
            prop_assert!(route.hops.len() <= MAX_HOPS);
        }
    }
}
