//! The difference of two firewalls.

use std::collections::HashMap;
use std::fmt::Display;

use landmark_proto::firewall::{Conditions, Exception, Firewall, ItemName, Policy, Profile};

use super::{Change, ChangeKind, longest_rising, push_changed};

const POLICIES: &str = "firewall.policies";
const PROFILES: &str = "firewall.profiles";
const TEMPLATE: &str = "firewall.template";

/// Policies first, then profiles, then the template; of each those that are gone, then the others in their order. What a
/// new policy lets pass is told whole.
pub(super) fn diff(from: &Firewall, to: &Firewall, changes: &mut Vec<Change>) {
    diff_policies(from.policies(), to.policies(), changes);
    let profiles = Ordered {
        path: PROFILES,
        name: |profile: &Profile| &profile.name,
        shown: shown_profile,
        diff: diff_profile,
    };
    profiles.diff(from.profiles(), to.profiles(), changes);
    exceptions_at(TEMPLATE).diff(from.template().as_slice(), to.template().as_slice(), changes);
}

fn diff_policies(from: &[Policy], to: &[Policy], changes: &mut Vec<Change>) {
    let path_of = |policy: &Policy| format!("{POLICIES}[{}]", policy.name);
    let there = |policies: &[Policy], policy: &Policy| policies.iter().any(|it| it.name == policy.name);
    let gone = from.iter().filter(|policy| !there(to, policy));
    changes.extend(gone.map(|policy| Change::removed(&path_of(policy), shown_policy(policy))));
    for policy in to {
        let path = path_of(policy);
        let old = from.iter().find(|old| old.name == policy.name);
        match old {
            None => changes.push(Change::added(&path, shown_policy(policy))),
            Some(old) => {
                push_changed(
                    changes,
                    &format!("{path}.level"),
                    &old.level.to_string(),
                    &policy.level.to_string(),
                );
                push_changed(
                    changes,
                    &format!("{path}.mode"),
                    &old.mode.to_string(),
                    &policy.mode.to_string(),
                );
            }
        }
        let old = old.map(|old| old.exceptions.as_slice()).unwrap_or_default();
        exceptions_at(&format!("{path}.exceptions")).diff(old, policy.exceptions.as_slice(), changes);
    }
    let kept = |policies: &[Policy], others: &[Policy]| -> Vec<ItemName> {
        policies.iter().filter(|policy| there(others, policy)).map(|policy| policy.name.clone()).collect()
    };
    if kept(from, to) != kept(to, from) {
        changes.push(Change::reordered(POLICIES));
    }
}

fn shown_policy(Policy { name: _, level, mode, exceptions }: &Policy) -> String {
    let n = exceptions.as_slice().len();
    format!("{level}, {mode}, {n} exception{}", if n == 1 { "" } else { "s" })
}

fn exceptions_at(path: &str) -> Ordered<'_, Exception> {
    Ordered {
        path,
        name: |exception| &exception.name,
        shown: Exception::to_string,
        diff: |path, old, new, changes| push_changed(changes, path, &old.to_string(), &new.to_string()),
    }
}

fn shown_profile(profile: &Profile) -> String {
    let kinds = kinds(&profile.conditions);
    let given: Vec<String> = kinds
        .iter()
        .filter(|(.., text)| !text.is_empty())
        .map(|(_, word, text)| format!("{word} {text}"))
        .collect();
    let machines = if given.is_empty() { "all machines".to_owned() } else { given.join("; ") };
    let off = if profile.is_enabled { "" } else { ", disabled" };
    format!("{} for {machines}{off}", profile.policy)
}

fn diff_profile(path: &str, old: &Profile, new: &Profile, changes: &mut Vec<Change>) {
    let enabled = |profile: &Profile| if profile.is_enabled { "enabled" } else { "disabled" };
    push_changed(changes, &format!("{path}.enabled"), enabled(old), enabled(new));
    push_changed(changes, &format!("{path}.policy"), &old.policy.to_string(), &new.policy.to_string());
    let any = |text: String| if text.is_empty() { "any".to_owned() } else { text };
    for ((field, _, before), (.., after)) in kinds(&old.conditions).into_iter().zip(kinds(&new.conditions)) {
        push_changed(changes, &format!("{path}.conditions.{field}"), &any(before), &any(after));
    }
}

/// Field, word and values of every kind of condition; named one by one, so that a new one breaks the build.
fn kinds(conditions: &Conditions) -> [(&'static str, &'static str, String); 5] {
    let Conditions { places, addresses, host_names, platforms, labels } = conditions;
    [
        ("locations", "location", list(places)),
        ("addresses", "address", list(addresses)),
        ("host_names", "host name", list(host_names)),
        ("platforms", "platform", list(platforms)),
        ("labels", "label", list(labels)),
    ]
}

fn list<T: Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}

/// How a list is compared whose order means something.
struct Ordered<'a, T> {
    path: &'a str,
    name: fn(&T) -> &ItemName,
    shown: fn(&T) -> String,
    diff: fn(&str, &T, &T, &mut Vec<Change>),
}

impl<T> Ordered<'_, T> {
    /// Of entries that are in both, as few as possible count as moved.
    fn diff(&self, from: &[T], to: &[T], changes: &mut Vec<Change>) {
        let (old, new) = (self.places(from), self.places(to));
        for (place, item) in from.iter().enumerate() {
            if !new.contains_key((self.name)(item)) {
                changes.push(Change::removed(&self.path_of(item), self.at(place, item)));
            }
        }
        let kept: Vec<usize> = to.iter().filter_map(|item| old.get((self.name)(item)).copied()).collect();
        let still = longest_rising(&kept);
        let mut still = still.iter().rev().peekable();
        for (place, item) in to.iter().enumerate() {
            let path = self.path_of(item);
            let Some(old_place) = old.get((self.name)(item)).copied() else {
                changes.push(Change::added(&path, self.at(place, item)));
                continue;
            };
            if let Some(before) = from.get(old_place) {
                (self.diff)(&path, before, item, changes);
            }
            if still.next_if_eq(&&old_place).is_none() {
                let (before, after) = (format!("place {}", old_place + 1), format!("place {}", place + 1));
                changes.push(Change { kind: ChangeKind::Moved, path, before, after });
            }
        }
    }

    fn places<'t>(&self, items: &'t [T]) -> HashMap<&'t ItemName, usize> {
        items.iter().enumerate().map(|(place, item)| ((self.name)(item), place)).collect()
    }

    fn path_of(&self, item: &T) -> String {
        format!("{}[{}]", self.path, (self.name)(item))
    }

    /// Places count from 1 for people.
    fn at(&self, place: usize, item: &T) -> String {
        format!("{} at place {}", (self.shown)(item), place + 1)
    }
}

#[cfg(test)]
mod tests;
