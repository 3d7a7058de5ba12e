use std::time::SystemTime;

use landmark_proto::ids::{Epoch, OutboxId};
use landmark_proto::location::Location;
use landmark_proto::message::{EnforcementState, RejectionCode};
use uuid::Uuid;

use super::*;
use crate::ledger::testing::{offer, settings};

const HALF: f64 = 0.5;

fn share() -> Share {
    Share::new(HALF)
}

fn conversation(now: Instant) -> Conversation {
    let welcome = Welcome {
        epoch: Epoch::new(1),
        server_time: SystemTime::UNIX_EPOCH,
        tuning: Tuning::default(),
        next_sequence: Sequence::new(5),
        up_to_date: true,
        wants_evidence: true,
        wants_firewall_hits: false,
    };
    Conversation::new(&welcome, Sequence::new(5), Memory::default(), now, share())
}

fn ack(next: u64, slow_down: Duration) -> ServerMessage {
    let outbox_id = OutboxId::from_uuid(Uuid::nil());
    ServerMessage::ReportAck(ReportAck { outbox_id, next: Sequence::new(next), slow_down })
}

fn status(location: Location) -> EnforcementStatus {
    EnforcementStatus {
        state: EnforcementState::Applied,
        backend: "command".into(),
        reason: String::new(),
        location,
        revision: None,
        since: SystemTime::UNIX_EPOCH,
        profile: None,
    }
}

/// Everything there is to say now, batches taken as sent.
fn said(conversation: &mut Conversation, reports_until: u64, now: Instant) -> Vec<String> {
    let until = Sequence::new(reports_until);
    let mut said = Vec::new();
    while let Some(say) = conversation.next(until, now, share()) {
        said.push(match say {
            Say::Batch(from) => {
                conversation.sent_batch(from, until);
                format!("reports {from} to {until}")
            }
            Say::Evidence => "evidence".into(),
            Say::Message(AgentMessage::AssignmentResult(AssignmentResult { push_id, outcome, .. })) => {
                let outcome = match outcome {
                    AssignmentOutcome::Applying => "applying",
                    AssignmentOutcome::Applied => "applied",
                    AssignmentOutcome::Rejected(_) => "rejected",
                };
                format!("push {push_id} {outcome}")
            }
            Say::Message(AgentMessage::Enforcement(status)) => format!("enforcement {}", status.location),
            Say::Message(AgentMessage::Heartbeat) => "heartbeat".into(),
            Say::Message(AgentMessage::Goodbye { reason }) => format!("goodbye {reason}"),
            Say::Message(other) => format!("{other:?}"),
        });
    }
    said
}

#[test]
fn a_push_is_offered_then_applying_then_applied() {
    let now = Instant::now();
    let mut conversation = conversation(now);
    let assignment = offer(7, &settings(&["a"]));
    let (push_id, offered) = (assignment.push_id, assignment.offered);
    let demand = conversation.receive(ServerMessage::Assignment(assignment.clone()), now, share());
    assert_eq!(demand, Some(Demand::Offer(assignment)));
    assert_eq!(said(&mut conversation, 0, now), Vec::<String>::new());
    conversation.judged(push_id, offered, None);
    assert_eq!(said(&mut conversation, 0, now), ["push 1 applying"]);
    assert_eq!(conversation.applying(), Some(offered));
    conversation.enforced(status(Location::Internal));
    conversation.applied();
    assert_eq!(said(&mut conversation, 0, now), ["enforcement internal", "push 1 applied"]);
    assert_eq!(conversation.applying(), None);
    let last = conversation.into_memory().last_result.unwrap();
    assert_eq!((last.push_id.get(), last.outcome), (0, AssignmentOutcome::Applied));
}

#[test]
fn what_was_not_said_yet_is_replaced_by_what_is_newer() {
    let now = Instant::now();
    let mut conversation = conversation(now);
    let offered = offer(7, &settings(&["a"])).offered;
    conversation.judged(PushId::new(1), offered, None);
    conversation.applied();
    for location in [Location::Internal, Location::External] {
        conversation.enforced(status(location));
    }
    assert_eq!(said(&mut conversation, 0, now), ["enforcement external", "push 1 applied"]);
}

