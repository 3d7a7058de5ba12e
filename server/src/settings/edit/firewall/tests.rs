use landmark_proto::firewall::{Action, Conditions, Direction, Remotes, Traffic};
use landmark_proto::settings::{EncodedSettings, MAX_SETTINGS_BYTES, Settings};

use super::super::{Edit, MaxServers, apply};
use super::*;

fn name(text: &str) -> ItemName {
    text.parse().unwrap()
}

fn names(texts: &[&str]) -> Vec<ItemName> {
    texts.iter().map(|text| name(text)).collect()
}

fn exception(text: &str) -> Exception {
    Exception {
        name: name(text),
        action: Action::Allow,
        direction: Direction::Inbound,
        traffic: Traffic::Tcp("22".parse().unwrap()),
        remotes: Remotes::default(),
    }
}

fn policy(text: &str, exceptions: &[&str]) -> Policy {
    Policy {
        name: name(text),
        level: Level::High,
        mode: Mode::Enforce,
        exceptions: Exceptions::new(exceptions.iter().map(|text| exception(text)).collect()).unwrap(),
    }
}

fn profile(text: &str, policy: &str, host_names: &[&str]) -> Profile {
    let host_names = host_names.iter().map(|pattern| pattern.parse().unwrap()).collect();
    Profile {
        name: name(text),
        is_enabled: true,
        policy: name(policy),
        conditions: Conditions { host_names, ..Conditions::default() },
    }
}

fn add_policy(text: &str, exceptions: &[&str]) -> FirewallEdit {
    FirewallEdit::AddPolicy { policy: policy(text, exceptions), from_template: false }
}

fn add_profile(text: &str, policy: &str, host_names: &[&str]) -> FirewallEdit {
    FirewallEdit::AddProfile { profile: profile(text, policy, host_names), position: None }
}

fn of(policy: &str) -> ExceptionsOf {
    ExceptionsOf::Policy(name(policy))
}

fn made(settings: &Settings, edits: Vec<FirewallEdit>) -> Result<Settings, Violations> {
    let edits: Vec<Edit> = edits.into_iter().map(Edit::Firewall).collect();
    apply(settings, &edits, MaxServers::default())
}

fn applied(settings: &Settings, edits: Vec<FirewallEdit>) -> Settings {
    made(settings, edits).unwrap()
}

fn refused(settings: &Settings, edits: Vec<FirewallEdit>) -> String {
    made(settings, edits).unwrap_err().to_string()
}

/// The policy `Outside` with `A`, `B` and `C`, and the profile `Notebooks`, which has it, above `All agents`.
fn outside() -> Settings {
    let edits = vec![add_policy("Outside", &["A", "B", "C"]), add_profile("Notebooks", "Outside", &["nb-*"])];
    applied(&Settings::default(), edits)
}

fn exceptions_of(settings: &Settings, policy: &str) -> Vec<String> {
    let policy = settings.firewall.policy(&name(policy)).unwrap();
    policy.exceptions.as_slice().iter().map(|exception| exception.name.to_string()).collect()
}

fn template_of(settings: &Settings) -> Vec<String> {
    settings.firewall.template().as_slice().iter().map(|exception| exception.name.to_string()).collect()
}

/// Each with its policy.
fn profiles_of(settings: &Settings) -> Vec<String> {
    let shown = |profile: &Profile| format!("{}: {}", profile.name, profile.policy);
    settings.firewall.profiles().iter().map(shown).collect()
}

#[test]
fn a_policy_begins_with_the_template_only_if_it_has_nothing_of_its_own() {
    let add = |policy| FirewallEdit::AddPolicy { policy, from_template: true };
    let edits = vec![add(policy("Own", &["A"])), add(policy("From it", &[])), add_policy("Empty", &[])];
    let settings = applied(&Settings::default(), edits);
    assert_eq!(exceptions_of(&settings, "Own"), ["A"]);
    assert_eq!(exceptions_of(&settings, "From it"), template_of(&settings));
    assert_eq!(exceptions_of(&settings, "Empty"), Vec::<String>::new());
}

#[test]
fn profiles_follow_the_new_name_of_a_policy() {
    let edit = FirewallEdit::EditPolicy {
        name: name("Outside"),
        new_name: Some(name("Abroad")),
        new_level: None,
        new_mode: Some(Mode::Observe),
    };
    let settings = applied(&outside(), vec![edit]);
    assert_eq!(profiles_of(&settings), ["Notebooks: Abroad", "All agents: All access"]);
    let policy = settings.firewall.policy(&name("Abroad")).unwrap();
    assert_eq!((policy.level, policy.mode), (Level::High, Mode::Observe));
    assert_eq!(settings.firewall.policy(&name("Outside")), None);
}

