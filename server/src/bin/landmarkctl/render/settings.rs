//! The reference server list and the location rules.

use landmark_proto::pin::SpkiPin;

use super::table::{Cell, Table, Tone, facts};
use super::{NOTHING, Paper, firewall, time};
use crate::view::change::{Change, ChangeKind};
use crate::view::draft::{Gateway, ReferenceServer, ReferenceServers, Settings};
use crate::view::rules::{Criterion, LocationRules, ServerConnection, Tunnels};

/// "10.1.1.5 (80, 443)", as messages name an entry.
pub(crate) fn entry(host: &str, ports: &[u32]) -> String {
    format!("{host} ({})", port_list(ports))
}

/// "80, 443".
pub(crate) fn port_list(ports: &[u32]) -> String {
    ports.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

/// The list as a table; entries that differ from the assignment are marked, and how they are probed is told where any is
/// probed by TLS.
pub(crate) fn servers(list: &ReferenceServers, changes: &[Change], paper: &Paper) -> String {
    let is_pinned = list.servers.iter().any(|server| !server.probe.pins().is_empty());
    let is_marked = list.servers.iter().any(|server| mark(&server.host, changes).is_some());
    let mut titles = vec![">#", "HOST", "PORTS"];
    titles.extend(is_pinned.then_some("PROBE"));
    titles.extend(is_marked.then_some("UNASSIGNED"));
    let mut table = Table::new(&titles);
    for server in &list.servers {
        let mut row = vec![
            Cell::new(server.position.to_string()),
            Cell::new(&server.host),
            Cell::new(port_list(&server.ports)),
        ];
        if is_pinned {
            row.push(Cell::new(probe(server)));
        }
        if is_marked {
            row.push(Cell::toned(mark(&server.host, changes).unwrap_or_default(), Tone::Warning));
        }
        table.row(row);
    }
    table.render(paper)
}

/// "tcp", "tls sha256:y6m8gv3k…": enough of each key to tell it from the others.
fn probe(server: &ReferenceServer) -> String {
    let pins: Vec<String> = server.probe.pins().iter().map(short_pin).collect();
    if pins.is_empty() { "tcp".to_owned() } else { format!("tls {}", pins.join(" ")) }
}

/// "sha256:y6m8gv3k…".
pub(crate) fn short_pin(pin: &SpkiPin) -> String {
    const SHOWN: usize = "sha256:".len() + 8;
    pin.to_string().chars().take(SHOWN).chain(['…']).collect()
}

/// Everything about one entry, its keys in full.
pub(crate) fn server(server: &ReferenceServer) -> String {
    let ReferenceServer { position, host, ports, probe } = server;
    let kind = match probe.pins() {
        [] => "tcp (a connection is an answer)",
        _ => "tls (a handshake with one of these keys is an answer)",
    };
    let mut lines = vec![
        ("host", Some(host.clone())),
        ("place", Some(position.to_string())),
        ("ports", Some(port_list(ports))),
        ("probe", Some(kind.to_owned())),
    ];
    lines.extend(probe.pins().iter().map(|pin| ("key", Some(pin.to_string()))));
    facts(&lines)
}

/// The gateways as a table.
pub(crate) fn gateways(list: &[Gateway], paper: &Paper) -> String {
    let mut table = Table::new(&["GATEWAY", "HARDWARE"]);
    for gateway in list {
        table.row(vec![Cell::new(&gateway.address), Cell::new(hardware(gateway))]);
    }
    table.render(paper)
}

/// "00:11:22:aa:bb:cc", or that any will do.
pub(crate) fn hardware(gateway: &Gateway) -> String {
    gateway.mac.clone().unwrap_or_else(|| "any hardware".to_owned())
}

/// "added", "moved, changed" … for an entry that differs from the assignment.
pub(crate) fn mark(host: &str, changes: &[Change]) -> Option<String> {
    let mut words: Vec<&str> = changes
        .iter()
        .filter(|change| change.host() == Some(host))
        // A key that came or went changes its entry.
        .map(|change| match change.kind {
            _ if !change.path.ends_with(']') => "changed",
            ChangeKind::Added => "added",
            ChangeKind::Removed => "removed",
            ChangeKind::Changed => "changed",
            ChangeKind::Moved => "moved",
        })
        .collect();
    words.dedup();
    (!words.is_empty()).then(|| words.join(", "))
}

/// All settings: the list, the rules, the gateways, then the firewall.
pub(crate) fn settings(settings: &Settings, changes: &[Change], paper: &Paper) -> String {
    let Settings { reference_servers, location, gateways: list, firewall: of_firewall } = settings;
    let mut text = format!("reference server list: {}\n", state(reference_servers));
    if !reference_servers.servers.is_empty() {
        text.push('\n');
        text.push_str(&servers(reference_servers, changes, paper));
    }
    text.push('\n');
    text.push_str(&rules(location));
    if !list.is_empty() {
        text.push('\n');
        text.push_str(&gateways(list, paper));
    }
    text.push('\n');
    text.push_str(&firewall::brief(of_firewall, paper));
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
    let lines = rule_words(rules).into_iter().map(|(name, value, meaning)| {
        let meaning = if meaning.is_empty() { meaning } else { format!(" ({meaning})") };
        (name, Some(format!("{value}{meaning}")))
    });
    facts(&lines.collect::<Vec<_>>())
}

/// Each rule: the option that sets it, its value, and what that means.
pub(crate) fn rule_words(rules: &LocationRules) -> [(&'static str, String, String); 8] {
    let LocationRules {
        criterion,
        server_connection,
        recheck_interval_seconds,
        required_successes,
        tunnels,
        confirmations_to_internal,
        confirmations_to_external,
        minimum_dwell_seconds,
    } = rules;
    let or_nothing = |text: Option<String>| text.unwrap_or_else(|| NOTHING.to_owned());
    let findings = |n: u32, place: &str| match n {
        1 => format!("the first finding that says {place} stands"),
        n => format!("{n} findings in a row must say {place}"),
    };
    let interval = recheck_interval_seconds.map(time::interval);
    let dwell = match minimum_dwell_seconds {
        0 => "a location may change at once",
        _ => "a location stands at least this long",
    };
    [
        ("criterion", or_nothing(criterion.map(|it| it.to_string())), depends_on(*criterion).to_owned()),
        (
            "server-connection",
            or_nothing(server_connection.map(|it| it.to_string())),
            connection(*server_connection).to_owned(),
        ),
        (
            "recheck-interval",
            or_nothing(interval.clone()),
            if interval.is_some() { looks_again(*criterion, *server_connection) } else { String::new() },
        ),
        (
            "required-successes",
            required_successes.to_string(),
            match required_successes {
                1 => "one reference server that answers is enough".to_owned(),
                n => format!("{n} different reference servers must answer"),
            },
        ),
        ("tunnels", or_nothing(tunnels.map(|it| it.to_string())), beyond(*tunnels).to_owned()),
        (
            "confirmations-to-internal",
            confirmations_to_internal.to_string(),
            findings(*confirmations_to_internal, "internal"),
        ),
        (
            "confirmations-to-external",
            confirmations_to_external.to_string(),
            findings(*confirmations_to_external, "external"),
        ),
        ("minimum-dwell", time::interval(*minimum_dwell_seconds), dwell.to_owned()),
    ]
}

fn depends_on(criterion: Option<Criterion>) -> &'static str {
    match criterion {
        Some(Criterion::ConnectionStatus) => "the connection to the server, then the reference servers",
        Some(Criterion::Gateway) => "the gateway of the default route is on the list of gateways, or not",
        None => "",
    }
}

fn looks_again(criterion: Option<Criterion>, meaning: Option<ServerConnection>) -> String {
    let when = match (criterion, meaning) {
        (Some(Criterion::Gateway), _) | (_, Some(ServerConnection::SaysNothing)) => "connected or not",
        (_, Some(ServerConnection::MeansInternal) | None) => "while it is not connected",
    };
    format!("how often an agent looks again, {when}")
}

fn connection(meaning: Option<ServerConnection>) -> &'static str {
    match meaning {
        Some(ServerConnection::MeansInternal) => "an agent that is connected to the server is internal",
        Some(ServerConnection::SaysNothing) => {
            "the reference servers decide, whether an agent is connected or not"
        }
        None => "",
    }
}