#[test]
fn a_refusal_is_answered_and_remembered() {
    let now = Instant::now();
    let mut conversation = conversation(now);
    let offered = offer(7, &settings(&["a"])).offered;
    let rejection = Rejection { code: RejectionCode::Outdated, violations: None, still_held: None };
    conversation.judged(PushId::new(3), offered, Some(rejection.clone()));
    assert_eq!(conversation.applying(), None);
    assert_eq!(said(&mut conversation, 0, now), ["push 3 rejected"]);
    let last = conversation.into_memory().last_result.unwrap();
    assert_eq!(last.outcome, AssignmentOutcome::Rejected(rejection));
}

#[test]
fn one_batch_is_in_flight_and_the_server_sets_the_pace() {
    let now = Instant::now();
    let mut conversation = conversation(now);
    assert_eq!(said(&mut conversation, 8, now), ["reports 5 to 8"]);
    assert_eq!(said(&mut conversation, 9, now), Vec::<String>::new());
    let pause = Duration::from_secs(3);
    conversation.receive(ack(8, pause), now, share());
    assert_eq!(said(&mut conversation, 9, now), Vec::<String>::new());
    assert_eq!(conversation.wake_at(Sequence::new(9)), now + pause);
    assert_eq!(said(&mut conversation, 9, now + pause), ["reports 8 to 9"]);
}

#[test]
fn what_an_acknowledgement_leaves_out_is_sent_again() {
    let now = Instant::now();
    let mut conversation = conversation(now);
    said(&mut conversation, 8, now);
    conversation.receive(ack(6, Duration::ZERO), now, share());
    assert_eq!(said(&mut conversation, 8, now), ["reports 6 to 8"]);
    conversation.receive(ack(6, Duration::ZERO), now, share());
    assert_eq!(said(&mut conversation, 8, now), Vec::<String>::new());
    assert_eq!(said(&mut conversation, 8, now + NOTHING_COMMITTED), ["reports 6 to 8"]);
    conversation.receive(ack(8, Duration::ZERO), now, share());
    conversation.receive(ack(3, Duration::ZERO), now, share());
    assert_eq!(said(&mut conversation, 8, now), Vec::<String>::new());
}

#[test]
fn heartbeats_are_jittered_and_must_be_answered() {
    let now = Instant::now();
    let mut conversation = conversation(now);
    let interval = Tuning::default().heartbeat_interval;
    assert_eq!(conversation.wake_at(Sequence::default()), now + interval);
    let later = now + interval;
    assert_eq!(said(&mut conversation, 0, later), ["heartbeat"]);
    assert_eq!(conversation.overdue(later + HEARTBEAT_LIMIT / 2), None);
    assert!(matches!(conversation.overdue(later + HEARTBEAT_LIMIT), Some(End::Closed(_))));
    let answer = ServerMessage::HeartbeatAck { server_time: SystemTime::UNIX_EPOCH };
    assert_eq!(conversation.receive(answer, later, share()), None);
    assert_eq!(conversation.overdue(later + HEARTBEAT_LIMIT), None);
}

#[test]
fn a_shorter_heartbeat_counts_at_once() {
    let now = Instant::now();
    let mut conversation = conversation(now);
    let tuning = Tuning { heartbeat_interval: Duration::from_secs(10), ..Tuning::default() };
    let demand = conversation.receive(ServerMessage::Tuning(tuning.clone()), now, share());
    assert_eq!(demand, Some(Demand::Tune(tuning)));
    assert_eq!(conversation.wake_at(Sequence::default()), now + Duration::from_secs(10));
}

#[test]
fn what_the_server_asks_for_is_handed_on() {
    let now = Instant::now();
    let receive = |message| conversation(now).receive(message, now, share());
    assert_eq!(receive(ServerMessage::Evaluate { request_id: 4 }), Some(Demand::Evaluate));
    let spread = Duration::from_secs(100);
    assert_eq!(receive(ServerMessage::RenewNow { spread }), Some(Demand::Renew(spread / 2)));
    let revoked = ServerMessage::Revoked { reason: "removed".into() };
    assert_eq!(receive(revoked), Some(Demand::End(End::Revoked("removed".into()))));
    let drain = ServerMessage::Drain { reason: "update".into(), reconnect_after: spread };
    let end = End::Drained { reason: "update".into(), reconnect_after: spread };
    assert_eq!(receive(drain), Some(Demand::End(end)));
}

