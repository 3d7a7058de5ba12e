//! What the agent saw, and which reference servers answer: told to a server that wants to know.

use landmark_proto::evidence::{Evidence, Outcome, replay};
use landmark_proto::ids::EvaluationId;
use landmark_proto::message::{Hello, SweepReport, Tuning, Welcome};

use super::*;
use crate::link::testing::fleet::Session;

/// With a server that wants evidence, and sweeps only when it asks for them.
async fn curious(setup: &mut Setup) -> (Session, Hello) {
    let (mut session, hello) = setup.plane.accept().await;
    let welcome = Welcome { wants_evidence: true, ..welcome(hello.outbox.first) };
    assert_eq!(welcome.tuning.sweep_interval, Tuning::default().sweep_interval);
    session.say(ServerMessage::Welcome(welcome)).await;
    (session, hello)
}

fn evidence(message: &AgentMessage) -> Option<Evidence> {
    let AgentMessage::Evidence(evidence) = message else { return None };
    Some(Evidence::clone(evidence))
}

fn sweep(message: &AgentMessage) -> Option<SweepReport> {
    let AgentMessage::SweepReport(report) = message else { return None };
    Some(report.clone())
}

#[tokio::test]
async fn evidence_that_is_not_acknowledged_is_sent_again_in_the_next_session() {
    let mut setup = Setup::new().await;
    let agent = setup.start().await;
    let (mut session, _) = curious(&mut setup).await;
    let first = session.until(evidence).await;
    assert_eq!((first.evaluation, first.verdict.location), (EvaluationId::new(1), Location::Unknown));
    assert_eq!(replay(&first), first.verdict);
    // Evaluations are 50 ms apart: else the session may be lost, and the next one stand, before that was looked at.
    agent.location(Location::Internal).await;
    drop(session);
    agent.location(Location::Unknown).await;

    let (mut session, _) = curious(&mut setup).await;
    assert_eq!(session.until(evidence).await, first, "what the server may have lost comes again, and first");
    session.say(ServerMessage::EvidenceAck { evaluation: first.evaluation }).await;
    let second = session.until(evidence).await;
    assert_eq!(
        second.verdict.basis,
        Basis::ManagementServer,
        "the next change, once the one before is stored"
    );
    session.say(ServerMessage::EvidenceAck { evaluation: second.evaluation }).await;
    let third = session.until(evidence).await;
    assert_eq!(third.verdict.basis, Basis::NoAssignment, "made while there was no server");
    agent.stop().await;
}

#[tokio::test]
async fn what_the_server_asked_for_it_learns_though_nothing_changed() {
    let mut setup = Setup::new().await;
    let agent = setup.start().await;
    let (mut session, _) = curious(&mut setup).await;
    agent.location(Location::Internal).await;
    session.say(ServerMessage::Evaluate { request_id: 1 }).await;
    loop {
        let seen = session.until(evidence).await;
        session.say(ServerMessage::EvidenceAck { evaluation: seen.evaluation }).await;
        if seen.triggers.contains(&Trigger::ServerRequest) {
            assert_eq!(seen.verdict.location, Location::Internal);
            break;
        }
    }
    agent.stop().await;
}

#[tokio::test]
async fn a_sweep_is_told_and_told_again_to_a_server_that_may_have_forgotten_it() {
    let mut setup = Setup::new().await;
    let reference = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let agent = setup.start().await;
    let (mut session, _) = curious(&mut setup).await;
    let push = offer(1, &list_of(&reference));
    session.say(ServerMessage::Assignment(push.clone())).await;
    session.until(final_outcome).await;
    session.say(ServerMessage::SweepNow { spread: Duration::ZERO }).await;
    let report = session.until(sweep).await;
    assert_eq!(report.held, push.offered);
    let [result] = report.results.as_slice() else { panic!("{report:?}") };
    assert_eq!((result.position, result.outcome, result.counts), (0, Outcome::Answered, true));
    drop(session);

    let (mut session, _) = curious(&mut setup).await;
    let again = session.until(sweep).await;
    assert_eq!((again.held, &again.results), (report.held, &report.results));
    assert!(again.age >= report.age, "its age is told");
    // Of another list it would say nothing.
    session.say(ServerMessage::Assignment(offer(2, &settings(&["192.0.2.1"])))).await;
    session.until(final_outcome).await;
    drop(session);
    let (mut session, _) = curious(&mut setup).await;
    session.say(ServerMessage::Evaluate { request_id: 1 }).await;
    loop {
        let message = session.receive().await;
        assert_eq!(sweep(&message), None, "{message:?}");
        if let Some(seen) = evidence(&message) {
            session.say(ServerMessage::EvidenceAck { evaluation: seen.evaluation }).await;
            if seen.triggers.contains(&Trigger::ServerRequest) {
                break;
            }
        }
    }
    agent.stop().await;
}
