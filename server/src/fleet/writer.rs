//! Writes what sessions say: reports, evidence and statuses of many agents in one transaction, at most four times a
//! second.
//!
//! Reports and evidence are acknowledged after their commit and never otherwise. While the store fails they wait, up to a bound; then
//! further ones are refused, and stay with the agents. An idle fleet writes nothing.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use landmark_daemon::error::Chain;
use landmark_proto::ids::AgentId;
use landmark_proto::message::{LocationReports, ReportAck};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::agent::Agent;
use super::outbound::Outbound;
use super::registry::Registry;
use super::telemetry;
use crate::store::history::{AgentReports, Batch, Committed};
use crate::store::{EvidenceRecord, Store, StoreError};

/// Between the commits of two batches.
const PACE: Duration = Duration::from_millis(250);
/// Rows of a batch: reports and statuses each.
const BATCH_ROWS: usize = 2_000;
/// Reports that wait, at most: about 20 MB.
const WAITING_ROWS: usize = 50_000;
/// Evidence that waits, at most, in bytes.
const WAITING_EVIDENCE: usize = 32 * 1024 * 1024;
/// What a record of evidence counts at least, so that small ones do not become many.
const LEAST_EVIDENCE: usize = 4 * 1024;
/// Evidence of a batch: a tenth of a second of an ordinary disk.
const BATCH_EVIDENCE: usize = 4 * 1024 * 1024;
/// Between two attempts while the store fails.
const RETRY: Duration = Duration::from_secs(2);
/// Attempts once a stop was asked for.
const LAST_ATTEMPTS: u32 = 3;

/// Where sessions hand in their reports and evidence.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    submissions_tx: mpsc::Sender<Submission>,
    room: Arc<Semaphore>,
    evidence_tx: mpsc::Sender<Seen>,
    evidence_room: Arc<Semaphore>,
}

/// No room: the reports, given back.
#[derive(Debug)]
pub(super) struct Busy(pub(super) LocationReports);

/// No room for the evidence, which stays with its agent.
#[derive(Debug)]
pub(super) struct NoRoom;

#[derive(Debug)]
struct Submission {
    reports: AgentReports,
    outbound: Arc<Outbound>,
    _room: OwnedSemaphorePermit,
}

/// What an agent saw.
#[derive(Debug)]
struct Seen {
    record: EvidenceRecord,
    outbound: Arc<Outbound>,
    _room: OwnedSemaphorePermit,
}

impl Writer {
    /// Hands in a batch; its acknowledgement goes into the slots.
    pub(super) fn submit(
        &self,
        agent_id: AgentId,
        reports: LocationReports,
        outbound: &Arc<Outbound>,
    ) -> Result<(), Busy> {
        let n_rows = u32::try_from(reports.reports.len()).unwrap_or(u32::MAX);
        let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(n_rows) else {
            return Err(Busy(reports));
        };
        let reports = AgentReports { agent_id, reports };
        let submission = Submission { reports, outbound: Arc::clone(outbound), _room: room };
        self.submissions_tx.try_send(submission).map_err(|refused| Busy(refused.into_inner().reports.reports))
    }

    /// Hands in what an agent saw; its acknowledgement goes into the slots.
    pub(super) fn submit_evidence(
        &self,
        record: EvidenceRecord,
        outbound: &Arc<Outbound>,
    ) -> Result<(), NoRoom> {
        let n_bytes = u32::try_from(weight(&record)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.evidence_room).try_acquire_many_owned(n_bytes).map_err(|_| NoRoom)?;
        let seen = Seen { record, outbound: Arc::clone(outbound), _room: room };
        self.evidence_tx.try_send(seen).map_err(|_| NoRoom)
    }
}

/// The task that writes.
#[derive(Debug)]
pub(super) struct WriterTask {
    store: Store,
    registry: Registry,
    submissions_rx: mpsc::Receiver<Submission>,
    waiting: Vec<Submission>,
    evidence_rx: mpsc::Receiver<Seen>,
    waiting_evidence: Vec<Seen>,
    failing_since: Option<Instant>,
}

