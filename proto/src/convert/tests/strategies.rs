//! Anything that may travel.

mod firewall;

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use uuid::Uuid;

use crate::evidence::{Attempt, Evidence, Outcome, PeerCertificate};
use crate::firewall::{Firewall, Platform};
use crate::gateway::{Gateway, GatewayList};
use crate::host::Host;
use crate::hysteresis::Standing;
use crate::ids::{BootId, Epoch, EvaluationId, OutboxId, PushId, Sequence};
use crate::location::{Basis, LinkState, Location, LocationReport, Trigger, Verdict};
use crate::location_rules::{
    Confirmations, Criterion, Hysteresis, LocationRules, MinimumDwell, RecheckInterval, RequiredSuccesses,
    ServerConnection, Tunnels,
};
use crate::message::*;
use crate::network::{DefaultRoute, Interface, MacAddress};
use crate::pin::{Pins, SpkiPin};
use crate::port::{Port, Ports};
use crate::reference_server::{Probe, ReferenceServer, ReferenceServerList};
use crate::revision::{Digest, Held, Revision};
use crate::settings::{EncodedSettings, Settings};
use crate::violation::{Violation, Violations};

pub(super) fn host() -> impl Strategy<Value = Host> {
    prop_oneof![
        "[a-z][a-z0-9]{0,10}(\\.[a-z][a-z0-9]{0,10}){0,3}".prop_map(|name| name.parse().unwrap()),
        (10_u8..200, any::<u8>(), any::<u8>(), any::<u8>())
            .prop_filter_map("permitted", |(a, b, c, d)| format!("{a}.{b}.{c}.{d}").parse().ok()),
        any::<u16>().prop_map(|n| format!("2001:db8::{n:x}").parse().unwrap()),
        Just("fe80::1%eth0".parse().unwrap()),
    ]
}

pub(super) fn port() -> impl Strategy<Value = Port> {
    (1_u32..=65_535).prop_map(|number| Port::try_from(number).unwrap())
}

pub(super) fn pin() -> impl Strategy<Value = SpkiPin> {
    any::<u64>().prop_map(|seed| SpkiPin::of(&seed.to_be_bytes()))
}

pub(super) fn mac() -> impl Strategy<Value = MacAddress> {
    any::<[u8; 6]>().prop_map(MacAddress::new)
}

pub(super) fn gateway() -> impl Strategy<Value = Gateway> {
    let address = prop_oneof![
        (1_u8..120, any::<u8>()).prop_map(|(a, b)| IpAddr::from([a, 0, 0, b])),
        any::<u16>().prop_map(|n| IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, n])),
    ];
    // Of one machine, not of a group: those are refused.
    let mac = any::<[u8; 6]>().prop_map(|mut bytes| {
        bytes[0] &= !1;
        MacAddress::new(bytes)
    });
    (address, option::of(mac)).prop_filter_map("permitted", |(address, mac)| Gateway::new(address, mac).ok())
}

prop_compose! {
    pub(super) fn rules()(
        (gateway, says_nothing, ignore) in any::<(bool, bool, bool)>(),
        recheck_ms in 10_000_u64..=86_400_000,
        (required, to_internal, to_external) in (1_u32..=32, 1_u32..=10, 1_u32..=10),
        dwell_ms in 0_u64..=3_600_000,
    ) -> LocationRules {
        LocationRules {
            criterion: if gateway { Criterion::Gateway } else { Criterion::ConnectionStatus },
            server_connection: if says_nothing { ServerConnection::SaysNothing } else { ServerConnection::MeansInternal },
            recheck_interval: RecheckInterval::new(Duration::from_millis(recheck_ms)).unwrap(),
            required_successes: RequiredSuccesses::new(required).unwrap(),
            tunnels: if ignore { Tunnels::Ignore } else { Tunnels::Count },
            hysteresis: Hysteresis {
                confirmations_to_internal: Confirmations::new(to_internal).unwrap(),
                confirmations_to_external: Confirmations::new(to_external).unwrap(),
                minimum_dwell: MinimumDwell::new(Duration::from_millis(dwell_ms)).unwrap(),
            },
        }
    }
}

prop_compose! {
    pub(super) fn server()(host in host(), ports in vec(port(), 1..=8), pins in vec(pin(), 0..=3)) -> ReferenceServer {
        let mut distinct: Vec<Port> = Vec::new();
        for port in ports {
            if !distinct.contains(&port) {
                distinct.push(port);
            }
        }
        let probe = Pins::new(pins).map_or(Probe::Tcp, Probe::Tls);
        ReferenceServer { host, ports: Ports::new(distinct).unwrap(), probe }
    }
}

