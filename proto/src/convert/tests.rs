//! Encode and decode are each other's inverse, for everything that travels; and no bytes make a decoder panic.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use prost::Message as _;
use uuid::Uuid;

use crate::evidence::{Attempt, Evidence, Outcome};
use crate::host::Host;
use crate::ids::{BootId, Epoch, EvaluationId, OutboxId, PushId, Sequence};
use crate::location::{Basis, LinkState, Location, LocationReport, Trigger, Verdict};
use crate::message::*;
use crate::port::{Port, Ports};
use crate::reference_server::{ReferenceServer, ReferenceServerList};
use crate::revision::{Digest, Held, Revision};
use crate::settings::{EncodedSettings, LocationRules, RecheckInterval, ServerConnection, Settings};
use crate::violation::{Violation, Violations};
use crate::wire;

use super::{evidence, fleet};

fn host() -> impl Strategy<Value = Host> {
    prop_oneof![
        "[a-z][a-z0-9]{0,10}(\\.[a-z][a-z0-9]{0,10}){0,3}".prop_map(|name| name.parse().unwrap()),
        (10_u8..200, any::<u8>(), any::<u8>(), any::<u8>())
            .prop_filter_map("permitted", |(a, b, c, d)| format!("{a}.{b}.{c}.{d}").parse().ok()),
        any::<u16>().prop_map(|n| format!("2001:db8::{n:x}").parse().unwrap()),
        Just("fe80::1%eth0".parse().unwrap()),
    ]
}

fn port() -> impl Strategy<Value = Port> {
    (1_u32..=65_535).prop_map(|number| Port::try_from(number).unwrap())
}

prop_compose! {
    fn server()(host in host(), ports in vec(port(), 1..=8)) -> ReferenceServer {
        let mut distinct: Vec<Port> = Vec::new();
        for port in ports {
            if !distinct.contains(&port) {
                distinct.push(port);
            }
        }
        ReferenceServer { host, ports: Ports::new(distinct).unwrap() }
    }
}

prop_compose! {
    fn settings()(
        enabled in any::<bool>(),
        servers in vec(server(), 0..40),
        says_nothing in any::<bool>(),
        recheck_ms in 10_000_u64..=86_400_000,
    ) -> Settings {
        let mut distinct: Vec<ReferenceServer> = Vec::new();
        for server in servers {
            if distinct.iter().all(|earlier| earlier.host != server.host) {
                distinct.push(server);
            }
        }
        Settings {
            reference_servers: ReferenceServerList::new(enabled, distinct).unwrap(),
            location: LocationRules {
                server_connection: if says_nothing { ServerConnection::SaysNothing } else { ServerConnection::MeansInternal },
                recheck_interval: RecheckInterval::new(Duration::from_millis(recheck_ms)).unwrap(),
            },
        }
    }
}

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn wall_clock() -> impl Strategy<Value = SystemTime> {
    (0_u64..4_000_000_000, 0_u32..1_000_000_000)
        .prop_map(|(seconds, nanos)| SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos))
}

fn duration() -> impl Strategy<Value = Duration> {
    (0_u64..10_000_000, 0_u32..1_000_000_000).prop_map(|(seconds, nanos)| Duration::new(seconds, nanos))
}

fn location() -> impl Strategy<Value = Location> {
    prop_oneof![Just(Location::Internal), Just(Location::External), Just(Location::Unknown)]
}

fn basis() -> impl Strategy<Value = Basis> {
    prop_oneof![
        Just(Basis::ManagementServer),
        (host(), port(), 0_usize..320).prop_map(|(host, port, position)| Basis::ReferenceServer {
            host,
            port,
            position
        }),
        (1_usize..2560).prop_map(|n_attempts| Basis::NoneReachable { n_attempts }),
        Just(Basis::ListDisabled),
        Just(Basis::NoAssignment),
    ]
}

fn trigger() -> impl Strategy<Value = Trigger> {
    prop_oneof![
        Just(Trigger::Start),
        Just(Trigger::LinkLost),
        Just(Trigger::LinkConnected),
        Just(Trigger::Assignment),
        Just(Trigger::Recheck),
        Just(Trigger::ServerRequest),
        Just(Trigger::LocalRequest),
    ]
}