/// The writer and its task.
pub(super) fn new(store: Store, registry: Registry) -> (Writer, WriterTask) {
    // As many places as rows: every batch has at least one, so that the semaphore is what counts.
    let (submissions_tx, submissions_rx) = mpsc::channel(WAITING_ROWS);
    let room = Arc::new(Semaphore::new(WAITING_ROWS));
    let (evidence_tx, evidence_rx) = mpsc::channel(WAITING_EVIDENCE / LEAST_EVIDENCE);
    let evidence_room = Arc::new(Semaphore::new(WAITING_EVIDENCE));
    let task = WriterTask {
        store,
        registry,
        submissions_rx,
        waiting: Vec::new(),
        evidence_rx,
        waiting_evidence: Vec::new(),
        failing_since: None,
    };
    (Writer { submissions_tx, room, evidence_tx, evidence_room }, task)
}

impl WriterTask {
    /// Writes until `stop`, which comes after the last session has ended; then writes the rest.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut written_at = None;
        while self.work_there_is(&stop).await {
            if let Some(written_at) = written_at {
                self.gather_until(written_at + PACE, &stop).await;
            }
            if self.write().await.is_err() {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => break,
                    () = sleep(RETRY) => {}
                }
            }
            written_at = Some(Instant::now());
        }
        self.write_rest().await;
    }

    /// Waits for something to write; false when a stop was asked for.
    async fn work_there_is(&mut self, stop: &CancellationToken) -> bool {
        let mut changed_rx = self.registry.subscribe();
        loop {
            changed_rx.mark_unchanged();
            if self.is_anything_waiting() {
                return !stop.is_cancelled();
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return false,
                Some(submission) = self.submissions_rx.recv() => self.waiting.push(submission),
                Some(seen) = self.evidence_rx.recv() => self.waiting_evidence.push(seen),
                // The registry lives as long as we do.
                _changed = changed_rx.changed() => {}
            }
        }
    }

    /// Lets a batch grow until its time has come or it is full.
    async fn gather_until(&mut self, at: Instant, stop: &CancellationToken) {
        while !self.is_batch_full() {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Some(submission) = self.submissions_rx.recv() => self.waiting.push(submission),
                Some(seen) = self.evidence_rx.recv() => self.waiting_evidence.push(seen),
                () = sleep_until(at) => return,
            }
        }
    }

    fn is_anything_waiting(&self) -> bool {
        !self.waiting.is_empty() || !self.waiting_evidence.is_empty() || self.registry.n_unwritten() > 0
    }

    fn is_batch_full(&self) -> bool {
        n_rows(&self.waiting) >= BATCH_ROWS
            || n_bytes(&self.waiting_evidence) >= BATCH_EVIDENCE
            || self.registry.n_unwritten() >= BATCH_ROWS
    }

    /// Takes more out of the queues while a batch has room for it.
    fn fill(&mut self) {
        while n_rows(&self.waiting) < BATCH_ROWS
            && let Ok(submission) = self.submissions_rx.try_recv()
        {
            self.waiting.push(submission);
        }
        while n_bytes(&self.waiting_evidence) < BATCH_EVIDENCE
            && let Ok(seen) = self.evidence_rx.try_recv()
        {
            self.waiting_evidence.push(seen);
        }
    }

    /// Writes one batch, then publishes and acknowledges it. After a failure everything is as before.
    async fn write(&mut self) -> Result<(), StoreError> {
        self.fill();
        let sizes = self.waiting.iter().map(|submission| submission.reports.reports.reports.len());
        let n_batch = first_within(sizes, BATCH_ROWS);
        let weights = self.waiting_evidence.iter().map(|seen| weight(&seen.record));
        let n_evidence = first_within(weights, BATCH_EVIDENCE);
        let reports: Vec<_> =
            self.waiting.iter().take(n_batch).map(|submission| submission.reports.clone()).collect();
        let evidence: Vec<_> =
            self.waiting_evidence.iter().take(n_evidence).map(|seen| seen.record.clone()).collect();
        let statuses = self.registry.take_unwritten(BATCH_ROWS);
        let started = Instant::now();
        let batch = Batch { reports: &reports, evidence: &evidence, statuses: &statuses };
        match self.store.write_batch(batch, SystemTime::now()).await {
            Ok(written) => {
                telemetry::status_batch(started.elapsed());
                for (submission, committed) in self.waiting.drain(..n_batch).zip(written.reports) {
                    acknowledge(&self.registry, &submission, committed);
                }
                for (seen, is_written) in self.waiting_evidence.drain(..n_evidence).zip(written.evidence) {
                    acknowledge_evidence(&self.registry, &seen, is_written);
                }
                self.recovered();
                Ok(())
            }
            Err(error) => {
                self.failed(&error, &statuses);
                Err(error)
            }
        }
    }

    fn failed(&mut self, error: &StoreError, statuses: &[Arc<Agent>]) {
        self.registry.put_back_unwritten(statuses);
        if self.failing_since.is_none() {
            self.failing_since = Some(Instant::now());
            warn!(error = %Chain(error), "statuses and reports not written; they wait, and agents keep their history");
        } else {
            debug!(error = %Chain(error), "statuses and reports still not written");
        }
    }

    fn recovered(&mut self) {
        if let Some(since) = self.failing_since.take() {
            info!(after_s = since.elapsed().as_secs(), "statuses and reports are written again");
        }
    }

    async fn write_rest(&mut self) {
        let mut n_failed = 0;
        // Nobody submits any more: sessions have ended.
        self.submissions_rx.close();
        self.evidence_rx.close();
        while self.is_anything_waiting() || !self.submissions_rx.is_empty() || !self.evidence_rx.is_empty() {
            if self.write().await.is_err() {
                n_failed += 1;
                if n_failed == LAST_ATTEMPTS {
                    warn!(
                        "last statuses not written; reports and evidence stay with their agents and will come again"
                    );
                    return;
                }
            }
        }
    }
}

