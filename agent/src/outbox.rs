//! The outbox: changes of location that the server has not confirmed yet, on the disk, in order, numbered.
//!
//! ```text
//! location ─► record ─► [task] ─► Outbox ─► disk          server's ReportAck ─► Outbox ─► forgets
//!                                   └─► batch ─► session
//! ```
//!
//! Only what is on the disk is numbered, and only what is numbered is sent: a number never stands for two records of
//! one life, whatever dies when, so that the server can tell a repetition from news. [`ring`] counts, [`log`] is the
//! file, [`disk`] touches it, [`task`] serves the rest of the agent. None of them knows why a record was written.

pub mod disk;
pub mod log;
pub mod ring;
pub mod task;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;

use landmark_proto::ids::{OutboxId, Sequence};
use landmark_proto::location::LocationReport;
use landmark_proto::message::{LocationReports, OutboxRange, ReportAck};

use self::disk::Disk;
use self::log::{Loaded, Tail};
use self::ring::{Limits, Ring};

/// Dead bytes that are always tolerated: a small file need not be rewritten for a few records.
const SLACK_BYTES: usize = 64 * 1024;

/// The outbox over some disk.
#[derive(Debug)]
pub struct Outbox<D> {
    disk: D,
    ring: Ring,
    /// Records that the disk did not take yet. They have no number, and are not sent.
    waiting: VecDeque<LocationReport>,
    /// As long as the file is, as far as it is known to be good; `None` after a failure, which asks for a new file.
    file_bytes: Option<usize>,
    /// Records from this one on are certainly news to the server, should it claim to know more than there is.
    news_from: Sequence,
}

/// How the file was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// There was none: a new life.
    Nothing,
    /// Whole.
    Whole,
    /// The last append had been interrupted and was cut off; nobody had been told of it.
    Torn,
    /// Damaged: a new life with what could be read.
    Damaged,
}

/// What to do after the server has said where replay starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// Send from here.
    From(Sequence),
    /// The server knows records that are gone here (the folder was restored from a copy): a new life has begun, which
    /// takes a new session to announce.
    NewLife,
}

/// What the rest of the agent may know of an outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxStatus {
    /// Which records there are.
    pub range: OutboxRange,
    /// Records that were lost to overflow in all.
    pub n_dropped: u64,
    /// Records that the disk did not take yet.
    pub n_waiting: usize,
    /// Whether the disk took everything that it was given.
    pub is_stored: bool,
}

impl<D: Disk> Outbox<D> {
    /// Reads what is there, or begins anew. `new_id` names a new life. Call [`Outbox::flush`] next: whatever must be
    /// written is written by that, so that a full disk does not keep an agent from starting.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn open(mut disk: D, limits: Limits, new_id: OutboxId) -> io::Result<(Self, Found)> {
        let (ring, file_bytes, found) = match disk.load()? {
            None => (Ring::new(new_id, limits), None, Found::Nothing),
            Some(bytes) => match log::load(&bytes, limits) {
                Loaded { ring: Some(ring), tail: Tail::Whole } => (ring, Some(bytes.len()), Found::Whole),
                Loaded { ring: Some(ring), tail: Tail::Torn } => (ring, None, Found::Torn),
                Loaded { ring, tail: Tail::Whole | Tail::Torn | Tail::Damaged } => {
                    disk.keep_aside(&bytes);
                    let ring = ring.map_or_else(|| Ring::new(new_id, limits), |ring| ring.reborn(new_id));
                    (ring, None, Found::Damaged)
                }
            },
        };
        let news_from = ring.range().next;
        Ok((Self { disk, ring, waiting: VecDeque::new(), file_bytes, news_from }, found))
    }

    /// Records a change. When the disk does not take it, it waits in memory.
    ///
    /// # Errors
    /// The disk did not take it.
    pub fn push(&mut self, report: LocationReport) -> io::Result<()> {
        self.waiting.push_back(report);
        while self.waiting.len() > self.ring.limits().n_records {
            self.waiting.pop_front();
            self.ring.count_dropped();
        }
        self.flush()
    }

    /// Brings to the disk what is not there yet.
    ///
    /// # Errors
    /// The disk does not take it; try again later.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.file_bytes.is_none() {
            self.write(self.ring.clone())?;
        }
        while let Some(report) = self.waiting.front() {
            let entry = log::report_entry(self.ring.range().next, report);
            self.append(&entry)?;
            if let Some(report) = self.waiting.pop_front() {
                self.ring.push(report, entry.len());
            }
            self.shrink()?;
        }
        Ok(())
    }

    /// Records from `from` on, at most `n_records` and `n_bytes`; `None` if there are none.
    pub fn batch(&self, from: Sequence, n_records: usize, n_bytes: usize) -> Option<LocationReports> {
        self.ring.batch(from, n_records, n_bytes)
    }

    /// Takes the server's word on what it has.
    ///
    /// # Errors
    /// A new life is needed, and the disk did not take it. Nothing is lost by that; nothing may be sent either.
    pub fn resume(&mut self, next_at_server: Sequence, new_id: OutboxId) -> io::Result<Resume> {
        let range = self.ring.range();
        if next_at_server > range.next {
            let mut news = self.ring.clone();
            news.forget_below(self.news_from);
            self.write(news.reborn(new_id))?;
            self.news_from = self.ring.range().first;
            return Ok(Resume::NewLife);
        }
        // Should the disk not take that, the next flush tells of it, and at worst records are sent again.
        let _untold = self.commit(next_at_server);
        let first = self.ring.range().first;
        self.news_from = first;
        Ok(Resume::From(first))
    }

    /// Forgets what the server has committed. An acknowledgement for another life, or of what was never there, is
    /// ignored.
    ///
    /// # Errors
    /// The disk did not take it; the records are forgotten all the same, and at worst sent again.
    pub fn acknowledge(&mut self, ack: ReportAck) -> io::Result<()> {
        let range = self.ring.range();
        if ack.outbox_id == range.outbox_id && ack.next <= range.next {
            self.commit(ack.next)
        } else {
            Ok(())
        }
    }

    /// What there is.
    pub fn status(&self) -> OutboxStatus {
        OutboxStatus {
            range: self.ring.range(),
            n_dropped: self.ring.n_dropped(),
            n_waiting: self.waiting.len(),
            is_stored: self.file_bytes.is_some() && self.waiting.is_empty(),
        }
    }

    fn commit(&mut self, next: Sequence) -> io::Result<()> {
        if !self.ring.forget_below(next) || self.file_bytes.is_none() {
            return Ok(());
        }
        self.append(&log::committed_entry(self.ring.range().next, next))?;
        self.shrink()
    }

    fn append(&mut self, entry: &[u8]) -> io::Result<()> {
        // Until the append is known to be whole, nothing is known of the end of the file.
        let file_bytes = self.file_bytes.take();
        self.disk.append(entry)?;
        self.file_bytes = file_bytes.map(|n_bytes| n_bytes + entry.len());
        Ok(())
    }

    /// Rewrites the file once more than half of it is dead.
    fn shrink(&mut self) -> io::Result<()> {
        let most = 2 * self.ring.n_bytes() + SLACK_BYTES;
        if self.file_bytes.is_some_and(|n_bytes| n_bytes > most) {
            self.write(self.ring.clone())
        } else {
            Ok(())
        }
    }

    /// Replaces the file, and only then what is in memory.
    fn write(&mut self, ring: Ring) -> io::Result<()> {
        let image = log::image(&ring);
        self.file_bytes = None;
        self.disk.replace(&image)?;
        self.file_bytes = Some(image.len());
        self.ring = ring;
        Ok(())
    }
}
