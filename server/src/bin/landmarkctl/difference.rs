//! What became of a reference server list, told on this side: for dry runs, and for a draft that somebody else changed.
//!
//! Only for people to read; what is assigned is told by the server's own difference.

use crate::render::settings::port_list;
use crate::render::time;
use crate::view::change::{Change, ChangeKind};
use crate::view::draft::{ReferenceServers, Settings};

/// From one state of the settings to another.
pub(crate) fn between(before: &Settings, after: &Settings) -> Vec<Change> {
    let mut changes = lists(&before.reference_servers, &after.reference_servers);
    let rules = |settings: &Settings| {
        let rules = &settings.location;
        (
            rules.server_connection.map(|meaning| meaning.to_string()),
            rules.recheck_interval_seconds.map(time::interval),
        )
    };
    let ((old_meaning, old_interval), (new_meaning, new_interval)) = (rules(before), rules(after));
    changes.extend(changed("location.server_connection", old_meaning, new_meaning));
    changes.extend(changed("location.recheck_interval", old_interval, new_interval));
    changes
}

/// From one list to another: what is gone, then what is there, in its order.
pub(crate) fn lists(before: &ReferenceServers, after: &ReferenceServers) -> Vec<Change> {
    let enabled =
        |list: &ReferenceServers| Some(if list.enabled { "enabled" } else { "disabled" }.to_owned());
    let mut changes: Vec<Change> =
        changed("reference_servers.enabled", enabled(before), enabled(after)).collect();
    for server in before.servers.iter().filter(|server| after.find(&server.host).is_none()) {
        changes.push(Change {
            kind: ChangeKind::Removed,
            path: path(&server.host),
            before: Some(port_list(&server.ports)),
            after: None,
        });
    }
    let kept: Vec<usize> =
        after.servers.iter().filter_map(|server| Some(before.find(&server.host)?.position)).collect();
    let in_order = longest_rising(&kept);
    for server in &after.servers {
        let Some(old) = before.find(&server.host) else {
            changes.push(Change {
                kind: ChangeKind::Added,
                path: path(&server.host),
                before: None,
                after: Some(format!("{} at place {}", port_list(&server.ports), server.position)),
            });
            continue;
        };
        changes.extend(changed(
            &path(&server.host),
            Some(port_list(&old.ports)),
            Some(port_list(&server.ports)),
        ));
        if !in_order.contains(&old.position) {
            changes.push(Change {
                kind: ChangeKind::Moved,
                path: path(&server.host),
                before: Some(format!("place {}", old.position)),
                after: Some(format!("place {}", server.position)),
            });
        }
    }
    changes
}

fn path(host: &str) -> String {
    format!("reference_servers.servers[{host}]")
}

fn changed(
    path: &str,
    before: Option<String>,
    after: Option<String>,
) -> impl Iterator<Item = Change> + use<> {
    let differs = before != after;
    let change = Change { kind: ChangeKind::Changed, path: path.to_owned(), before, after };
    std::iter::once(change).filter(move |_| differs)
}

/// The most places that can stay where they are relative to each other: all others were moved.
fn longest_rising(places: &[usize]) -> Vec<usize> {
    // The longest rising run that ends at each place.
    let mut runs: Vec<Vec<usize>> = Vec::with_capacity(places.len());
    for place in places {
        let ends_lower = |run: &&Vec<usize>| run.last() < Some(place);
        let mut run = runs.iter().filter(ends_lower).max_by_key(|run| run.len()).cloned().unwrap_or_default();
        run.push(*place);
        runs.push(run);
    }
    runs.into_iter().max_by_key(Vec::len).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::changes::changes;
    use crate::view::draft::ReferenceServer;

    fn list(enabled: bool, servers: &[(&str, &[u32])]) -> ReferenceServers {
        let servers = servers
            .iter()
            .zip(1..)
            .map(|((host, ports), position)| ReferenceServer {
                position,
                host: (*host).into(),
                ports: ports.to_vec(),
            })
            .collect();
        ReferenceServers { enabled, servers }
    }

    #[test]
    fn a_list_differs_by_what_is_gone_new_changed_and_moved() {
        let before = list(false, &[("a", &[1]), ("b", &[2]), ("c", &[3]), ("d", &[4])]);
        let after = list(true, &[("c", &[3]), ("n", &[9, 8]), ("a", &[1]), ("d", &[4, 5])]);
        insta::assert_snapshot!(changes(&lists(&before, &after)), @r"
        ~ reference server list: disabled → enabled
        - reference server b: 2
        > reference server c: place 3 → place 1
        + reference server n: 9, 8 at place 2
        ~ reference server d: 4 → 4, 5
        ");
    }

    #[test]
    fn one_entry_that_moves_to_the_front_is_one_change() {
        let before = list(true, &[("a", &[1]), ("b", &[2]), ("c", &[3]), ("d", &[4])]);
        let after = list(true, &[("d", &[4]), ("a", &[1]), ("b", &[2]), ("c", &[3])]);
        assert_eq!(changes(&lists(&before, &after)), "> reference server d: place 4 → place 1\n");
    }

    #[test]
    fn equal_settings_do_not_differ() {
        let settings = Settings { reference_servers: list(true, &[("a", &[1])]), ..Settings::default() };
        assert_eq!(between(&settings, &settings.clone()), []);
    }
}