#[test]
fn the_agent_says_goodbye_after_everything_else() {
    let now = Instant::now();
    let mut conversation = conversation(now);
    conversation.leave("stopping");
    conversation.enforced(status(Location::Internal));
    assert_eq!(
        said(&mut conversation, 6, now),
        ["enforcement internal", "reports 5 to 6", "goodbye stopping"]
    );
}

fn evidence_ack(evaluation: u64) -> ServerMessage {
    ServerMessage::EvidenceAck { evaluation: EvaluationId::new(evaluation) }
}

#[test]
fn evidence_is_sent_one_at_a_time_and_again_when_it_is_not_acknowledged() {
    let now = Instant::now();
    let mut conversation = conversation(now);
    let next = |conversation: &mut Conversation, now| conversation.next(Sequence::new(5), now, share());
    assert_eq!(next(&mut conversation, now), None);
    conversation.has_evidence(true);
    assert_eq!(next(&mut conversation, now), Some(Say::Evidence));
    conversation.sent_evidence(EvaluationId::new(3), now);
    assert_eq!(next(&mut conversation, now), None, "one is under way");
    assert_eq!(conversation.receive(evidence_ack(2), now, share()), Some(Demand::Seen(EvaluationId::new(2))));
    assert_eq!(next(&mut conversation, now), None, "that was another");
    assert_eq!(conversation.receive(evidence_ack(3), now, share()), Some(Demand::Seen(EvaluationId::new(3))));
    assert_eq!(next(&mut conversation, now), Some(Say::Evidence));
    conversation.sent_evidence(EvaluationId::new(4), now);
    assert_eq!(conversation.wake_at(Sequence::new(5)), now + EVIDENCE_AGAIN);
    assert_eq!(next(&mut conversation, now + EVIDENCE_AGAIN), Some(Say::Evidence), "the server had no room");
    conversation.has_evidence(false);
    assert_eq!(next(&mut conversation, now + EVIDENCE_AGAIN), None);
}

#[test]
fn a_server_that_wants_no_evidence_gets_none() {
    let now = Instant::now();
    let welcome = Welcome {
        epoch: Epoch::new(1),
        server_time: SystemTime::UNIX_EPOCH,
        tuning: Tuning::default(),
        next_sequence: Sequence::new(5),
        up_to_date: true,
        wants_evidence: false,
        wants_firewall_hits: false,
    };
    let mut conversation = Conversation::new(&welcome, Sequence::new(5), Memory::default(), now, share());
    conversation.has_evidence(true);
    assert_eq!(conversation.next(Sequence::new(5), now, share()), None);
}

#[test]
fn a_changed_network_is_tested_before_anything_else_is_said() {
    let now = Instant::now();
    let mut conversation = conversation(now);
    conversation.enforced(status(Location::Internal));
    conversation.doubt_way(now);
    assert_eq!(conversation.overdue(now), None);
    assert_eq!(said(&mut conversation, 5, now), ["heartbeat", "enforcement internal"]);
    let limit = now + Duration::from_secs(1);
    assert_eq!(conversation.wake_at(Sequence::new(5)), limit);
    let answer = ServerMessage::HeartbeatAck { server_time: SystemTime::UNIX_EPOCH };
    conversation.receive(answer, now, share());
    assert_eq!(conversation.overdue(limit), None);
    conversation.doubt_way(limit);
    conversation.overdue(limit);
    assert_eq!(said(&mut conversation, 5, limit), ["heartbeat"]);
    let End::Closed(why) = conversation.overdue(limit + Duration::from_secs(1)).unwrap() else { panic!() };
    assert_eq!(why, "no answer within 1 s after the network changed");
}

#[test]
fn a_sweep_is_said_once_and_the_newest_replaces_the_one_before() {
    let now = Instant::now();
    let mut conversation = conversation(now);
    let report = |revision| {
        let held = offer(revision, &settings(&["a"])).offered;
        SweepReport { held, age: Duration::ZERO, results: Vec::new() }
    };
    conversation.swept(report(1));
    conversation.swept(report(2));
    let said = conversation.next(Sequence::new(5), now, share());
    assert_eq!(said, Some(Say::Message(AgentMessage::SweepReport(report(2)))));
    assert_eq!(conversation.next(Sequence::new(5), now, share()), None);
    let asked =
        conversation.receive(ServerMessage::SweepNow { spread: Duration::from_secs(10) }, now, share());
    assert_eq!(asked, Some(Demand::Sweep(Duration::from_secs(5))));
}
