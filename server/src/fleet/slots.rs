//! What a session still has to tell its agent: slots, not queues. A new value replaces the old one, so that an agent that
//! reads slowly gets the latest of everything and costs no more than one that reads fast.
//!
//! Decides in plain functions; must not know streams, wakers or locks.

use std::time::{Duration, Instant, SystemTime};

use landmark_proto::ids::{EvaluationId, OutboxId, PushId, Sequence};
use landmark_proto::message::{
    Assignment, AssignmentOutcome, AssignmentResult, ReportAck, ServerMessage, Tuning, Welcome,
};
use landmark_proto::revision::{Held, Revision};
use landmark_proto::violation::{Path, Violations};

use super::end::End;
use crate::assignments::Published;

/// The slots of one session.
#[derive(Debug, Default)]
pub(super) struct Slots {
    welcome: Option<Box<Welcome>>,
    /// Nothing but an end comes out before the welcome.
    welcomed: bool,
    tuning: Option<Box<Tuning>>,
    ack: Option<ReportAck>,
    heartbeat_ack: Option<SystemTime>,
    evaluate: Option<u64>,
    renew: Option<Duration>,
    sweep: Option<Duration>,
    evidence_ack: Option<EvaluationId>,
    desired: Option<Desired>,
    /// The push that was sent and not answered; at most one.
    unanswered: Option<Unanswered>,
    last_push: PushId,
    /// The highest revision that this session was offered or needs not be.
    seen: Option<Revision>,
    reports_in_flight: bool,
    evidence_in_flight: bool,
    /// The last acknowledgement that came out or waits.
    acked: Option<ReportAck>,
    farewell: Option<ServerMessage>,
    end: Option<End>,
    /// Since when something waits to be taken.
    waiting_since: Option<Instant>,
}

#[derive(Debug)]
struct Desired {
    published: Published,
    apply_jitter: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Unanswered {
    push_id: PushId,
    offered: Held,
    /// When it came out, or its agent last said that it is applying it.
    since: Instant,
}

/// What comes out next.
#[derive(Debug)]
pub(super) enum Next {
    Message(ServerMessage),
    /// The last thing that ever comes out.
    End(End),
    /// Nothing for the moment.
    Nothing,
}

/// What an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// To the push that was unanswered.
    Timely,
    /// To one that was answered before.
    Repeated,
}

impl Slots {
    /// The answer to a hello; comes out before everything else. `outbox_id` is that of the hello.
    pub(super) fn welcome(&mut self, outbox_id: OutboxId, welcome: Welcome, now: Instant) {
        self.acked = Some(ReportAck { outbox_id, next: welcome.next_sequence, slow_down: Duration::ZERO });
        self.welcome = Some(Box::new(welcome));
        self.welcomed = true;
        self.waits(now);
    }

    /// The assignment that the agent shall hold. One that this session has seen already is ignored.
    pub(super) fn offer(&mut self, published: Published, apply_jitter: Duration, now: Instant) {
        let revision = published.held().revision;
        if self.seen < Some(revision) {
            self.seen = Some(revision);
            self.desired = Some(Desired { published, apply_jitter });
            self.waits(now);
        }
    }

    /// The agent holds this revision as it is: it is not pushed.
    pub(super) fn needs_not(&mut self, revision: Revision) {
        self.seen = self.seen.max(Some(revision));
    }

    /// Acknowledges what was committed. Cumulative: it never takes anything back.
    pub(super) fn ack(&mut self, ack: ReportAck, now: Instant) {
        let next = match self.acked {
            Some(acked) if acked.outbox_id == ack.outbox_id => acked.next.max(ack.next),
            Some(_) | None => ack.next,
        };
        let ack = ReportAck { next, ..ack };
        (self.ack, self.acked) = (Some(ack), Some(ack));
        self.waits(now);
    }

    /// Asks for a batch again, a little later: repeats what is committed, and nothing that is in flight.
    pub(super) fn defer(&mut self, outbox_id: OutboxId, slow_down: Duration, now: Instant) {
        let acked = self.acked.filter(|acked| acked.outbox_id == outbox_id);
        // Below 0 there is nothing: of an outbox that we know nothing of, everything is still to be sent.
        let next = acked.map_or(Sequence::default(), |acked| acked.next);
        self.ack(ReportAck { outbox_id, next, slow_down }, now);
    }

    pub(super) fn heartbeat(&mut self, server_time: SystemTime, now: Instant) {
        self.heartbeat_ack = Some(server_time);
        self.waits(now);
    }

    pub(super) fn evaluate(&mut self, request_id: u64, now: Instant) {
        self.evaluate = Some(request_id);
        self.waits(now);
    }

    pub(super) fn renew(&mut self, spread: Duration, now: Instant) {
        self.renew = Some(spread);
        self.waits(now);
    }

    /// Asks for a sweep within this time; a later wish replaces an earlier one.
    pub(super) fn sweep(&mut self, spread: Duration, now: Instant) {
        self.sweep = Some(spread);
        self.waits(now);
    }

    pub(super) fn tuning(&mut self, tuning: Tuning, now: Instant) {
        self.tuning = Some(Box::new(tuning));
        self.waits(now);
    }

    /// Ends the session: what is committed is still acknowledged, `farewell` is said, nothing else follows. The first end
    /// counts.
    pub(super) fn end(&mut self, end: End, farewell: Option<ServerMessage>, now: Instant) {
        if self.end.is_none() {
            (self.evaluate, self.renew, self.sweep, self.desired) = (None, None, None, None);
            (self.end, self.farewell) = (Some(end), farewell);
            self.waits(now);
        }
    }