fn beyond(tunnels: Option<Tunnels>) -> &'static str {
    match tunnels {
        Some(Tunnels::Count) => "an answer through a tunnel counts as any other",
        Some(Tunnels::Ignore) => "an answer through a tunnel says nothing",
        None => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::draft::Probe;

    fn list() -> ReferenceServers {
        let server = |position, host: &str, ports: &[u32]| ReferenceServer {
            position,
            host: host.into(),
            ports: ports.to_vec(),
            probe: Probe::Tcp,
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
    fn pinned_entries_show_the_beginnings_of_their_keys() {
        let mut list = list();
        list.servers[0].probe = Probe::new(vec![SpkiPin::of(b"old"), SpkiPin::of(b"new")]);
        let path = "reference_servers.servers[web.example].tls.pins".to_owned();
        let more = Change { kind: ChangeKind::Added, path, before: None, after: None };
        insta::assert_snapshot!(servers(&list, &[more], &Paper::for_tests(None)), @r"
        #  HOST         PORTS    PROBE                                  UNASSIGNED
        1  web.example  443, 80  tls sha256:y6BrVzb6… sha256:EVB6Di9e…  changed
        2  10.1.1.5     22       tcp
        ");
        insta::assert_snapshot!(server(&list.servers[0]), @r"
        host:   web.example
        place:  1
        ports:  443, 80
        probe:  tls (a handshake with one of these keys is an answer)
        key:    sha256:y6BrVzb69n5UsHtWHq6UOV53TFF6fZEKVDaeEmPM-9Q
        key:    sha256:EVB6Di9eadXfpApiob17buV-a82FxnybhDGzb_8hxDc
        ");
    }

    #[test]
    fn settings_are_read_from_top_to_bottom() {
        let settings_of = Settings {
            reference_servers: list(),
            location: LocationRules {
                server_connection: Some(ServerConnection::MeansInternal),
                recheck_interval_seconds: Some(60),
                criterion: Some(Criterion::ConnectionStatus),
                required_successes: 1,
                tunnels: Some(Tunnels::Ignore),
                confirmations_to_internal: 1,
                confirmations_to_external: 3,
                minimum_dwell_seconds: 0,
            },
            gateways: vec![
                Gateway { address: "10.0.0.1".into(), mac: None },
                Gateway { address: "fe80::1".into(), mac: Some("00:11:22:aa:bb:cc".into()) },
            ],
            ..Settings::default()
        };
        insta::assert_snapshot!(settings(&settings_of, &[], &Paper::for_tests(None)), @r"
        reference server list: enabled, 2 reference servers

        #  HOST         PORTS
        1  web.example  443, 80
        2  10.1.1.5     22

        criterion:                  connection-status (the connection to the server, then the reference servers)
        server-connection:          means-internal (an agent that is connected to the server is internal)
        recheck-interval:           60 s (how often an agent looks again, while it is not connected)
        required-successes:         1 (one reference server that answers is enough)
        tunnels:                    ignore (an answer through a tunnel says nothing)
        confirmations-to-internal:  1 (the first finding that says internal stands)
        confirmations-to-external:  3 (3 findings in a row must say external)
        minimum-dwell:              0 s (a location may change at once)

        GATEWAY   HARDWARE
        10.0.0.1  any hardware
        fe80::1   00:11:22:aa:bb:cc

        #  PROFILE     MACHINES       POLICY
        1  All agents  every machine  All access

        POLICY      LEVEL  MODE     EXCEPTIONS  USED BY
        All access  low    enforce           0  All agents
        ");
    }

    #[test]
    fn the_interval_is_that_of_what_a_connection_says() {
        let rules_of = |server_connection| {
            rules(&LocationRules {
                server_connection: Some(server_connection),
                recheck_interval_seconds: Some(60),
                ..LocationRules::default()
            })
        };
        assert!(rules_of(ServerConnection::SaysNothing).contains("looks again, connected or not)"));
        assert!(
            rules_of(ServerConnection::MeansInternal).contains("looks again, while it is not connected)")
        );
        let by_gateway = LocationRules {
            criterion: Some(Criterion::Gateway),
            server_connection: Some(ServerConnection::MeansInternal),
            recheck_interval_seconds: Some(60),
            ..LocationRules::default()
        };
        assert!(rules(&by_gateway).contains("looks again, connected or not)"));
    }

    #[test]
    fn an_empty_list_says_so() {
        assert_eq!(state(&ReferenceServers::default()), "disabled, empty");
    }
}
