//! When a sample of the fleet is written: at the start, then whenever it differs from the last one written, at most once in
//! a while. Pure.

use std::time::{Duration, Instant, SystemTime};

use crate::fleet::registry::Counts;

/// Between two samples. A chart of 24 hours has about as many points across.
const PAUSE: Duration = Duration::from_secs(60);

/// How many agents are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Inside, as they said last.
    pub n_internal: usize,
    /// Outside.
    pub n_external: usize,
    /// Without a decision.
    pub n_unknown: usize,
    /// Of all three, those with a session.
    pub n_online: usize,
}

impl Standing {
    /// As counted.
    pub fn of(counts: &Counts) -> Self {
        Self {
            n_internal: counts.by_location.internal.n_agents(),
            n_external: counts.by_location.external.n_agents(),
            n_unknown: counts.by_location.unknown.n_agents(),
            n_online: counts.n_online,
        }
    }
}

/// How many were where at a moment, and until the next sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Wall clock of the server.
    pub at: SystemTime,
    /// How many.
    pub standing: Standing,
    /// From here on the server did not run: nothing is known until the next sample.
    pub stopped: bool,
}

/// When the next one is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Now,
    /// Then, if it still differs.
    At(Instant),
    WithTheNextChange,
}

/// What was written last, and when it was tried.
#[derive(Debug, Default)]
pub(super) struct Pace {
    written: Option<Standing>,
    tried_at: Option<Instant>,
    is_failing: bool,
}

impl Pace {
    pub(super) fn due(&self, present: Standing, now: Instant) -> Due {
        if self.written == Some(present) {
            return Due::WithTheNextChange;
        }
        match self.tried_at.map(|at| at + PAUSE) {
            Some(at) if now < at => Due::At(at),
            Some(_) | None => Due::Now,
        }
    }

    pub(super) fn written(&mut self, standing: Standing, now: Instant) {
        *self = Self { written: Some(standing), tried_at: Some(now), is_failing: false };
    }

    /// Writing failed: it is tried again as late as another one would be written. Returns whether that is news.
    pub(super) fn failed(&mut self, now: Instant) -> bool {
        self.tried_at = Some(now);
        !std::mem::replace(&mut self.is_failing, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn online(n_online: usize) -> Standing {
        Standing { n_unknown: 9, n_online, ..Standing::default() }
    }

    #[test]
    fn a_start_is_written_and_an_idle_fleet_is_not() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        assert_eq!(pace.due(online(0), start), Due::Now);
        pace.written(online(0), start);
        assert_eq!(pace.due(online(0), start + 100 * PAUSE), Due::WithTheNextChange);
    }

    #[test]
    fn a_change_waits_for_its_turn_and_one_that_is_undone_is_forgotten() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        pace.written(online(0), start);
        assert_eq!(pace.due(online(1), start + PAUSE / 2), Due::At(start + PAUSE));
        assert_eq!(pace.due(online(0), start + PAUSE), Due::WithTheNextChange);
        assert_eq!(pace.due(online(1), start + PAUSE), Due::Now);
    }

    #[test]
    fn a_failing_store_is_tried_once_in_a_while_and_told_of_once() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        assert!(pace.failed(start));
        assert_eq!(pace.due(online(0), start), Due::At(start + PAUSE));
        assert_eq!(pace.due(online(0), start + PAUSE), Due::Now);
        assert!(!pace.failed(start + PAUSE));
        pace.written(online(0), start + 2 * PAUSE);
        assert!(pace.failed(start + 3 * PAUSE), "it had worked in between");
    }
}