/// After the commit: the registry first, so that whoever sees the acknowledgement sees the report too.
fn acknowledge(registry: &Registry, submission: &Submission, committed: Option<Committed>) {
    let Some(Committed { agent_id, outbox_id, next, n_new, n_history_lost, latest }) = committed else {
        // The agent was removed in between; its session is ending.
        submission.outbound.with(|slots| slots.finish_reports());
        return;
    };
    let mut n_lost = 0;
    if let Some(latest) = latest {
        registry.note_written(agent_id, |agent| {
            n_lost = n_history_lost.saturating_sub(agent.n_history_lost);
            agent.location = Some(latest);
            agent.n_history_lost = n_history_lost;
            true
        });
    }
    telemetry::reports_committed(n_new, n_lost);
    submission.outbound.with(|slots| {
        slots.finish_reports();
        slots.ack(ReportAck { outbox_id, next, slow_down: Duration::ZERO }, std::time::Instant::now());
    });
}

fn acknowledge_evidence(registry: &Registry, seen: &Seen, is_written: bool) {
    // Else the agent was removed in between; its session is ending.
    let committed = is_written.then(|| seen.record.evaluation());
    if is_written {
        // What it saw is news of it, also where its location stays as it was.
        registry.note_written(seen.record.agent_id(), |_| true);
        telemetry::evidence_committed(seen.record.follows());
    }
    seen.outbound.with(|slots| slots.finish_evidence(committed, std::time::Instant::now()));
}

fn n_rows(submissions: &[Submission]) -> usize {
    submissions.iter().map(|submission| submission.reports.reports.reports.len()).sum()
}

