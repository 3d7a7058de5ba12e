//! What is kept of the evaluations that are over: the last 64, for `explain`; and of those that the server wants to know
//! of, the last 64 that it does not have yet, which are changes and what it asked for itself.
//!
//! A record shares the assignment with whoever else holds it; the full [`Evidence`], with the names of all that were
//! tried, is only made when someone asks.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use landmark_proto::evidence::Evidence;
use landmark_proto::ids::{BootId, EvaluationId};
use landmark_proto::location::{Trigger, Verdict};
use landmark_proto::revision::Held;
use landmark_proto::settings::Settings;
use tokio::sync::watch;

use super::engine::{Assigned, Closed};
use crate::ledger::Accepted;

/// How many records are kept, at most.
pub const MAX_RECORDS: usize = 64;
/// How many attempts are kept in all records, at most; the newest record is always kept. 64 evaluations of 128 targets,
/// under 1 MiB: without it, 64 of the longest possible list would take 15 MiB.
const MAX_ATTEMPTS: usize = 64 * 128;
/// How many assignments are kept alive by all records beside the newest, at most, in bytes of their wire form; in memory
/// they take a few times as much.
const MAX_ASSIGNED_BYTES: usize = 512 * 1024;

impl Assigned for Accepted {
    fn held(&self) -> Held {
        self.held()
    }

    fn settings(&self) -> &Settings {
        self.settings()
    }
}

/// An evaluation that is over, and when it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record<A> {
    pub(crate) closed: Closed<A>,
    pub(crate) boot_id: BootId,
    pub(crate) started_at: SystemTime,
}

impl<A: Assigned> Record<A> {
    /// With everything that is needed to recompute the verdict.
    pub(crate) fn to_evidence(&self) -> Evidence {
        let Self {
            closed: Closed { given, link, attempts, routes, standing, settled_in },
            boot_id,
            started_at,
        } = self;
        let settings = given.held.as_ref().map(Assigned::settings);
        let targets = settings.into_iter().flat_map(|settings| settings.reference_servers.targets());
        Evidence {
            evaluation: given.evaluation,
            boot_id: *boot_id,
            started_at: *started_at,
            triggers: given.triggers.clone(),
            link: *link,
            held: given.held.as_ref().map(|held| (held.held(), held.settings().clone())),
            attempts: attempts.iter().zip(targets).map(|(tried, target)| tried.to_attempt(target)).collect(),
            default_routes: routes.clone(),
            standing: standing.clone(),
            verdict: given.verdict.clone(),
            decided_in: given.decided_in,
            settled_in: *settled_in,
        }
    }
}

/// The evidence of the last evaluations. Cheap to clone; all clones see the same.
#[derive(Clone, Debug, Default)]
pub struct EvidenceLog {
    inner: Arc<Mutex<Inner>>,
    /// The newest evaluation that the server wants to know of.
    wanted: watch::Sender<Option<EvaluationId>>,
}

type Records = VecDeque<Arc<Record<Accepted>>>;

#[derive(Debug, Default)]
struct Inner {
    records: Records,
    /// What the server does not have yet, of what it wants to know.
    unseen: Records,
    last: Option<Verdict>,
}

impl EvidenceLog {
    /// The evidence of the last `n` evaluations that are over, oldest first; there are at most [`MAX_RECORDS`], fewer
    /// where lists are very long.
    pub fn last(&self, n: usize) -> Vec<Evidence> {
        let records: Vec<_> = {
            let records = &self.inner().records;
            records.range(records.len().saturating_sub(n)..).cloned().collect()
        };
        records.iter().map(|record| record.to_evidence()).collect()
    }

    /// The oldest evidence that the server wants to know of and does not have yet.
    pub fn unseen(&self) -> Option<Evidence> {
        let oldest = self.inner().unseen.front().cloned();
        oldest.map(|record| record.to_evidence())
    }

    /// Whether there is any.
    pub fn has_unseen(&self) -> bool {
        !self.inner().unseen.is_empty()
    }

    /// The server has it, or shall not.
    pub fn seen(&self, evaluation: EvaluationId) {
        self.inner().unseen.retain(|record| record.closed.given.evaluation != evaluation);
    }

    /// Tells of every evaluation that the server wants to know of.
    pub fn wanted(&self) -> watch::Receiver<Option<EvaluationId>> {
        self.wanted.subscribe()
    }

