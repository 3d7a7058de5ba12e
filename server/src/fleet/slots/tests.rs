use landmark_proto::ids::Epoch;
use landmark_proto::message::{Rejection, RejectionCode};
use uuid::Uuid;

use super::*;
use crate::fleet::testing::assignments;

const LATER: Duration = Duration::from_secs(5);

fn outbox(number: u128) -> OutboxId {
    OutboxId::from_uuid(Uuid::from_u128(number))
}

fn ack(number: u128, next: u64) -> ReportAck {
    ReportAck { outbox_id: outbox(number), next: Sequence::new(next), slow_down: Duration::ZERO }
}

/// Slots whose welcome is out.
fn welcomed(now: Instant) -> Slots {
    let mut slots = Slots::default();
    let welcome = Welcome {
        epoch: Epoch::new(1),
        server_time: SystemTime::UNIX_EPOCH,
        tuning: Tuning::default(),
        next_sequence: Sequence::new(3),
        up_to_date: false,
        wants_evidence: false,
        wants_firewall_hits: false,
    };
    slots.welcome(outbox(1), welcome, now);
    assert!(matches!(slots.take(now), Next::Message(ServerMessage::Welcome(_))));
    slots
}

fn pushed(slots: &mut Slots, now: Instant) -> Assignment {
    let next = slots.take(now);
    let Next::Message(ServerMessage::Assignment(assignment)) = next else { panic!("{next:?}") };
    assignment
}

fn acked(slots: &mut Slots, now: Instant) -> ReportAck {
    let next = slots.take(now);
    let Next::Message(ServerMessage::ReportAck(ack)) = next else { panic!("{next:?}") };
    ack
}

fn answer(to: &Assignment, outcome: AssignmentOutcome) -> AssignmentResult {
    AssignmentResult { push_id: to.push_id, offered: to.offered, outcome }
}

#[tokio::test]
async fn nothing_comes_out_before_the_welcome_but_an_end() {
    let ([published], now) = (assignments().await, Instant::now());
    let mut slots = Slots::default();
    slots.offer(published, Duration::ZERO, now);
    slots.evaluate(1, now);
    assert!(matches!(slots.take(now), Next::Nothing));
    assert_eq!(slots.waiting_since(), None, "nobody is blamed for not reading it");
    slots.end(End::Removed, Some(ServerMessage::Revoked { reason: String::new() }), now);
    assert!(matches!(slots.take(now), Next::Message(ServerMessage::Revoked { .. })));
    assert!(matches!(slots.take(now), Next::End(End::Removed)));
}

#[tokio::test]
async fn a_newer_assignment_replaces_the_one_that_waits() {
    let ([first, second, third], now) = (assignments().await, Instant::now());
    let mut slots = welcomed(now);
    slots.offer(first.clone(), Duration::ZERO, now);
    slots.offer(second.clone(), Duration::ZERO, now);
    let push = pushed(&mut slots, now);
    assert_eq!(push.offered, second.held());
    slots.offer(first, Duration::ZERO, now);
    slots.offer(second, Duration::ZERO, now);
    assert!(matches!(slots.take(now), Next::Nothing), "seen already");
    slots.offer(third.clone(), LATER, now);
    assert!(matches!(slots.take(now), Next::Nothing), "one unanswered push at most");
    assert_eq!(slots.waiting_since(), None, "held back by us, not by the reader");
    assert_eq!(slots.answered(&answer(&push, AssignmentOutcome::Applying), now), Ok(Answer::Timely));
    assert!(matches!(slots.take(now), Next::Nothing), "applying is not an answer yet");
    assert_eq!(slots.answered(&answer(&push, AssignmentOutcome::Applied), now + LATER), Ok(Answer::Timely));
    assert_eq!(slots.waiting_since(), Some(now + LATER));
    let next = pushed(&mut slots, now + LATER);
    assert_eq!((next.offered, next.apply_jitter), (third.held(), LATER));
    assert!(next.push_id > push.push_id);
}

#[tokio::test]
async fn an_answer_belongs_to_its_push() {
    let ([published, other], now) = (assignments().await, Instant::now());
    let mut slots = welcomed(now);
    slots.offer(published, Duration::ZERO, now);
    let push = pushed(&mut slots, now);
    let rejection = Rejection { code: RejectionCode::Storage, violations: None, still_held: None };
    let rejected = answer(&push, AssignmentOutcome::Rejected(rejection));
    let to_other_content = AssignmentResult { offered: other.held(), ..rejected.clone() };
    assert!(slots.answered(&to_other_content, now).is_err());
    let never_pushed = AssignmentResult { push_id: push.push_id.plus(1), ..rejected.clone() };
    assert!(slots.answered(&never_pushed, now).is_err());
    let nameless = AssignmentResult { push_id: PushId::default(), ..rejected.clone() };
    assert!(slots.answered(&nameless, now).is_err());
    assert_eq!(slots.answered(&rejected, now), Ok(Answer::Timely));
    assert_eq!(slots.answered(&rejected, now), Ok(Answer::Repeated));
}

