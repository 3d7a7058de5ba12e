//! What is to be recorded: every change of location or basis, in order, once it is settled.

use landmark_proto::location::{LocationReport, Verdict};
use tokio::sync::mpsc;
use tracing::warn;

use crate::location::LocationTaskError;

/// Changes that wait to be recorded. Evaluations start at most every 50 ms and the disk takes a record in some
/// milliseconds: more than three seconds of changes without pause wait only for a disk that has stopped.
const REPORTS: usize = 64;

/// Sends changes without ever waiting. When the other end does not keep up, the newest change is held back until there is
/// room, and those before it are dropped: what is recorded last is always true.
pub(super) struct History {
    reports: mpsc::Sender<LocationReport>,
    last: Option<Verdict>,
    held_back: Option<LocationReport>,
    n_dropped: u64,
}

impl History {
    pub(super) fn new() -> (Self, mpsc::Receiver<LocationReport>) {
        let (reports_tx, reports_rx) = mpsc::channel(REPORTS);
        (Self { reports: reports_tx, last: None, held_back: None, n_dropped: 0 }, reports_rx)
    }

    /// Takes the settled verdict of an evaluation.
    pub(super) fn settled(&mut self, report: LocationReport) {
        if self.last.as_ref() == Some(&report.verdict) {
            return;
        }
        self.last = Some(report.verdict.clone());
        let later = if self.held_back.is_some() {
            Some(report)
        } else {
            match self.reports.try_send(report) {
                Ok(()) => None,
                Err(mpsc::error::TrySendError::Full(report) | mpsc::error::TrySendError::Closed(report)) => {
                    Some(report)
                }
            }
        };
        let Some(later) = later else { return };
        if self.held_back.replace(later).is_some() {
            self.n_dropped += 1;
        }
    }

    /// Sends what was held back once there is room; waits for ever if nothing was. Cancel-safe.
    pub(super) async fn catch_up(&mut self) -> Result<(), LocationTaskError> {
        if self.held_back.is_none() {
            return std::future::pending().await;
        }
        let permit = self.reports.reserve().await.map_err(|_| LocationTaskError::History)?;
        if let Some(report) = self.held_back.take() {
            permit.send(report);
        }
        if self.n_dropped > 0 {
            warn!(
                n_dropped = self.n_dropped,
                "changes of location were not recorded: the disk did not keep up"
            );
            self.n_dropped = 0;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use futures_util::FutureExt as _;
    use landmark_proto::ids::{BootId, EvaluationId};
    use landmark_proto::location::{Basis, Location, Trigger};
    use uuid::Uuid;

    use super::*;

    fn report(number: usize) -> LocationReport {
        LocationReport {
            at: SystemTime::UNIX_EPOCH,
            boot_id: BootId::from_uuid(Uuid::nil()),
            since_boot: Duration::ZERO,
            verdict: Verdict {
                location: Location::External,
                basis: Basis::NoneReachable { n_attempts: number },
            },
            triggers: vec![Trigger::Recheck],
            revision: None,
            evaluation: EvaluationId::new(number as u64),
            decided_in: Duration::ZERO,
            n_flips: 0,
        }
    }

    #[tokio::test]
    async fn what_is_recorded_last_is_true_however_slow_the_disk() {
        let (mut history, mut reports) = History::new();
        for number in 1..=200 {
            history.settled(report(number));
        }
        assert!(history.catch_up().now_or_never().is_none(), "there is no room yet");
        let mut seen = Vec::new();
        while let Ok(report) = reports.try_recv() {
            seen.push(report.evaluation.get());
            // The task does so whenever there is room.
            let _caught_up = history.catch_up().now_or_never();
        }
        assert_eq!(seen, (1..=64).chain([200]).collect::<Vec<u64>>());
        history.settled(report(201));
        assert_eq!(reports.recv().await.unwrap().evaluation.get(), 201);
    }

    #[tokio::test]
    async fn ends_when_nobody_records() {
        let (mut history, reports) = History::new();
        drop(reports);
        history.settled(report(1));
        assert_eq!(history.catch_up().await, Err(LocationTaskError::History));
    }
}
