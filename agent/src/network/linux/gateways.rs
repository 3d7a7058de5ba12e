//! Decides whether a gateway is at another hardware address than before. It must not see a socket.

use std::collections::{HashMap, HashSet};

use landmark_proto::network::MacAddress;

use super::message::Neighbour;
use super::routes::{Gateway, hardware_address};

/// The default routes' gateways, and the hardware address that each had last. The kernel forgets one that is not used;
/// here it is kept, so that only another address is news.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Gateways(HashMap<Gateway, Option<MacAddress>>);

impl Gateways {
    /// These gateways, with the hardware addresses that are known.
    pub(super) fn new(gateways: HashSet<Gateway>, macs: &HashMap<Gateway, MacAddress>) -> Self {
        Self(gateways.into_iter().map(|gateway| (gateway, macs.get(&gateway).copied())).collect())
    }

    /// Takes what the kernel says of a neighbour; whether that is a change.
    pub(super) fn apply(&mut self, neighbour: &Neighbour) -> bool {
        let Some(mac) = hardware_address(neighbour) else { return false };
        let held = self.0.get_mut(&(neighbour.index, neighbour.address));
        held.is_some_and(|held| held.replace(mac) != Some(mac))
    }

    /// Takes a later look at all of them; whether one that was known before is at another hardware address.
    pub(super) fn refresh(&mut self, later: Self) -> bool {
        let before = std::mem::replace(self, later);
        let mut has_changed = false;
        for (gateway, mac) in &mut self.0 {
            let Some(held) = before.0.get(gateway) else { continue };
            has_changed |= mac.is_some() && mac != held;
            *mac = mac.or(*held);
        }
        has_changed
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    const MAC: MacAddress = MacAddress::new([2, 0, 0, 0, 0, 1]);
    const OTHER: MacAddress = MacAddress::new([2, 0, 0, 0, 0, 2]);
    const REACHABLE: u16 = 0x02;
    const STALE: u16 = 0x04;
    const INCOMPLETE: u16 = 0x01;
    const FAILED: u16 = 0x20;

    fn address() -> IpAddr {
        "192.0.2.1".parse().unwrap()
    }

    fn gateways(mac: Option<MacAddress>) -> Gateways {
        let gateway = (2, address());
        Gateways::new(HashSet::from([gateway]), &mac.map(|mac| (gateway, mac)).into_iter().collect())
    }

    fn neighbour(mac: Option<MacAddress>, state: u16) -> Neighbour {
        Neighbour { index: 2, address: address(), state, mac }
    }

    #[test]
    fn the_first_hardware_address_and_another_one_are_changes() {
        let mut known = gateways(None);
        assert!(!known.apply(&neighbour(None, INCOMPLETE)));
        assert!(known.apply(&neighbour(Some(MAC), REACHABLE)));
        assert!(known.apply(&neighbour(Some(OTHER), REACHABLE)));
    }

    #[test]
    fn states_and_forgetting_are_no_change() {
        let mut known = gateways(Some(MAC));
        for state in [STALE, REACHABLE, 0x08, 0x10, STALE] {
            assert!(!known.apply(&neighbour(Some(MAC), state)), "{state}");
        }
        assert!(!known.apply(&neighbour(None, FAILED)));
        assert!(!known.apply(&neighbour(Some(OTHER), FAILED)), "an address that is not in use");
        assert!(!known.refresh(gateways(None)), "the kernel has forgotten it");
        assert!(!known.apply(&neighbour(Some(MAC), REACHABLE)), "and learnt it again");
    }

    #[test]
    fn other_neighbours_are_of_no_interest() {
        let mut known = gateways(Some(MAC));
        let other: IpAddr = "192.0.2.77".parse().unwrap();
        assert!(!known.apply(&Neighbour { address: other, ..neighbour(Some(OTHER), REACHABLE) }));
        assert!(!known.apply(&Neighbour { index: 3, ..neighbour(Some(OTHER), REACHABLE) }));
    }

    #[test]
    fn a_later_look_finds_what_was_missed_but_a_new_gateway_is_a_change_of_routes() {
        let mut known = gateways(Some(MAC));
        assert!(known.refresh(gateways(Some(OTHER))));
        assert!(!known.refresh(gateways(Some(OTHER))));
        let mut none = Gateways::default();
        assert!(!none.refresh(gateways(Some(MAC))));
    }
}
