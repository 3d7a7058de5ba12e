//! The reference server list and the location rules.

use super::table::{Cell, Table, Tone, facts};
use super::{NOTHING, Paper, time};
use crate::view::change::{Change, ChangeKind};
use crate::view::draft::{LocationRules, ReferenceServers, ServerConnection, Settings};

/// "10.1.1.5 (80, 443)", as messages name an entry.
pub(crate) fn entry(host: &str, ports: &[u32]) -> String {
    format!("{host} ({})", port_list(ports))
}

/// "80, 443".
pub(crate) fn port_list(ports: &[u32]) -> String {
    ports.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

/// The list as a table; entries that differ from the assignment are marked.
pub(crate) fn servers(list: &ReferenceServers, changes: &[Change], paper: &Paper) -> String {
    let marked = list.servers.iter().any(|server| mark(&server.host, changes).is_some());
    let mut table = if marked {
        Table::new(&[">#", "HOST", "PORTS", "UNASSIGNED"])
    } else {
        Table::new(&[">#", "HOST", "PORTS"])
    };
    for server in &list.servers {
        let mut row = vec![
            Cell::new(server.position.to_string()),
            Cell::new(&server.host),
            Cell::new(port_list(&server.ports)),
        ];
        if marked {
            row.push(Cell::toned(mark(&server.host, changes).unwrap_or_default(), Tone::Warning));
        }
        table.row(row);
    }
    table.render(paper)
}

/// "added", "moved, changed" … for an entry that differs from the assignment.
pub(crate) fn mark(host: &str, changes: &[Change]) -> Option<String> {
    let mut words: Vec<&str> = changes
        .iter()
        .filter(|change| change.host() == Some(host))
        .map(|change| match change.kind {
            ChangeKind::Added => "added",
            ChangeKind::Removed => "removed",
            ChangeKind::Changed => "changed",
            ChangeKind::Moved => "moved",
        })
        .collect();
    words.dedup();
    (!words.is_empty()).then(|| words.join(", "))
}

/// All settings: the list, then the rules.
pub(crate) fn settings(settings: &Settings, changes: &[Change], paper: &Paper) -> String {
    let Settings { reference_servers, location } = settings;
    let mut text = format!("reference server list: {}\n", state(reference_servers));
    if !reference_servers.servers.is_empty() {
        text.push('\n');
        text.push_str(&servers(reference_servers, changes, paper));
    }
    text.push('\n');
    text.push_str(&rules(location));
    text
}

/// "enabled, 3 reference servers".
pub(crate) fn state(list: &ReferenceServers) -> String {
    let enabled = if list.enabled { "enabled" } else { "disabled" };
    match list.servers.len() {
        0 => format!("{enabled}, empty"),
        1 => format!("{enabled}, 1 reference server"),
        n => format!("{enabled}, {n} reference servers"),
    }
}

/// The rules of the location decision.
pub(crate) fn rules(rules: &LocationRules) -> String {
    let LocationRules { server_connection, recheck_interval_seconds } = rules;
    facts(&[
        ("server-connection", Some(connection(*server_connection))),
        (
            "recheck-interval",
            Some(recheck_interval_seconds.map_or_else(
                || NOTHING.to_owned(),
                |seconds| {
                    let when = match server_connection {
                        Some(ServerConnection::SaysNothing) => "connected or not",
                        Some(ServerConnection::MeansInternal) | None => "while it is not connected",
                    };
                    format!("{} (how often an agent looks again, {when})", time::interval(seconds))
                },
            )),
        ),
    ])
}

fn connection(meaning: Option<ServerConnection>) -> String {
    match meaning {
        Some(meaning @ ServerConnection::MeansInternal) => {
            format!("{meaning} (an agent that is connected to the server is internal)")
        }
        Some(meaning @ ServerConnection::SaysNothing) => {
            format!("{meaning} (the reference servers decide, whether an agent is connected or not)")
        }
        None => NOTHING.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::draft::ReferenceServer;

    fn list() -> ReferenceServers {
        let server = |position, host: &str, ports: &[u32]| ReferenceServer {
            position,
            host: host.into(),
            ports: ports.to_vec(),
        };
        ReferenceServers {
            enabled: true,
            servers: vec![server(1, "web.example", &[443, 80]), server(2, "10.1.1.5", &[22])],
        }
    }

    fn change(kind: ChangeKind, host: &str) -> Change {
        let path = format!("reference_servers.servers[{host}]");
        Change { kind, path, before: None, after: None }
    }

    #[test]
    fn entries_that_differ_are_marked() {
        let changes = [
            change(ChangeKind::Changed, "10.1.1.5"),
            change(ChangeKind::Moved, "10.1.1.5"),
            change(ChangeKind::Removed, "gone.example"),
        ];
        insta::assert_snapshot!(servers(&list(), &changes, &Paper::for_tests(None)), @r"
        #  HOST         PORTS    UNASSIGNED
        1  web.example  443, 80
        2  10.1.1.5     22       changed, moved
        ");
    }

    #[test]
    fn settings_are_read_from_top_to_bottom() {
        let settings_of = Settings {
            reference_servers: list(),
            location: LocationRules {
                server_connection: Some(ServerConnection::MeansInternal),
                recheck_interval_seconds: Some(60),
            },
        };
        insta::assert_snapshot!(settings(&settings_of, &[], &Paper::for_tests(None)), @r"
        reference server list: enabled, 2 reference servers

        #  HOST         PORTS
        1  web.example  443, 80
        2  10.1.1.5     22

        server-connection:  means-internal (an agent that is connected to the server is internal)
        recheck-interval:   60 s (how often an agent looks again, while it is not connected)
        ");
    }

    #[test]
    fn the_interval_is_that_of_what_a_connection_says() {
        let rules_of = |server_connection| {
            rules(&LocationRules {
                server_connection: Some(server_connection),
                recheck_interval_seconds: Some(60),
            })
        };
        assert!(rules_of(ServerConnection::SaysNothing).contains("looks again, connected or not)"));
        assert!(
            rules_of(ServerConnection::MeansInternal).contains("looks again, while it is not connected)")
        );
    }

    #[test]
    fn an_empty_list_says_so() {
        assert_eq!(state(&ReferenceServers::default()), "disabled, empty");
    }
}
