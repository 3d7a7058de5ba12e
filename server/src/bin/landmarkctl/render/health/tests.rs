use super::*;
use crate::view::health::Failures;

fn port(port: u32, n_answered: u64, failures: &[(Outcome, u64)]) -> PortHealth {
    let n_failed: u64 = failures.iter().map(|(_, n_agents)| n_agents).sum();
    PortHealth {
        port,
        n_tried: n_answered + n_failed,
        n_answered,
        median_ms: (n_answered > 0).then_some(4),
        percentile95_ms: (n_answered > 0).then_some(1_900),
        failures: failures
            .iter()
            .map(|(outcome, n_agents)| Failures { outcome: Some(*outcome), n_agents: *n_agents })
            .collect(),
        certificates: Vec::new(),
    }
}

fn seen(key: &str, not_after: &str, pinned: bool, n_agents: u64) -> CertificateSeen {
    CertificateSeen {
        pin: Some(format!("sha256:{key}")),
        not_after: Some(not_after.parse().unwrap()),
        pinned,
        n_agents,
    }
}

fn server(position: usize, host: &str, n_depend: u64, ports: Vec<PortHealth>) -> ServerHealth {
    let n_reached = ports.iter().map(|port| port.n_answered).max().unwrap_or(0);
    ServerHealth { position, host: host.to_owned(), n_reached, n_depend, ports }
}

fn picture(servers: Vec<ServerHealth>) -> Health {
    Health {
        revision: Some(7),
        n_agents: 100,
        n_enrolled: 120,
        n_agents_external: 0,
        oldest_sweep_at: "2026-11-23T06:30:00Z".parse().ok(),
        newest_sweep_at: "2026-11-23T11:59:48Z".parse().ok(),
        servers,
    }
}

#[test]
fn a_table_then_what_happens_without_each() {
    let mut web = port(443, 97, &[(Outcome::PinMismatch, 3)]);
    web.certificates = vec![
        seen("office", "2026-12-05T12:00:00Z", true, 97),
        seen("stranger", "2027-01-01T00:00:00Z", false, 3),
    ];
    let mut old = port(8443, 100, &[]);
    old.certificates = vec![seen("old", "2026-11-20T12:00:00Z", true, 100)];
    let mut good = port(636, 100, &[]);
    good.certificates = vec![seen("good", "2027-11-23T12:00:00Z", true, 100)];
    let servers = vec![
        server(
            1,
            "intranet.example.com",
            12,
            vec![web, port(80, 1, &[(Outcome::Timeout, 96), (Outcome::Refused, 3)])],
        ),
        server(2, "2001:db8::5", 1, vec![old, good]),
        server(3, "10.1.1.5", 0, vec![port(1433, 0, &[(Outcome::Refused, 100)])]),
    ];
    let health_of = Health { n_agents_external: 2, ..picture(servers) };
    insta::assert_snapshot!(health(&health_of, &Paper::for_tests(None)), @r"
    #  SERVER                    ANSWERS                MEDIAN   95 %  FAILURES                         CERTIFICATE
    1  intranet.example.com:443  █████████░ 97 of 100     4 ms  1.9 s  3 wrong key (a spoof?)           until 2026-12-05, 12 d left
    1  intranet.example.com:80   █░░░░░░░░░ 1 of 100      4 ms  1.9 s  96 no answer in time, 3 refused  –
    2  [2001:db8::5]:8443        ██████████ 100 of 100    4 ms  1.9 s  –                                EXPIRED 2026-11-20
    2  [2001:db8::5]:636         ██████████ 100 of 100    4 ms  1.9 s  –                                until 2027-11-23, 365 d left
    3  10.1.1.5:1433             ░░░░░░░░░░ 0 of 100         –      –  100 refused                      –

    WRONG KEY: intranet.example.com:443 shows sha256:stranger to 3 agents: a spoof, or a key that was changed and not pinned
    2 agents are external already while the management server is away: too few reference servers answer
    if intranet.example.com dies as well as the management server, 12 agents turn external
    if 2001:db8::5 dies as well as the management server, 1 agent turns external
    if 10.1.1.5 dies, no agent turns external
    ");
    insta::assert_snapshot!(
        basis(&health_of, &Paper::for_tests(None)),
        @"this rests on the sweeps of 100 of 120 agents, the newest made 12 s ago, the oldest 5 h ago"
    );
}

#[test]
fn a_fleet_on_which_nothing_depends_is_told_so() {
    let two = vec![server(1, "a", 0, vec![port(80, 9, &[])]), server(2, "b", 0, vec![port(80, 9, &[])])];
    assert_eq!(deaths(&picture(two)), ["if any one of them dies, no agent turns external"]);
    let one = vec![server(1, "a", 9, vec![port(80, 9, &[])])];
    assert_eq!(deaths(&picture(one)), ["if a dies as well as the management server, 9 agents turn external"]);
}

#[test]
fn only_all_answers_fill_a_bar_and_only_none_leave_it_empty() {
    let bar = |n_answered, n_failed| {
        let Health { servers, .. } =
            picture(vec![server(1, "a", 0, vec![port(80, n_answered, &[(Outcome::Timeout, n_failed)])])]);
        let text = health(&picture(servers), &Paper::for_tests(None));
        text.matches('█').count()
    };
    assert_eq!([bar(1000, 0), bar(999, 1), bar(1, 999), bar(0, 1000)], [10, 9, 1, 0]);
}

#[test]
fn nothing_to_show_says_what_to_do() {
    let some = || picture(vec![server(1, "a", 0, vec![port(80, 0, &[])])]);
    assert_eq!(empty(&some()), None);
    let hint = |health: Health| empty(&health).unwrap().to_owned();
    assert!(hint(Health { revision: None, ..some() }).contains("landmarkctl assign"));
    assert!(hint(Health { servers: Vec::new(), ..some() }).contains("landmarkctl servers add"));
    assert!(hint(Health { n_enrolled: 0, n_agents: 0, ..some() }).contains("landmarkctl tokens create"));
    assert!(hint(Health { n_agents: 0, ..some() }).contains("--refresh"));
}