prop_compose! {
    pub(super) fn settings()(
        enabled in any::<bool>(),
        servers in vec(server(), 0..40),
        location in rules(),
        gateways in vec(gateway(), 0..10),
        firewall in option::of(firewall::firewall()),
    ) -> Settings {
        let mut distinct: Vec<ReferenceServer> = Vec::new();
        for server in servers {
            if distinct.iter().all(|earlier| earlier.host != server.host) {
                distinct.push(server);
            }
        }
        let mut only_once: Vec<Gateway> = Vec::new();
        for gateway in gateways {
            if !only_once.contains(&gateway) {
                only_once.push(gateway);
            }
        }
        Settings {
            reference_servers: ReferenceServerList::new(enabled, distinct).unwrap(),
            location,
            gateways: GatewayList::new(only_once).unwrap(),
            firewall: firewall.unwrap_or_default(),
        }
    }
}

/// What of settings travels in evidence.
pub(super) fn settings_of_a_location() -> impl Strategy<Value = Settings> {
    settings().prop_map(|settings| Settings { firewall: Firewall::default(), ..settings })
}

pub(super) fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

pub(super) fn wall_clock() -> impl Strategy<Value = SystemTime> {
    (0_u64..4_000_000_000, 0_u32..1_000_000_000)
        .prop_map(|(seconds, nanos)| SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos))
}

pub(super) fn duration() -> impl Strategy<Value = Duration> {
    (0_u64..10_000_000, 0_u32..1_000_000_000).prop_map(|(seconds, nanos)| Duration::new(seconds, nanos))
}

pub(super) fn location() -> impl Strategy<Value = Location> {
    prop_oneof![Just(Location::Internal), Just(Location::External), Just(Location::Unknown)]
}

pub(super) fn basis() -> impl Strategy<Value = Basis> {
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
        (1_usize..32, 1_usize..32, 1_usize..2560).prop_map(|(n_answered, n_required, n_attempts)| {
            Basis::TooFewAnswered { n_answered, n_required, n_attempts }
        }),
        (gateway(), 0_usize..1000).prop_map(|(gateway, position)| Basis::Gateway {
            address: gateway.address(),
            mac: gateway.mac(),
            position,
        }),
        address().prop_map(|seen| Basis::NoGateway { seen }),
    ]
}

pub(super) fn trigger() -> impl Strategy<Value = Trigger> {
    prop::sample::select(&Trigger::ALL[..])
}

pub(super) fn revision() -> impl Strategy<Value = Revision> {
    (1_u64..).prop_map(|number| Revision::new(number).unwrap())
}

prop_compose! {
    pub(super) fn held()(revision in revision(), content in any::<[u8; 4]>()) -> Held {
        Held { revision, digest: Digest::of(&content) }
    }
}

prop_compose! {
    pub(super) fn report()(
        (at, boot_id, since_boot) in (wall_clock(), uuid(), duration()),
        (location, basis) in (location(), basis()),
        triggers in vec(trigger(), 1..8),
        revision in option::of(revision()),
        evaluation in any::<u64>(),
        (decided_in, n_flips) in (duration(), any::<u32>()),
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
            n_flips,
        }
    }
}

pub(super) fn violations() -> impl Strategy<Value = Option<Violations>> {
    vec(("[a-z.]{0,20}", ".{0,40}"), 0..5).prop_map(|all| {
        Violations::from_vec(all.into_iter().map(|(path, message)| Violation { path, message }).collect())
    })
}

pub(super) fn outcome() -> impl Strategy<Value = AssignmentOutcome> {
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
    pub(super) fn result()(push_id in any::<u64>(), offered in held(), outcome in outcome()) -> AssignmentResult {
        AssignmentResult { push_id: PushId::new(push_id), offered, outcome }
    }
}

prop_compose! {
    pub(super) fn enforcement()(
        state in prop_oneof![
            Just(EnforcementState::Applied),
            Just(EnforcementState::Observed),
            Just(EnforcementState::Failed),
            Just(EnforcementState::Nothing),
            Just(EnforcementState::Repaired),
            Just(EnforcementState::Unavailable),
        ],
        backend in "[a-z]{0,10}",
        reason in ".{0,40}",
        location in location(),
        revision in option::of(revision()),
        since in wall_clock(),
        profile in option::of(firewall::in_force()),
    ) -> EnforcementStatus {
        EnforcementStatus { state, backend, reason, location, revision, since, profile }
    }
}

