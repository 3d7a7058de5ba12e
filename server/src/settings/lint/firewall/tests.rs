use landmark_proto::firewall::profile::{Facts as Machine, Place, mismatches};
use landmark_proto::firewall::ruling::{Connection, Flow, Transport, rule};
use landmark_proto::firewall::{
    Action, Conditions, Direction, Exceptions, Level, Platform, PortSet, template,
};
use proptest::prelude::*;

use super::*;

/// `NAME: allow|block in|out|both PROTOCOL PORTS REMOTES`.
fn exception(text: &str) -> Exception {
    let (name, rest) = text.split_once(": ").unwrap();
    let words: Vec<&str> = rest.split(' ').collect();
    let ports: PortSet = words[3].parse().unwrap();
    Exception {
        name: name.parse().unwrap(),
        action: if words[0] == "allow" { Action::Allow } else { Action::Block },
        direction: match words[1] {
            "in" => Direction::Inbound,
            "out" => Direction::Outbound,
            _ => Direction::Both,
        },
        traffic: match words[2] {
            "tcp" => Traffic::Tcp(ports),
            "udp" => Traffic::Udp(ports),
            "tcp+udp" => Traffic::TcpUdp(ports),
            "icmp" => Traffic::Icmp,
            "icmpv6" => Traffic::Icmpv6,
            _ => Traffic::All,
        },
        remotes: words[4].parse().unwrap(),
    }
}

fn policy(name: &str, exceptions: &[&str]) -> Policy {
    let exceptions = exceptions.iter().map(|text| exception(text)).collect();
    Policy {
        name: name.parse().unwrap(),
        level: Level::High,
        mode: Mode::Enforce,
        exceptions: Exceptions::new(exceptions).unwrap(),
    }
}

/// `location=external host=nb-* address=10.0.0.0/8 platform=linux label=a=b`; each word one condition.
fn profile(name: &str, policy: &str, conditions: &str) -> Profile {
    let mut all = Conditions::default();
    for word in conditions.split_whitespace() {
        let (kind, value) = word.split_once('=').unwrap();
        match kind {
            "location" if value == "internal" => all.places.push(Place::Internal),
            "location" => all.places.push(Place::External),
            "host" => all.host_names.push(value.parse().unwrap()),
            "address" => all.addresses.push(value.parse().unwrap()),
            "label" => all.labels.push(value.parse().unwrap()),
            _ => all.platforms.push(if value == "linux" { Platform::Linux } else { Platform::Windows }),
        }
    }
    Profile {
        name: name.parse().unwrap(),
        is_enabled: true,
        policy: policy.parse().unwrap(),
        conditions: all,
    }
}

fn found(policies: Vec<Policy>, profiles: Vec<Profile>) -> Vec<Finding> {
    lint(&Firewall::new(policies, profiles, template::exceptions()).unwrap())
}

fn codes(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|finding| format!("{} {}", finding.code, finding.path)).collect()
}

/// Of a policy that all machines have.
fn of_exceptions(exceptions: &[&str]) -> Vec<Finding> {
    found(vec![policy("P", exceptions)], vec![profile("All", "P", "")])
}

#[test]
fn a_good_firewall_has_no_finding() {
    assert_eq!(lint(&Firewall::default()), []);
    let mut off = profile("Off", "Outside", "host=x");
    off.is_enabled = false;
    let policies = vec![
        policy(
            "Outside",
            &["A: allow in tcp 22 10.0.0.0/8", "B: block in tcp all all", "C: allow in udp 53 all"],
        ),
        policy("Inside", &["A: allow both icmp all 10.0.0.1", "B: allow both icmpv6 all fe80::/10,gateway"]),
    ];
    let profiles = vec![
        profile("Servers", "Inside", "host=srv-* platform=linux"),
        profile("Notebooks", "Outside", "location=external"),
        profile("All", "Inside", ""),
        off,
    ];
    assert_eq!(found(policies, profiles), []);
}