fn revision() -> impl Strategy<Value = Revision> {
    (1_u64..).prop_map(|number| Revision::new(number).unwrap())
}

prop_compose! {
    fn held()(revision in revision(), content in any::<[u8; 4]>()) -> Held {
        Held { revision, digest: Digest::of(&content) }
    }
}

prop_compose! {
    fn report()(
        (at, boot_id, since_boot) in (wall_clock(), uuid(), duration()),
        (location, basis) in (location(), basis()),
        triggers in vec(trigger(), 1..8),
        revision in option::of(revision()),
        evaluation in any::<u64>(),
        decided_in in duration(),
    ) -> LocationReport {
        LocationReport {
            at,
            boot_id: BootId::from_uuid(boot_id),
            since_boot,
            verdict: Verdict { location, basis },
            triggers,
            revision,
            evaluation: EvaluationId::new(evaluation),
            decided_in,
        }
    }
}

fn violations() -> impl Strategy<Value = Option<Violations>> {
    vec(("[a-z.]{0,20}", ".{0,40}"), 0..5).prop_map(|all| {
        Violations::from_vec(all.into_iter().map(|(path, message)| Violation { path, message }).collect())
    })
}

fn outcome() -> impl Strategy<Value = AssignmentOutcome> {
    let code = prop_oneof![
        Just(RejectionCode::Outdated),
        Just(RejectionCode::Conflict),
        Just(RejectionCode::Digest),
        Just(RejectionCode::Invalid),
        Just(RejectionCode::Unsupported),
        Just(RejectionCode::TooLarge),
        Just(RejectionCode::Storage),
    ];
    prop_oneof![
        Just(AssignmentOutcome::Applying),
        Just(AssignmentOutcome::Applied),
        (code, violations(), option::of(held())).prop_map(|(code, violations, still_held)| {
            AssignmentOutcome::Rejected(Rejection { code, violations, still_held })
        }),
    ]
}

prop_compose! {
    fn result()(push_id in any::<u64>(), offered in held(), outcome in outcome()) -> AssignmentResult {
        AssignmentResult { push_id: PushId::new(push_id), offered, outcome }
    }
}

prop_compose! {
    fn enforcement()(
        state in prop_oneof![
            Just(EnforcementState::Applied),
            Just(EnforcementState::Observed),
            Just(EnforcementState::Failed),
            Just(EnforcementState::Nothing),
        ],
        backend in "[a-z]{0,10}",
        reason in ".{0,40}",
        location in location(),
        revision in option::of(revision()),
        since in wall_clock(),
    ) -> EnforcementStatus {
        EnforcementStatus { state, backend, reason, location, revision, since }
    }
}

prop_compose! {
    fn hello()(
        boot_id in uuid(),
        host_name in "[a-zA-Z0-9-]{0,40}",
        held in option::of(held()),
        last_result in option::of(result()),
        (outbox_id, first, n_records) in (uuid(), 0_u64..1 << 40, 0_u64..1000),
        enforcement in option::of(enforcement()),
    ) -> Hello {
        Hello {
            boot_id: BootId::from_uuid(boot_id),
            facts: HostFacts { host_name, kernel: "6.1".into(), ..HostFacts::default() },
            held,
            last_result,
            outbox: OutboxRange {
                outbox_id: OutboxId::from_uuid(outbox_id),
                first: Sequence::new(first),
                next: Sequence::new(first + n_records),
            },
            enforcement,
        }
    }
}

fn agent_message() -> impl Strategy<Value = AgentMessage> {
    prop_oneof![
        hello().prop_map(|hello| AgentMessage::Hello(Box::new(hello))),
        result().prop_map(AgentMessage::AssignmentResult),
        (uuid(), 0_u64..1 << 40, vec(report(), 1..6)).prop_map(|(outbox_id, first, reports)| {
            let outbox_id = OutboxId::from_uuid(outbox_id);
            AgentMessage::LocationReports(LocationReports { outbox_id, first: Sequence::new(first), reports })
        }),
        enforcement().prop_map(AgentMessage::Enforcement),
        Just(AgentMessage::Heartbeat),
        ".{0,40}".prop_map(|reason| AgentMessage::Goodbye { reason }),
    ]
}

