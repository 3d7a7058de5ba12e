//! Time as the location decision knows it.
//!
//! Deciding files only see a [`Moment`] that they are given. Records for people carry what a [`Clock`] tells: wall clock,
//! and time since boot for machines whose wall clock jumps.

use std::ops::Add;
use std::time::{Duration, SystemTime};

use crate::platform;

/// A point in time of this process, as the time since the location task began. Monotonic; stands still while the machine
/// sleeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(Duration);

impl Moment {
    /// This long after the location task began.
    pub(crate) fn new(since_begin: Duration) -> Self {
        Self(since_begin)
    }

    /// The time since the location task began.
    pub(crate) fn since_begin(self) -> Duration {
        self.0
    }

    /// The time from `earlier` to here; zero if it is later.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

/// What records for people need.
pub trait Clock: Send + Sync + 'static {
    /// The wall clock, which may jump.
    fn wall(&self) -> SystemTime;

    /// Since the machine booted, sleep included. It never jumps.
    fn since_boot(&self) -> Duration;
}

/// The machine's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    fn since_boot(&self) -> Duration {
        platform::since_boot()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_moment_is_no_time_before_an_earlier_one() {
        let (early, late) = (Moment::new(Duration::from_secs(1)), Moment::new(Duration::from_secs(3)));
        assert_eq!(late.since(early), Duration::from_secs(2));
        assert_eq!(early.since(late), Duration::ZERO);
    }
}
