use landmark_proto::firewall::{Action, Direction, Exceptions, Level, Mode, Traffic, template};
use landmark_proto::settings::Settings;
use proptest::prelude::*;

use super::super::diff;
use super::*;

fn exception(name: &str, ports: &str) -> Exception {
    Exception {
        name: name.parse().unwrap(),
        action: Action::Allow,
        direction: Direction::Inbound,
        traffic: Traffic::Tcp(ports.parse().unwrap()),
        remotes: Default::default(),
    }
}

fn exceptions(named: &[(&str, &str)]) -> Exceptions {
    Exceptions::new(named.iter().map(|(name, ports)| exception(name, ports)).collect()).unwrap()
}

fn policy(name: &str, level: Level, named: &[(&str, &str)]) -> Policy {
    Policy { name: name.parse().unwrap(), level, mode: Mode::Enforce, exceptions: exceptions(named) }
}

fn profile(name: &str, policy: &str, host_names: &[&str]) -> Profile {
    let host_names = host_names.iter().map(|pattern| pattern.parse().unwrap()).collect();
    Profile {
        name: name.parse().unwrap(),
        is_enabled: true,
        policy: policy.parse().unwrap(),
        conditions: Conditions { host_names, ..Conditions::default() },
    }
}

fn settings(policies: Vec<Policy>, profiles: Vec<Profile>) -> Settings {
    let firewall = Firewall::new(policies, profiles, template::exceptions()).unwrap();
    Settings { firewall, ..Settings::default() }
}

fn lines(from: &Settings, to: &Settings) -> String {
    let lines: Vec<String> = diff(from, to)
        .iter()
        .map(|Change { kind, path, before, after }| format!("{kind:?} {path}: {before:?} -> {after:?}"))
        .collect();
    lines.join("\n")
}

