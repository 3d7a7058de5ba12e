//! Slows those down who fail again and again.
//!
//! Not to keep anyone from guessing: a token has 256 random bits. It keeps a script gone wild from filling the log and
//! the store's queue. Decides in plain functions; `now` is a parameter.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Failures of one address that cost nothing but themselves.
const BURST: u32 = 20;
/// Then one every so often.
const INTERVAL: Duration = Duration::from_secs(3);
/// Addresses that are remembered; 100 bytes each.
const MAX_ADDRESSES: usize = 10_000;

/// Recent failures by address.
#[derive(Debug, Default)]
pub(super) struct Failures {
    /// When the failures of an address will be forgotten; every failure adds an interval.
    forgotten_at: HashMap<IpAddr, Instant>,
    swept_at: Option<Instant>,
}

impl Failures {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Whether an address may try.
    ///
    /// # Errors
    /// When it may.
    pub(super) fn check(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let debt = self.debt(address, now);
        let allowed = INTERVAL * (BURST - 1);
        debt.checked_sub(allowed).filter(|wait| !wait.is_zero()).map_or(Ok(()), Err)
    }

    /// Notes a failure.
    pub(super) fn note(&mut self, address: IpAddr, now: Instant) {
        if self.forgotten_at.len() >= MAX_ADDRESSES {
            self.sweep(now);
        }
        // With so many others failing at once, one more address costs only what it costs.
        if self.forgotten_at.len() < MAX_ADDRESSES || self.forgotten_at.contains_key(&address) {
            let debt = self.debt(address, now) + INTERVAL;
            self.forgotten_at.insert(address, now + debt);
        }
    }

    /// Forgets what is over; not for every failure, for it looks at everyone.
    fn sweep(&mut self, now: Instant) {
        let is_swept = self.swept_at.is_some_and(|at| now.saturating_duration_since(at) < INTERVAL);
        if !is_swept {
            self.swept_at = Some(now);
            self.forgotten_at.retain(|_, at| *at > now);
        }
    }

    fn debt(&self, address: IpAddr, now: Instant) -> Duration {
        self.forgotten_at.get(&address).map_or(Duration::ZERO, |at| at.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    #[test]
    fn a_burst_is_free_and_then_one_has_to_wait() {
        let (mut failures, start) = (Failures::new(), Instant::now());
        for _ in 0..BURST {
            assert_eq!(failures.check(address(1), start), Ok(()));
            failures.note(address(1), start);
        }
        assert_eq!(failures.check(address(1), start), Err(INTERVAL));
        assert_eq!(failures.check(address(2), start), Ok(()), "others do not wait");
        assert_eq!(failures.check(address(1), start + INTERVAL), Ok(()));
        assert_eq!(failures.check(address(1), start + INTERVAL * BURST * 2), Ok(()));
    }

    #[test]
    fn memory_is_bounded() {
        let (mut failures, start) = (Failures::new(), Instant::now());
        for number in 0..20_000 {
            failures.note(address(number), start);
        }
        assert_eq!(failures.forgotten_at.len(), MAX_ADDRESSES);
        failures.note(address(20_001), start + INTERVAL);
        assert_eq!(failures.forgotten_at.len(), 1);
    }
}
