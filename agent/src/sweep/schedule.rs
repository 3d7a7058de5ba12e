//! When the next sweep is due. Pure: time and randomness come in.
//!
//! Agents share no clock, and the server asks and pushes to all of them at once: everything here is spread, and what was
//! due while the link was lost is spread anew, so that a fleet does not come to the reference servers in one second.

use std::time::Duration;

use landmark_proto::revision::Held;
use tokio::time::Instant;

/// The first sweep of a list waits a random share of this, or of the interval if that is shorter.
const FIRST_WITHIN: Duration = Duration::from_secs(10 * 60);

/// What a schedule depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Whether the link stands.
    pub(super) is_connected: bool,
    /// The assignment whose list is to be swept, if any is.
    pub(super) held: Option<Held>,
    /// How often; `None`: only when someone asks.
    pub(super) interval: Option<Duration>,
}

/// When to sweep.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Schedule {
    state: State,
    /// By the interval.
    regular: Option<Instant>,
    /// By a wish.
    wished: Option<Instant>,
}

impl Schedule {
    /// Takes over how things are; `share` is random, from 0 to 1. Returns whether a sweep that is under way shall end.
    pub(super) fn look(&mut self, state: State, now: Instant, share: f64) -> bool {
        let before = std::mem::replace(&mut self.state, state);
        let is_other = state.held != before.held || state.interval != before.interval;
        let is_overdue = self.regular.is_some_and(|due| due <= now);
        let has_come = state.is_connected && !before.is_connected;
        if is_other || (has_come && is_overdue) {
            let first = |interval: Duration| now + FIRST_WITHIN.min(interval).mul_f64(share);
            self.regular = state.interval.map(first);
        }
        if !state.is_connected {
            // Whoever asked has gone.
            self.wished = None;
        }
        !state.is_connected || state.held != before.held
    }

    /// Someone wants a sweep at this time; of several wishes the earliest counts.
    pub(super) fn wish(&mut self, at: Instant) {
        if self.state.is_connected {
            self.wished = Some(self.wished.map_or(at, |wished| wished.min(at)));
        }
    }

    /// When the next sweep is due; `None` while none is.
    pub(super) fn due(&self) -> Option<Instant> {
        let can_sweep = self.state.is_connected && self.state.held.is_some();
        let earliest = [self.regular, self.wished].into_iter().flatten().min();
        earliest.filter(|_| can_sweep)
    }

    /// A sweep has begun: it is the answer to whoever asked until now. If it does not come to its end it stays due.
    pub(super) fn begun(&mut self) {
        self.wished = None;
    }

    /// It ended by itself.
    pub(super) fn ended(&mut self, now: Instant, share: f64) {
        // 90 to 110 %: no two agents stay in step.
        let jittered = |interval: Duration| interval.mul_f64(0.9 + 0.2 * share);
        self.regular = self.state.interval.map(|interval| now + jittered(interval));
    }
}