    pub(crate) fn push(&self, record: Record<Accepted>) {
        let record = Arc::new(record);
        let given = &record.closed.given;
        let is_wanted = {
            let mut inner = self.inner();
            let is_wanted = inner.last.as_ref() != Some(&given.verdict)
                || given.triggers.contains(&Trigger::ServerRequest);
            inner.last = Some(given.verdict.clone());
            keep(&mut inner.records, &record);
            if is_wanted {
                keep(&mut inner.unseen, &record);
            }
            is_wanted
        };
        if is_wanted {
            self.wanted.send_replace(Some(given.evaluation));
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds a record, and drops the oldest that are too many.
fn keep(records: &mut Records, record: &Arc<Record<Accepted>>) {
    records.push_back(Arc::clone(record));
    let too_many = |records: &Records| {
        let n_attempts: usize = records.iter().map(|record| record.closed.attempts.len()).sum();
        records.len() > MAX_RECORDS || n_attempts > MAX_ATTEMPTS || older_bytes(records) > MAX_ASSIGNED_BYTES
    };
    while records.len() > 1 && too_many(records) {
        records.pop_front();
    }
}

/// Of the different assignments that evaluations worked on, without the last one's: whoever holds it keeps it alive anyway.
fn older_bytes(records: &Records) -> usize {
    let held = records.iter().filter_map(|record| record.closed.given.held.as_ref());
    let sizes: BTreeMap<_, _> =
        held.map(|accepted| (accepted.held().revision, accepted.encoded().bytes().len())).collect();
    sizes.values().rev().skip(1).sum()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use landmark_proto::evidence::Outcome;
    use landmark_proto::location::{Basis, LinkState, Location};
    use landmark_proto::port::Ports;
    use landmark_proto::reference_server::{Probe, ReferenceServer, ReferenceServerList};
    use uuid::Uuid;

    use super::*;
    use crate::ledger::testing::accepted;
    use crate::location::clock::Moment;
    use crate::location::engine::Given;
    use crate::location::tried::{Ended, Tried};

    fn record(number: u64, n_attempts: usize) -> Record<Accepted> {
        let verdict = Verdict { location: Location::External, basis: Basis::NoneReachable { n_attempts } };
        let given = Given {
            evaluation: EvaluationId::new(number),
            triggers: vec![Trigger::Recheck],
            held: None,
            verdict,
            decided_in: Duration::ZERO,
            n_flips: 0,
            held_back: None,
        };
        let at = Moment::default();
        let attempts = vec![Tried::new(at, at, at, Ended::with(Outcome::Refused)); n_attempts];
        let closed = Closed {
            given,
            link: LinkState::Lost,
            attempts,
            routes: Vec::new(),
            standing: None,
            settled_in: Duration::ZERO,
        };
        Record { closed, boot_id: BootId::from_uuid(Uuid::nil()), started_at: SystemTime::UNIX_EPOCH }
    }

    fn numbers(log: &EvidenceLog, n: usize) -> Vec<u64> {
        log.last(n).iter().map(|evidence| evidence.evaluation.get()).collect()
    }

    #[test]
    fn the_last_64_are_kept_oldest_first() {
        let log = EvidenceLog::default();
        for number in 1..=100 {
            log.push(record(number, 3));
        }
        assert_eq!(numbers(&log, 3), [98, 99, 100]);
        assert_eq!(numbers(&log, 1000), (37..=100).collect::<Vec<u64>>());
    }

    #[test]
    fn very_long_lists_leave_fewer_records_but_always_the_newest() {
        let log = EvidenceLog::default();
        for number in 1..=10 {
            log.push(record(number, 2560));
        }
        assert_eq!(numbers(&log, 64), [8, 9, 10]);
        log.push(record(11, MAX_ATTEMPTS + 1));
        assert_eq!(numbers(&log, 64), [11]);
    }

    #[test]
    fn very_long_assignments_leave_fewer_records_but_always_the_newest() {
        let hosts = (0..300).map(|n| ReferenceServer {
            host: format!("{n}.{}example", "long.".repeat(40)).parse().unwrap(),
            ports: Ports::new(vec!["443".parse().unwrap()]).unwrap(),
            probe: Probe::Tcp,
        });
        let list = ReferenceServerList::new(true, hosts.collect()).unwrap();
        let settings = Settings { reference_servers: list, ..Settings::default() };
        let n_bytes = accepted(1, &settings).encoded().bytes().len();
        let n_kept = MAX_ASSIGNED_BYTES / n_bytes + 1;
        assert!((3..20).contains(&n_kept), "{n_bytes} bytes");
        let log = EvidenceLog::default();
        for number in 1..=100 {
            let mut record = record(number, 3);
            // Two evaluations of each assignment.
            record.closed.given.held = Some(accepted(number.div_ceil(2), &settings));
            log.push(record);
        }
        let newest: Vec<u64> = (101 - 2 * n_kept as u64..=100).collect();
        assert_eq!(numbers(&log, 64), newest);
    }

    fn unseen(log: &EvidenceLog) -> Vec<u64> {
        log.inner().unseen.iter().map(|record| record.closed.given.evaluation.get()).collect()
    }

    #[test]
    fn the_server_wants_changes_and_what_it_asked_for() {
        let log = EvidenceLog::default();
        let wanted = log.wanted();
        let on_request = |number, n_attempts| {
            let mut record = record(number, n_attempts);
            record.closed.given.triggers.push(Trigger::ServerRequest);
            record
        };
        for record in [record(1, 3), record(2, 3), record(3, 4), record(4, 4), on_request(5, 4), record(6, 4)]
        {
            log.push(record);
        }
        assert_eq!(unseen(&log), [1, 3, 5]);
        assert_eq!(*wanted.borrow(), Some(EvaluationId::new(5)));
        assert_eq!(log.unseen().unwrap().evaluation.get(), 1, "oldest first");
        log.seen(EvaluationId::new(1));
        log.seen(EvaluationId::new(2));
        assert_eq!((unseen(&log), log.has_unseen()), (vec![3, 5], true));
        assert_eq!(numbers(&log, 64), [1, 2, 3, 4, 5, 6], "explain still has them all");
    }

    #[test]
    fn a_change_waits_for_the_server_however_often_was_looked_since() {
        let log = EvidenceLog::default();
        log.push(record(1, 3));
        for number in 2..=1000 {
            log.push(record(number, 4));
        }
        assert_eq!(unseen(&log), [1, 2]);
        for number in 1001..=2000 {
            log.push(record(number, 3 + usize::try_from(number % 2).unwrap()));
        }
        assert_eq!(unseen(&log), (1937..=2000).collect::<Vec<_>>(), "the newest of too many changes");
    }
}
