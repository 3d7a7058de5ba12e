//! The truth table of policies, and that of profiles.

use std::net::IpAddr;

use super::profile::{Facts, Label, NamePattern, Place, which};
use super::ruling::{Connection, Flow, Transport, rule};
use super::*;

pub(crate) fn exception(
    name: &str,
    action: Action,
    direction: Direction,
    traffic: Traffic,
    remotes: &str,
) -> Exception {
    let remotes = remotes.parse().unwrap();
    Exception { name: name.parse().unwrap(), action, direction, traffic, remotes }
}

fn policy(level: Level, exceptions: Vec<Exception>) -> Policy {
    Policy {
        name: "P".parse().unwrap(),
        level,
        mode: Mode::Enforce,
        exceptions: Exceptions::new(exceptions).unwrap(),
    }
}

fn ports(text: &str) -> PortSet {
    text.parse().unwrap()
}

fn ruled(policy: &Policy, flow: Flow, transport: Transport, remote: &str) -> (Action, Option<usize>) {
    let remote: IpAddr = remote.parse().unwrap();
    let file_server: [IpAddr; 1] = ["192.0.2.7".parse().unwrap()];
    let addresses = |name: &crate::host::Name| -> &[IpAddr] {
        if name.as_str() == "files.example" { &file_server } else { &[] }
    };
    let ruling = rule(policy, &Connection { flow, transport, remote }, addresses);
    (ruling.action, ruling.exception)
}

#[test]
fn the_levels_say_what_passes_where_no_exception_matches() {
    use Action::{Allow, Block};
    for (level, inbound, outbound) in
        [(Level::Low, Allow, Allow), (Level::Medium, Block, Allow), (Level::High, Block, Block)]
    {
        let policy = policy(level, Vec::new());
        for transport in
            [Transport::Tcp(22), Transport::Udp(53), Transport::Icmp, Transport::Icmpv6, Transport::Other(47)]
        {
            assert_eq!(ruled(&policy, Flow::Inbound, transport, "10.0.0.1"), (inbound, None), "{level}");
            assert_eq!(ruled(&policy, Flow::Outbound, transport, "10.0.0.1"), (outbound, None), "{level}");
        }
    }
}

/// Every kind of condition of an exception: what it matches, and what it does not.
#[test]
fn the_truth_table_of_exceptions() {
    use Flow::{Inbound, Outbound};
    use Transport::{Icmp, Icmpv6, Other, Tcp, Udp};
    let both = Direction::Both;
    for (direction, traffic, remotes, flow, transport, remote, is_match) in [
        (both, Traffic::All, "all", Inbound, Tcp(1), "10.0.0.1", true),
        (both, Traffic::All, "all", Outbound, Other(47), "2001:db8::1", true),
        (Direction::Inbound, Traffic::All, "all", Inbound, Tcp(1), "10.0.0.1", true),
        (Direction::Inbound, Traffic::All, "all", Outbound, Tcp(1), "10.0.0.1", false),
        (Direction::Outbound, Traffic::All, "all", Inbound, Tcp(1), "10.0.0.1", false),
        (Direction::Outbound, Traffic::All, "all", Outbound, Tcp(1), "10.0.0.1", true),
        (both, Traffic::Tcp(ports("80,8000-8099")), "all", Inbound, Tcp(80), "10.0.0.1", true),
        (both, Traffic::Tcp(ports("80,8000-8099")), "all", Inbound, Tcp(8099), "10.0.0.1", true),
        (both, Traffic::Tcp(ports("80,8000-8099")), "all", Inbound, Tcp(8100), "10.0.0.1", false),
        (both, Traffic::Tcp(ports("80")), "all", Inbound, Udp(80), "10.0.0.1", false),
        (both, Traffic::Tcp(ports("all")), "all", Inbound, Tcp(9), "10.0.0.1", true),
        (both, Traffic::Tcp(ports("all")), "all", Inbound, Icmp, "10.0.0.1", false),
        (both, Traffic::Udp(ports("53")), "all", Outbound, Udp(53), "10.0.0.1", true),
        (both, Traffic::Udp(ports("53")), "all", Outbound, Tcp(53), "10.0.0.1", false),
        (both, Traffic::TcpUdp(ports("53")), "all", Outbound, Tcp(53), "10.0.0.1", true),
        (both, Traffic::TcpUdp(ports("53")), "all", Outbound, Udp(53), "10.0.0.1", true),
        (both, Traffic::TcpUdp(ports("53")), "all", Outbound, Other(132), "10.0.0.1", false),
        (both, Traffic::Icmp, "all", Inbound, Icmp, "10.0.0.1", true),
        (both, Traffic::Icmp, "all", Inbound, Icmpv6, "2001:db8::1", false),
        (both, Traffic::Icmpv6, "all", Inbound, Icmpv6, "2001:db8::1", true),
        (both, Traffic::Icmpv6, "all", Inbound, Icmp, "10.0.0.1", false),
        (both, Traffic::All, "10.0.0.0/8", Inbound, Tcp(1), "10.255.0.1", true),
        (both, Traffic::All, "10.0.0.0/8", Inbound, Tcp(1), "11.0.0.1", false),
        (both, Traffic::All, "10.0.0.0/8", Inbound, Tcp(1), "2001:db8::1", false),
        (both, Traffic::All, "10.0.0.0/8,2001:db8::/32", Inbound, Tcp(1), "2001:db8::1", true),
        (both, Traffic::All, "10.0.0.1-10.0.0.9", Inbound, Tcp(1), "10.0.0.9", true),
        (both, Traffic::All, "10.0.0.1-10.0.0.9", Inbound, Tcp(1), "10.0.0.10", false),
        (both, Traffic::All, "files.example", Outbound, Tcp(445), "192.0.2.7", true),
        (both, Traffic::All, "files.example", Outbound, Tcp(445), "192.0.2.8", false),
        (both, Traffic::All, "nobody.example", Outbound, Tcp(445), "192.0.2.7", false),
        (Direction::Inbound, Traffic::Tcp(ports("22")), "10.0.0.0/8", Inbound, Tcp(22), "10.0.0.1", true),
        (Direction::Inbound, Traffic::Tcp(ports("22")), "10.0.0.0/8", Inbound, Tcp(23), "10.0.0.1", false),
        (Direction::Inbound, Traffic::Tcp(ports("22")), "10.0.0.0/8", Inbound, Tcp(22), "192.0.2.1", false),
        (Direction::Inbound, Traffic::Tcp(ports("22")), "10.0.0.0/8", Outbound, Tcp(22), "10.0.0.1", false),
    ] {
        // An exception against the level, either way: what it matches becomes the contrary of what the level says.
        for (level, action) in [(Level::Low, Action::Block), (Level::High, Action::Allow)] {
            let exception = exception("E", action, direction, traffic.clone(), remotes);
            let told = format!("{exception} on {level}: {flow:?} {transport:?} {remote}");
            let expected = if is_match { (action, Some(0)) } else { (level.action(flow.into()), None) };
            assert_eq!(ruled(&policy(level, vec![exception]), flow, transport, remote), expected, "{told}");
        }
    }
}

