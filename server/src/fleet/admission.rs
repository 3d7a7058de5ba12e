//! Admits new sessions at a rate that the server can bear, and gives the others an appointment.
//!
//! Decides in plain functions; `now` is a parameter.

use std::time::{Duration, Instant};

/// A token bucket whose refusals are spread: of 100,000 agents that come at once each is told another time.
#[derive(Clone, Debug)]
pub(super) struct Admission {
    per_second: f64,
    burst: f64,
    tokens: f64,
    /// Appointments that were given and are not over.
    promised: f64,
    at: Instant,
}

/// Nobody is sent away for longer.
const MAX_DELAY: Duration = Duration::from_secs(300);

impl Admission {
    pub(super) fn new(per_second: u32, burst: u32, now: Instant) -> Self {
        let burst = f64::from(burst.max(1));
        Self { per_second: f64::from(per_second.max(1)), burst, tokens: burst, promised: 0.0, at: now }
    }

    /// Admits one session.
    ///
    /// # Errors
    /// When to come back.
    pub(super) fn admit(&mut self, now: Instant) -> Result<(), Duration> {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * self.per_second;
        self.at = now;
        self.tokens = (self.tokens + gained).min(self.burst);
        self.promised = (self.promised - gained).max(0.0);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        self.promised += 1.0;
        Err(Duration::from_secs_f64(self.promised / self.per_second).min(MAX_DELAY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_admitted_and_then_the_rate() {
        let start = Instant::now();
        let mut admission = Admission::new(10, 5, start);
        let mut admitted_at =
            |milliseconds| admission.admit(start + Duration::from_millis(milliseconds)).is_ok();
        assert!((0..5).all(|_| admitted_at(0)));
        assert!(!admitted_at(0));
        assert!(!admitted_at(99));
        assert!(admitted_at(100));
        assert!(!admitted_at(100));
        assert_eq!((0..10).filter(|_| admitted_at(60_000)).count(), 5, "no more than a burst gathers");
    }

    #[test]
    fn appointments_are_spread_at_the_rate() {
        let start = Instant::now();
        let mut admission = Admission::new(1_000, 1, start);
        admission.admit(start).unwrap();
        let delays: Vec<_> = (0..100_000).map(|_| admission.admit(start).unwrap_err()).collect();
        assert_eq!(delays.first(), Some(&Duration::from_millis(1)));
        assert_eq!(delays.last(), Some(&Duration::from_secs(100)));
        assert!(delays.is_sorted());
    }

    #[test]
    fn nobody_waits_for_ever() {
        let start = Instant::now();
        let mut admission = Admission::new(1, 1, start);
        let longest = (0..10_000).filter_map(|_| admission.admit(start).err()).max();
        assert_eq!(longest, Some(MAX_DELAY));
        assert!(admission.admit(start + MAX_DELAY).is_ok());
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_admits_nobody_for_free() {
        let start = Instant::now() + Duration::from_secs(10);
        let mut admission = Admission::new(1_000, 1, start);
        admission.admit(start).unwrap();
        assert!(admission.admit(start.checked_sub(Duration::from_secs(5)).unwrap()).is_err());
    }
}
