use landmark_proto::wire;
use prost_types::Timestamp;

use super::*;
use crate::render::names::{beginning, doubles};
use crate::view::Violation;
use crate::view::progress::RejectionCode;

fn at(text: &str) -> Option<Timestamp> {
    let time: Option<jiff::Timestamp> = text.parse().ok();
    time.map(|time| Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() })
}

fn basis(kind: wire::basis::Kind) -> wire::Basis {
    wire::Basis { kind: Some(kind) }
}

fn agent(name: &str) -> wire::Agent {
    wire::Agent {
        agent_id: "0193-a".into(),
        host_name: name.into(),
        connection: wire::Connection::Online.into(),
        connection_since: at("2026-11-23T11:00:00Z"),
        location: wire::Location::Internal.into(),
        basis: Some(basis(wire::basis::Kind::ManagementServer(wire::basis::ManagementServer {}))),
        location_since: at("2026-11-23T11:57:00Z"),
        location_reported_at: at("2026-11-23T11:57:00Z"),
        held_revision: 7,
        assignment_state: wire::AssignmentState::Current.into(),
        enforcement: Some(wire::EnforcementStatus {
            state: wire::EnforcementState::Applied.into(),
            backend: "nftables".into(),
            profile: "Servers".into(),
            policy: "Office".into(),
            location: wire::Location::Internal.into(),
            revision: 7,
            ..wire::EnforcementStatus::default()
        }),
        agent_version: "0.1.0".into(),
        ..wire::Agent::default()
    }
}

fn away() -> wire::Agent {
    wire::Agent {
        connection: wire::Connection::Offline.into(),
        connection_since: at("2026-11-23T09:00:00Z"),
        location: wire::Location::Internal.into(),
        basis: Some(basis(wire::basis::Kind::ReferenceServer(wire::basis::ReferenceServerAnswered {
            host: "10.1.1.5".into(),
            port: 443,
            position: 1,
        }))),
        held_revision: 0,
        assignment_state: wire::AssignmentState::Behind.into(),
        enforcement: None,
        cloned: true,
        ..agent("laptop-3")
    }
}

