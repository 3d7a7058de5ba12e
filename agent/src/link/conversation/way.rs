//! Whether the way to the server still is one after the machine's network changed: a heartbeat that is answered within a
//! second proves it. A connection over an address that is gone would else look alive for as long as TCP tries.
//!
//! One test at a time. A change during a test gives it its second once more, but only once: a network that never settles
//! must not keep a dead link. It also asks for another test afterwards, for the answer may have come the old way. Pure.

use std::time::{Duration, Instant};

/// How long the answer may take: many times the way around the earth.
pub(super) const LIMIT: Duration = Duration::from_secs(1);
/// From the beginning of one test to the next: a host of containers changes its network all day.
const PAUSE: Duration = Duration::from_secs(1);

/// The tests of one session.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Way {
    wanted_at: Option<Instant>,
    under_way: Option<Test>,
    next_from: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Test {
    since: Instant,
    is_said: bool,
    is_restarted: bool,
}

impl Way {
    /// The network changed.
    pub(super) fn doubt(&mut self, now: Instant) {
        if let Some(test) = self.under_way.as_mut().filter(|test| !test.is_restarted) {
            (test.since, test.is_restarted) = (now, true);
        }
        let earliest = self.next_from.map_or(now, |from| from.max(now));
        self.wanted_at.get_or_insert(earliest);
    }

    /// Begins the test whose time has come; its clock runs from here on, whether or not there is room to say anything.
    pub(super) fn look(&mut self, now: Instant) {
        if self.under_way.is_none() && self.wanted_at.is_some_and(|at| at <= now) {
            self.wanted_at = None;
            self.next_from = Some(now + PAUSE);
            self.under_way = Some(Test { since: now, is_said: false, is_restarted: false });
        }
    }

    /// Whether a heartbeat is to be said for a test; it counts as said.
    pub(super) fn take_heartbeat(&mut self) -> bool {
        match &mut self.under_way {
            Some(test) => !std::mem::replace(&mut test.is_said, true),
            None => false,
        }
    }

    /// A heartbeat was answered.
    pub(super) fn answered(&mut self) {
        self.under_way.take_if(|test| test.is_said);
    }

    /// Whether the answer is overdue.
    pub(super) fn is_lost(&self, now: Instant) -> bool {
        self.under_way.is_some_and(|test| now.saturating_duration_since(test.since) >= LIMIT)
    }

    /// When to look again though nothing happens.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.under_way.map(|test| test.since + LIMIT).or(self.wanted_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(600);

    fn tested(at: Instant) -> Way {
        let mut way = Way::default();
        way.doubt(at);
        assert_eq!(way.wake_at(), Some(at));
        way.look(at);
        assert!(way.take_heartbeat());
        way
    }

    #[test]
    fn a_change_asks_for_one_heartbeat_and_its_answer_ends_the_test() {
        let now = Instant::now();
        let mut way = tested(now);
        assert!(!way.take_heartbeat(), "one is enough");
        assert_eq!(way.wake_at(), Some(now + LIMIT));
        way.answered();
        assert_eq!((way.wake_at(), way.is_lost(now + LIMIT * 9)), (None, false));
    }

    #[test]
    fn no_answer_within_a_second_is_a_lost_link() {
        let now = Instant::now();
        let way = tested(now);
        assert!(!way.is_lost(now + LIMIT - Duration::from_millis(1)));
        assert!(way.is_lost(now + LIMIT));
    }

    #[test]
    fn further_changes_give_a_test_one_more_second_and_not_two() {
        let now = Instant::now();
        let mut way = tested(now);
        way.doubt(now + SOON);
        assert!(!way.is_lost(now + LIMIT) && !way.take_heartbeat());
        way.doubt(now + LIMIT);
        assert!(way.is_lost(now + SOON + LIMIT));
    }

    #[test]
    fn an_answer_from_before_the_last_change_is_not_the_last_word() {
        let now = Instant::now();
        let mut way = tested(now);
        way.doubt(now + SOON);
        way.answered();
        assert_eq!(way.wake_at(), Some(now + PAUSE), "tested again, though not at once");
        way.look(now + PAUSE);
        assert!(way.take_heartbeat());
        assert!(way.is_lost(now + PAUSE + LIMIT));
    }

    #[test]
    fn changes_without_end_are_tested_once_a_second() {
        let now = Instant::now();
        let mut way = tested(now);
        way.answered();
        let mut n_tests = 1;
        for passed in 1..=5_000 {
            let now = now + Duration::from_millis(passed);
            way.doubt(now);
            way.look(now);
            n_tests += u32::from(way.take_heartbeat());
            way.answered();
        }
        assert_eq!(n_tests, 6);
    }

    #[test]
    fn an_answer_to_an_earlier_heartbeat_proves_nothing() {
        let now = Instant::now();
        let mut way = Way::default();
        way.doubt(now);
        way.look(now);
        way.answered();
        assert!(way.is_lost(now + LIMIT), "the test's own was not even said: the server does not read");
    }
}