prop_compose! {
    fn tuning()(
        (heartbeat, ping) in (10_u64..=3600, 10_u64..=3600),
        (reconnect, backoff, evaluation) in (0_u64..=3600, 1_u64..=3600, 0_u64..=60),
        report_batch in 1_usize..=500,
    ) -> Tuning {
        Tuning {
            heartbeat_interval: Duration::from_secs(heartbeat),
            reconnect_spread: Duration::from_secs(reconnect),
            max_backoff: Duration::from_secs(backoff),
            ping_interval: Duration::from_secs(ping),
            report_batch,
            evaluation_spread: Duration::from_secs(evaluation),
        }
    }
}

fn up_to_an_hour() -> impl Strategy<Value = Duration> {
    (0_u64..=3_600_000).prop_map(Duration::from_millis)
}

fn server_message() -> impl Strategy<Value = ServerMessage> {
    prop_oneof![
        (any::<u64>(), wall_clock(), tuning(), any::<u64>(), any::<bool>()).prop_map(
            |(epoch, server_time, tuning, next, up_to_date)| ServerMessage::Welcome(Welcome {
                epoch: Epoch::new(epoch),
                server_time,
                tuning,
                next_sequence: Sequence::new(next),
                up_to_date,
            })
        ),
        (any::<u64>(), held(), settings(), up_to_an_hour()).prop_map(
            |(push_id, offered, settings, apply_jitter)| {
                ServerMessage::Assignment(Assignment {
                    push_id: PushId::new(push_id),
                    offered,
                    settings: EncodedSettings::encode(&settings),
                    apply_jitter,
                })
            }
        ),
        (uuid(), any::<u64>(), up_to_an_hour()).prop_map(|(outbox_id, next, slow_down)| {
            let outbox_id = OutboxId::from_uuid(outbox_id);
            ServerMessage::ReportAck(ReportAck { outbox_id, next: Sequence::new(next), slow_down })
        }),
        any::<u64>().prop_map(|request_id| ServerMessage::Evaluate { request_id }),
        up_to_an_hour().prop_map(|spread| ServerMessage::RenewNow { spread }),
        tuning().prop_map(ServerMessage::Tuning),
        (".{0,40}", up_to_an_hour())
            .prop_map(|(reason, reconnect_after)| ServerMessage::Drain { reason, reconnect_after }),
        ".{0,40}".prop_map(|reason| ServerMessage::Revoked { reason }),
        wall_clock().prop_map(|server_time| ServerMessage::HeartbeatAck { server_time }),
    ]
}

fn address() -> impl Strategy<Value = Option<IpAddr>> {
    option::of(any::<u32>().prop_map(|bits| IpAddr::V4(bits.into())))
}

prop_compose! {
    fn attempt()(
        (position, host, port) in (0_usize..320, host(), port()),
        (address, local_address) in (address(), address()),
        (started_after, took) in (duration(), duration()),
        outcome in prop_oneof![
            Just(Outcome::Answered),
            Just(Outcome::Refused),
            Just(Outcome::Timeout),
            Just(Outcome::Unreachable),
            Just(Outcome::NameNotFound),
            Just(Outcome::ResolverFailed),
            Just(Outcome::NotNeeded),
            Just(Outcome::LocalError),
        ],
        os_error in option::of(1_i32..200),
        n_addresses in 0_usize..20,
    ) -> Attempt {
        Attempt {
            position, host, port, address, local_address, started_after, took, outcome, os_error, n_addresses,
        }
    }
}