#[tokio::test]
async fn what_the_agent_holds_is_not_pushed() {
    let ([first, second], now) = (assignments().await, Instant::now());
    let mut slots = welcomed(now);
    slots.needs_not(first.held().revision);
    slots.offer(first, Duration::ZERO, now);
    assert!(matches!(slots.take(now), Next::Nothing));
    slots.offer(second.clone(), Duration::ZERO, now);
    assert_eq!(pushed(&mut slots, now).offered, second.held());
}

#[test]
fn acknowledgements_never_go_back_and_never_promise_what_is_in_flight() {
    let now = Instant::now();
    let mut slots = welcomed(now);
    slots.defer(outbox(1), LATER, now);
    assert_eq!(acked(&mut slots, now), ReportAck { slow_down: LATER, ..ack(1, 3) }, "as welcomed");
    slots.ack(ack(1, 9), now);
    slots.ack(ack(1, 7), now);
    assert_eq!(acked(&mut slots, now), ack(1, 9));
    slots.defer(outbox(1), LATER, now);
    assert_eq!(acked(&mut slots, now).next.get(), 9);
    slots.defer(outbox(2), LATER, now);
    assert_eq!(acked(&mut slots, now), ReportAck { slow_down: LATER, ..ack(2, 0) }, "nothing is known of it");
}

#[test]
fn one_batch_of_reports_is_in_flight() {
    let mut slots = Slots::default();
    assert!(slots.begin_reports());
    assert!(!slots.begin_reports());
    slots.finish_reports();
    assert!(slots.begin_reports());
}

#[test]
fn commands_are_not_queued() {
    let now = Instant::now();
    let mut slots = welcomed(now);
    for request_id in 0..1_000 {
        slots.evaluate(request_id, now);
        slots.heartbeat(SystemTime::UNIX_EPOCH + Duration::from_secs(request_id), now);
    }
    let mut n_messages = 0;
    while let Next::Message(message) = slots.take(now) {
        n_messages += 1;
        if let ServerMessage::Evaluate { request_id } = message {
            assert_eq!(request_id, 999);
        }
    }
    assert_eq!(n_messages, 2);
}

#[tokio::test]
async fn an_end_lets_out_what_is_committed_and_nothing_new() {
    let ([published], now) = (assignments().await, Instant::now());
    let mut slots = welcomed(now);
    slots.offer(published, Duration::ZERO, now);
    slots.evaluate(1, now);
    slots.ack(ack(1, 9), now);
    let drain = ServerMessage::Drain { reason: String::new(), reconnect_after: LATER };
    slots.end(End::Drained, Some(drain), now);
    slots.end(End::Left, None, now);
    assert_eq!(acked(&mut slots, now), ack(1, 9));
    assert!(matches!(slots.take(now), Next::Message(ServerMessage::Drain { .. })));
    assert!(matches!(slots.take(now), Next::End(End::Drained)), "the first end counts");
    assert!(matches!(slots.take(now), Next::End(End::Drained)), "and stays");
}

#[test]
fn the_reader_is_late_from_the_first_thing_it_does_not_take() {
    let start = Instant::now();
    let mut slots = welcomed(start);
    assert_eq!(slots.waiting_since(), None);
    slots.evaluate(1, start);
    slots.renew(LATER, start + LATER);
    assert_eq!(slots.waiting_since(), Some(start));
    slots.take(start + LATER * 2);
    assert_eq!(slots.waiting_since(), Some(start + LATER * 2), "it has begun to read");
    slots.take(start + LATER * 3);
    assert_eq!(slots.waiting_since(), None);
}

#[test]
fn evidence_is_acknowledged_once_and_one_at_a_time() {
    let now = Instant::now();
    let mut slots = welcomed(now);
    assert!(slots.begin_evidence());
    assert!(!slots.begin_evidence(), "one is under way");
    slots.finish_evidence(None, now);
    assert!(matches!(slots.take(now), Next::Nothing), "what was not committed is not acknowledged");
    assert!(slots.begin_evidence());
    slots.finish_evidence(Some(EvaluationId::new(7)), now);
    assert_eq!(slots.waiting_since(), Some(now));
    let next = slots.take(now);
    assert!(
        matches!(next, Next::Message(ServerMessage::EvidenceAck { evaluation }) if evaluation.get() == 7),
        "{next:?}"
    );
    assert!(matches!(slots.take(now), Next::Nothing));
}

#[test]
fn the_last_wish_for_a_sweep_counts_and_an_end_takes_it_back() {
    let now = Instant::now();
    let mut slots = welcomed(now);
    slots.sweep(LATER, now);
    slots.sweep(LATER * 2, now);
    let next = slots.take(now);
    assert!(
        matches!(next, Next::Message(ServerMessage::SweepNow { spread }) if spread == LATER * 2),
        "{next:?}"
    );
    assert_eq!(slots.waiting_since(), None);
    slots.sweep(LATER, now);
    slots.end(End::Drained, None, now);
    assert!(matches!(slots.take(now), Next::End(End::Drained)));
}
