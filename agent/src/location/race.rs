//! The race: in which order and at what moments the targets of a list are tried, and when that says enough.
//!
//! It knows neither clock nor socket nor what a target is, only its place in the list. Its rules:
//!
//! - Attempts start in list order. The next one starts when one fails, or after the stagger.
//! - The one that answered last time starts at once, beside the first.
//! - At most [`MAX_IN_FLIGHT`] are under way.
//! - The first answer gives the verdict. From then on only attempts earlier in the list matter: later ones are dropped,
//!   earlier ones run to their end, so that the deciding entry is the one that a strict walk would have found.
//! - Nobody answered: said only when every attempt has ended.

use std::time::Duration;

use landmark_proto::evidence::Outcome;

use super::clock::Moment;
use super::tried::{Ended, Tried};

/// The time of one attempt, resolving and connecting together. With 20 % of SYNs lost, one target needed a second or
/// more in 13 of 30 tries (Linux sends the second SYN after 1 s): a shorter time misjudges bad links.
pub(crate) const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);
/// Between two starts while nothing fails: above the round trip of any office network, so that a list whose first entry
/// answers costs one connection; the last of 32 entries starts after 620 ms.
const STAGGER: Duration = Duration::from_millis(20);
/// All attempts shall have started after this time: with their 2 s, and some room, *external* is said within 5 s.
const ALL_STARTED_AFTER: Duration = Duration::from_millis(2500);
/// Attempts under way: a quarter of the usual soft limit of 1024 open files, and what keeps the answer for 32 servers
/// with 8 ports each within 5 s.
pub(crate) const MAX_IN_FLIGHT: usize = 256;

/// A running race.
#[derive(Debug)]
pub(crate) struct Race {
    began: Moment,
    stagger: Duration,
    slots: Vec<Slot>,
    /// Every slot before it was started or dropped.
    frontier: usize,
    next_at: Moment,
    n_in_flight: usize,
    /// Waiting or under way.
    n_open: usize,
    /// The first in list order that answered.
    best: Option<usize>,
    /// The first in time that answered.
    fastest: Option<usize>,
}

#[derive(Debug)]
enum Slot {
    Waiting,
    UnderWay { started: Moment },
    Over(Tried),
}

/// What to do; numbers are places in the list of targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Begin this attempt and tell how it ended.
    Start(usize),
    /// Drop this attempt: its end does not matter any more.
    Cancel(usize),
}

/// What the race says so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing yet.
    Undecided,
    /// Someone answered.
    Answered {
        /// The first in list order so far; only an earlier one can take its place.
        best: usize,
        /// The first in time.
        fastest: usize,
        /// None can take its place any more.
        settled: bool,
    },
    /// Every attempt failed.
    NoneAnswered,
}

impl Race {
    /// Starts a race over `n_targets`; `answered_last` is tried at once, beside the first. A race over none is over.
    pub(crate) fn start(now: Moment, n_targets: usize, answered_last: Option<usize>) -> (Self, Vec<Action>) {
        let share = u32::try_from(n_targets).map_or(Duration::ZERO, |n| ALL_STARTED_AFTER / n.max(1));
        let mut race = Self {
            began: now,
            stagger: STAGGER.min(share),
            slots: (0..n_targets).map(|_| Slot::Waiting).collect(),
            frontier: 0,
            next_at: now,
            n_in_flight: 0,
            n_open: n_targets,
            best: None,
            fastest: None,
        };
        let mut actions = race.start_due(now);
        if let Some(index) = answered_last {
            race.begin(index, now, &mut actions);
        }
        (race, actions)
    }

    /// An attempt ended. The end of one that was dropped is ignored.
    pub(crate) fn ended(&mut self, now: Moment, index: usize, ended: Ended) -> Vec<Action> {
        let Some(slot) = self.slots.get_mut(index) else { return Vec::new() };
        let Slot::UnderWay { started } = *slot else { return Vec::new() };
        let answered = ended.outcome == Outcome::Answered;
        *slot = Slot::Over(Tried::new(self.began, started, now, ended));
        self.n_in_flight -= 1;
        self.n_open -= 1;
        let mut actions = Vec::new();
        if answered {
            self.fastest.get_or_insert(index);
            self.best = Some(index);
            self.drop_later_than(index, now, &mut actions);
        } else {
            self.next_at = now;
        }
        actions.extend(self.start_due(now));
        actions
    }

    /// Starts what is due.
    pub(crate) fn start_due(&mut self, now: Moment) -> Vec<Action> {
        let mut actions = Vec::new();
        while self.next_at <= now && self.n_in_flight < MAX_IN_FLIGHT {
            let Some(index) = self.next_waiting() else { break };
            self.begin(index, now, &mut actions);
            // From the planned moment, not from now: a late wake-up must not delay all that follow.
            self.next_at = self.next_at + self.stagger;
        }
        actions
    }

    /// When to call [`Race::start_due`], if nothing ends before.
    pub(crate) fn wake_at(&mut self) -> Option<Moment> {
        (self.n_in_flight < MAX_IN_FLIGHT && self.next_waiting().is_some()).then_some(self.next_at)
    }

    /// What the race says so far.
    pub(crate) fn state(&self) -> State {
        match (self.best, self.fastest) {
            (Some(best), Some(fastest)) => State::Answered { best, fastest, settled: self.n_open == 0 },
            _ if self.n_open == 0 => State::NoneAnswered,
            _ => State::Undecided,
        }
    }

    /// Ends the race: attempts under way are not needed any more. Returns what became of the targets, in list order, up
    /// to the last one that was started.
    pub(crate) fn close(mut self, now: Moment) -> Vec<Tried> {
        let mut n_tried = 0;
        for index in 0..self.slots.len() {
            self.drop_slot(index, now);
            if matches!(self.slots.get(index), Some(Slot::Over(tried)) if tried.was_started()) {
                n_tried = index + 1;
            }
        }
        let over = |slot| match slot {
            Slot::Over(tried) => Some(tried),
            Slot::Waiting | Slot::UnderWay { .. } => None,
        };
        self.slots.into_iter().take(n_tried).filter_map(over).collect()
    }

    fn begin(&mut self, index: usize, now: Moment, actions: &mut Vec<Action>) {
        if let Some(slot @ Slot::Waiting) = self.slots.get_mut(index) {
            *slot = Slot::UnderWay { started: now };
            self.n_in_flight += 1;
            actions.push(Action::Start(index));
        }
    }

    fn next_waiting(&mut self) -> Option<usize> {
        while let Some(slot) = self.slots.get(self.frontier) {
            if matches!(slot, Slot::Waiting) {
                return Some(self.frontier);
            }
            self.frontier += 1;
        }
        None
    }

    fn drop_later_than(&mut self, index: usize, now: Moment, actions: &mut Vec<Action>) {
        for later in index + 1..self.slots.len() {
            if self.drop_slot(later, now) {
                actions.push(Action::Cancel(later));
            }
        }
    }

    /// Returns whether an attempt was under way.
    fn drop_slot(&mut self, index: usize, now: Moment) -> bool {
        let Some(slot) = self.slots.get_mut(index) else { return false };
        let (started, was_under_way) = match *slot {
            Slot::Waiting => (None, false),
            Slot::UnderWay { started } => (Some(started), true),
            Slot::Over(_) => return false,
        };
        *slot = Slot::Over(Tried::not_needed(self.began, started, now));
        self.n_open -= 1;
        self.n_in_flight -= usize::from(was_under_way);
        was_under_way
    }
}

#[cfg(test)]
mod tests;
