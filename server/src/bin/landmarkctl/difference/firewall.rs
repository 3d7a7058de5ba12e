//! What became of a firewall: policies, their exceptions, the profiles, the template.

use super::{changed, longest_rising};
use crate::render::firewall::{exception_words, n_exceptions, profile_words};
use crate::view::change::{Change, ChangeKind};
use crate::view::firewall::{Exception, Firewall, Policy, Profile};

/// From one state to another.
pub(super) fn between(before: &Firewall, after: &Firewall) -> Vec<Change> {
    let mut changes = Vec::new();
    let path = |name: &str| format!("firewall.policies[{name}]");
    let gone = before.policies.iter().filter(|old| !after.policies.iter().any(|new| new.name == old.name));
    changes.extend(gone.map(|old| removed(path(&old.name), policy_words(old))));
    for new in &after.policies {
        let path = path(&new.name);
        let old = before.policies.iter().find(|old| old.name == new.name);
        match old {
            None => changes.push(added(path.clone(), policy_words(new))),
            Some(old) => changes.extend(changed(&path, Some(head_words(old)), Some(head_words(new)))),
        }
        // What a new one lets pass is told whole.
        let old = old.map(|old| old.exceptions.as_slice()).unwrap_or_default();
        changes.extend(exceptions(&format!("{path}.exceptions"), old, &new.exceptions));
    }
    changes.extend(profiles(&before.profiles, &after.profiles));
    changes.extend(exceptions("firewall.template", &before.template, &after.template));
    changes
}

fn exceptions(path: &str, before: &[Exception], after: &[Exception]) -> Vec<Change> {
    let item = |exception: &Exception| (exception.name.clone(), exception_words(exception));
    let (before, after): (Vec<_>, Vec<_>) =
        (before.iter().map(item).collect(), after.iter().map(item).collect());
    lists(path, &before, &after)
}

fn profiles(before: &[Profile], after: &[Profile]) -> Vec<Change> {
    let item = |profile: &Profile| (profile.name.clone(), profile_words(profile));
    let (before, after): (Vec<_>, Vec<_>) =
        (before.iter().map(item).collect(), after.iter().map(item).collect());
    lists("firewall.profiles", &before, &after)
}

/// Lists whose order matters, of names and what they say.
fn lists(path: &str, before: &[(String, String)], after: &[(String, String)]) -> Vec<Change> {
    let find = |list: &[(String, String)], name: &str| list.iter().position(|(other, _)| other == name);
    let at = |name: &str| format!("{path}[{name}]");
    let gone = before.iter().filter(|(name, _)| find(after, name).is_none());
    let mut changes: Vec<Change> = gone.map(|(name, words)| removed(at(name), words.clone())).collect();
    let kept: Vec<usize> = after.iter().filter_map(|(name, _)| find(before, name)).collect();
    let in_order = longest_rising(&kept);
    for (place, (name, words)) in after.iter().enumerate() {
        let Some(old_place) = find(before, name) else {
            changes.push(added(at(name), format!("{words}, at place {}", place + 1)));
            continue;
        };
        let old_words = before.get(old_place).map(|(_, words)| words.clone());
        changes.extend(changed(&at(name), old_words, Some(words.clone())));
        if !in_order.contains(&old_place) {
            changes.push(Change {
                kind: ChangeKind::Moved,
                path: at(name),
                before: Some(format!("place {}", old_place + 1)),
                after: Some(format!("place {}", place + 1)),
            });
        }
    }
    changes
}

fn policy_words(policy: &Policy) -> String {
    format!("{}, {}", head_words(policy), n_exceptions(policy.exceptions.len()))
}

fn head_words(policy: &Policy) -> String {
    let word = |word: Option<String>| word.unwrap_or_else(|| crate::render::NOTHING.to_owned());
    let level = word(policy.level.map(|level| level.to_string()));
    format!("level {level}, {}", word(policy.mode.map(|mode| mode.to_string())))
}

fn added(path: String, after: String) -> Change {
    Change { kind: ChangeKind::Added, path, before: None, after: Some(after) }
}

fn removed(path: String, before: String) -> Change {
    Change { kind: ChangeKind::Removed, path, before: Some(before), after: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::changes::changes;
    use crate::view::firewall::{Action, Conditions, Direction, Level, Mode, Protocol};

    fn exception(name: &str, port: &str) -> Exception {
        Exception {
            name: name.into(),
            action: Some(Action::Allow),
            direction: Some(Direction::Inbound),
            protocol: Some(Protocol::Tcp),
            ports: vec![port.into()],
            remotes: vec![],
        }
    }

    fn policy(name: &str, level: Level, exceptions: &[(&str, &str)]) -> Policy {
        let exceptions = exceptions.iter().map(|(name, port)| exception(name, port)).collect();
        Policy { name: name.into(), level: Some(level), mode: Some(Mode::Enforce), exceptions }
    }

    fn profile(name: &str, policy: &str) -> Profile {
        Profile { name: name.into(), enabled: true, policy: policy.into(), conditions: Conditions::default() }
    }

    #[test]
    fn a_firewall_differs_by_policies_exceptions_and_profiles() {
        let before = Firewall {
            policies: vec![
                policy("Old", Level::Low, &[]),
                policy("Travel", Level::Low, &[("a", "1"), ("b", "2"), ("c", "3")]),
            ],
            profiles: vec![profile("A", "Old"), profile("B", "Travel")],
            template: vec![exception("t", "1")],
        };
        let after = Firewall {
            policies: vec![
                policy("Travel", Level::High, &[("c", "3"), ("a", "9"), ("n", "4")]),
                policy("New", Level::Medium, &[("x", "1")]),
            ],
            profiles: vec![profile("B", "Travel"), profile("A", "New")],
            template: vec![],
        };
        insta::assert_snapshot!(changes(&between(&before, &after)), @r#"
        - firewall policy "Old": level low, enforce, no exceptions
        ~ firewall policy "Travel": level low, enforce → level high, enforce
        - exception "b" of firewall policy "Travel": allow inbound tcp 2
        > exception "c" of firewall policy "Travel": place 3 → place 1
        ~ exception "a" of firewall policy "Travel": allow inbound tcp 1 → allow inbound tcp 9
        + exception "n" of firewall policy "Travel": allow inbound tcp 4, at place 3
        + firewall policy "New": level medium, enforce, 1 exception
        + exception "x" of firewall policy "New": allow inbound tcp 1, at place 1
        > firewall profile "B": place 2 → place 1
        ~ firewall profile "A": policy "Old" for every machine → policy "New" for every machine
        - template exception "t": allow inbound tcp 1
        "#);
        assert_eq!(between(&after, &after), []);
    }
}