    /// Why the session ends, if it does.
    pub(super) fn ending(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Takes the credit for a batch of reports. False if one is in flight already.
    pub(super) fn begin_reports(&mut self) -> bool {
        !std::mem::replace(&mut self.reports_in_flight, true)
    }

    /// Gives the credit back.
    pub(super) fn finish_reports(&mut self) {
        self.reports_in_flight = false;
    }

    /// Takes the credit for a record of evidence. False if one is in flight already.
    pub(super) fn begin_evidence(&mut self) -> bool {
        !std::mem::replace(&mut self.evidence_in_flight, true)
    }

    /// Gives the credit back; the evidence is committed unless there is nothing to acknowledge.
    pub(super) fn finish_evidence(&mut self, committed: Option<EvaluationId>, now: Instant) {
        self.evidence_in_flight = false;
        if committed.is_some() {
            self.evidence_ack = committed;
            self.waits(now);
        }
    }

    /// Pairs an answer with its push.
    ///
    /// # Errors
    /// Nothing of the kind was ever pushed in this session.
    pub(super) fn answered(&mut self, result: &AssignmentResult, now: Instant) -> Result<Answer, Violations> {
        let path = Path::root().field("assignment_result");
        match self.unanswered {
            Some(Unanswered { push_id, offered, .. }) if push_id == result.push_id => {
                if offered != result.offered {
                    let message =
                        format!("{} was not what push {push_id} offered ({offered})", result.offered);
                    return Err(Violations::one(&path.field("revision"), message));
                }
                if result.outcome == AssignmentOutcome::Applying {
                    self.unanswered = Some(Unanswered { push_id, offered, since: now });
                } else {
                    self.unanswered = None;
                    // What was held back until now begins to wait now.
                    if self.desired.is_some() {
                        self.waits(now);
                    }
                }
                Ok(Answer::Timely)
            }
            Some(_) | None if result.push_id != PushId::default() && result.push_id <= self.last_push => {
                Ok(Answer::Repeated)
            }
            Some(_) | None => {
                let message = format!("{} was never pushed in this session", result.push_id);
                Err(Violations::one(&path.field("push_id"), message))
            }
        }
    }

    /// Takes the next message out.
    pub(super) fn take(&mut self, now: Instant) -> Next {
        let next = self.next(now);
        self.waiting_since = self.has_more().then_some(now);
        next
    }

    /// Since when something waits to be taken; `None` while nothing does.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        self.waiting_since
    }

    /// Since when the push is unanswered that keeps a newer assignment back; `None` while nothing is kept back.
    pub(super) fn held_back_since(&self) -> Option<Instant> {
        self.unanswered.filter(|_| self.desired.is_some()).map(|unanswered| unanswered.since)
    }

    fn next(&mut self, now: Instant) -> Next {
        if !self.welcomed && self.end.is_none() {
            return Next::Nothing;
        }
        if let Some(welcome) = self.welcome.take() {
            return Next::Message(ServerMessage::Welcome(*welcome));
        }
        if let Some(tuning) = self.tuning.take() {
            return Next::Message(ServerMessage::Tuning(*tuning));
        }
        if let Some(ack) = self.ack.take() {
            return Next::Message(ServerMessage::ReportAck(ack));
        }
        if let Some(evaluation) = self.evidence_ack.take() {
            return Next::Message(ServerMessage::EvidenceAck { evaluation });
        }
        if let Some(server_time) = self.heartbeat_ack.take() {
            return Next::Message(ServerMessage::HeartbeatAck { server_time });
        }
        if let Some(farewell) = self.farewell.take() {
            return Next::Message(farewell);
        }
        if let Some(end) = &self.end {
            return Next::End(end.clone());
        }
        if let Some(request_id) = self.evaluate.take() {
            return Next::Message(ServerMessage::Evaluate { request_id });
        }
        if let Some(spread) = self.renew.take() {
            return Next::Message(ServerMessage::RenewNow { spread });
        }
        if let Some(spread) = self.sweep.take() {
            return Next::Message(ServerMessage::SweepNow { spread });
        }
        self.push(now)
            .map_or(Next::Nothing, |assignment| Next::Message(ServerMessage::Assignment(assignment)))
    }

    fn push(&mut self, now: Instant) -> Option<Assignment> {
        if self.unanswered.is_some() {
            return None;
        }
        let Desired { published, apply_jitter } = self.desired.take()?;
        let (push_id, offered) = (self.last_push.plus(1), published.held());
        self.last_push = push_id;
        self.unanswered = Some(Unanswered { push_id, offered, since: now });
        Some(Assignment { push_id, offered, settings: published.encoded().clone(), apply_jitter })
    }

    fn has_more(&self) -> bool {
        let Self { welcome, tuning, ack, evidence_ack, heartbeat_ack, .. } = self;
        let Self { evaluate, renew, sweep, desired, unanswered, .. } = self;
        let has_message = welcome.is_some()
            || tuning.is_some()
            || ack.is_some()
            || evidence_ack.is_some()
            || heartbeat_ack.is_some()
            || evaluate.is_some()
            || renew.is_some()
            || sweep.is_some()
            || (desired.is_some() && unanswered.is_none());
        self.end.is_some() || (self.welcomed && has_message)
    }

    fn waits(&mut self, now: Instant) {
        if self.waiting_since.is_none() && self.has_more() {
            self.waiting_since = Some(now);
        }
    }
}

#[cfg(test)]
mod tests;