prop_compose! {
    pub(super) fn hello()(
        boot_id in uuid(),
        host_name in "[a-zA-Z0-9-]{0,40}",
        held in option::of(held()),
        last_result in option::of(result()),
        (outbox_id, first, n_records) in (uuid(), 0_u64..1 << 40, 0_u64..1000),
        enforcement in option::of(enforcement()),
        platform in option::of(Just(Platform::Linux)),
    ) -> Hello {
        Hello {
            boot_id: BootId::from_uuid(boot_id),
            facts: HostFacts {
                host_name,
                kernel: "6.1".into(),
                platform,
                labels: vec!["site=berlin".parse().unwrap()],
                ..HostFacts::default()
            },
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

pub(super) fn agent_message() -> impl Strategy<Value = AgentMessage> {
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
        any_evidence().prop_map(|evidence| AgentMessage::Evidence(Box::new(evidence))),
        (held(), duration(), vec(sweep_result(), 0..20))
            .prop_map(|(held, age, results)| AgentMessage::SweepReport(SweepReport { held, age, results })),
        firewall::hits().prop_map(AgentMessage::FirewallHits),
    ]
}

prop_compose! {
    pub(super) fn tuning()(
        (heartbeat, ping) in (10_u64..=3600, 10_u64..=3600),
        (reconnect, backoff, evaluation) in (0_u64..=3600, 1_u64..=3600, 0_u64..=60),
        report_batch in 1_usize..=500,
        sweep in option::of(60_u64..=604_800),
    ) -> Tuning {
        Tuning {
            heartbeat_interval: Duration::from_secs(heartbeat),
            reconnect_spread: Duration::from_secs(reconnect),
            max_backoff: Duration::from_secs(backoff),
            ping_interval: Duration::from_secs(ping),
            report_batch,
            evaluation_spread: Duration::from_secs(evaluation),
            sweep_interval: sweep.map(Duration::from_secs),
        }
    }
}

pub(super) fn up_to_an_hour() -> impl Strategy<Value = Duration> {
    (0_u64..=3_600_000).prop_map(Duration::from_millis)
}

pub(super) fn server_message() -> impl Strategy<Value = ServerMessage> {
    prop_oneof![
        (any::<u64>(), wall_clock(), tuning(), any::<u64>(), any::<(bool, bool, bool)>()).prop_map(
            |(epoch, server_time, tuning, next, (up_to_date, wants_evidence, wants_firewall_hits))| {
                ServerMessage::Welcome(Welcome {
                    epoch: Epoch::new(epoch),
                    server_time,
                    tuning,
                    next_sequence: Sequence::new(next),
                    up_to_date,
                    wants_evidence,
                    wants_firewall_hits,
                })
            }
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
        any::<u64>().prop_map(|number| ServerMessage::EvidenceAck { evaluation: EvaluationId::new(number) }),
        up_to_an_hour().prop_map(|spread| ServerMessage::SweepNow { spread }),
    ]
}

pub(super) fn address() -> impl Strategy<Value = Option<IpAddr>> {
    option::of(any::<u32>().prop_map(|bits| IpAddr::V4(bits.into())))
}

pub(super) fn attempt_outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Answered),
        Just(Outcome::Refused),
        Just(Outcome::Timeout),
        Just(Outcome::Unreachable),
        Just(Outcome::NameNotFound),
        Just(Outcome::ResolverFailed),
        Just(Outcome::NotNeeded),
        Just(Outcome::LocalError),
        Just(Outcome::PinMismatch),
        Just(Outcome::TlsFailed),
    ]
}

prop_compose! {
    pub(super) fn interface()(name in "[a-z0-9]{1,15}", kind in "[a-z]{0,10}", is_tunnel in any::<bool>()) -> Interface {
        Interface { name, kind, is_tunnel }
    }
}

prop_compose! {
    pub(super) fn default_route()(
        gateway in address(),
        mac in option::of(mac()),
        interface in interface(),
        (metric, is_ipv6) in any::<(u32, bool)>(),
    ) -> DefaultRoute {
        DefaultRoute { gateway, mac, interface, metric, is_ipv6 }
    }
}

prop_compose! {
    pub(super) fn certificate()(pin in pin(), not_after in option::of(wall_clock())) -> PeerCertificate {
        PeerCertificate { pin, not_after }
    }
}

prop_compose! {
    pub(super) fn sweep_result()(
        (position, port, outcome) in (0_usize..320, port(), attempt_outcome()),
        took in duration(),
        counts in any::<bool>(),
        certificate in option::of(certificate()),
    ) -> SweepResult {
        SweepResult { position, port, outcome, took, counts, certificate }
    }
}

prop_compose! {
    pub(super) fn standing()(
        (location, basis) in (location(), basis()),
        n_contradictions in any::<u32>(),
        dwelt in duration(),
    ) -> Standing {
        Standing { verdict: Verdict { location, basis }, n_contradictions, dwelt }
    }
}

prop_compose! {
    pub(super) fn attempt()(
        (position, host, port) in (0_usize..320, host(), port()),
        (address, local_address) in (address(), address()),
        (started_after, took) in (duration(), duration()),
        outcome in attempt_outcome(),
        os_error in option::of(1_i32..200),
        n_addresses in 0_usize..20,
        interface in option::of(interface()),
        certificate in option::of(certificate()),
        tls_error in option::of("[a-z ]{1,40}"),
    ) -> Attempt {
        Attempt {
            position, host, port, address, local_address, started_after, took, outcome, os_error, n_addresses,
            interface, certificate, tls_error,
        }
    }
}

prop_compose! {
    pub(super) fn any_evidence()(
        (evaluation, boot_id, started_at) in (any::<u64>(), uuid(), wall_clock()),
        triggers in vec(trigger(), 1..5),
        connected in any::<bool>(),
        held in option::of((held(), settings_of_a_location())),
        attempts in vec(attempt(), 0..8),
        default_routes in vec(default_route(), 0..4),
        standing in option::of(standing()),
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
            default_routes,
            standing,
            verdict: Verdict { location, basis },
            decided_in,
            settled_in,
        }
    }
}
