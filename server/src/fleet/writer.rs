//! Writes what sessions say: reports and statuses of many agents in one transaction, at most four times a second.
//!
//! Reports are acknowledged after their commit and never otherwise. While the store fails they wait, up to a bound; then
//! further ones are refused, and stay in the agents' outboxes. An idle fleet writes nothing.

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
use crate::store::history::{AgentReports, Committed};
use crate::store::{Store, StoreError};

/// Between the commits of two batches.
const PACE: Duration = Duration::from_millis(250);
/// Rows of a batch: reports and statuses each.
const BATCH_ROWS: usize = 2_000;
/// Reports that wait, at most: about 20 MB.
const WAITING_ROWS: usize = 50_000;
/// Between two attempts while the store fails.
const RETRY: Duration = Duration::from_secs(2);
/// Attempts once a stop was asked for.
const LAST_ATTEMPTS: u32 = 3;

/// Where sessions hand in their reports.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    submissions_tx: mpsc::Sender<Submission>,
    room: Arc<Semaphore>,
}

/// No room: the reports, given back.
#[derive(Debug)]
pub(super) struct Busy(pub(super) LocationReports);

#[derive(Debug)]
struct Submission {
    reports: AgentReports,
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
}

/// The task that writes.
#[derive(Debug)]
pub(super) struct WriterTask {
    store: Store,
    registry: Registry,
    submissions_rx: mpsc::Receiver<Submission>,
    waiting: Vec<Submission>,
    failing_since: Option<Instant>,
}

/// The writer and its task.
pub(super) fn new(store: Store, registry: Registry) -> (Writer, WriterTask) {
    // As many places as rows: every batch has at least one, so that the semaphore is what counts.
    let (submissions_tx, submissions_rx) = mpsc::channel(WAITING_ROWS);
    let room = Arc::new(Semaphore::new(WAITING_ROWS));
    let task = WriterTask { store, registry, submissions_rx, waiting: Vec::new(), failing_since: None };
    (Writer { submissions_tx, room }, task)
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
            if !self.waiting.is_empty() || self.registry.n_unwritten() > 0 {
                return !stop.is_cancelled();
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return false,
                Some(submission) = self.submissions_rx.recv() => self.waiting.push(submission),
                // The registry lives as long as we do.
                _changed = changed_rx.changed() => {}
            }
        }
    }

    /// Lets a batch grow until its time has come or it is full.
    async fn gather_until(&mut self, at: Instant, stop: &CancellationToken) {
        while n_rows(&self.waiting) < BATCH_ROWS && self.registry.n_unwritten() < BATCH_ROWS {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Some(submission) = self.submissions_rx.recv() => self.waiting.push(submission),
                () = sleep_until(at) => return,
            }
        }
    }

    /// Writes one batch, then publishes and acknowledges it. After a failure everything is as before.
    async fn write(&mut self) -> Result<(), StoreError> {
        while n_rows(&self.waiting) < BATCH_ROWS
            && let Ok(submission) = self.submissions_rx.try_recv()
        {
            self.waiting.push(submission);
        }
        let n_batch = first_rows(&self.waiting, BATCH_ROWS);
        let reports: Vec<_> =
            self.waiting.iter().take(n_batch).map(|submission| submission.reports.clone()).collect();
        let statuses = self.registry.take_unwritten(BATCH_ROWS);
        let started = Instant::now();
        match self.store.write_batch(&reports, &statuses, SystemTime::now()).await {
            Ok(committed) => {
                telemetry::status_batch(started.elapsed());
                for (submission, committed) in self.waiting.drain(..n_batch).zip(committed) {
                    acknowledge(&self.registry, &submission, committed);
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
        while !self.waiting.is_empty() || !self.submissions_rx.is_empty() || self.registry.n_unwritten() > 0 {
            if self.write().await.is_err() {
                n_failed += 1;
                if n_failed == LAST_ATTEMPTS {
                    warn!("last statuses not written; reports stay with their agents and will come again");
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

fn n_rows(submissions: &[Submission]) -> usize {
    submissions.iter().map(|submission| submission.reports.reports.reports.len()).sum()
}

/// How many submissions, from the first, make a batch of about `max` rows; at least one.
fn first_rows(submissions: &[Submission], max: usize) -> usize {
    let mut n_rows = 0;
    let is_within = |submission: &&Submission| {
        let fits = n_rows < max;
        n_rows += submission.reports.reports.reports.len();
        fits
    };
    submissions.iter().take_while(is_within).count()
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
    async fn a_batch_takes_as_many_as_make_it_full() {
        let room = Arc::new(Semaphore::new(100));
        let submission = |n_records| Submission {
            reports: AgentReports { agent_id: AgentId::from_uuid(Uuid::nil()), reports: batch(n_records) },
            outbound: Arc::new(Outbound::default()),
            _room: Arc::clone(&room).try_acquire_owned().unwrap(),
        };
        let submissions = [submission(3), submission(3), submission(3)];
        assert_eq!([1, 3, 4, 6, 7, 100].map(|max| first_rows(&submissions, max)), [1, 1, 2, 2, 3, 3]);
        assert_eq!(first_rows(&[], 5), 0);
    }
}
