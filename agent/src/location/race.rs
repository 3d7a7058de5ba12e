//! The race: in which order and at what moments the targets of a list are tried, and when that says enough.
//!
//! It knows neither clock nor socket nor what a target is, only its place in the list and which server it belongs to.
//! Its rules:
//!
//! - Attempts start in list order. The next one starts when one ends, or after the stagger.
//! - Those that answered last time start at once, beside the first.
//! - At most [`MAX_IN_FLIGHT`] are under way.
//! - A port that answers makes the later ports of its server needless.
//! - Answers of as many different servers as are required give the verdict. From then on only attempts earlier in the
//!   list than the first that answered matter: later ones are dropped, earlier ones run to their end, so that the deciding
//!   entry is the one that a strict walk would have found.
//! - Not enough: said only when every attempt has ended.

use std::time::Duration;

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
    /// Different servers that must answer.
    n_required: usize,
    /// The first in list order that answered.
    best: Option<usize>,
    /// One of each server that answered, in the order of their answers, as far as they were required.
    fastest: Vec<usize>,
}

/// What a race is over.
#[derive(Clone, Debug, Default)]
pub(crate) struct Course {
    /// The place of the server of each target, in list order.
    pub(crate) positions: Vec<usize>,
    /// How many different servers must answer; at least 1.
    pub(crate) n_required: usize,
    /// Targets that answered last time.
    pub(crate) answered_last: Vec<usize>,
}

#[derive(Debug)]
struct Slot {
    /// The place of its server.
    position: usize,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Waiting,
    UnderWay {
        started: Moment,
    },
    /// Boxed: a list may have thousands of targets, of which few are ever tried.
    Over {
        tried: Box<Tried>,
        counts: bool,
    },
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
    /// Enough answered.
    Answered {
        /// The first in list order so far; only an earlier one can take its place.
        best: usize,
        /// None can take its place any more.
        settled: bool,
    },
    /// Every attempt has ended, and not enough answered.
    NotEnough,
}

impl Race {
    /// Starts a race; those that answered last are tried at once, beside the first. A race over no target is over.
    pub(crate) fn start(now: Moment, course: Course) -> (Self, Vec<Action>) {
        let Course { positions, n_required, answered_last } = course;
        let n_targets = positions.len();
        let share = u32::try_from(n_targets).map_or(Duration::ZERO, |n| ALL_STARTED_AFTER / n.max(1));
        let waiting = |position| Slot { position, stage: Stage::Waiting };
        let mut race = Self {
            began: now,
            stagger: STAGGER.min(share),
            slots: positions.into_iter().map(waiting).collect(),
            frontier: 0,
            next_at: now,
            n_in_flight: 0,
            n_open: n_targets,
            n_required,
            best: None,
            fastest: Vec::new(),
        };
        let mut actions = race.start_due(now);
        for index in answered_last.into_iter().take(n_required) {
            race.begin(index, now, &mut actions);
        }
        (race, actions)
    }

    /// An attempt ended; it was answered if that answer counts. The end of one that was dropped is ignored.
    pub(crate) fn ended(&mut self, now: Moment, index: usize, ended: Ended, counts: bool) -> Vec<Action> {
        let Some(slot) = self.slots.get_mut(index) else { return Vec::new() };
        let Stage::UnderWay { started } = slot.stage else { return Vec::new() };
        slot.stage = Stage::Over { tried: Box::new(Tried::new(self.began, started, now, ended)), counts };
        self.n_in_flight -= 1;
        self.n_open -= 1;
        let mut actions = Vec::new();
        if counts {
            self.answered(index, now, &mut actions);
        }
        if !self.has_enough() {
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
        match self.best {
            Some(best) if self.has_enough() => State::Answered { best, settled: self.n_open == 0 },
            _ if self.n_open == 0 => State::NotEnough,
            _ => State::Undecided,
        }
    }

    /// Whether this target answered in a way that counts.
    pub(crate) fn has_answered(&self, index: usize) -> bool {
        matches!(self.slots.get(index), Some(Slot { stage: Stage::Over { counts: true, .. }, .. }))
    }

    /// One target of each server that answered, in the order of their answers, at most as many as were required.
    pub(crate) fn fastest(&self) -> &[usize] {
        &self.fastest
    }

    /// Ends the race: attempts under way are not needed any more. Returns what became of the targets, in list order, up
    /// to the last one that was started.
    pub(crate) fn close(mut self, now: Moment) -> Vec<Tried> {
        let mut n_tried = 0;
        for index in 0..self.slots.len() {
            self.drop_slot(index, now);
            let stage = self.slots.get(index).map(|slot| &slot.stage);
            if matches!(stage, Some(Stage::Over { tried, .. }) if tried.was_started()) {
                n_tried = index + 1;
            }
        }
        let over = |slot: Slot| match slot.stage {
            Stage::Over { tried, .. } => Some(*tried),
            Stage::Waiting | Stage::UnderWay { .. } => None,
        };
        self.slots.into_iter().take(n_tried).filter_map(over).collect()
    }

    fn has_enough(&self) -> bool {
        self.fastest.len() >= self.n_required
    }

    fn answered(&mut self, index: usize, now: Moment, actions: &mut Vec<Action>) {
        let position = self.position(index);
        if !self.has_enough() && self.fastest.iter().all(|other| self.position(*other) != position) {
            self.fastest.push(index);
        }
        let best = self.best.map_or(index, |best| best.min(index));
        self.best = Some(best);
        for later in index + 1..self.slots.len() {
            if self.position(later) == position {
                self.cancel(later, now, actions);
            }
        }
        if self.has_enough() {
            for later in best + 1..self.slots.len() {
                self.cancel(later, now, actions);
            }
        }
    }

    fn position(&self, index: usize) -> Option<usize> {
        self.slots.get(index).map(|slot| slot.position)
    }

    fn begin(&mut self, index: usize, now: Moment, actions: &mut Vec<Action>) {
        if let Some(Slot { stage: stage @ Stage::Waiting, .. }) = self.slots.get_mut(index) {
            *stage = Stage::UnderWay { started: now };
            self.n_in_flight += 1;
            actions.push(Action::Start(index));
        }
    }

    fn next_waiting(&mut self) -> Option<usize> {
        while let Some(slot) = self.slots.get(self.frontier) {
            if matches!(slot.stage, Stage::Waiting) {
                return Some(self.frontier);
            }
            self.frontier += 1;
        }
        None
    }

    fn cancel(&mut self, index: usize, now: Moment, actions: &mut Vec<Action>) {
        if self.drop_slot(index, now) {
            actions.push(Action::Cancel(index));
        }
    }

    /// Returns whether an attempt was under way.
    fn drop_slot(&mut self, index: usize, now: Moment) -> bool {
        let Some(slot) = self.slots.get_mut(index) else { return false };
        let (started, was_under_way) = match slot.stage {
            Stage::Waiting => (None, false),
            Stage::UnderWay { started } => (Some(started), true),
            Stage::Over { .. } => return false,
        };
        slot.stage =
            Stage::Over { tried: Box::new(Tried::not_needed(self.began, started, now)), counts: false };
        self.n_open -= 1;
        self.n_in_flight -= usize::from(was_under_way);
        was_under_way
    }
}

#[cfg(test)]
mod tests;