#[test]
fn every_rule_about_profiles_and_policies_finds_what_it_is_there_for() {
    let policies = || vec![policy("P", &[]), policy("Q", &[])];
    let mut observed = policies();
    observed[0].mode = Mode::Observe;
    let mut disabled = profile("All", "P", "");
    disabled.is_enabled = false;
    let (inside, outside) =
        (profile("In", "P", "location=internal"), profile("Out", "Q", "location=external"));
    for (policies, profiles, expected) in [
        (
            policies(),
            vec![inside.clone(), outside.clone(), disabled.clone()],
            &["no_profile_for_all firewall.profiles"][..],
        ),
        (
            policies(),
            vec![disabled],
            &["no_profile_for_all firewall.profiles", "policy_unused firewall.policies[Q]"],
        ),
        (vec![], vec![], &["no_profile_for_all firewall.profiles"]),
        (
            policies(),
            vec![profile("S", "Q", "host=srv-*"), profile("All", "P", "")],
            &["location_unused firewall.profiles"],
        ),
        (policies(), vec![inside.clone(), profile("All", "P", "")], &["policy_unused firewall.policies[Q]"]),
        (observed, vec![inside, outside, profile("All", "P", "")], &["policy_observes firewall.policies[P]"]),
    ] {
        assert_eq!(codes(&found(policies, profiles.clone())), expected, "{profiles:?}");
    }
}

#[test]
fn a_profile_behind_one_that_matches_the_same_machines_is_found() {
    for (wide, narrow, is_found) in [
        ("", "location=external", true),
        ("", "", true),
        ("location=external", "location=external host=nb-*", true),
        ("location=external", "location=internal", false),
        ("location=external location=internal", "", true),
        ("location=external", "", false),
        ("address=10.0.0.0/8", "address=10.1.0.0/16 address=10.2.0.0/16", true),
        ("address=10.1.0.0/16", "address=10.0.0.0/8", false),
        ("host=nb-*", "host=nb-7 host=NB-8", true),
        ("host=nb-*", "host=nb-7*", false),
        ("host=nb-*", "host=nb-*", true),
        ("host=nb-* platform=linux", "host=nb-7", false),
        ("label=a=b label=a=c", "label=a=b", true),
        ("platform=linux", "platform=linux platform=windows", false),
    ] {
        let profiles = vec![profile("W", "P", wide), profile("N", "P", narrow), profile("All", "P", "")];
        let found = found(vec![policy("P", &[])], profiles);
        let never = found.iter().any(|it| it.path == "firewall.profiles[N]");
        assert_eq!(never, is_found, "{wide} before {narrow}");
    }
}

#[test]
fn an_exception_behind_one_that_matches_all_of_it_is_found() {
    for (wide, narrow, is_found) in [
        ("block both all all all", "allow in tcp 22 10.0.0.1", true),
        ("block in all all all", "allow both tcp 22 all", false),
        ("block both tcp 20-25 all", "allow in tcp 22,25 all", true),
        ("block both tcp 20-25 all", "allow in tcp 22,26 all", false),
        ("block both tcp 20-25 all", "allow in tcp all all", false),
        ("block both tcp+udp 53 all", "allow in udp 53 all", true),
        ("block both udp 53 all", "allow in tcp+udp 53 all", false),
        ("block both icmp all all", "allow in icmpv6 all all", false),
        ("block in tcp all 10.0.0.0/8,files", "allow in tcp 1 10.0.0.1-10.0.0.9,files", true),
        ("block in tcp all 10.0.0.0/8", "allow in tcp 1 files", false),
        ("block in tcp all 10.0.0.0/8", "allow in tcp 1 all", false),
    ] {
        let found = of_exceptions(&[&format!("W: {wide}"), &format!("N: {narrow}")]);
        assert_eq!(!found.is_empty(), is_found, "{wide} before {narrow}");
    }
}

#[test]
fn icmp_of_the_wrong_family_is_found_unless_a_name_may_have_the_right_one() {
    for (text, is_found) in [
        ("icmp all fe80::/10", true),
        ("icmp all fe80::/10,10.0.0.1", false),
        ("icmp all fe80::/10,gateway", false),
        ("icmp all all", false),
        ("icmpv6 all 10.0.0.0/8", true),
        ("icmpv6 all fe80::1", false),
        ("tcp 1 fe80::1", false),
    ] {
        let found = of_exceptions(&[&format!("E: allow in {text}")]);
        let expected: &[&str] =
            if is_found { &["icmp_other_family firewall.policies[P].exceptions[E]"] } else { &[] };
        assert_eq!(codes(&found), expected, "{text}");
    }
}

