//! The difference of two settings, in words for people.

mod firewall;
mod gateways;

use std::collections::HashMap;
use std::time::Duration;

use landmark_proto::host::Host;
use landmark_proto::location_rules::{Hysteresis, LocationRules, ServerConnection};
use landmark_proto::pin::SpkiPin;
use landmark_proto::reference_server::{Probe, ReferenceServer, ReferenceServerList};
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

/// All differences: of the list first, entries that are gone before those that are there, these in their order; then of
/// the rules, of the gateways, and of the firewall.
///
/// Of two lists with the same hosts in another order, as few entries as possible count as moved.
pub fn diff(from: &Settings, to: &Settings) -> Vec<Change> {
    let mut changes = Vec::new();
    diff_lists(&from.reference_servers, &to.reference_servers, &mut changes);
    diff_rules(&from.location, &to.location, &mut changes);
    gateways::diff(&from.gateways, &to.gateways, &mut changes);
    firewall::diff(&from.firewall, &to.firewall, &mut changes);
    changes
}

fn diff_lists(from: &ReferenceServerList, to: &ReferenceServerList, changes: &mut Vec<Change>) {
    let enabled = |list: &ReferenceServerList| if list.is_enabled() { "enabled" } else { "disabled" };
    push_changed(changes, "reference_servers.enabled", enabled(from), enabled(to));
    let old = places(from);
    let new = places(to);
    for (place, server) in from.servers().iter().enumerate() {
        if !new.contains_key(&server.host) {
            changes.push(Change::removed(&path_of(&server.host), entry(place, server)));
        }
    }
    let kept_places: Vec<usize> =
        to.servers().iter().filter_map(|server| old.get(&server.host).map(|(place, _)| *place)).collect();
    let still = longest_rising(&kept_places);
    for (place, server) in to.servers().iter().enumerate() {
        let path = path_of(&server.host);
        let Some((old_place, old_server)) = old.get(&server.host) else {
            changes.push(Change::added(&path, entry(place, server)));
            continue;
        };
        push_changed(changes, &path, &old_server.ports.to_string(), &server.ports.to_string());
        diff_probes(&path, &old_server.probe, &server.probe, changes);
        if !still.contains(old_place) {
            let before = format!("place {}", old_place + 1);
            let after = format!("place {}", place + 1);
            changes.push(Change { kind: ChangeKind::Moved, path, before, after });
        }
    }
}

/// The pins of an entry count by themselves: a key is rotated by adding one and removing another.
fn diff_probes(path: &str, from: &Probe, to: &Probe, changes: &mut Vec<Change>) {
    let kind = |probe: &Probe| if probe.pins().is_some() { "tls" } else { "tcp" };
    push_changed(changes, &format!("{path}.probe"), kind(from), kind(to));
    let pins = |probe: &Probe| -> Vec<SpkiPin> {
        probe.pins().map(|pins| pins.as_slice().to_vec()).unwrap_or_default()
    };
    let (old, new) = (pins(from), pins(to));
    let path = format!("{path}.tls.pins");
    let gone = old.iter().filter(|pin| !new.contains(pin));
    changes.extend(gone.map(|pin| Change::removed(&path, pin.to_string())));
    let more: Vec<&SpkiPin> = new.iter().filter(|pin| !old.contains(pin)).collect();
    let is_reordered = old.len() == new.len() && more.is_empty() && old != new;
    changes.extend(more.into_iter().map(|pin| Change::added(&path, pin.to_string())));
    if is_reordered {
        changes.push(Change::reordered(&path));
    }
}

fn diff_rules(from: &LocationRules, to: &LocationRules, changes: &mut Vec<Change>) {
    for ((name, before), (_, after)) in rules(from).into_iter().zip(rules(to)) {
        push_changed(changes, &format!("location.{name}"), &before, &after);
    }
}

/// Every rule with its words; the fields are named one by one, so that a new one breaks the build.
fn rules(rules: &LocationRules) -> [(&'static str, String); 8] {
    let LocationRules {
        criterion,
        server_connection,
        recheck_interval,
        required_successes,
        tunnels,
        hysteresis: Hysteresis { confirmations_to_internal, confirmations_to_external, minimum_dwell },
    } = rules;
    let meaning = match server_connection {
        ServerConnection::MeansInternal => "means internal",
        ServerConnection::SaysNothing => "says nothing",
    };
    [
        ("criterion", criterion.to_string()),
        ("server_connection", meaning.to_owned()),
        ("recheck_interval", duration_text(recheck_interval.get())),
        ("required_successes", required_successes.get().to_string()),
        ("tunnels", tunnels.to_string()),
        ("confirmations_to_internal", confirmations_to_internal.get().to_string()),
        ("confirmations_to_external", confirmations_to_external.get().to_string()),
        ("minimum_dwell", duration_text(minimum_dwell.get())),
    ]
}

impl Change {
    fn added(path: &str, after: String) -> Self {
        Self { kind: ChangeKind::Added, path: path.to_owned(), before: String::new(), after }
    }

    fn removed(path: &str, before: String) -> Self {
        Self { kind: ChangeKind::Removed, path: path.to_owned(), before, after: String::new() }
    }

    /// The same values in another order, where that means nothing but is another assignment all the same.
    fn reordered(path: &str) -> Self {
        let after = "the same in another order".to_owned();
        Self { kind: ChangeKind::Moved, path: path.to_owned(), before: String::new(), after }
    }
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
    format!("{}{} at place {}", server.ports, server.probe, place + 1)
}

fn duration_text(duration: Duration) -> String {
    if duration.is_zero() { "0s".to_owned() } else { format!("{duration:?}") }
}

/// The members of one longest rising subsequence: the entries that kept their order. From the last to the
/// first. Quadratic in at most 1,000 places.
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
