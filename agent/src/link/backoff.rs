//! How long to wait before the next dial. Decides only: randomness comes in as a number, time not at all.

use std::time::Duration;

/// Before the first retry, on average half of it.
const BASE: Duration = Duration::from_secs(1);
/// From one retry to the next.
const FACTOR: f64 = 1.6;
/// No path may spin, not even one with a share of zero.
const FLOOR: Duration = Duration::from_millis(50);

/// A session that lived this long counts as steady: the next loss begins anew.
pub const STEADY_AFTER: Duration = Duration::from_secs(60);

/// A random number from 0 up to, but not including, 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Share(f64);

impl Share {
    /// Numbers outside of the range become its nearest end.
    pub fn new(share: f64) -> Self {
        Self(share.clamp(0.0, 1.0))
    }

    /// Drawn from the process's generator.
    pub fn random() -> Self {
        Self(rand::random())
    }

    /// That share of a time.
    pub fn of(self, whole: Duration) -> Duration {
        whole.mul_f64(self.0)
    }
}

/// Full jitter: a random share of a time that grows with every failure, up to a cap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    n_failures: u32,
}

impl Backoff {
    /// The wait after one more failure.
    pub fn next(&mut self, cap: Duration, share: Share) -> Duration {
        let exponent = i32::try_from(self.n_failures).unwrap_or(i32::MAX);
        self.n_failures = self.n_failures.saturating_add(1);
        let seconds = (BASE.as_secs_f64() * FACTOR.powi(exponent)).min(cap.as_secs_f64());
        floored(share.of(Duration::try_from_secs_f64(seconds).unwrap_or(cap)))
    }

    /// Whatever comes next is the first failure.
    pub fn reset(&mut self) {
        self.n_failures = 0;
    }

    /// How many failures there were in a row.
    pub fn n_failures(&self) -> u32 {
        self.n_failures
    }
}

/// At least a moment.
pub fn floored(wait: Duration) -> Duration {
    wait.max(FLOOR)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CAP: Duration = Duration::from_secs(300);

    #[test]
    fn grows_by_its_factor_up_to_the_cap() {
        let mut backoff = Backoff::default();
        let waits: Vec<u64> = (0..15).map(|_| backoff.next(CAP, Share::new(1.0)).as_secs()).collect();
        assert_eq!(waits, [1, 1, 2, 4, 6, 10, 16, 26, 42, 68, 109, 175, 281, 300, 300]);
        backoff.reset();
        assert_eq!(backoff.next(CAP, Share::new(1.0)), BASE);
    }

    #[test]
    fn never_waits_no_time_at_all() {
        assert_eq!(Backoff::default().next(CAP, Share::new(0.0)), FLOOR);
    }

    proptest! {
        #[test]
        fn never_exceeds_the_cap(n_failures in 0_u32.., share in 0.0..1.0_f64, cap in 1_u64..3_600) {
            let cap = Duration::from_secs(cap);
            let wait = Backoff { n_failures }.next(cap, Share::new(share));
            prop_assert!(FLOOR <= wait && wait <= cap);
        }
    }
}
