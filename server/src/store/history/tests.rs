use std::time::Duration;

use landmark_proto::ids::{BootId, EvaluationId};
use landmark_proto::location::{Basis, Location, LocationReport, Trigger, Verdict};
use proptest::prelude::*;
use uuid::Uuid;

use super::super::agents::tests::Place;
use super::*;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
}

/// Tells by its evaluation which record it is.
fn report(number: u64) -> LocationReport {
    LocationReport {
        at: at(number),
        boot_id: BootId::from_uuid(Uuid::from_u128(7)),
        since_boot: Duration::from_secs(number),
        verdict: Verdict { location: Location::External, basis: Basis::NoneReachable { n_attempts: 3 } },
        triggers: vec![Trigger::LinkLost],
        revision: None,
        evaluation: EvaluationId::new(number),
        decided_in: Duration::from_millis(5),
        n_flips: 0,
    }
}

fn batch(agent_id: AgentId, outbox: u128, numbers: std::ops::Range<u64>) -> AgentReports {
    let reports = LocationReports {
        outbox_id: OutboxId::from_uuid(Uuid::from_u128(outbox)),
        first: Sequence::new(numbers.start),
        reports: numbers.map(report).collect(),
    };
    AgentReports { agent_id, reports }
}

impl Place {
    async fn append(&self, batch: AgentReports) -> Committed {
        self.append_at(batch, at(0)).await
    }

    async fn append_at(&self, batch: AgentReports, now: SystemTime) -> Committed {
        let batch = Batch { reports: &[batch], ..Batch::default() };
        self.store.write_batch(batch, now).await.unwrap().reports.remove(0).unwrap()
    }

    /// The numbers of the kept records, oldest first.
    async fn kept(&self, agent_id: AgentId) -> Vec<u64> {
        let history = self.store.history(agent_id, u32::MAX).await.unwrap();
        history.iter().rev().map(|reported| reported.report.evaluation.get()).collect()
    }
}

#[tokio::test]
async fn duplicates_are_no_ops_and_gaps_are_counted() {
    let place = Place::new().await;
    let agent_id = place.enroll("a").await;
    let first = place.append(batch(agent_id, 1, 0..3)).await;
    assert_eq!((first.next.get(), first.n_new, first.n_history_lost), (3, 3, 0));
    let again = place.append(batch(agent_id, 1, 0..3)).await;
    assert_eq!((again.next.get(), again.n_new, again.latest), (3, 0, None));
    let overlapping = place.append(batch(agent_id, 1, 1..5)).await;
    assert_eq!((overlapping.next.get(), overlapping.n_new), (5, 2));
    let after_overflow = place.append(batch(agent_id, 1, 9..10)).await;
    assert_eq!((after_overflow.next.get(), after_overflow.n_history_lost), (10, 4));
    let old = place.append(batch(agent_id, 1, 0..2)).await;
    assert_eq!((old.next.get(), old.n_new, old.n_history_lost), (10, 0, 4));
    assert_eq!(place.kept(agent_id).await, [0, 1, 2, 3, 4, 9]);
}

#[tokio::test]
async fn a_new_outbox_starts_where_it_starts_and_the_old_one_is_remembered() {
    let place = Place::new().await;
    let agent_id = place.enroll("a").await;
    place.append(batch(agent_id, 1, 0..3)).await;
    let new = place.append(batch(agent_id, 2, 50..52)).await;
    assert_eq!((new.next.get(), new.n_new, new.n_history_lost), (52, 2, 0));
    let old = place.append(batch(agent_id, 1, 0..3)).await;
    assert_eq!((old.next.get(), old.n_new), (3, 0));
    for outbox in 3..30 {
        place.append_at(batch(agent_id, outbox, 0..1), at(u64::try_from(outbox).unwrap())).await;
    }
    let outbox_id = |number| OutboxId::from_uuid(Uuid::from_u128(number));
    let committed = async |number| place.store.committed(agent_id, outbox_id(number)).await.unwrap();
    assert_eq!(committed(29).await, Some(Sequence::new(1)));
    assert_eq!(committed(3).await, None, "they do not pile up");
    place.append_at(batch(agent_id, 30, 0..1), at(0)).await;
    assert_eq!(committed(30).await, Some(Sequence::new(1)), "though the clock was set back");
}

#[tokio::test]
async fn only_the_newest_records_are_kept() {
    let place = Place::new().await;
    let (agent_id, other) = (place.enroll("a").await, place.enroll("b").await);
    place.append(batch(other, 1, 0..1)).await;
    for start in (0..1_400).step_by(200) {
        place.append(batch(agent_id, 1, start..start + 200)).await;
    }
    let kept = place.kept(agent_id).await;
    assert_eq!((kept.len(), kept.first(), kept.last()), (1_000, Some(&400), Some(&1_399)));
    assert_eq!(place.kept(other).await, [0]);
}

#[tokio::test]
async fn an_unknown_agent_has_no_answer_and_does_not_spoil_the_batch() {
    let place = Place::new().await;
    let agent_id = place.enroll("a").await;
    let stranger = AgentId::from_uuid(Uuid::from_u128(9));
    let reports = [batch(stranger, 1, 0..1), batch(agent_id, 1, 0..1)];
    let batch = Batch { reports: &reports, ..Batch::default() };
    let committed = place.store.write_batch(batch, at(0)).await.unwrap().reports;
    assert_eq!(committed.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true]);
}

#[tokio::test]
async fn the_latest_report_is_read_at_the_next_start() {
    let place = Place::new().await;
    let agent_id = place.enroll("a").await;
    let committed = place.append(batch(agent_id, 1, 4..7)).await;
    let agents = place.store.load_agents().await.unwrap();
    let agent = agents.enrolled.first().unwrap();
    assert_eq!(agent.location, committed.latest);
    assert_eq!(agent.location.as_ref().unwrap().report, report(6));
}

proptest! {
    /// Whatever is sent again, cut or lost, in whatever batches: every record that arrived is taken once, in order.
    #[test]
    fn no_record_is_lost_or_doubled(batches in prop::collection::vec((0_u64..60, 1_u64..20), 1..40)) {
        let mut committed = None;
        let mut taken = Vec::new();
        let mut n_lost = 0;
        for (first, n_records) in batches {
            let plan = plan(committed, Sequence::new(first), n_records);
            taken.extend(first + plan.n_known..first + n_records);
            n_lost += plan.n_lost;
            prop_assert!(committed.is_none_or(|before: Sequence| plan.next >= before));
            committed = Some(plan.next);
        }
        prop_assert!(taken.windows(2).all(|pair| matches!(pair, [a, b] if a < b)), "{taken:?}");
        let (first, last) = (taken.first().copied().unwrap(), taken.last().copied().unwrap());
        prop_assert_eq!(last - first + 1, taken.len() as u64 + n_lost);
        prop_assert_eq!(committed.unwrap().get(), last + 1);
    }
}
