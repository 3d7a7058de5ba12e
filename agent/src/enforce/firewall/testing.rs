//! Any policy, any ground, and packets that go where these two make a difference.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use landmark_proto::firewall::remote::AddressRange;
use landmark_proto::firewall::ruling::{Connection, Flow};
use landmark_proto::firewall::{
    Action, Direction, Exception, Exceptions, Level, Mode, Policy, PortRange, PortSet, Remote, Remotes,
    Traffic,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::evaluate::{Packet, State};
use super::ground::{Ground, Resolvers};
use super::protocol::{ICMP, ICMPV6, TCP, UDP, transport};
use super::ruleset::Hook;

const NAMES: [&str; 3] = ["a.example", "b.example", "c.example"];

pub(crate) fn exception(name: &str, action: Action, direction: Direction, traffic: Traffic) -> Exception {
    Exception { name: name.parse().unwrap(), action, direction, traffic, remotes: Remotes::default() }
}

pub(crate) fn policy_of(level: Level, mode: Mode, exceptions: Vec<Exception>) -> Policy {
    let exceptions = Exceptions::new(exceptions).unwrap();
    Policy { name: "P".parse().unwrap(), level, mode, exceptions }
}

/// Few ports, so that what two exceptions say overlaps; some with a meaning of their own.
fn ports() -> impl Strategy<Value = PortSet> {
    let first = prop_oneof![
        4 => 1_u32..30,
        1 => select(vec![53_u32, 67, 68, 546, 547, 65_534, 65_535]),
    ];
    vec((first, 0_u32..6), 0..4).prop_map(|ranges| {
        let range = |(first, more): (u32, u32)| {
            let port = |number: u32| number.min(65_535).try_into().unwrap();
            PortRange::new(port(first), port(first + more)).unwrap()
        };
        PortSet::new(ranges.into_iter().map(range).collect()).unwrap()
    })
}

fn traffic() -> impl Strategy<Value = Traffic> {
    prop_oneof![
        1 => Just(Traffic::All),
        1 => Just(Traffic::Icmp),
        1 => Just(Traffic::Icmpv6),
        2 => ports().prop_map(Traffic::Tcp),
        2 => ports().prop_map(Traffic::Udp),
        2 => ports().prop_map(Traffic::TcpUdp),
    ]
}

/// Few addresses too, of three networks.
fn address() -> impl Strategy<Value = IpAddr> {
    (0_u8..3, 0_u8..24).prop_map(|(network, host)| match network {
        0 => Ipv4Addr::new(10, 0, 0, host).into(),
        1 => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, host.into()).into(),
        _ => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, host.into()).into(),
    })
}

fn range() -> impl Strategy<Value = AddressRange> {
    let some = (address(), 0_u8..6).prop_map(|(first, more)| {
        let last = shifted(first, i16::from(more)).unwrap();
        AddressRange::new(first, last).unwrap()
    });
    let all = select(vec!["0.0.0.0/0", "::/0", "10.0.0.0/29", "2001:db8::8/125", "128.0.0.0/1"]);
    prop_oneof![
        4 => address().prop_map(AddressRange::single),
        4 => some,
        1 => all.prop_map(|text| text.parse().unwrap()),
    ]
}

fn remotes() -> impl Strategy<Value = Remotes> {
    let name = select(NAMES.to_vec()).prop_map(|name| name.parse().unwrap());
    let remote = prop_oneof![4 => range().prop_map(Remote::Addresses), 1 => name];
    vec(remote, 0..4).prop_map(|remotes| Remotes::new(remotes).unwrap())
}

prop_compose! {
    pub(crate) fn policy()(
        level in select(vec![Level::Low, Level::Medium, Level::High]),
        mode in prop_oneof![3 => Just(Mode::Enforce), 1 => Just(Mode::Observe)],
        exceptions in vec(
            (
                select(vec![Action::Allow, Action::Block]),
                select(vec![Direction::Inbound, Direction::Outbound, Direction::Both]),
                traffic(),
                remotes(),
            ),
            0..10,
        ),
    ) -> Policy {
        let exceptions = exceptions.into_iter().enumerate().map(|(index, parts)| {
            let (action, direction, traffic, remotes) = parts;
            Exception { remotes, ..exception(&format!("E{index}"), action, direction, traffic) }
        });
        policy_of(level, mode, exceptions.collect())
    }
}

fn addresses(n: usize) -> impl Strategy<Value = Vec<IpAddr>> {
    proptest::collection::btree_set(address(), 0..n).prop_map(|addresses| addresses.into_iter().collect())
}