#[test]
fn what_would_match_the_same_anywhere_is_removed_and_not_moved() {
    let remedies = |findings: Vec<Finding>| -> Vec<String> {
        let never = findings.into_iter().filter(|it| it.code.ends_with("_never_reached"));
        never.map(|finding| finding.remedy).collect()
    };
    let same = ["A: block in tcp 22 all", "B: allow in tcp 22 all"];
    assert_eq!(remedies(of_exceptions(&same)), ["landmarkctl firewall exceptions remove P B"]);
    let profiles = vec![profile("A", "P", ""), profile("B", "Q", "")];
    let findings = found(vec![policy("P", &[]), policy("Q", &[])], profiles);
    assert_eq!(remedies(findings), ["landmarkctl firewall profiles remove B"]);
}

#[test]
fn a_long_exception_is_not_told_whole() {
    let remotes: Vec<String> = (0..64).map(|n| format!("10.0.0.{n}")).collect();
    let exceptions = [
        format!("A: allow in tcp all {}", remotes.join(",")),
        format!("B: block in tcp 22 {}", remotes.join(",")),
    ];
    let found = of_exceptions(&[&exceptions[0], &exceptions[1]]);
    assert!(found[0].message.len() < 300, "{}", found[0].message);
    assert!(found[0].message.contains('…'));
}