#[test]
fn the_first_exception_that_matches_decides() {
    let http = || Traffic::Tcp(ports("80"));
    let policy = policy(
        Level::High,
        vec![
            exception("not he", Action::Block, Direction::Both, Traffic::All, "10.0.0.66"),
            exception("ours", Action::Allow, Direction::Both, http(), "10.0.0.0/8"),
            exception("others", Action::Block, Direction::Both, http(), "all"),
        ],
    );
    let ruled = |remote| ruled(&policy, Flow::Inbound, Transport::Tcp(80), remote);
    assert_eq!(ruled("10.0.0.66"), (Action::Block, Some(0)));
    assert_eq!(ruled("10.0.0.1"), (Action::Allow, Some(1)));
    assert_eq!(ruled("192.0.2.1"), (Action::Block, Some(2)));
}

fn facts() -> Facts {
    Facts {
        place: Some(Place::External),
        addresses: vec!["10.1.2.3".parse().unwrap(), "2001:db8::3".parse().unwrap()],
        host_name: Some("LAPTOP-7.corp.example".to_owned()),
        platform: Some(Platform::Linux),
        labels: vec!["site=berlin".parse().unwrap(), "class=laptop".parse().unwrap()],
    }
}

fn labels(texts: &[&str]) -> Vec<Label> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn patterns(texts: &[&str]) -> Vec<NamePattern> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// AND across the kinds, OR within one, and a kind without conditions matches all: every combination of the five kinds,
/// each without conditions, with one that fits, with one that does not, and with both.
#[test]
fn the_truth_table_of_profiles() {
    let places =
        [vec![], vec![Place::External], vec![Place::Internal], vec![Place::Internal, Place::External]];
    let addresses = [vec![], vec!["10.1.0.0/16"], vec!["10.2.0.0/16"], vec!["10.2.0.0/16", "10.1.2.3"]];
    let names = [vec![], vec!["laptop-*"], vec!["server-*"], vec!["server-*", "laptop-?"]];
    let platforms =
        [vec![], vec![Platform::Linux], vec![Platform::Windows], vec![Platform::Windows, Platform::Linux]];
    let tags = [vec![], vec!["site=berlin"], vec!["site=rome"], vec!["site=rome", "class=laptop"]];
    // Of the four columns only the third does not fit.
    let fits = [true, true, false, true];
    let mut n_matching = 0;
    for case in 0..4_usize.pow(5) {
        let column = |kind: u32| (case / 4_usize.pow(kind)) % 4;
        let conditions = Conditions {
            places: places[column(0)].clone(),
            addresses: addresses[column(1)].iter().map(|text| text.parse().unwrap()).collect(),
            host_names: patterns(&names[column(2)]),
            platforms: platforms[column(3)].clone(),
            labels: labels(&tags[column(4)]),
        };
        let expected = (0..5).filter(|kind| !fits[column(*kind)]).count();
        for is_enabled in [true, false] {
            let profile = Profile {
                name: "P".parse().unwrap(),
                is_enabled,
                policy: "All access".parse().unwrap(),
                conditions: conditions.clone(),
            };
            let found = profile::mismatches(&profile, &facts());
            assert_eq!(found.len(), expected + usize::from(!is_enabled), "{conditions:?}: {found:?}");
            n_matching += usize::from(found.is_empty());
        }
    }
    assert_eq!(n_matching, 3_usize.pow(5), "as many as there are combinations of columns that fit");
}