prop_compose! {
    fn any_evidence()(
        (evaluation, boot_id, started_at) in (any::<u64>(), uuid(), wall_clock()),
        triggers in vec(trigger(), 1..5),
        connected in any::<bool>(),
        held in option::of((held(), settings())),
        attempts in vec(attempt(), 0..8),
        (location, basis) in (location(), basis()),
        (decided_in, settled_in) in (duration(), duration()),
    ) -> Evidence {
        Evidence {
            evaluation: EvaluationId::new(evaluation),
            boot_id: BootId::from_uuid(boot_id),
            started_at,
            triggers,
            link: if connected { LinkState::Connected } else { LinkState::Lost },
            held,
            attempts,
            verdict: Verdict { location, basis },
            decided_in,
            settled_in,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn settings_survive_the_wire(settings in settings()) {
        prop_assert_eq!(EncodedSettings::encode(&settings).decode(), Ok(settings));
    }

    #[test]
    fn agent_messages_survive_the_wire(message in agent_message()) {
        let bytes = fleet::agent_message_to_wire(&message).encode_to_vec();
        let back = wire::AgentMessage::decode(bytes.as_slice()).unwrap();
        prop_assert_eq!(fleet::agent_message_from_wire(back), Ok(message));
    }

    #[test]
    fn server_messages_survive_the_wire(message in server_message()) {
        let bytes = fleet::server_message_to_wire(&message).encode_to_vec();
        let back = wire::ServerMessage::decode(bytes.as_slice()).unwrap();
        prop_assert_eq!(fleet::server_message_from_wire(back), Ok(message));
    }

    #[test]
    fn evidence_survives_the_wire(record in any_evidence()) {
        let bytes = evidence::to_wire(&record).encode_to_vec();
        let back = wire::Evidence::decode(bytes.as_slice()).unwrap();
        prop_assert_eq!(evidence::from_wire(back), Ok(record));
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in vec(any::<u8>(), 0..400)) {
        drop(EncodedSettings::from_bytes(bytes.clone().into()).decode());
        drop(wire::AgentMessage::decode(bytes.as_slice()).map(fleet::agent_message_from_wire));
        drop(wire::ServerMessage::decode(bytes.as_slice()).map(fleet::server_message_from_wire));
        drop(wire::Evidence::decode(bytes.as_slice()).map(evidence::from_wire));
    }

    #[test]
    fn a_message_with_flipped_bits_is_a_message_or_a_refusal(
        message in agent_message(),
        flips in vec((any::<prop::sample::Index>(), 0_u8..8), 1..6),
    ) {
        let mut bytes = fleet::agent_message_to_wire(&message).encode_to_vec();
        for (index, bit) in flips {
            if !bytes.is_empty() {
                let index = index.index(bytes.len());
                bytes[index] ^= 1 << bit;
            }
        }
        if let Ok(Ok(message)) = wire::AgentMessage::decode(bytes.as_slice()).map(fleet::agent_message_from_wire) {
            // What was believed can be said again.
            let again = fleet::agent_message_from_wire(fleet::agent_message_to_wire(&message));
            prop_assert_eq!(again, Ok(message));
        }
    }
}

#[test]
fn a_hello_of_another_protocol_version_is_refused_by_name() {
    let hello = wire::Hello { protocol_version: 2, ..wire::Hello::default() };
    let message = wire::AgentMessage { kind: Some(wire::agent_message::Kind::Hello(hello)) };
    let violations = fleet::agent_message_from_wire(message).unwrap_err();
    let first = &violations.as_slice()[0];
    assert_eq!(first.to_string(), "hello.protocol_version: 2 is not supported (this version speaks 1)");
    assert!(violations.as_slice().iter().any(|violation| violation.path == "hello.boot_id"));
}

#[test]
fn an_agent_does_not_believe_a_harmful_tuning() {
    let mut message = fleet::server_message_to_wire(&ServerMessage::Tuning(Tuning::default()));
    let Some(wire::server_message::Kind::Tuning(tuning)) = message.kind.as_mut() else { unreachable!() };
    tuning.heartbeat_interval = Some(prost_types::Duration { seconds: 0, nanos: 1 });
    tuning.report_batch = 1_000_000;
    let violations = fleet::server_message_from_wire(message).unwrap_err();
    assert_eq!(
        violations.to_string(),
        "tuning.heartbeat_interval: 1ns is out of range (10s to 3600s); \
         tuning.report_batch: 1000000 is out of range (1 to 500)"
    );
}

#[test]
fn the_default_tuning_is_one_that_an_agent_believes() {
    let message = ServerMessage::Tuning(Tuning::default());
    assert_eq!(fleet::server_message_from_wire(fleet::server_message_to_wire(&message)), Ok(message));
}