#[test]
fn every_finding_says_why_and_what_to_do() {
    let mut observed = policy(
        "On the way",
        &[
            "All web: block both tcp 1-1024 all",
            "Ada's: allow in tcp 80 all",
            "Ada's too: block in tcp 80 10.0.0.1",
            "Ping: allow in icmp all ::1",
        ],
    );
    observed.mode = Mode::Observe;
    let policies = vec![observed, policy("Spare", &[]), policy("Other", &[])];
    let profiles =
        vec![profile("Notebooks", "On the way", "host=nb-*"), profile("Ada", "Other", "host=nb-ada")];
    let lines: Vec<String> = found(policies, profiles)
        .into_iter()
        .map(|Finding { code, path, message, remedy }| format!("{code} {path}\n  {message}\n  {remedy}"))
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    no_profile_for_all firewall.profiles
      no enabled profile is without conditions: a machine that matches none of them has no firewall
      landmarkctl firewall profiles add NAME --policy POLICY --last
    location_unused firewall.profiles
      no enabled profile asks for the location: every machine has the same policy inside and outside
      landmarkctl firewall profiles add NAME --policy POLICY --location external
    profile_never_reached firewall.profiles[Ada]
      no machine gets it: "Notebooks" stands above it and matches every machine that it matches
      landmarkctl firewall profiles move Ada --before Notebooks
    policy_observes firewall.policies[On the way]
      it only observes: what it would block passes and is counted (landmarkctl firewall hits)
      landmarkctl firewall policies edit 'On the way' --enforce
    exception_never_reached firewall.policies[On the way].exceptions[Ada's]
      it decides nothing: "All web" (block in and out tcp 1-1024) stands above it and matches all that it matches (allow inbound tcp 80)
      landmarkctl firewall exceptions move 'On the way' 'Ada'\''s' --before 'All web'
    exception_never_reached firewall.policies[On the way].exceptions[Ada's too]
      it decides nothing: "All web" (block in and out tcp 1-1024) stands above it and matches all that it matches (block inbound tcp 80 from 10.0.0.1)
      landmarkctl firewall exceptions remove 'On the way' 'Ada'\''s too'
    icmp_other_family firewall.policies[On the way].exceptions[Ping]
      it matches nothing: icmp belongs to IPv4, and it has no remote address of IPv4
      landmarkctl firewall exceptions edit 'On the way' Ping --protocol icmpv6
    policy_unused firewall.policies[Spare]
      no profile gives it to machines
      landmarkctl firewall profiles add NAME --policy Spare
    "#);
}

fn any_exception() -> impl Strategy<Value = Exception> {
    let ports = || prop::sample::select(vec!["all", "1", "1-2", "2,4", "1-65535"]);
    let remotes = prop::sample::select(vec![
        "all",
        "10.0.0.1",
        "10.0.0.0/31",
        "10.0.0.0-10.0.0.2",
        "::/0",
        "0.0.0.0/0",
    ]);
    let protocol = prop::sample::select(vec!["all", "tcp", "udp", "tcp+udp", "icmp", "icmpv6"]);
    let direction = prop::sample::select(vec!["in", "out", "both"]);
    (direction, protocol, ports(), remotes).prop_map(|(direction, protocol, ports, remotes)| {
        exception(&format!("E: allow {direction} {protocol} {ports} {remotes}"))
    })
}

fn any_connection() -> impl Strategy<Value = Connection> {
    let transport = prop_oneof![
        (1..6_u16).prop_map(Transport::Tcp),
        (1..6_u16).prop_map(Transport::Udp),
        Just(Transport::Icmp),
        Just(Transport::Icmpv6),
        Just(Transport::Other(47)),
    ];
    let flow = prop::sample::select(vec![Flow::Inbound, Flow::Outbound]);
    let remote = prop::sample::select(vec!["10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3", "::1"]);
    (flow, transport, remote).prop_map(|(flow, transport, remote)| Connection {
        flow,
        transport,
        remote: remote.parse().unwrap(),
    })
}

fn matches(exception: &Exception, connection: &Connection) -> bool {
    let exceptions = Exceptions::new(vec![exception.clone()]).unwrap();
    let policy = Policy { exceptions, ..policy("P", &[]) };
    rule(&policy, connection, |_| &[]).exception.is_some()
}

fn any_profile() -> impl Strategy<Value = Profile> {
    let words = vec![
        "location=internal",
        "location=external",
        "host=a*",
        "host=ab",
        "host=a",
        "address=10.0.0.0/31",
        "address=10.0.0.1",
        "platform=linux",
        "label=a=b",
        "label=a=c",
    ];
    prop::sample::subsequence(words, 0..4).prop_map(|words| profile("N", "P", &words.join(" ")))
}

fn any_machine() -> impl Strategy<Value = Machine> {
    let of = prop::option::of::<prop::sample::Select<&'static str>>;
    let name = of(prop::sample::select(vec!["a", "ab", "abc.example", "a.example"]));
    let address = prop::sample::select(vec!["10.0.0.0", "10.0.0.1", "10.0.0.2"]);
    let labels = prop::sample::subsequence(vec!["a=b", "a=c"], 0..=2);
    (any::<bool>(), name, address, any::<bool>(), labels).prop_map(
        |(is_in, name, address, is_linux, labels)| Machine {
            place: Some(if is_in { Place::Internal } else { Place::External }),
            addresses: vec![address.parse().unwrap()],
            host_name: name.map(str::to_owned),
            platform: is_linux.then_some(Platform::Linux),
            labels: labels.into_iter().map(|label| label.parse().unwrap()).collect(),
        },
    )
}

proptest! {
    #[test]
    fn what_is_said_to_be_covered_matches_nothing_beside_it(
        wide in any_exception(), narrow in any_exception(), connections in prop::collection::vec(any_connection(), 32),
    ) {
        if covers(&wide, &narrow) {
            for connection in connections {
                prop_assert!(!matches(&narrow, &connection) || matches(&wide, &connection), "{:?}", connection);
            }
        }
    }

    #[test]
    fn no_machine_gets_a_profile_that_is_said_to_be_covered(
        wide in any_profile(), narrow in any_profile(), machines in prop::collection::vec(any_machine(), 32),
    ) {
        if covers_conditions(&wide.conditions, &narrow.conditions) {
            for machine in machines {
                let is_narrow = mismatches(&narrow, &machine).is_empty();
                prop_assert!(!is_narrow || mismatches(&wide, &machine).is_empty(), "{:?}", machine);
            }
        }
    }
}
