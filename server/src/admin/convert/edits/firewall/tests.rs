use landmark_proto::firewall::{Level, Mode};
use landmark_proto::wire::edit::{self, Kind};
use prost::Message as _;

use super::super::edits_from_wire;
use super::*;

fn edit(kind: Kind) -> wire::Edit {
    wire::Edit { kind: Some(kind) }
}

fn lines(edits: Vec<wire::Edit>) -> String {
    let violations = edits_from_wire(edits).unwrap_err();
    violations.as_slice().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn profile(name: &str) -> wire::FirewallProfile {
    let conditions = wire::FirewallConditions {
        locations: vec![0],
        addresses: vec!["here".to_owned()],
        labels: vec!["x".to_owned()],
        ..Default::default()
    };
    wire::FirewallProfile { name: name.to_owned(), conditions: Some(conditions), ..Default::default() }
}

#[test]
fn every_bad_value_of_an_edit_of_policies_and_exceptions_is_named_by_its_path() {
    let exception = wire::FirewallException {
        name: "A".to_owned(),
        action: 9,
        direction: 1,
        protocol: 5,
        ports: vec![wire::PortRange { first: 1, last: 2 }],
        remotes: vec!["10.1.2.3/8".to_owned()],
    };
    let policy = wire::FirewallPolicy {
        name: " ".to_owned(),
        level: 0,
        mode: 7,
        exceptions: vec![exception.clone(), wire::FirewallException::default()],
    };
    let change = edit::EditFirewallPolicy {
        name: "x\n".to_owned() + "y",
        new_name: Some(String::new()),
        new_level: Some(8),
        new_mode: Some(8),
    };
    let edits = vec![
        edit(Kind::AddFirewallPolicy(edit::AddFirewallPolicy { policy: Some(policy), from_template: true })),
        edit(Kind::AddFirewallPolicy(edit::AddFirewallPolicy::default())),
        edit(Kind::EditFirewallPolicy(change)),
        edit(Kind::EditFirewallPolicy(edit::EditFirewallPolicy {
            name: "P".to_owned(),
            ..Default::default()
        })),
        edit(Kind::RemoveFirewallPolicies(edit::RemoveFirewallPolicies::default())),
        edit(Kind::AddFirewallException(edit::AddFirewallException {
            policy: " ".to_owned(),
            exception: Some(exception),
            position: None,
        })),
        edit(Kind::EditFirewallException(edit::EditFirewallException::default())),
        edit(Kind::MoveFirewallException(edit::MoveFirewallException::default())),
        edit(Kind::RemoveFirewallExceptions(edit::RemoveFirewallExceptions {
            policy: String::new(),
            names: vec!["A".to_owned(), String::new()],
        })),
    ];
    insta::assert_snapshot!(lines(edits), @r#"
    edits[0].add_firewall_policy.policy.name: a name is missing (1 to 64 characters)
    edits[0].add_firewall_policy.policy.level: is missing (low, medium or high)
    edits[0].add_firewall_policy.policy.mode: 7 is not a firewall mode
    edits[0].add_firewall_policy.policy.exceptions[0].action: 9 is not a firewall action
    edits[0].add_firewall_policy.policy.exceptions[0].ports: icmp has no ports; leave them out, or choose tcp, udp or tcp+udp
    edits[0].add_firewall_policy.policy.exceptions[0].remotes[0]: 10.1.2.3/8 has bits behind the prefix; write 10.0.0.0/8, or 10.1.2.3 alone
    edits[0].add_firewall_policy.policy.exceptions[1].name: a name is missing (1 to 64 characters)
    edits[0].add_firewall_policy.policy.exceptions[1].action: is missing (allow or block)
    edits[0].add_firewall_policy.policy.exceptions[1].direction: is missing (inbound, outbound or both)
    edits[0].add_firewall_policy.policy.exceptions[1].protocol: is missing (all, tcp, udp, tcp+udp, icmp or icmpv6)
    edits[1].add_firewall_policy.policy: is missing
    edits[2].edit_firewall_policy.name: the name "x\ny" has control characters
    edits[2].edit_firewall_policy.new_name: a name is missing (1 to 64 characters)
    edits[2].edit_firewall_policy.new_level: 8 is not a firewall level
    edits[2].edit_firewall_policy.new_mode: 8 is not a firewall mode
    edits[3].edit_firewall_policy: nothing to change: give new_name, new_level, new_mode or several of them
    edits[4].remove_firewall_policies.names: at least one name is needed
    edits[5].add_firewall_exception.policy: a name is missing (1 to 64 characters)
    edits[5].add_firewall_exception.exception.action: 9 is not a firewall action
    edits[5].add_firewall_exception.exception.ports: icmp has no ports; leave them out, or choose tcp, udp or tcp+udp
    edits[5].add_firewall_exception.exception.remotes[0]: 10.1.2.3/8 has bits behind the prefix; write 10.0.0.0/8, or 10.1.2.3 alone
    edits[6].edit_firewall_exception.name: a name is missing (1 to 64 characters)
    edits[6].edit_firewall_exception.exception: is missing
    edits[7].move_firewall_exception.name: a name is missing (1 to 64 characters)
    edits[8].remove_firewall_exceptions.names[1]: a name is missing (1 to 64 characters)
    "#);
}

#[test]
fn every_bad_value_of_an_edit_of_profiles_or_the_whole_is_named_by_its_path() {
    let twice = wire::FirewallPolicy { name: "P".to_owned(), level: 1, ..Default::default() };
    let firewall =
        wire::Firewall { policies: vec![twice.clone(), twice], profiles: Vec::new(), template: Vec::new() };
    let edits = vec![
        edit(Kind::AddFirewallProfile(edit::AddFirewallProfile {
            profile: Some(profile("A")),
            position: None,
        })),
        edit(Kind::EditFirewallProfile(edit::EditFirewallProfile::default())),
        edit(Kind::MoveFirewallProfile(edit::MoveFirewallProfile::default())),
        edit(Kind::RemoveFirewallProfiles(edit::RemoveFirewallProfiles { names: vec![String::new()] })),
        edit(Kind::ReplaceFirewall(edit::ReplaceFirewall::default())),
        edit(Kind::ReplaceFirewall(edit::ReplaceFirewall { firewall: Some(firewall) })),
    ];
    insta::assert_snapshot!(lines(edits), @r#"
    edits[0].add_firewall_profile.profile.policy: a name is missing (1 to 64 characters)
    edits[0].add_firewall_profile.profile.conditions.locations[0]: is missing
    edits[0].add_firewall_profile.profile.conditions.addresses[0]: "here" is not an address, a prefix (10.0.0.0/8) or a range (10.0.0.1-10.0.0.9)
    edits[0].add_firewall_profile.profile.conditions.labels[0]: "x" is not a label (KEY=VALUE, each 1 to 63 letters, digits, '.', '_', '-' and '/')
    edits[1].edit_firewall_profile.name: a name is missing (1 to 64 characters)
    edits[1].edit_firewall_profile.profile: is missing
    edits[2].move_firewall_profile.name: a name is missing (1 to 64 characters)
    edits[3].remove_firewall_profiles.names[0]: a name is missing (1 to 64 characters)
    edits[4].replace_firewall.firewall: is missing
    edits[5].replace_firewall.firewall.policies[1].name: there is another firewall policy "P"
    "#);
}

#[test]
fn what_is_not_given_stays_as_it_is_and_no_policy_is_the_template() {
    let change = edit::EditFirewallPolicy {
        name: "P".to_owned(),
        new_level: Some(2),
        new_mode: Some(0),
        ..Default::default()
    };
    let moved = |policy: &str| edit::MoveFirewallException {
        policy: policy.to_owned(),
        name: "A".to_owned(),
        position: 3,
    };
    let edits = vec![
        edit(Kind::EditFirewallPolicy(change)),
        edit(Kind::MoveFirewallException(moved(""))),
        edit(Kind::MoveFirewallException(moved("P"))),
        edit(Kind::ResetFirewallTemplate(edit::ResetFirewallTemplate {})),
    ];
    let name = |text: &str| -> ItemName { text.parse().unwrap() };
    let moved = |of| FirewallEdit::MoveException { of, name: name("A"), position: 3 };
    let expected = [
        FirewallEdit::EditPolicy {
            name: name("P"),
            new_name: None,
            new_level: Some(Level::Medium),
            new_mode: Some(Mode::Enforce),
        },
        moved(ExceptionsOf::Template),
        moved(ExceptionsOf::Policy(name("P"))),
        FirewallEdit::ResetTemplate,
    ];
    assert_eq!(edits_from_wire(edits).unwrap(), expected.map(Edit::Firewall));
}

#[test]
fn every_kind_of_edit_is_named_in_paths_as_on_the_wire() {
    // Each is refused for its content, below its own name.
    let policy = wire::FirewallPolicy { name: "New".to_owned(), level: 1, ..Default::default() };
    let name = || "Missing".to_owned();
    let exception = || {
        Some(wire::FirewallException {
            name: name(),
            action: 1,
            direction: 1,
            protocol: 1,
            ..Default::default()
        })
    };
    let profile = || {
        Some(wire::FirewallProfile { name: name(), policy: "All access".to_owned(), ..Default::default() })
    };
    let kinds = vec![
        Kind::AddFirewallPolicy(edit::AddFirewallPolicy { policy: Some(policy), from_template: false }),
        Kind::EditFirewallPolicy(edit::EditFirewallPolicy {
            name: name(),
            new_level: Some(1),
            ..Default::default()
        }),
        Kind::RemoveFirewallPolicies(edit::RemoveFirewallPolicies { names: vec![name()] }),
        Kind::AddFirewallException(edit::AddFirewallException {
            policy: name(),
            exception: exception(),
            position: None,
        }),
        Kind::EditFirewallException(edit::EditFirewallException {
            policy: name(),
            name: name(),
            exception: exception(),
        }),
        Kind::MoveFirewallException(edit::MoveFirewallException {
            policy: name(),
            name: name(),
            position: 0,
        }),
        Kind::RemoveFirewallExceptions(edit::RemoveFirewallExceptions {
            policy: name(),
            names: vec![name()],
        }),
        Kind::AddFirewallProfile(edit::AddFirewallProfile { profile: profile(), position: Some(9) }),
        Kind::EditFirewallProfile(edit::EditFirewallProfile { name: name(), profile: profile() }),
        Kind::MoveFirewallProfile(edit::MoveFirewallProfile { name: name(), position: 0 }),
        Kind::RemoveFirewallProfiles(edit::RemoveFirewallProfiles { names: vec![name()] }),
        Kind::ReplaceFirewall(edit::ReplaceFirewall { firewall: Some(wire::Firewall::default()) }),
        Kind::ResetFirewallTemplate(edit::ResetFirewallTemplate {}),
    ];
    let edits = edits_from_wire(kinds.into_iter().map(edit).collect()).unwrap();
    let set = prost_types::FileDescriptorSet::decode(wire::DESCRIPTORS).unwrap();
    let fields: Vec<String> = set
        .file
        .iter()
        .flat_map(|file| &file.message_type)
        .filter(|message| message.name() == "Edit")
        .flat_map(|message| &message.field)
        .map(|field| field.name().to_owned())
        .filter(|field| field.contains("firewall"))
        .collect();
    let named: Vec<&str> = edits.iter().map(Edit::name).collect();
    assert_eq!(named, fields);
}