prop_compose! {
    pub(crate) fn ground()(
        resolvers in addresses(4),
        any_resolver in any::<bool>(),
        names in btree_map(select(NAMES.to_vec()), addresses(4), 0..3),
    ) -> Ground {
        let name = |text: &str| match text.parse().unwrap() {
            Remote::Name(name) => name,
            Remote::Addresses(_) => unreachable!("a name"),
        };
        let resolvers = if any_resolver { Resolvers::Any } else { Resolvers::These(resolvers) };
        Ground { resolvers, names: names.into_iter().map(|(text, found)| (name(text), found)).collect() }
    }
}

/// A first packet before it is known which addresses and ports make a difference.
#[derive(Clone, Debug)]
pub(crate) struct Seed {
    flow: Flow,
    protocol: u8,
    remote: Index,
    service: Index,
    client: Index,
    icmp_type: u8,
    state: State,
}

prop_compose! {
    pub(crate) fn seed()(
        flow in select(vec![Flow::Inbound, Flow::Outbound]),
        protocol in prop_oneof![
            4 => Just(TCP),
            4 => Just(UDP),
            4 => select(vec![ICMP, ICMPV6, 47, 132]),
        ],
        remote in any::<Index>(),
        service in any::<Index>(),
        client in any::<Index>(),
        icmp_type in prop_oneof![any::<u8>(), 128_u8..145],
        state in prop_oneof![4 => Just(State::New), 1 => Just(State::Untracked), 1 => Just(State::Invalid)],
    ) -> Seed {
        Seed { flow, protocol, remote, service, client, icmp_type, state }
    }
}

impl Seed {
    /// A packet between this machine and somebody whom the policy or the ground names, or a neighbour of theirs.
    pub(crate) fn packet(&self, policy: &Policy, ground: &Ground) -> Packet {
        let remotes = interesting_addresses(policy, ground);
        let ports = interesting_ports(policy);
        let remote = *self.remote.get(&remotes);
        let local = if remote.is_ipv4() { "192.168.7.1" } else { "fe80::7:1" }.parse().unwrap();
        let is_inbound = self.flow == Flow::Inbound;
        Packet {
            hook: if is_inbound { Hook::Input } else { Hook::Output },
            source: if is_inbound { remote } else { local },
            destination: if is_inbound { local } else { remote },
            protocol: self.protocol,
            source_port: *self.client.get(&ports),
            destination_port: *self.service.get(&ports),
            icmp_type: self.icmp_type,
            state: self.state,
            connection_mark: 0,
            mark: 0,
            is_loopback: false,
        }
    }
}

impl Packet {
    /// What a policy looks at.
    pub(crate) fn connection(&self) -> Connection {
        let (flow, remote) = match self.hook {
            Hook::Input => (Flow::Inbound, self.source),
            Hook::Output => (Flow::Outbound, self.destination),
        };
        Connection { flow, transport: transport(self.protocol, remote, self.destination_port), remote }
    }
}

fn interesting_addresses(policy: &Policy, ground: &Ground) -> Vec<IpAddr> {
    let remotes = policy.exceptions.as_slice().iter().flat_map(|exception| exception.remotes.as_slice());
    let ends = remotes.flat_map(|remote| match remote {
        Remote::Addresses(range) => vec![range.first(), range.last()],
        Remote::Name(_) => Vec::new(),
    });
    let resolvers = match &ground.resolvers {
        Resolvers::These(these) => these.as_slice(),
        Resolvers::Any => &[],
    };
    let known = ground.names.values().flatten().chain(resolvers).copied();
    let others = ["10.0.0.7", "198.51.100.7", "fe80::7", "2001:db8::7"].map(|text| text.parse().unwrap());
    let all: Vec<IpAddr> = ends.chain(known).chain(others).collect();
    all.into_iter().flat_map(|address| [-1, 0, 1].map(|by| shifted(address, by))).flatten().collect()
}

fn interesting_ports(policy: &Policy) -> Vec<u16> {
    let ports = policy.exceptions.as_slice().iter().filter_map(|exception| exception.traffic.ports());
    let ends = ports.flat_map(PortSet::ranges).flat_map(|range| [range.first().get(), range.last().get()]);
    let all: Vec<u16> = ends.chain([53, 67, 68, 546, 547, 40_000]).collect();
    all.into_iter().flat_map(|port| [port.saturating_sub(1), port, port.saturating_add(1)]).collect()
}

fn shifted(address: IpAddr, by: i16) -> Option<IpAddr> {
    Some(match address {
        IpAddr::V4(v4) => Ipv4Addr::from(u32::from(v4).checked_add_signed(by.into())?).into(),
        IpAddr::V6(v6) => Ipv6Addr::from(u128::from(v6).checked_add_signed(by.into())?).into(),
    })
}
