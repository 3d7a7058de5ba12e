//! The difference of two settings, in words for people.

use std::collections::HashMap;
use std::time::Duration;

use landmark_proto::host::Host;
use landmark_proto::location_rules::{LocationRules, ServerConnection};
use landmark_proto::reference_server::{ReferenceServer, ReferenceServerList};
use landmark_proto::settings::Settings;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which kind.
    pub kind: ChangeKind,
    /// What it is about, for example `reference_servers.servers[10.1.1.5]`.
    pub path: String,
    /// Empty where there was nothing.
    pub before: String,
    /// Empty where there is nothing.
    pub after: String,
}

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is another.
    Changed,
    /// It stands elsewhere in its list.
    Moved,
}

/// All differences: of the list first, entries that are gone before those that are there, these in their order.
///
/// Of two lists with the same hosts in another order, as few entries as possible count as moved.
pub fn diff(from: &Settings, to: &Settings) -> Vec<Change> {
    let mut changes = Vec::new();
    diff_lists(&from.reference_servers, &to.reference_servers, &mut changes);
    diff_rules(&from.location, &to.location, &mut changes);
    changes
}

fn diff_lists(from: &ReferenceServerList, to: &ReferenceServerList, changes: &mut Vec<Change>) {
    let enabled = |list: &ReferenceServerList| if list.is_enabled() { "enabled" } else { "disabled" };
    push_changed(changes, "reference_servers.enabled", enabled(from), enabled(to));
    let old = places(from);
    let new = places(to);
    for (place, server) in from.servers().iter().enumerate() {
        if !new.contains_key(&server.host) {
            changes.push(Change {
                kind: ChangeKind::Removed,
                path: path_of(&server.host),
                before: entry(place, server),
                after: String::new(),
            });
        }
    }
    let kept_places: Vec<usize> =
        to.servers().iter().filter_map(|server| old.get(&server.host).map(|(place, _)| *place)).collect();
    let still = longest_rising(&kept_places);
    for (place, server) in to.servers().iter().enumerate() {
        let path = path_of(&server.host);
        let Some((old_place, old_server)) = old.get(&server.host) else {
            let after = entry(place, server);
            changes.push(Change { kind: ChangeKind::Added, path, before: String::new(), after });
            continue;
        };
        push_changed(changes, &path, &old_server.ports.to_string(), &server.ports.to_string());
        if !still.contains(old_place) {
            let before = format!("place {}", old_place + 1);
            let after = format!("place {}", place + 1);
            changes.push(Change { kind: ChangeKind::Moved, path, before, after });
        }
    }
}

fn diff_rules(from: &LocationRules, to: &LocationRules, changes: &mut Vec<Change>) {
    let meaning = |rules: &LocationRules| match rules.server_connection {
        ServerConnection::MeansInternal => "means internal",
        ServerConnection::SaysNothing => "says nothing",
    };
    push_changed(changes, "location.server_connection", meaning(from), meaning(to));
    let interval = |rules: &LocationRules| duration_text(rules.recheck_interval.get());
    push_changed(changes, "location.recheck_interval", &interval(from), &interval(to));
}

fn push_changed(changes: &mut Vec<Change>, path: &str, before: &str, after: &str) {
    if before != after {
        changes.push(Change {
            kind: ChangeKind::Changed,
            path: path.to_owned(),
            before: before.to_owned(),
            after: after.to_owned(),
        });
    }
}

fn places(list: &ReferenceServerList) -> HashMap<&Host, (usize, &ReferenceServer)> {
    list.servers().iter().enumerate().map(|(place, server)| (&server.host, (place, server))).collect()
}

fn path_of(host: &Host) -> String {
    format!("reference_servers.servers[{host}]")
}

/// Places count from 1 for people.
fn entry(place: usize, server: &ReferenceServer) -> String {
    format!("{} at place {}", server.ports, place + 1)
}

fn duration_text(duration: Duration) -> String {
    format!("{duration:?}")
}

/// The members of one longest rising subsequence: the entries that kept their order. Quadratic in at most 320 places.
fn longest_rising(places: &[usize]) -> Vec<usize> {
    // For each place: the length of the longest subsequence that ends there, and the index before it.
    let mut best: Vec<(usize, Option<usize>)> = Vec::with_capacity(places.len());
    for (index, place) in places.iter().enumerate() {
        let before = (0..index)
            .filter(|earlier| places.get(*earlier) < Some(place))
            .max_by_key(|earlier| best.get(*earlier).map(|(length, _)| *length));
        let length = before.and_then(|before| best.get(before)).map_or(1, |(length, _)| length + 1);
        best.push((length, before));
    }
    let mut at = (0..best.len()).max_by_key(|index| best.get(*index).map(|(length, _)| *length));
    let mut members = Vec::new();
    while let Some(index) = at {
        members.extend(places.get(index));
        at = best.get(index).and_then(|(_, before)| *before);
    }
    members
}

#[cfg(test)]
mod tests;
