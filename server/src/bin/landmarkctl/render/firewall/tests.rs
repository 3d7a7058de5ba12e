use landmark_proto::violation::Path;

use super::*;
use crate::view::firewall::answers::Skipped;
use crate::view::firewall::{Conditions, Direction, Hits, Level, Place, Platform, Protocol, RuleHits, Which};

fn firewall() -> Firewall {
    let mut firewall = Firewall::default();
    let exception = |name: &str, action, direction, protocol, ports: &[&str], remotes: &[&str]| Exception {
        name: name.into(),
        action: Some(action),
        direction: Some(direction),
        protocol: Some(protocol),
        ports: ports.iter().map(|text| (*text).to_owned()).collect(),
        remotes: remotes.iter().map(|text| (*text).to_owned()).collect(),
    };
    firewall.policies.push(Policy {
        name: "Travel".into(),
        level: Some(Level::High),
        mode: Some(Mode::Observe),
        exceptions: vec![
            exception("SSH", Action::Allow, Direction::Inbound, Protocol::Tcp, &["22"], &["10.0.0.0/8"]),
            exception("Web", Action::Allow, Direction::Outbound, Protocol::TcpUdp, &["80", "8000-8099"], &[]),
            exception("Ping", Action::Block, Direction::Both, Protocol::Icmp, &[], &[]),
        ],
    });
    let conditions = Conditions {
        locations: vec![Some(Place::External)],
        host_names: vec!["laptop-*".into(), "nb-???".into()],
        ..Conditions::default()
    };
    let outside =
        Profile { name: "Laptops outside".into(), enabled: true, policy: "Travel".into(), conditions };
    firewall.profiles.insert(0, outside);
    let model = firewall.to_model(&Path::root());
    assert!(model.is_ok(), "{model:?}");
    firewall
}