#[test]
fn of_a_machine_of_which_nothing_is_known_no_condition_matches() {
    let unknown = Facts::default();
    let with = |conditions| Profile {
        name: "P".parse().unwrap(),
        is_enabled: true,
        policy: "All access".parse().unwrap(),
        conditions,
    };
    let none = Conditions::default();
    for conditions in [
        Conditions { places: vec![Place::External], ..none.clone() },
        Conditions { addresses: vec!["0.0.0.0/0".parse().unwrap()], ..none.clone() },
        Conditions { host_names: patterns(&["*"]), ..none.clone() },
        Conditions { platforms: vec![Platform::Linux], ..none.clone() },
        Conditions { labels: labels(&["a=b"]), ..none.clone() },
    ] {
        assert_eq!(profile::mismatches(&with(conditions), &unknown).len(), 1);
    }
    assert_eq!(profile::mismatches(&with(none), &unknown), []);
}

#[test]
fn the_first_profile_that_matches_is_the_machines_own_and_the_rest_say_why_not() {
    let profile = |name: &str, conditions| Profile {
        name: name.parse().unwrap(),
        is_enabled: true,
        policy: "All access".parse().unwrap(),
        conditions,
    };
    let none = Conditions::default();
    let (policies, all, template) = Firewall::default().into_parts();
    let mut profiles = vec![
        Profile { is_enabled: false, ..profile("off", none.clone()) },
        profile("inside", Conditions { places: vec![Place::Internal], ..none.clone() }),
        profile(
            "servers",
            Conditions {
                host_names: patterns(&["srv-*", "db-?"]),
                labels: labels(&["site=rome"]),
                ..none.clone()
            },
        ),
        profile("mine", Conditions { host_names: patterns(&["laptop-*"]), ..none }),
    ];
    profiles.extend(all);
    let firewall = Firewall::new(policies, profiles, template).unwrap();
    let found = which(&firewall, &facts());
    assert_eq!(found.found.unwrap().0.name.as_str(), "mine");
    let told: Vec<String> = found
        .skipped
        .iter()
        .flat_map(|(profile, why)| why.iter().map(move |why| format!("{}: {why}", profile.name)))
        .collect();
    assert_eq!(
        told,
        [
            "off: it is not enabled",
            "inside: it is for internal machines, and this one is external",
            "servers: it is for host names like srv-* or db-?, and this machine is LAPTOP-7.corp.example",
            "servers: it is for machines labelled site=rome, and this one has site=berlin, class=laptop",
        ]
    );
}

#[test]
fn patterns_match_whole_names() {
    for (pattern, name, is_match) in [
        ("*", "", true),
        ("*", "anything", true),
        ("laptop-*", "LAPTOP-7", true),
        ("laptop-*", "laptop-", true),
        ("laptop-*", "my-laptop-7", false),
        ("*-7", "laptop-7", true),
        ("*-7", "laptop-77", false),
        ("l?ptop", "laptop", true),
        ("l?ptop", "lptop", false),
        ("*a*b*", "xxaxxbxx", true),
        ("*a*b*", "xxbxxaxx", false),
        ("a*a", "a", false),
        ("PC-?", "pc-é", true),
    ] {
        let parsed: NamePattern = pattern.parse().unwrap();
        assert_eq!(parsed.matches(name), is_match, "{pattern} {name}");
    }
    // A pattern that is made to be slow is not.
    let slow: NamePattern = format!("{}b", "*a".repeat(120)).parse().unwrap();
    assert!(!slow.matches(&"a".repeat(255)));
}

#[test]
fn what_stands_in_it_fits_together() {
    let (policies, profiles, template) = Firewall::default().into_parts();
    let twice = [policies.clone(), policies.clone()].concat();
    let error = Firewall::new(twice, profiles.clone(), template.clone()).unwrap_err();
    assert_eq!(error.to_string(), "there is another firewall policy \"All access\"");
    let twice = [profiles.clone(), profiles.clone()].concat();
    let error = Firewall::new(policies, twice, template.clone()).unwrap_err();
    assert_eq!(error.to_string(), "there is another firewall profile \"All agents\"");
    let error = Firewall::new(Vec::new(), profiles, template).unwrap_err();
    assert_eq!(error.to_string(), "there is no firewall policy \"All access\"");
}
