//! What servers say. An agent believes no number of a server that would harm its machine: every time has a range.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::ids::{Epoch, EvaluationId, OutboxId, Sequence};
use crate::message::{MAX_REPORT_BATCH, ReportAck, ServerMessage, Tuning, Welcome};
use crate::violation::{Findings, Path, Violations};
use crate::wire;

use super::super::location::saturated;
use super::super::time::{duration_from_wire, duration_to_wire, timestamp_from_wire, timestamp_to_wire};
use super::assignment::{assignment_from_wire, assignment_to_wire};
use super::text_from_wire;

const MAX_REASON_CHARS: usize = 2_000;
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Any message.
pub fn server_message_to_wire(message: &ServerMessage) -> wire::ServerMessage {
    use wire::server_message::Kind;
    let cut = |text: &String| text.chars().take(MAX_REASON_CHARS).collect();
    let kind = match message {
        ServerMessage::Welcome(welcome) => Kind::Welcome(welcome_to_wire(welcome)),
        ServerMessage::Assignment(assignment) => Kind::Assignment(assignment_to_wire(assignment)),
        ServerMessage::ReportAck(ack) => Kind::ReportAck(ack_to_wire(*ack)),
        ServerMessage::Evaluate { request_id } => Kind::Evaluate(wire::Evaluate { request_id: *request_id }),
        ServerMessage::RenewNow { spread } => {
            Kind::RenewNow(wire::RenewNow { spread: Some(duration_to_wire(*spread)) })
        }
        ServerMessage::Tuning(tuning) => Kind::Tuning(tuning_to_wire(tuning)),
        ServerMessage::Drain { reason, reconnect_after } => Kind::Drain(wire::Drain {
            reason: cut(reason),
            reconnect_after: Some(duration_to_wire(*reconnect_after)),
        }),
        ServerMessage::Revoked { reason } => Kind::Revoked(wire::Revoked { reason: cut(reason) }),
        ServerMessage::HeartbeatAck { server_time } => {
            Kind::HeartbeatAck(wire::HeartbeatAck { server_time: Some(timestamp_to_wire(*server_time)) })
        }
        ServerMessage::EvidenceAck { evaluation } => {
            Kind::EvidenceAck(wire::EvidenceAck { evaluation: evaluation.get() })
        }
        ServerMessage::SweepNow { spread } => {
            Kind::SweepNow(wire::SweepNow { spread: Some(duration_to_wire(*spread)) })
        }
    };
    wire::ServerMessage { kind: Some(kind) }
}

/// Checks any message.
///
/// # Errors
/// Every broken rule, with its path.
pub fn server_message_from_wire(message: wire::ServerMessage) -> Result<ServerMessage, Violations> {
    use wire::server_message::Kind;
    let wire::ServerMessage { kind } = message;
    let root = Path::root();
    match kind {
        None => Err(Violations::one(&root, "is a message of a kind that this version does not know")),
        Some(Kind::Welcome(welcome)) => {
            welcome_from_wire(welcome, &root.field("welcome")).map(ServerMessage::Welcome)
        }
        Some(Kind::Assignment(assignment)) => {
            assignment_from_wire(assignment, &root.field("assignment")).map(ServerMessage::Assignment)
        }
        Some(Kind::ReportAck(ack)) => {
            ack_from_wire(ack, &root.field("report_ack")).map(ServerMessage::ReportAck)
        }
        Some(Kind::Evaluate(wire::Evaluate { request_id })) => Ok(ServerMessage::Evaluate { request_id }),
        Some(Kind::RenewNow(wire::RenewNow { spread })) => {
            let path = root.field("renew_now").field("spread");
            ranged(spread, Duration::ZERO..=30 * DAY, &path).map(|spread| ServerMessage::RenewNow { spread })
        }
        Some(Kind::Tuning(tuning)) => {
            tuning_from_wire(Some(tuning), &root.field("tuning")).map(ServerMessage::Tuning)
        }
        Some(Kind::Drain(drain)) => drain_from_wire(drain, &root.field("drain")),
        Some(Kind::Revoked(wire::Revoked { reason })) => {
            text_from_wire(reason, MAX_REASON_CHARS, &root.field("revoked").field("reason"))
                .map(|reason| ServerMessage::Revoked { reason })
        }
        Some(Kind::HeartbeatAck(wire::HeartbeatAck { server_time })) => {
            let path = root.field("heartbeat_ack").field("server_time");
            timestamp_from_wire(server_time, &path)
                .map(|server_time| ServerMessage::HeartbeatAck { server_time })
        }
        Some(Kind::EvidenceAck(wire::EvidenceAck { evaluation })) => {
            Ok(ServerMessage::EvidenceAck { evaluation: EvaluationId::new(evaluation) })
        }
        Some(Kind::SweepNow(wire::SweepNow { spread })) => {
            let path = root.field("sweep_now").field("spread");
            ranged(spread, Duration::ZERO..=DAY, &path).map(|spread| ServerMessage::SweepNow { spread })
        }
    }
}

fn welcome_to_wire(welcome: &Welcome) -> wire::Welcome {
    let Welcome {
        epoch,
        server_time,
        tuning,
        next_sequence,
        up_to_date,
        wants_evidence,
        wants_firewall_hits,
    } = welcome;
    wire::Welcome {
        epoch: epoch.get(),
        server_time: Some(timestamp_to_wire(*server_time)),
        tuning: Some(tuning_to_wire(tuning)),
        next_sequence: next_sequence.get(),
        up_to_date: *up_to_date,
        wants_evidence: *wants_evidence,
        wants_firewall_hits: *wants_firewall_hits,
    }
}