#[test]
fn everything_is_seen_at_a_glance() {
    insta::assert_snapshot!(at_a_glance(&firewall(), &Paper::for_tests(None)), @r"
    #  PROFILE          MACHINES                                POLICY
    1  Laptops outside  external; host name laptop-* or nb-???  Travel
    2  All agents       every machine                           All access

    policy:   All access
    level:    low (inbound and outbound allowed)
    mode:     enforce (what is blocked is dropped)
    used by:  All agents
    no exceptions

    policy:   Travel
    level:    high (inbound and outbound blocked)
    mode:     observe (what would be blocked passes and is counted)
    used by:  Laptops outside

    #  EXCEPTION  ACTION  DIRECTION  PROTOCOL  PORTS          REMOTE ADDRESSES
    1  SSH        allow   inbound    tcp       22             10.0.0.0/8
    2  Web        allow   outbound   tcp+udp   80, 8000-8099  all
    3  Ping       block   both       icmp      –              all

    template: 9 exceptions (landmarkctl firewall template list)
    ");
}

#[test]
fn as_a_part_of_all_settings_it_is_brief() {
    insta::assert_snapshot!(brief(&firewall(), &Paper::for_tests(None)), @r"
    #  PROFILE          MACHINES                                POLICY
    1  Laptops outside  external; host name laptop-* or nb-???  Travel
    2  All agents       every machine                           All access

    POLICY      LEVEL  MODE     EXCEPTIONS  USED BY
    All access  low    enforce           0  All agents
    Travel      high   observe           3  Laptops outside
    ");
}

#[test]
fn a_profile_that_is_not_enabled_is_marked() {
    let mut firewall = firewall();
    firewall.profiles[0].enabled = false;
    insta::assert_snapshot!(profiles(&firewall.profiles, &Paper::for_tests(None)), @r"
    #  PROFILE          MACHINES                                POLICY      STATE
    1  Laptops outside  external; host name laptop-* or nb-???  Travel      disabled
    2  All agents       every machine                           All access  enabled
    ");
    insta::assert_snapshot!(profile(1, &firewall.profiles[0]), @r"
    profile:   Laptops outside
    place:     1
    state:     disabled (it matches no machine)
    machines:  external; host name laptop-* or nb-???
    policy:    Travel
    ");
}

#[test]
fn what_no_exception_matches_is_told() {
    let firewall = firewall();
    insta::assert_snapshot!(
        firewall.policies.iter().map(rest).collect::<Vec<_>>().join("\n"),
        @r"
    everything: inbound and outbound allowed
    everything else: inbound and outbound blocked; this policy observes: what is blocked passes and is counted
    "
    );
}

#[test]
fn what_a_newer_server_says_is_shown_with_gaps() {
    let strange = Exception {
        name: "new\u{1b}[2J".into(),
        action: None,
        direction: None,
        protocol: None,
        ports: vec![],
        remotes: vec![],
    };
    insta::assert_snapshot!(exceptions(&[strange], &Paper::for_tests(None)), @r"
    #  EXCEPTION     ACTION  DIRECTION  PROTOCOL  PORTS  REMOTE ADDRESSES
    1  new\u{1b}[2J  –       –          –         all    all
    ");
}

fn answer() -> Which {
    let Firewall { mut policies, mut profiles, .. } = firewall();
    Which {
        revision: None,
        profile: profiles.pop(),
        policy: Some(policies.swap_remove(0)),
        skipped: vec![Skipped {
            name: "Laptops outside".into(),
            reasons: vec![
                "it is for external machines, and this one is internal".into(),
                "it is for host names like laptop-*, and this machine is web-1".into(),
            ],
        }],
        location: Some(Place::Internal),
        host_name: Some("web-1".into()),
        addresses: vec!["10.0.0.7".into()],
        platform: Some(Platform::Linux),
        labels: vec!["site=berlin".into()],
    }
}

#[test]
fn a_machine_is_told_its_profile_and_why_not_the_ones_before() {
    insta::assert_snapshot!(which(&answer(), &Paper::for_tests(None)), @r"
    machine:  web-1, internal, linux, 10.0.0.7, site=berlin
    profile:  All agents (place 2)
    policy:   All access: level low (inbound and outbound allowed); enforce (what is blocked is dropped); no exceptions

    #  NOT THIS PROFILE  BECAUSE
    1  Laptops outside   it is for external machines, and this one is internal; it is for host names like laptop-*, and this machine is web-1
    ");
}

#[test]
fn a_machine_without_a_profile_has_no_firewall() {
    let none = Which {
        profile: None,
        policy: None,
        location: None,
        host_name: None,
        addresses: vec![],
        platform: None,
        labels: vec![],
        ..answer()
    };
    insta::assert_snapshot!(which(&none, &Paper::for_tests(None)), @r"
    machine:  one of which nothing is known
    profile:  none matches: this machine has no firewall of Landmark's

    #  NOT THIS PROFILE  BECAUSE
    1  Laptops outside   it is for external machines, and this one is internal; it is for host names like laptop-*, and this machine is web-1
    ");
    let nothing = which(&Which { skipped: vec![], ..none }, &Paper::for_tests(None));
    assert!(nothing.contains("none: there are no profiles"), "{nothing}");
}

fn counted() -> Hits {
    let rule = |exception: Option<&str>, direction, action, observing, n_packets, n_bytes| RuleHits {
        policy: "Travel".into(),
        exception: exception.map(str::to_owned),
        direction: Some(direction),
        action: Some(action),
        observing,
        n_agents: 3,
        n_packets,
        n_bytes,
    };
    Hits {
        revision: Some(7),
        n_agents: 3,
        n_enrolled: 12,
        oldest_report_at: "2026-11-23T11:00:00Z".parse().ok(),
        newest_report_at: "2026-11-23T11:59:00Z".parse().ok(),
        hits: vec![
            rule(Some("SSH"), Direction::Inbound, Action::Allow, true, 12, 720),
            rule(None, Direction::Inbound, Action::Block, true, 90_210, 5_412_600),
            rule(None, Direction::Outbound, Action::Block, false, 1, 1_500),
        ],
    }
}

#[test]
fn what_was_counted_is_a_table_with_what_it_rests_on() {
    let paper = Paper::for_tests(None);
    insta::assert_snapshot!(hits::table(&counted(), &paper), @r"
    POLICY  EXCEPTION         DIRECTION  ACTION                   AGENTS  PACKETS    BYTES
    Travel  SSH               inbound    allow                         3       12    720 B
    Travel  none (the level)  inbound    would have been blocked       3    90210  5.1 MiB
    Travel  none (the level)  outbound   block                         3        1  1.4 KiB
    ");
    insta::assert_snapshot!(hits::basis(&counted(), &paper), @"this rests on the reports of 3 of 12 agents under assignment 7, the newest made 1 min ago, the oldest 1 h ago");
    assert_eq!(hits::empty(&counted()), None);
}

#[test]
fn nothing_counted_says_why() {
    let told = |hits: Hits| hits::empty(&hits).unwrap();
    assert!(told(Hits { revision: None, ..counted() }).contains("landmarkctl assign"));
    assert!(told(Hits { n_enrolled: 0, n_agents: 0, ..counted() }).contains("tokens create"));
    assert!(told(Hits { n_agents: 0, ..counted() }).contains("none of 12 agents has reported"));
    assert!(told(Hits { hits: vec![], ..counted() }).starts_with("3 of 12 agents"));
}