#[test]
fn a_new_policy_is_told_with_all_that_it_lets_pass() {
    let to = settings(
        vec![policy("Outside", Level::High, &[("SSH", "22"), ("Web", "80,443")])],
        vec![profile("Notebooks", "Outside", &["nb-*", "lt-*"])],
    );
    insta::assert_snapshot!(lines(&Settings::default(), &to), @r#"
    Removed firewall.policies[All access]: "low, enforce, 0 exceptions" -> ""
    Added firewall.policies[Outside]: "" -> "high, enforce, 2 exceptions"
    Added firewall.policies[Outside].exceptions[SSH]: "" -> "allow inbound tcp 22 at place 1"
    Added firewall.policies[Outside].exceptions[Web]: "" -> "allow inbound tcp 80,443 at place 2"
    Removed firewall.profiles[All agents]: "All access for all machines at place 1" -> ""
    Added firewall.profiles[Notebooks]: "" -> "Outside for host name nb-* or lt-* at place 1"
    "#);
}

#[test]
fn every_kind_of_change_of_a_policy_has_its_words() {
    let from = policy("P", Level::High, &[("A", "1"), ("B", "2"), ("C", "3"), ("D", "4")]);
    let mut to = policy("P", Level::Medium, &[("D", "4"), ("B", "2-3"), ("E", "5"), ("C", "3")]);
    to.mode = Mode::Observe;
    insta::assert_snapshot!(lines(&settings(vec![from], Vec::new()), &settings(vec![to], Vec::new())), @r#"
    Changed firewall.policies[P].level: "high" -> "medium"
    Changed firewall.policies[P].mode: "enforce" -> "observe"
    Removed firewall.policies[P].exceptions[A]: "allow inbound tcp 1 at place 1" -> ""
    Moved firewall.policies[P].exceptions[D]: "place 4" -> "place 1"
    Changed firewall.policies[P].exceptions[B]: "allow inbound tcp 2" -> "allow inbound tcp 2-3"
    Added firewall.policies[P].exceptions[E]: "" -> "allow inbound tcp 5 at place 3"
    "#);
}

#[test]
fn every_kind_of_change_of_a_profile_has_its_words() {
    let policies = || vec![policy("P", Level::High, &[]), policy("Q", Level::Low, &[])];
    let from =
        settings(policies(), vec![profile("A", "P", &[]), profile("B", "P", &["b"]), profile("C", "P", &[])]);
    let mut changed = profile("B", "Q", &[]);
    changed.is_enabled = false;
    changed.conditions = Conditions {
        places: vec![landmark_proto::firewall::profile::Place::External],
        addresses: vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()],
        host_names: vec!["b".parse().unwrap(), "c?".parse().unwrap()],
        platforms: vec![landmark_proto::firewall::Platform::Linux],
        labels: vec!["site=hq".parse().unwrap()],
    };
    let mut new = changed.clone();
    new.name = "N".parse().unwrap();
    let to = settings(policies(), vec![profile("C", "P", &[]), changed, new]);
    insta::assert_snapshot!(lines(&from, &to), @r#"
    Removed firewall.profiles[A]: "P for all machines at place 1" -> ""
    Moved firewall.profiles[C]: "place 3" -> "place 1"
    Changed firewall.profiles[B].enabled: "enabled" -> "disabled"
    Changed firewall.profiles[B].policy: "P" -> "Q"
    Changed firewall.profiles[B].conditions.locations: "any" -> "external"
    Changed firewall.profiles[B].conditions.addresses: "any" -> "10.0.0.0/8 or fd00::/8"
    Changed firewall.profiles[B].conditions.host_names: "b" -> "b or c?"
    Changed firewall.profiles[B].conditions.platforms: "any" -> "linux"
    Changed firewall.profiles[B].conditions.labels: "any" -> "site=hq"
    Added firewall.profiles[N]: "" -> "Q for location external; address 10.0.0.0/8 or fd00::/8; host name b or c?; platform linux; label site=hq, disabled at place 3"
    "#);
}

#[test]
fn the_template_and_the_order_of_policies_are_told_too() {
    let (p, q) = (policy("P", Level::High, &[]), policy("Q", Level::Low, &[]));
    let from = settings(vec![p.clone(), q.clone()], Vec::new());
    let firewall =
        Firewall::new(vec![q, p], Vec::new(), exceptions(&[("HTTP", "80"), ("Mine", "1")])).unwrap();
    let to = Settings { firewall, ..Settings::default() };
    insta::assert_snapshot!(lines(&from, &to), @r#"
    Moved firewall.policies: "" -> "the same in another order"
    Removed firewall.template[DNS]: "allow in and out tcp+udp 53 at place 1" -> ""
    Removed firewall.template[NetBIOS]: "allow in and out tcp+udp 137-139,445 at place 2" -> ""
    Removed firewall.template[HTTPS]: "allow in and out tcp 443 at place 3" -> ""
    Removed firewall.template[Telnet]: "allow in and out tcp 23 at place 5" -> ""
    Removed firewall.template[SMTP]: "allow in and out tcp 25 at place 6" -> ""
    Removed firewall.template[FTP]: "allow in and out tcp 21 at place 7" -> ""
    Removed firewall.template[POP3]: "allow in and out tcp 110 at place 8" -> ""
    Removed firewall.template[LDAP]: "allow in and out tcp+udp 389 at place 9" -> ""
    Changed firewall.template[HTTP]: "allow in and out tcp 80" -> "allow inbound tcp 80"
    Added firewall.template[Mine]: "" -> "allow inbound tcp 1 at place 2"
    "#);
}

fn any_exceptions() -> impl Strategy<Value = Exceptions> {
    let names: Vec<&str> = vec!["A", "B", "C", "D", "E"];
    let some = proptest::sample::subsequence(names, 0..=5).prop_shuffle();
    (some, 1..3_u16).prop_map(|(names, port)| {
        let port = port.to_string();
        exceptions(&names.into_iter().map(|name| (name, port.as_str())).collect::<Vec<_>>())
    })
}

fn any_policy(name: &'static str) -> impl Strategy<Value = Policy> {
    (any::<bool>(), any::<bool>(), any_exceptions()).prop_map(move |(is_high, is_observed, exceptions)| {
        Policy {
            level: if is_high { Level::High } else { Level::Low },
            mode: if is_observed { Mode::Observe } else { Mode::Enforce },
            exceptions,
            ..policy(name, Level::Low, &[])
        }
    })
}

fn any_firewall() -> impl Strategy<Value = Firewall> {
    let policies = (any_policy("P"), any_policy("Q")).prop_flat_map(|(p, q)| Just(vec![p, q]).prop_shuffle());
    let names: Vec<&str> = vec!["1", "2", "3", "4"];
    let profiles = proptest::sample::subsequence(names, 0..=4).prop_shuffle();
    (policies, profiles, any::<bool>(), any::<bool>(), any_exceptions()).prop_map(
        |(policies, profiles, is_q, is_enabled, template)| {
            let of = |name: &str| {
                let patterns: &[&str] = if is_q { &["x"] } else { &[] };
                Profile { is_enabled, ..profile(name, if is_q { "Q" } else { "P" }, patterns) }
            };
            Firewall::new(policies, profiles.into_iter().map(of).collect(), template).unwrap()
        },
    )
}

proptest! {
    #[test]
    fn there_is_a_difference_exactly_when_firewalls_differ(from in any_firewall(), to in any_firewall()) {
        let with = |firewall: &Firewall| Settings { firewall: firewall.clone(), ..Settings::default() };
        prop_assert_eq!(diff(&with(&from), &with(&to)).is_empty(), from == to);
        prop_assert!(diff(&with(&to), &with(&to)).is_empty());
    }
}