fn n_bytes(waiting: &[Seen]) -> usize {
    waiting.iter().map(|seen| weight(&seen.record)).sum()
}

fn weight(record: &EvidenceRecord) -> usize {
    record.n_bytes().max(LEAST_EVIDENCE)
}

/// How many, from the first, make a batch of about `max`; at least one if there is any.
fn first_within(sizes: impl Iterator<Item = usize>, max: usize) -> usize {
    let mut total = 0;
    let is_within = |size: &usize| {
        let fits = total < max;
        total += size;
        fits
    };
    sizes.take_while(is_within).count()
}

#[cfg(test)]
mod tests {
    use landmark_proto::ids::{BootId, EvaluationId, OutboxId, Sequence};
    use landmark_proto::location::{Basis, Location, LocationReport, Trigger, Verdict};
    use landmark_proto::message::MAX_REPORT_BATCH;
    use uuid::Uuid;

    use super::*;
    use crate::store::Agents;

    fn batch(n_records: usize) -> LocationReports {
        let report = LocationReport {
            at: SystemTime::UNIX_EPOCH,
            boot_id: BootId::from_uuid(Uuid::nil()),
            since_boot: Duration::ZERO,
            verdict: Verdict { location: Location::External, basis: Basis::ListDisabled },
            triggers: vec![Trigger::Start],
            revision: None,
            evaluation: EvaluationId::new(1),
            decided_in: Duration::ZERO,
            n_flips: 0,
        };
        let outbox_id = OutboxId::from_uuid(Uuid::nil());
        LocationReports { outbox_id, first: Sequence::default(), reports: vec![report; n_records] }
    }

    #[tokio::test]
    async fn what_waits_is_bounded_and_the_rest_is_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("landmark.db")).await.unwrap();
        let registry = Registry::new(Agents::default(), None);
        let (writer, task) = new(store, registry);
        let agent_id = AgentId::from_uuid(Uuid::nil());
        let outbound = Arc::new(Outbound::default());
        let submit = |n_records| writer.submit(agent_id, batch(n_records), &outbound);
        for _ in 0..WAITING_ROWS / MAX_REPORT_BATCH {
            submit(MAX_REPORT_BATCH).unwrap();
        }
        let Busy(given_back) = submit(1).unwrap_err();
        assert_eq!(given_back, batch(1));
        // What is written makes room, also when it is nobody's.
        let stop = CancellationToken::new();
        stop.cancel();
        task.run(stop).await;
        assert_eq!(writer.room.available_permits(), WAITING_ROWS);
    }

    #[tokio::test]
    async fn evidence_that_waits_is_bounded_in_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("landmark.db")).await.unwrap();
        let (writer, task) = new(store, Registry::new(Agents::default(), None));
        let agent_id = AgentId::from_uuid(Uuid::nil());
        let outbound = Arc::new(Outbound::default());
        let evidence = crate::store::evidence::tests::evidence(1, Location::Unknown);
        let record = EvidenceRecord::new(agent_id, &evidence);
        assert!(record.n_bytes() < LEAST_EVIDENCE);
        for _ in 0..WAITING_EVIDENCE / LEAST_EVIDENCE {
            writer.submit_evidence(record.clone(), &outbound).unwrap();
        }
        assert!(writer.submit_evidence(record, &outbound).is_err());
        let stop = CancellationToken::new();
        stop.cancel();
        task.run(stop).await;
        assert_eq!(writer.evidence_room.available_permits(), WAITING_EVIDENCE, "nobody's evidence goes");
    }

    #[test]
    fn a_batch_takes_as_many_as_make_it_full() {
        let sizes = [3, 3, 3];
        let first = |max| first_within(sizes.into_iter(), max);
        assert_eq!([1, 3, 4, 6, 7, 100].map(first), [1, 1, 2, 2, 3, 3]);
        assert_eq!(first_within([].into_iter(), 5), 0);
    }
}
