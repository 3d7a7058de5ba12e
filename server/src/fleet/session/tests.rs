use landmark_proto::ids::{AgentId, BootId, PushId};
use landmark_proto::message::{HostFacts, Rejection, RejectionCode};
use landmark_proto::pin::SpkiPin;
use uuid::Uuid;

use super::*;
use crate::fleet::AssignmentState;
use crate::fleet::testing::{assignments, hello};

fn agent() -> Agent {
    let agent_id = AgentId::from_uuid(Uuid::from_u128(1));
    let epoch = SystemTime::UNIX_EPOCH;
    Agent::enrolled(agent_id, SpkiPin::of(b""), HostFacts::default(), epoch, epoch)
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

#[test]
fn epochs_rise_whatever_the_clock_does() {
    let first = next_epoch(Epoch::default(), at(100));
    let second = next_epoch(first, at(101));
    let third = next_epoch(second, at(50));
    let fourth = next_epoch(third, at(50));
    assert!(first < second && second < third && third < fourth);
    assert_eq!(second.get(), 101_000);
}

#[tokio::test]
async fn what_is_held_decides_whether_something_is_pushed() {
    let [first, second] = assignments().await;
    let offered =
        |held, present: Option<&Published>| match note_hello(&mut agent(), hello(held), present, at(1), None)
            .offered
        {
            Offered::Nothing => "nothing",
            Offered::Held(_) => "held",
            Offered::Push(_) => "push",
        };
    assert_eq!(offered(None, None), "nothing");
    assert_eq!(offered(Some(first.held()), None), "nothing");
    assert_eq!(offered(None, Some(&first)), "push");
    assert_eq!(offered(Some(first.held()), Some(&first)), "held");
    assert_eq!(offered(Some(first.held()), Some(&second)), "push");
    // The server's database was restored: the agent will refuse, and everyone can see why.
    assert_eq!(offered(Some(second.held()), Some(&first)), "push");
}

#[tokio::test]
async fn a_refusal_that_was_lost_is_known_after_the_hello_and_forgotten_once_it_is_held() {
    let [first, second] = assignments().await;
    let mut agent = agent();
    let rejection =
        Rejection { code: RejectionCode::Storage, violations: None, still_held: Some(first.held()) };
    let result = AssignmentResult {
        push_id: PushId::default(),
        offered: second.held(),
        outcome: AssignmentOutcome::Rejected(rejection),
    };
    let lost = Hello { last_result: Some(result), ..hello(Some(first.held())) };
    note_hello(&mut agent, lost, Some(&second), at(1), None);
    assert_eq!(agent.assignment_state(Some(second.held())), AssignmentState::Rejected);
    note_hello(&mut agent, hello(Some(first.held())), Some(&second), at(2), None);
    assert_eq!(agent.assignment_state(Some(second.held())), AssignmentState::Rejected, "still so");
    note_hello(&mut agent, hello(Some(second.held())), Some(&second), at(3), None);
    assert_eq!(agent.refused, None);
}

#[test]
fn a_clone_is_told_of_when_it_is_found() {
    let mut agent = agent();
    let mut say = |boot: u128| {
        let hello = Hello { boot_id: BootId::from_uuid(Uuid::from_u128(boot)), ..hello(None) };
        note_hello(&mut agent, hello, None, at(1), None).is_clone
    };
    assert_eq!([1, 2, 1, 2].map(&mut say), [false, false, true, false]);
}
