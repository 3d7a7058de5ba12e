//! What is said next in a session, and what an incoming message asks for. Pure: time and randomness come in, actions
//! come out.
//!
//! Slots, not queues: what has not been said yet is replaced by what is newer, so that a server that reads slowly costs
//! no memory. One answer, one status, one batch of reports and one record of evidence in flight, one heartbeat, one sweep.

mod way;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use landmark_proto::ids::{EvaluationId, PushId, Sequence};
use landmark_proto::message::{
    AgentMessage, Assignment, AssignmentOutcome, AssignmentResult, EnforcementStatus, FirewallHits,
    Rejection, ReportAck, ServerMessage, SweepReport, Tuning, Welcome,
};
use landmark_proto::revision::Held;

use self::way::Way;
use super::backoff::Share;
use super::retry::End;

/// How long the answer to a heartbeat may take. The way of a proxy that swallows an HTTP/2 PING is tested by it.
const HEARTBEAT_LIMIT: Duration = Duration::from_secs(30);

/// Before a batch is sent again of which the server committed nothing.
const NOTHING_COMMITTED: Duration = Duration::from_secs(10);

/// Before a record of evidence is sent again that the server did not acknowledge: it had no room, or enough of them.
const EVIDENCE_AGAIN: Duration = Duration::from_secs(60);

/// Between two reports of what the firewall has counted: the server takes six a minute.
const BETWEEN_HITS: Duration = Duration::from_secs(11);

/// What an incoming message asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Offer this to the ledger.
    Offer(Assignment),
    /// Tell the outbox.
    Acknowledge(ReportAck),
    /// Look again.
    Evaluate,
    /// Ask for another certificate after this time.
    Renew(Duration),
    /// The server has the evidence of this evaluation.
    Seen(EvaluationId),
    /// Try every reference server after this time.
    Sweep(Duration),
    /// This is the timing from here on.
    Tune(Tuning),
    /// The session is over.
    End(End),
}

/// What to say next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Say {
    /// This.
    Message(AgentMessage),
    /// Records of the outbox from here on; tell [`Conversation::sent_batch`] what was sent.
    Batch(Sequence),
    /// The oldest evidence that the server does not have; tell [`Conversation::sent_evidence`] which it was.
    Evidence,
}

/// What is remembered from one session to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The last answer to a push, with a push id of 0.
    pub last_result: Option<AssignmentResult>,
}

/// The state of a session after its welcome.
#[derive(Debug)]
pub struct Conversation {
    tuning: Tuning,
    memory: Memory,
    /// To be said.
    enforcement: Option<EnforcementStatus>,
    answer: Option<AssignmentResult>,
    sweep: Option<SweepReport>,
    /// What the firewall has counted, by policy, and from when on it may be told.
    hits: VecDeque<FirewallHits>,
    hits_from: Instant,
    goodbye: Option<String>,
    /// The push that is on the disk, but not in effect yet.
    applying: Option<(PushId, Held)>,
    next_report: Sequence,
    /// The first record of the batch that is not acknowledged.
    in_flight: Option<Sequence>,
    reports_from: Instant,
    wants_evidence: bool,
    wants_hits: bool,
    /// Whether there is evidence that the server does not have.
    has_evidence: bool,
    /// What was sent and is not acknowledged, and since when.
    evidence_in_flight: Option<(EvaluationId, Instant)>,
    way: Way,
    heartbeat_at: Instant,
    unanswered_since: Option<Instant>,
}

impl Conversation {
    /// Begins after a welcome; records from `next_report` on are to be sent.
    pub fn new(welcome: &Welcome, next_report: Sequence, memory: Memory, now: Instant, share: Share) -> Self {
        let tuning = welcome.tuning.clone();
        let heartbeat_at = now + jittered(tuning.heartbeat_interval, share);
        Self {
            tuning,
            memory,
            enforcement: None,
            answer: None,
            sweep: None,
            hits: VecDeque::new(),
            hits_from: now,
            goodbye: None,
            applying: None,
            next_report,
            in_flight: None,
            reports_from: now,
            wants_evidence: welcome.wants_evidence,
            wants_hits: welcome.wants_firewall_hits,
            has_evidence: false,
            evidence_in_flight: None,
            way: Way::default(),
            heartbeat_at,
            unanswered_since: None,
        }
    }

