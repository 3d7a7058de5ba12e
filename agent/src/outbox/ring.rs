//! The records in memory: a bounded, numbered queue. Knows no file.

use std::collections::VecDeque;

use landmark_proto::ids::{OutboxId, Sequence};
use landmark_proto::location::LocationReport;
use landmark_proto::message::{LocationReports, OutboxRange};

/// How much a machine may owe its server. What is older is dropped first: the newest tells where the machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// At most.
    pub n_records: usize,
    /// Of their entries in the file, at most.
    pub n_bytes: usize,
}

impl Default for Limits {
    /// A change a minute for 16 hours without a server.
    fn default() -> Self {
        Self { n_records: 1_000, n_bytes: 1024 * 1024 }
    }
}

/// Records `first` to `next` - 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring {
    id: OutboxId,
    first: Sequence,
    records: VecDeque<Stored>,
    n_bytes: usize,
    n_dropped: u64,
    limits: Limits,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Stored {
    report: LocationReport,
    n_bytes: usize,
}

impl Ring {
    /// Empty, from number 0.
    pub fn new(id: OutboxId, limits: Limits) -> Self {
        Self::starting_at(id, Sequence::default(), 0, limits)
    }

    /// Empty, from this number on.
    pub fn starting_at(id: OutboxId, first: Sequence, n_dropped: u64, limits: Limits) -> Self {
        Self { id, first, records: VecDeque::new(), n_bytes: 0, n_dropped, limits }
    }

    /// The same records under another name, numbered from 0.
    #[must_use]
    pub fn reborn(mut self, id: OutboxId) -> Self {
        self.id = id;
        self.first = Sequence::default();
        self
    }

    /// Adds a record whose entry in the file has `n_bytes`; drops the oldest beyond the limits.
    pub fn push(&mut self, report: LocationReport, n_bytes: usize) {
        self.records.push_back(Stored { report, n_bytes });
        self.n_bytes += n_bytes;
        while self.records.len() > self.limits.n_records || self.n_bytes > self.limits.n_bytes {
            if !self.forget_first() {
                return;
            }
            self.n_dropped += 1;
        }
    }

    /// Forgets the records below `next`, which may be beyond the last; tells whether there were any.
    pub fn forget_below(&mut self, next: Sequence) -> bool {
        let before = self.first;
        while self.first < next && self.forget_first() {}
        self.first != before
    }

    /// Counts a record that was lost before it had a number.
    pub fn count_dropped(&mut self) {
        self.n_dropped += 1;
    }

    /// Records from `from` on within both limits, and at least one if there is any.
    pub fn batch(&self, from: Sequence, n_records: usize, n_bytes: usize) -> Option<LocationReports> {
        let first = from.max(self.first);
        let skipped = usize::try_from(first.get() - self.first.get()).ok()?;
        let mut left = n_bytes;
        let reports: Vec<LocationReport> = self
            .records
            .iter()
            .skip(skipped)
            .take(n_records)
            .enumerate()
            .take_while(|(index, stored)| {
                let fits = stored.n_bytes <= left;
                left = left.saturating_sub(stored.n_bytes);
                fits || *index == 0
            })
            .map(|(_, stored)| stored.report.clone())
            .collect();
        (!reports.is_empty()).then_some(LocationReports { outbox_id: self.id, first, reports })
    }

    /// The numbers of the records, and whose they are.
    pub fn range(&self) -> OutboxRange {
        let next = self.first.plus(self.records.len() as u64);
        OutboxRange { outbox_id: self.id, first: self.first, next }
    }

    /// The records in order.
    pub fn records(&self) -> impl Iterator<Item = &LocationReport> {
        self.records.iter().map(|stored| &stored.report)
    }

    /// Of their entries.
    pub fn n_bytes(&self) -> usize {
        self.n_bytes
    }

    /// Lost to overflow.
    pub fn n_dropped(&self) -> u64 {
        self.n_dropped
    }

    /// As given.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    fn forget_first(&mut self) -> bool {
        let Some(stored) = self.records.pop_front() else { return false };
        self.n_bytes -= stored.n_bytes;
        self.first = self.first.plus(1);
        true
    }
}
