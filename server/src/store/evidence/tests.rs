use std::time::Duration;

use landmark_proto::ids::BootId;
use landmark_proto::location::{Basis, LinkState, Location, Trigger, Verdict};
use uuid::Uuid;

use super::super::Batch;
use super::super::agents::tests::Place;
use super::*;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
}

/// Of a machine without an assignment that lost its server: unknown.
pub(crate) fn evidence(evaluation: u64, location: Location) -> Evidence {
    Evidence {
        evaluation: EvaluationId::new(evaluation),
        boot_id: BootId::from_uuid(Uuid::from_u128(7)),
        started_at: at(evaluation),
        triggers: vec![Trigger::LinkLost],
        link: LinkState::Lost,
        held: None,
        attempts: Vec::new(),
        default_routes: Vec::new(),
        standing: None,
        verdict: Verdict { location, basis: Basis::NoAssignment },
        decided_in: Duration::from_millis(5),
        settled_in: Duration::from_millis(6),
    }
}

fn record(agent_id: AgentId, evaluation: u64) -> EvidenceRecord {
    EvidenceRecord::new(agent_id, &evidence(evaluation, Location::Unknown))
}

impl Place {
    async fn take(&self, records: &[EvidenceRecord], now: SystemTime) -> Vec<bool> {
        let batch = Batch { evidence: records, ..Batch::default() };
        self.store.write_batch(batch, now).await.unwrap().evidence
    }

    async fn evaluations(&self, agent_id: AgentId) -> Vec<u64> {
        let kept = self.store.evidence(agent_id, 16).await.unwrap();
        kept.iter().map(|stored| stored.evidence.evaluation.get()).collect()
    }
}

#[tokio::test]
async fn a_record_is_read_as_it_was_written() {
    let place = Place::new().await;
    let agent_id = place.enroll("a").await;
    let (good, bad) = (evidence(1, Location::Unknown), evidence(2, Location::Internal));
    let records = [&good, &bad].map(|evidence| EvidenceRecord::new(agent_id, evidence));
    assert_eq!(place.take(&records, at(9)).await, [true, true]);
    let stored = |evidence: &Evidence, follows| StoredEvidence {
        evidence: evidence.clone(),
        received_at: at(9),
        follows,
    };
    let kept = place.store.evidence(agent_id, 16).await.unwrap();
    assert_eq!(kept, [stored(&bad, false), stored(&good, true)]);
    assert_eq!(place.store.evidence(agent_id, 1).await.unwrap(), [stored(&bad, false)]);
}

#[tokio::test]
async fn what_is_sent_again_is_kept_once() {
    let place = Place::new().await;
    let agent_id = place.enroll("a").await;
    place.take(&[record(agent_id, 1), record(agent_id, 2)], at(10)).await;
    assert_eq!(place.take(&[record(agent_id, 1), record(agent_id, 3)], at(20)).await, [true, true]);
    assert_eq!(place.evaluations(agent_id).await, [3, 2, 1]);
    let first = place.store.evidence(agent_id, 16).await.unwrap().pop().unwrap();
    assert_eq!(first.received_at, at(10), "it came then");
}

#[tokio::test]
async fn the_newest_that_came_are_kept_whatever_the_agents_clock_says() {
    let place = Place::new().await;
    let (agent_id, other) = (place.enroll("a").await, place.enroll("b").await);
    let from_the_future = EvidenceRecord { started_at: at(1_000_000_000), ..record(agent_id, 1) };
    place.take(&[from_the_future, record(other, 1)], at(0)).await;
    for number in 2..=30 {
        place.take(&[record(agent_id, number)], at(number)).await;
    }
    assert_eq!(place.evaluations(agent_id).await, (23..=30).rev().collect::<Vec<_>>());
    assert_eq!(place.evaluations(other).await, [1], "nobody loses evidence to another");
}

#[test]
fn few_large_records_take_the_place_of_many_small_ones() {
    let kilobytes = |sizes: &[i64]| -> Vec<(i64, i64)> {
        let positions = (1..=i64::try_from(sizes.len()).unwrap()).rev();
        positions.zip(sizes).map(|(position, size)| (position, size * 1024)).collect()
    };
    assert_eq!(newest_to_go(&kilobytes(&[5; 8])), None);
    assert_eq!(newest_to_go(&kilobytes(&[5; 9])), Some(1));
    assert_eq!(newest_to_go(&kilobytes(&[240, 240, 32])), None);
    assert_eq!(newest_to_go(&kilobytes(&[240, 240, 33, 1])), Some(2));
    assert_eq!(newest_to_go(&kilobytes(&[900])), None, "the newest is kept in any case");
    assert_eq!(newest_to_go(&[]), None);
}

#[tokio::test]
async fn evidence_goes_with_its_agent_and_none_comes_after_it() {
    let place = Place::new().await;
    let agent_id = place.enroll("a").await;
    place.take(&[record(agent_id, 1)], at(0)).await;
    place.store.remove_agent(agent_id, at(1)).await.unwrap();
    assert_eq!(place.take(&[record(agent_id, 2)], at(2)).await, [false]);
    assert_eq!(place.evaluations(agent_id).await, [0; 0]);
}