    /// Takes a message.
    pub fn receive(&mut self, message: ServerMessage, now: Instant, share: Share) -> Option<Demand> {
        match message {
            ServerMessage::Welcome(_) => Some(Demand::End(End::Protocol("a second welcome".into()))),
            ServerMessage::Assignment(assignment) => Some(Demand::Offer(assignment)),
            ServerMessage::ReportAck(ack) => {
                self.acknowledged(&ack, now);
                Some(Demand::Acknowledge(ack))
            }
            ServerMessage::Evaluate { .. } => Some(Demand::Evaluate),
            ServerMessage::RenewNow { spread } => Some(Demand::Renew(share.of(spread))),
            ServerMessage::Tuning(tuning) => {
                self.heartbeat_at = self.heartbeat_at.min(now + jittered(tuning.heartbeat_interval, share));
                self.tuning = tuning.clone();
                Some(Demand::Tune(tuning))
            }
            ServerMessage::Drain { reason, reconnect_after } => {
                Some(Demand::End(End::Drained { reason, reconnect_after }))
            }
            ServerMessage::Revoked { reason } => Some(Demand::End(End::Revoked(reason))),
            ServerMessage::HeartbeatAck { .. } => {
                self.unanswered_since = None;
                self.way.answered();
                None
            }
            ServerMessage::EvidenceAck { evaluation } => {
                self.evidence_in_flight.take_if(|(in_flight, _)| *in_flight == evaluation);
                Some(Demand::Seen(evaluation))
            }
            ServerMessage::SweepNow { spread } => Some(Demand::Sweep(share.of(spread))),
        }
    }

    /// The ledger took a push, or refused it.
    pub fn judged(&mut self, push_id: PushId, offered: Held, refused: Option<Rejection>) {
        self.applying = refused.is_none().then_some((push_id, offered));
        let outcome = refused.map_or(AssignmentOutcome::Applying, AssignmentOutcome::Rejected);
        self.answer(AssignmentResult { push_id, offered, outcome });
    }

    /// The push that is not in effect yet.
    pub fn applying(&self) -> Option<Held> {
        self.applying.map(|(_, offered)| offered)
    }

    /// It is in effect.
    pub fn applied(&mut self) {
        if let Some((push_id, offered)) = self.applying.take() {
            self.answer(AssignmentResult { push_id, offered, outcome: AssignmentOutcome::Applied });
        }
    }

    /// This became of the last policy.
    pub fn enforced(&mut self, status: EnforcementStatus) {
        self.enforcement = Some(status);
    }

    /// The batch from `first` up to, but without, `next` is on its way.
    pub fn sent_batch(&mut self, first: Sequence, next: Sequence) {
        self.next_report = next;
        self.in_flight = Some(first);
    }

    /// There is no batch though there should be: do not ask again at once.
    pub fn nothing_to_report(&mut self, now: Instant) {
        self.reports_from = now + NOTHING_COMMITTED;
    }

    /// Whether there is evidence that the server does not have.
    pub fn has_evidence(&mut self, has_evidence: bool) {
        self.has_evidence = has_evidence;
    }

    /// The evidence of this evaluation is on its way.
    pub fn sent_evidence(&mut self, evaluation: EvaluationId, now: Instant) {
        self.evidence_in_flight = Some((evaluation, now));
    }

    /// A sweep ended, or is to be told once more.
    pub fn swept(&mut self, report: SweepReport) {
        self.sweep = Some(report);
    }

    /// The firewall has counted.
    pub fn counted(&mut self, hits: FirewallHits) {
        if self.wants_hits {
            self.hits.retain(|older| older.in_force.policy != hits.in_force.policy);
            self.hits.push_back(hits);
        }
    }

    /// The network changed: the way to the server is tested at once.
    pub fn doubt_way(&mut self, now: Instant) {
        self.way.doubt(now);
    }

    /// The agent leaves.
    pub fn leave(&mut self, reason: &str) {
        self.goodbye = Some(reason.to_owned());
    }