#[test]
fn the_table_says_where_each_agent_is_and_why() {
    let rows = [agent("web-1").into(), away().into()];
    let paper = Paper::for_tests(None);
    insta::assert_snapshot!(table(&rows, &Names::default(), &paper).render(&paper), @r"
    NAME      CONNECTION         LOCATION      REASON                            SINCE      HOLDS  ASSIGNMENT       FIREWALL
    web-1     online             internal      management server                 3 min ago      7  current          Office (applied)
    laptop-3  offline since 3 h  was internal  reference server 2: 10.1.1.5:443  3 min ago      –  behind, cloned?  –
    ");
}

#[test]
fn every_state_of_a_firewall_has_its_words() {
    use wire::EnforcementState as State;
    let told = |state: State, policy: &str, reason: &str| {
        let status = wire::EnforcementStatus {
            state: state.into(),
            policy: policy.into(),
            reason: reason.into(),
            ..wire::EnforcementStatus::default()
        };
        let row = Agent::from(wire::Agent { enforcement: Some(status), ..agent("a") });
        let paper = Paper::for_tests(None);
        let text = table(&[row], &Names::default(), &paper).render(&paper);
        let last = text.lines().last().unwrap();
        last.rsplit_once("current     ").unwrap().1.to_owned()
    };
    assert_eq!(told(State::Applied, "Travel", ""), "Travel (applied)");
    assert_eq!(told(State::Observed, "Travel", ""), "Travel (observe)");
    assert_eq!(told(State::Repaired, "Travel", "a rule was gone"), "Travel (drifted and repaired)");
    assert_eq!(told(State::Failed, "Travel", "no space left"), "Travel (failed: no space left)");
    assert_eq!(told(State::Unavailable, "Travel", "no nftables"), "Travel (not available: no nftables)");
    assert_eq!(told(State::Nothing, "", ""), "nothing to enforce");
    assert_eq!(told(State::Unspecified, "", ""), "–");
}

#[test]
fn agents_with_the_same_name_are_told_apart_by_the_beginnings_of_their_ids() {
    let named = |name: &str, agent_id: &str| wire::Agent { agent_id: agent_id.into(), ..agent(name) };
    let rows = [
        named("VM", "01a20963-44f2-7abc-9f30-0c2b6f1f9a77").into(),
        named("web", "01a20963-44f4-7abc-9f30-0c2b6f1f9a77").into(),
        // A list that is not ordered by name.
        named("vm", "01a20963-44f3-7abc-9f30-0c2b6f1f9a77").into(),
    ];
    let ids = || rows.iter().map(|agent: &Agent| agent.agent_id.as_str());
    let mut names = Names::default();
    for agent in doubles(&rows) {
        names.add(&agent.agent_id, beginning(&agent.agent_id, ids()));
    }
    let paper = Paper::for_tests(Some(80));
    let text = table(&rows, &names, &paper).render(&paper);
    for whole in ["VM (01a20963-44f2) ", "vm (01a20963-44f3) ", "web "] {
        assert!(text.lines().any(|line| line.starts_with(whole)), "{text}");
    }
}

#[test]
fn the_sheet_of_an_agent_tells_a_rejection_and_its_history() {
    let record = wire::LocationHistory {
        report: Some(wire::LocationReport {
            at: at("2026-11-23T10:00:00Z"),
            location: wire::Location::External.into(),
            basis: Some(basis(wire::basis::Kind::NoneReachable(wire::basis::NoneReachable { attempts: 4 }))),
            triggers: vec![wire::Trigger::LinkLost.into()],
            revision: 6,
            decided_in: Some(prost_types::Duration { seconds: 2, nanos: 31_000_000 }),
            ..wire::LocationReport::default()
        }),
        received_at: at("2026-11-23T11:00:00Z"),
    };
    let detail = AgentDetail {
        rejection: Some(Rejection {
            code: Some(RejectionCode::Invalid),
            violations: vec![Violation {
                path: "reference_servers.servers[0].host".into(),
                message: "loopback".into(),
            }],
            still_held_revision: Some(6),
        }),
        n_history_lost: 12,
        n_flips_last_hour: 0,
        ..wire::AgentDetail {
            agent: Some(wire::Agent {
                assignment_state: wire::AssignmentState::Rejected.into(),
                held_revision: 6,
                ..agent("web-1")
            }),
            facts: Some(wire::HostFacts {
                operating_system: "Debian GNU/Linux 12".into(),
                kernel: "6.1.0".into(),
                architecture: "x86_64".into(),
                platform: wire::FirewallPlatform::Linux.into(),
                labels: vec!["site=berlin".into(), "role=web".into()],
                ..wire::HostFacts::default()
            }),
            peer_address: "10.0.0.9:40123".into(),
            certificate_expires_at: at("2026-12-20T12:00:00Z"),
            history: vec![record],
            ..wire::AgentDetail::default()
        }
        .into()
    };
    insta::assert_snapshot!(sheet(&detail, &Paper::for_tests(None)), @r"
    name:         web-1
    id:           0193-a
    connection:   online, since 11:00:00 (1 h ago)
    address:      10.0.0.9:40123
    location:     internal, since 11:57:00 (3 min ago)
    reason:       management server
    reported:     11:57:00 (3 min ago)
    assignment:   holds 6 (refused the present one, see below)
    profile:      Servers
    policy:       Office
    firewall:     applied, of location internal, assignment 7, by nftables
    machine:      Debian GNU/Linux 12, 6.1.0, x86_64
    platform:     linux
    labels:       site=berlin, role=web
    version:      0.1.0
    certificate:  expires 2026-12-20 12:00 (in 27 d)

    rejected the present assignment, still holds assignment 6: the settings break a rule of the agent
      reference server 1: loopback

    LOCATION  SINCE               REASON                       LOOKED BECAUSE OF  DECIDED IN  HELD  REPORTED
    external  10:00:00 (2 h ago)  none of 4 attempts answered  link lost               2.0 s     6  1 h later
    12 older records were lost: the agent's outbox overflowed while it was away
    ");
}

#[test]
fn a_watch_has_one_line_an_event() {
    let paper = Paper::for_tests(None);
    let changed = AgentEvent::Changed { agent: Box::new(away().into()) };
    let lines = [changed, AgentEvent::Gone { agent_id: "0193-a".into() }, AgentEvent::Synced]
        .map(|event| event_line(&event, Some("laptop-3"), &paper))
        .join("\n");
    insta::assert_snapshot!(lines, @r"
    12:00:00  laptop-3              offline   internal  reference server 2: 10.1.1.5:443  [assignment none, behind] cloned?
    12:00:00  laptop-3 (0193-a)  gone (removed, or not of the filter any more)
    12:00:00  that is all for now; changes follow (Ctrl-C ends)
    ");
}

#[test]
fn an_agent_of_a_newer_kind_is_shown_with_gaps() {
    let strange = wire::Agent {
        host_name: "new\u{1b}[2J".into(),
        location: 99,
        connection: 99,
        assignment_state: 99,
        ..wire::Agent::default()
    };
    let paper = Paper::for_tests(None);
    insta::assert_snapshot!(table(&[strange.into()], &Names::default(), &paper).render(&paper), @r"
    NAME          CONNECTION  LOCATION  REASON  SINCE  HOLDS  ASSIGNMENT  FIREWALL
    new\u{1b}[2J  –           –         –       –          –  –           –
    ");
}