fn welcome_from_wire(welcome: wire::Welcome, path: &Path) -> Result<Welcome, Violations> {
    let wire::Welcome {
        epoch,
        server_time,
        tuning,
        next_sequence,
        up_to_date,
        wants_evidence,
        wants_firewall_hits,
    } = welcome;
    let mut findings = Findings::default();
    let server_time = findings.keep(timestamp_from_wire(server_time, &path.field("server_time")));
    let tuning = findings.keep(tuning_from_wire(tuning, &path.field("tuning")));
    findings.finish(server_time.zip(tuning).map(|(server_time, tuning)| Welcome {
        epoch: Epoch::new(epoch),
        server_time,
        tuning,
        next_sequence: Sequence::new(next_sequence),
        up_to_date,
        wants_evidence,
        wants_firewall_hits,
    }))
}

fn tuning_to_wire(tuning: &Tuning) -> wire::Tuning {
    let Tuning {
        heartbeat_interval,
        reconnect_spread,
        max_backoff,
        ping_interval,
        report_batch,
        evaluation_spread,
        sweep_interval,
    } = tuning;
    wire::Tuning {
        heartbeat_interval: Some(duration_to_wire(*heartbeat_interval)),
        reconnect_spread: Some(duration_to_wire(*reconnect_spread)),
        max_backoff: Some(duration_to_wire(*max_backoff)),
        ping_interval: Some(duration_to_wire(*ping_interval)),
        report_batch: saturated(*report_batch),
        evaluation_spread: Some(duration_to_wire(*evaluation_spread)),
        sweep_interval: sweep_interval.map(duration_to_wire),
    }
}

fn tuning_from_wire(tuning: Option<wire::Tuning>, path: &Path) -> Result<Tuning, Violations> {
    let Some(wire::Tuning {
        heartbeat_interval,
        reconnect_spread,
        max_backoff,
        ping_interval,
        report_batch,
        evaluation_spread,
        sweep_interval,
    }) = tuning
    else {
        return Err(Violations::one(path, "is missing"));
    };
    let mut findings = Findings::default();
    let mut time = |value, range, name: &str| findings.keep(ranged(value, range, &path.field(name)));
    let heartbeat_interval = time(heartbeat_interval, 10 * SECOND..=HOUR, "heartbeat_interval");
    let reconnect_spread = time(reconnect_spread, Duration::ZERO..=HOUR, "reconnect_spread");
    let max_backoff = time(max_backoff, SECOND..=HOUR, "max_backoff");
    let ping_interval = time(ping_interval, 10 * SECOND..=HOUR, "ping_interval");
    let evaluation_spread = time(evaluation_spread, Duration::ZERO..=MINUTE, "evaluation_spread");
    let sweep_interval = match sweep_interval {
        None => Some(None),
        some => time(some, MINUTE..=7 * DAY, "sweep_interval").map(Some),
    };
    let report_batch = report_batch as usize;
    if !(1..=MAX_REPORT_BATCH).contains(&report_batch) {
        let message = format!("{report_batch} is out of range (1 to {MAX_REPORT_BATCH})");
        findings.push(&path.field("report_batch"), message);
    }
    let tuning = (|| {
        Some(Tuning {
            heartbeat_interval: heartbeat_interval?,
            reconnect_spread: reconnect_spread?,
            max_backoff: max_backoff?,
            ping_interval: ping_interval?,
            report_batch,
            evaluation_spread: evaluation_spread?,
            sweep_interval: sweep_interval?,
        })
    })();
    findings.finish(tuning)
}

fn drain_from_wire(drain: wire::Drain, path: &Path) -> Result<ServerMessage, Violations> {
    let wire::Drain { reason, reconnect_after } = drain;
    let mut findings = Findings::default();
    let reason = findings.keep(text_from_wire(reason, MAX_REASON_CHARS, &path.field("reason")));
    let reconnect_after =
        findings.keep(ranged(reconnect_after, Duration::ZERO..=HOUR, &path.field("reconnect_after")));
    findings.finish(
        reason
            .zip(reconnect_after)
            .map(|(reason, reconnect_after)| ServerMessage::Drain { reason, reconnect_after }),
    )
}

fn ack_to_wire(ack: ReportAck) -> wire::ReportAck {
    let ReportAck { outbox_id, next, slow_down } = ack;
    wire::ReportAck {
        outbox_id: outbox_id.to_string(),
        next_sequence: next.get(),
        slow_down: (!slow_down.is_zero()).then(|| duration_to_wire(slow_down)),
    }
}

fn ack_from_wire(ack: wire::ReportAck, path: &Path) -> Result<ReportAck, Violations> {
    let wire::ReportAck { outbox_id, next_sequence, slow_down } = ack;
    let mut findings = Findings::default();
    let outbox_id = findings.keep_at(&path.field("outbox_id"), outbox_id.parse::<OutboxId>());
    let slow_down = match slow_down {
        None => Some(Duration::ZERO),
        some => findings.keep(ranged(some, Duration::ZERO..=HOUR, &path.field("slow_down"))),
    };
    findings.finish(outbox_id.zip(slow_down).map(|(outbox_id, slow_down)| ReportAck {
        outbox_id,
        next: Sequence::new(next_sequence),
        slow_down,
    }))
}

fn ranged(
    duration: Option<prost_types::Duration>,
    range: RangeInclusive<Duration>,
    path: &Path,
) -> Result<Duration, Violations> {
    let duration = duration_from_wire(duration, path)?;
    if range.contains(&duration) {
        Ok(duration)
    } else {
        let message = format!("{duration:?} is out of range ({:?} to {:?})", range.start(), range.end());
        Err(Violations::one(path, message))
    }
}