    /// What to say next, if there is anything; `reports_until` is the number after the outbox's last record.
    pub fn next(&mut self, reports_until: Sequence, now: Instant, share: Share) -> Option<Say> {
        // A test first, for its time runs; then a status, then the answer that rests on it.
        let message = if self.way.take_heartbeat() {
            self.heartbeat(now, share)
        } else if let Some(status) = self.enforcement.take() {
            AgentMessage::Enforcement(status)
        } else if let Some(answer) = self.answer.take() {
            AgentMessage::AssignmentResult(answer)
        } else if self.may_report(reports_until) && self.reports_from <= now {
            return Some(Say::Batch(self.next_report));
        } else if let Some(reason) = self.goodbye.take() {
            AgentMessage::Goodbye { reason }
        } else if self.heartbeat_at <= now {
            self.heartbeat(now, share)
        } else if let Some(report) = self.sweep.take() {
            AgentMessage::SweepReport(report)
        } else if let Some(hits) = self.hits.pop_front_if(|_| self.hits_from <= now) {
            self.hits_from = now + BETWEEN_HITS;
            AgentMessage::FirewallHits(hits)
        } else if self.evidence_from(now).is_some_and(|from| from <= now) {
            return Some(Say::Evidence);
        } else {
            return None;
        };
        Some(Say::Message(message))
    }

    /// When to look again though nothing happens.
    pub fn wake_at(&self, reports_until: Sequence) -> Instant {
        let reports = self.may_report(reports_until).then_some(self.reports_from);
        let overdue = self.unanswered_since.map(|since| since + HEARTBEAT_LIMIT);
        let evidence = self.evidence_in_flight.and_then(|(_, since)| self.evidence_from(since));
        let hits = (!self.hits.is_empty()).then_some(self.hits_from);
        let others = [reports, overdue, evidence, hits, self.way.wake_at()];
        others.into_iter().flatten().fold(self.heartbeat_at, Instant::min)
    }

    /// When the session may be over though nothing happens, whether or not there is room to say anything.
    pub fn deadline(&self) -> Option<Instant> {
        let overdue = self.unanswered_since.map(|since| since + HEARTBEAT_LIMIT);
        [overdue, self.way.wake_at()].into_iter().flatten().min()
    }

    /// The server has not answered a heartbeat for too long.
    pub fn overdue(&mut self, now: Instant) -> Option<End> {
        self.way.look(now);
        if self.way.is_lost(now) {
            let limit = way::LIMIT.as_secs();
            return Some(End::Closed(format!("no answer within {limit} s after the network changed")));
        }
        let since = self.unanswered_since?;
        (now.saturating_duration_since(since) >= HEARTBEAT_LIMIT)
            .then(|| End::Closed(format!("no answer to a heartbeat within {} s", HEARTBEAT_LIMIT.as_secs())))
    }

    /// Records in a batch, at most.
    pub fn report_batch(&self) -> usize {
        self.tuning.report_batch
    }

    /// For the next session.
    pub fn into_memory(self) -> Memory {
        self.memory
    }

    fn acknowledged(&mut self, ack: &ReportAck, now: Instant) {
        let Some(first) = self.in_flight.take() else { return };
        // What was sent and is not acknowledged with it was not committed: it is sent again.
        self.next_report = ack.next.max(first);
        let pause = if ack.next > first { ack.slow_down } else { ack.slow_down.max(NOTHING_COMMITTED) };
        self.reports_from = now + pause;
    }

    fn heartbeat(&mut self, now: Instant, share: Share) -> AgentMessage {
        self.heartbeat_at = now + jittered(self.tuning.heartbeat_interval, share);
        self.unanswered_since.get_or_insert(now);
        AgentMessage::Heartbeat
    }

    /// From when on evidence may be sent, if there is any: at once, or again what was not acknowledged.
    fn evidence_from(&self, now: Instant) -> Option<Instant> {
        let from = self.evidence_in_flight.map_or(now, |(_, since)| since + EVIDENCE_AGAIN);
        (self.wants_evidence && self.has_evidence).then_some(from)
    }

    fn may_report(&self, reports_until: Sequence) -> bool {
        self.in_flight.is_none() && self.next_report < reports_until
    }

    fn answer(&mut self, result: AssignmentResult) {
        self.memory.last_result = Some(AssignmentResult { push_id: PushId::default(), ..result.clone() });
        self.answer = Some(result);
    }
}

/// 90 to 110 %: no two agents stay in step.
fn jittered(interval: Duration, share: Share) -> Duration {
    interval.mul_f64(0.9) + share.of(interval.mul_f64(0.2))
}

#[cfg(test)]
mod tests;