#[test]
fn a_policy_may_keep_its_name_and_not_take_that_of_another() {
    let rename = |from: &str, to: &str| FirewallEdit::EditPolicy {
        name: name(from),
        new_name: Some(name(to)),
        new_level: None,
        new_mode: None,
    };
    assert_eq!(applied(&outside(), vec![rename("Outside", "Outside")]), outside());
    assert_eq!(
        refused(&outside(), vec![rename("Outside", "All access"), rename("Away", "Far")]),
        "edits[0].edit_firewall_policy.new_name: there is another firewall policy \"All access\"; edit that one, or \
         choose another name; edits[1].edit_firewall_policy.name: there is no firewall policy \"Away\""
    );
}

#[test]
fn a_policy_that_profiles_use_stays_and_they_are_named() {
    let remove = |policies: &[&str]| FirewallEdit::RemovePolicies(names(policies));
    assert_eq!(
        refused(&outside(), vec![remove(&["Outside"]), remove(&["None"])]),
        "edits[0].remove_firewall_policies.names[0]: the firewall policy \"Outside\" is that of the profiles \
         \"Notebooks\": give them another policy first, or remove them; \
         edits[1].remove_firewall_policies.names[0]: there is no firewall policy \"None\""
    );
    let edits = vec![FirewallEdit::RemoveProfiles(names(&["Notebooks"])), remove(&["Outside", "Outside"])];
    assert_eq!(applied(&outside(), edits), Settings::default());
    let many = (0..7).map(|n| add_profile(&format!("P{n}"), "Outside", &["x"])).chain([remove(&["Outside"])]);
    assert!(refused(&outside(), many.collect()).contains("\"P3\" and 3 more: give them"));
}

#[test]
fn exceptions_are_added_edited_moved_and_removed_in_their_order() {
    let add = |exception: Exception, position| FirewallEdit::AddException {
        of: of("Outside"),
        exception,
        position,
    };
    let edit = FirewallEdit::EditException { of: of("Outside"), name: name("B"), exception: exception("B2") };
    let to = |text, position| FirewallEdit::MoveException { of: of("Outside"), name: name(text), position };
    let remove = FirewallEdit::RemoveExceptions { of: of("Outside"), names: names(&["A", "D"]) };
    let after = |edits| exceptions_of(&applied(&outside(), edits), "Outside");
    assert_eq!(
        after(vec![add(exception("D"), None), add(exception("E"), Some(1))]),
        ["A", "E", "B", "C", "D"]
    );
    assert_eq!(after(vec![edit.clone(), to("A", 2)]), ["B2", "C", "A"]);
    assert_eq!(after(vec![add(exception("D"), None), remove]), ["B", "C"]);
    assert_eq!(
        refused(&outside(), vec![add(exception("A"), Some(4)), to("A", 3), to("X", 0), edit.clone(), edit]),
        "edits[0].add_firewall_exception.exception.name: there is another exception \"A\" in the firewall policy \
         \"Outside\"; edit that one, or choose another name; edits[0].add_firewall_exception.position: 4 is beyond the \
         end of the list (0 to 3); edits[1].move_firewall_exception.position: 3 is beyond the end of the list (0 to 2); \
         edits[2].move_firewall_exception.name: there is no exception \"X\" in the firewall policy \"Outside\"; \
         edits[4].edit_firewall_exception.name: there is no exception \"B\" in the firewall policy \"Outside\""
    );
}

#[test]
fn the_template_is_edited_like_a_policy_and_can_be_had_back() {
    let remove =
        |texts: &[&str]| FirewallEdit::RemoveExceptions { of: ExceptionsOf::Template, names: names(texts) };
    let mine = FirewallEdit::AddException {
        of: ExceptionsOf::Template,
        exception: exception("Mine"),
        position: Some(0),
    };
    let settings = applied(&Settings::default(), vec![mine, remove(&["Telnet", "FTP", "POP3"])]);
    assert_eq!(template_of(&settings), ["Mine", "DNS", "NetBIOS", "HTTPS", "HTTP", "SMTP", "LDAP"]);
    assert_eq!(applied(&settings, vec![FirewallEdit::ResetTemplate]), Settings::default());
    let elsewhere = FirewallEdit::MoveException { of: of("Away"), name: name("A"), position: 0 };
    assert_eq!(
        refused(&settings, vec![remove(&["HTTP", "Telnet"]), elsewhere]),
        "edits[0].remove_firewall_exceptions.names[1]: there is no exception \"Telnet\" in the template; \
         edits[1].move_firewall_exception.policy: there is no firewall policy \"Away\""
    );
}

#[test]
fn a_new_profile_goes_above_the_first_that_matches_every_machine() {
    let mut off = profile("Off", "Outside", &[]);
    off.is_enabled = false;
    let off = FirewallEdit::AddProfile { profile: off, position: Some(0) };
    let settings = applied(&outside(), vec![off.clone(), add_profile("Servers", "All access", &["srv-*"])]);
    assert_eq!(
        profiles_of(&settings),
        ["Off: Outside", "Notebooks: Outside", "Servers: All access", "All agents: All access"]
    );
    let without = vec![
        FirewallEdit::RemoveProfiles(names(&["All agents"])),
        off,
        add_profile("Servers", "All access", &["srv-*"]),
    ];
    assert_eq!(
        profiles_of(&applied(&outside(), without)),
        ["Off: Outside", "Notebooks: Outside", "Servers: All access"]
    );
}

