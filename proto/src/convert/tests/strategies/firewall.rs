//! Any firewall, and anything that one may count.

use std::net::IpAddr;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::firewall::profile::Place;
use crate::firewall::remote::AddressRange;
use crate::firewall::ruling::Flow;
use crate::firewall::*;
use crate::message::{FirewallHits, ProfileInForce, RuleHits};

use super::{duration, held};

pub(super) fn name() -> impl Strategy<Value = ItemName> {
    "[A-Za-z0-9ä][A-Za-z0-9 ä.-]{0,20}[a-z0-9]".prop_map(|name| name.parse().unwrap())
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![Just(Action::Allow), Just(Action::Block)]
}

fn ports() -> impl Strategy<Value = PortSet> {
    vec((1_u32..=65_535, 0_u32..300), 0..6).prop_map(|ranges| {
        let range = |(first, more): (u32, u32)| {
            let port = |number: u32| number.min(65_535).try_into().unwrap();
            PortRange::new(port(first), port(first + more)).unwrap()
        };
        PortSet::new(ranges.into_iter().map(range).collect()).unwrap()
    })
}

fn traffic() -> impl Strategy<Value = Traffic> {
    prop_oneof![
        Just(Traffic::All),
        Just(Traffic::Icmp),
        Just(Traffic::Icmpv6),
        ports().prop_map(Traffic::Tcp),
        ports().prop_map(Traffic::Udp),
        ports().prop_map(Traffic::TcpUdp),
    ]
}

fn address_range() -> impl Strategy<Value = AddressRange> {
    let address =
        prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u16; 8]>().prop_map(IpAddr::from)];
    (address, any::<u8>(), any::<bool>()).prop_map(|(address, more, is_range)| {
        let address = address.to_canonical();
        let last = match address {
            IpAddr::V4(v4) => IpAddr::from(u32::from(v4).saturating_add(more.into()).to_be_bytes()),
            IpAddr::V6(v6) => IpAddr::from(u128::from(v6).saturating_add(more.into()).to_be_bytes()),
        };
        let range = is_range.then(|| AddressRange::new(address, last).ok()).flatten();
        range.unwrap_or_else(|| AddressRange::single(address))
    })
}

fn remotes() -> impl Strategy<Value = Remotes> {
    let remote = prop_oneof![
        address_range().prop_map(Remote::Addresses),
        "[a-z][a-z0-9]{0,10}(\\.[a-z][a-z0-9]{0,10}){0,3}".prop_map(|name| name.parse().unwrap()),
    ];
    vec(remote, 0..6).prop_map(|remotes| Remotes::new(remotes).unwrap())
}

prop_compose! {
    fn exception()(
        name in name(),
        action in action(),
        direction in prop_oneof![Just(Direction::Inbound), Just(Direction::Outbound), Just(Direction::Both)],
        traffic in traffic(),
        remotes in remotes(),
    ) -> Exception {
        Exception { name, action, direction, traffic, remotes }
    }
}

fn exceptions() -> impl Strategy<Value = Exceptions> {
    vec(exception(), 0..8).prop_map(|exceptions| {
        let mut distinct: Vec<Exception> = Vec::new();
        for exception in exceptions {
            if distinct.iter().all(|earlier| earlier.name != exception.name) {
                distinct.push(exception);
            }
        }
        Exceptions::new(distinct).unwrap()
    })
}

prop_compose! {
    fn policy()(
        name in name(),
        level in prop_oneof![Just(Level::Low), Just(Level::Medium), Just(Level::High)],
        observe in any::<bool>(),
        exceptions in exceptions(),
    ) -> Policy {
        Policy { name, level, mode: if observe { Mode::Observe } else { Mode::Enforce }, exceptions }
    }
}

fn distinct<T: PartialEq>(items: Vec<T>) -> Vec<T> {
    let mut distinct = Vec::new();
    for item in items {
        if !distinct.contains(&item) {
            distinct.push(item);
        }
    }
    distinct
}

prop_compose! {
    fn conditions()(
        places in vec(prop_oneof![Just(Place::Internal), Just(Place::External)], 0..3),
        addresses in vec(address_range(), 0..4),
        host_names in vec("[a-z0-9*?.-]{1,20}", 0..4),
        platforms in vec(prop_oneof![Just(Platform::Linux), Just(Platform::Windows), Just(Platform::Macos)], 0..4),
        labels in vec("[a-zA-Z0-9./_-]{1,20}=[a-zA-Z0-9./_-]{1,20}", 0..4),
    ) -> Conditions {
        Conditions {
            places: distinct(places),
            addresses: distinct(addresses),
            host_names: distinct(host_names.iter().map(|text| text.parse().unwrap()).collect()),
            platforms: distinct(platforms),
            labels: distinct(labels.iter().map(|text| text.parse().unwrap()).collect()),
        }
    }
}

prop_compose! {
    pub(super) fn firewall()(
        policies in vec(policy(), 1..5),
        profiles in vec((name(), any::<bool>(), any::<prop::sample::Index>(), conditions()), 0..5),
        template in exceptions(),
    ) -> Firewall {
        let mut only_once: Vec<Policy> = Vec::new();
        for policy in policies {
            if only_once.iter().all(|earlier| earlier.name != policy.name) {
                only_once.push(policy);
            }
        }
        let mut all: Vec<Profile> = Vec::new();
        for (name, is_enabled, policy, conditions) in profiles {
            if all.iter().all(|earlier| earlier.name != name) {
                let policy = policy.get(&only_once).name.clone();
                all.push(Profile { name, is_enabled, policy, conditions });
            }
        }
        Firewall::new(only_once, all, template).unwrap()
    }
}

pub(super) fn in_force() -> impl Strategy<Value = ProfileInForce> {
    (name(), name()).prop_map(|(profile, policy)| ProfileInForce { profile, policy })
}

prop_compose! {
    fn rule_hits()(
        exception in option::of(name()),
        inbound in any::<bool>(),
        action in action(),
        (n_packets, n_bytes) in any::<(u64, u64)>(),
    ) -> RuleHits {
        let flow = if inbound { Flow::Inbound } else { Flow::Outbound };
        RuleHits { exception, flow, action, n_packets, n_bytes }
    }
}

prop_compose! {
    pub(super) fn hits()(
        held in held(),
        in_force in in_force(),
        is_observing in any::<bool>(),
        counted_for in duration(),
        hits in vec(rule_hits(), 0..10),
    ) -> FirewallHits {
        FirewallHits { held, in_force, is_observing, counted_for, hits }
    }
}
