//! Decides whether the machine slept. It must not know what wakes this process up.
//!
//! The monotonic clock stands still while the machine sleeps, the boot-time clock goes on (clock_gettime(2)): what is
//! between them grows by the sleep and by nothing else. The wall clock has no say in it.

use std::time::Duration;

use crate::platform;

/// Less is no sleep: the two clocks are not read at the same instant.
const SHORTEST_SLEEP: Duration = Duration::from_secs(1);

/// The two clocks.
pub(super) trait Clocks: Send + Sync + 'static {
    /// Since the machine booted, sleep included.
    fn since_boot(&self) -> Duration;

    /// The same without sleep.
    fn awake(&self) -> Duration;
}

/// The machine's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SystemClocks;

impl Clocks for SystemClocks {
    fn since_boot(&self) -> Duration {
        platform::since_boot()
    }

    fn awake(&self) -> Duration {
        platform::awake()
    }
}

/// How long the machine has slept since it booted, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slept(Duration);

impl Slept {
    /// What the clocks say. They are read in the order in which a delay between them makes it less, never more: a busy
    /// machine does not look like one that slept.
    pub(super) fn read(clocks: &dyn Clocks) -> Self {
        let since_boot = clocks.since_boot();
        let awake = clocks.awake();
        Self(since_boot.saturating_sub(awake))
    }

    /// Takes a later reading; whether the machine slept in between.
    pub(super) fn update(&mut self, later: Self) -> bool {
        let has_slept = later.0.saturating_sub(self.0) >= SHORTEST_SLEEP;
        // Sleep is never taken back; a smaller reading is one that was delayed.
        self.0 = self.0.max(later.0);
        has_slept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slept(milliseconds: u64) -> Slept {
        Slept(Duration::from_millis(milliseconds))
    }

    #[test]
    fn a_second_between_the_clocks_is_sleep_and_counts_once() {
        let mut known = slept(500);
        assert!(!known.update(slept(500)));
        assert!(!known.update(slept(1_499)), "less than a second");
        assert!(known.update(slept(2_499)));
        assert!(!known.update(slept(2_499)), "the same sleep again");
        assert!(known.update(slept(60_000)));
    }

    #[test]
    fn a_delay_between_two_readings_is_no_sleep() {
        let mut known = slept(5_000);
        assert!(!known.update(slept(3_000)), "the clocks were read three seconds apart");
        assert!(!known.update(slept(5_000)), "and then at once");
    }

    #[test]
    fn the_machines_own_clocks_agree_while_it_is_awake() {
        let mut known = Slept::read(&SystemClocks);
        assert!(!known.update(Slept::read(&SystemClocks)));
        assert!(SystemClocks.awake() <= SystemClocks.since_boot());
    }
}