#[test]
fn profiles_are_edited_and_moved_and_their_policy_must_be_there() {
    let edit = |text, profile| FirewallEdit::EditProfile { name: name(text), profile };
    let to = |text, position| FirewallEdit::MoveProfile { name: name(text), position };
    let edits = vec![edit("Notebooks", profile("Laptops", "All access", &[])), to("Laptops", 1)];
    assert_eq!(profiles_of(&applied(&outside(), edits)), ["All agents: All access", "Laptops: All access"]);
    let edits = vec![
        edit("Notebooks", profile("Notebooks", "Gone", &[])),
        edit("Notebooks", profile("All agents", "Outside", &[])),
        edit("Nobody", profile("Nobody", "Outside", &[])),
        to("Notebooks", 2),
        add_profile("Notebooks", "Outside", &[]),
        FirewallEdit::RemoveProfiles(names(&["Notebooks", "Nobody"])),
    ];
    assert_eq!(
        refused(&outside(), edits),
        "edits[0].edit_firewall_profile.profile.policy: there is no firewall policy \"Gone\"; add it first; \
         edits[1].edit_firewall_profile.profile.name: there is another firewall profile \"All agents\"; edit that one, or \
         choose another name; edits[2].edit_firewall_profile.name: there is no firewall profile \"Nobody\"; \
         edits[3].move_firewall_profile.position: 2 is beyond the end of the list (0 to 1); \
         edits[4].add_firewall_profile.profile.name: there is another firewall profile \"Notebooks\"; edit that one, or \
         choose another name; edits[5].remove_firewall_profiles.names[1]: there is no firewall profile \"Nobody\""
    );
}

#[test]
fn a_whole_firewall_can_be_put_in_the_place_of_the_present_one() {
    let other = outside().firewall;
    let settings = applied(&Settings::default(), vec![FirewallEdit::Replace(other)]);
    assert_eq!(settings, outside());
    let none = Firewall::new(Vec::new(), Vec::new(), Exceptions::default()).unwrap();
    assert_eq!(applied(&outside(), vec![FirewallEdit::Replace(none.clone())]).firewall, none);
}

#[test]
fn there_are_as_many_of_each_as_the_contract_says() {
    let policies: Vec<FirewallEdit> = (0..64).map(|n| add_policy(&format!("P{n}"), &[])).collect();
    assert_eq!(
        refused(&Settings::default(), policies),
        "edits[63].add_firewall_policy.policy: 65 firewall policies are too many (at most 64)"
    );
    let profiles = (0..128).map(|n| add_profile(&format!("P{n}"), "All access", &["x"])).collect();
    assert_eq!(
        refused(&Settings::default(), profiles),
        "edits[127].add_firewall_profile.profile: 129 firewall profiles are too many (at most 128)"
    );
    let exception = |n| FirewallEdit::AddException {
        of: ExceptionsOf::Template,
        exception: exception(&format!("E{n}")),
        position: None,
    };
    assert_eq!(
        refused(&Settings::default(), (0..992).map(exception).collect()),
        "edits[991].add_firewall_exception.exception: 1001 exceptions are too many (at most 1000 a policy)"
    );
}

/// Policies of 100 exceptions each, of about 76 bytes.
fn large(n_policies: usize) -> Vec<FirewallEdit> {
    let texts: Vec<String> = (0..100).map(|n| format!("{n:0>60}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    (0..n_policies).map(|n| add_policy(&format!("P{n}"), &texts)).collect()
}

#[test]
fn what_does_not_fit_in_a_push_is_refused_with_both_sizes() {
    let fits = applied(&Settings::default(), large(30));
    let n_fits = EncodedSettings::encode(&fits).bytes().len();
    assert!(n_fits < MAX_SETTINGS_BYTES, "{n_fits}");
    let told = refused(&Settings::default(), large(40));
    assert!(told.starts_with("edits: the settings would have 3"), "{told}");
    assert!(told.contains("bytes, and agents take at most 261120: remove exceptions"), "{told}");
}

#[test]
fn settings_that_are_too_large_already_may_become_smaller() {
    let mut too_large = outside();
    let mut draft = Draft::from(too_large.firewall);
    for edit in large(40) {
        draft.apply(&edit, &Path::root()).unwrap();
    }
    too_large.firewall = draft.finish(&Path::root()).unwrap();
    let smaller = applied(&too_large, vec![FirewallEdit::RemovePolicies(names(&["P0"]))]);
    assert!(EncodedSettings::encode(&smaller).bytes().len() > MAX_SETTINGS_BYTES);
    assert!(refused(&too_large, vec![add_policy("More", &[])]).contains("agents take at most"));
}
