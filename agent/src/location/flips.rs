//! How often the location changed of late: what tells a machine at the edge of a network from one that moved.
//!
//! Pure: `now` is told.

use std::collections::VecDeque;
use std::time::Duration;

use landmark_proto::location::Location;

use super::clock::Moment;

/// Of the time that is looked back on.
const WINDOW: Duration = Duration::from_secs(60 * 60);
/// Changes that are counted, at most: more in an hour is a number nobody needs.
const MAX_COUNTED: usize = 1000;

/// The changes between internal and external in the last hour.
#[derive(Debug, Default)]
pub(crate) struct Flips {
    last: Option<Location>,
    at: VecDeque<Moment>,
}

impl Flips {
    /// Takes a location that was decided.
    pub(crate) fn decided(&mut self, now: Moment, location: Location) {
        if location == Location::Unknown {
            return;
        }
        if self.last.replace(location).is_some_and(|last| last != location) {
            self.at.push_back(now);
            if self.at.len() > MAX_COUNTED {
                self.at.pop_front();
            }
        }
    }

    /// How many there were in the last hour.
    pub(crate) fn n_lately(&mut self, now: Moment) -> u32 {
        while self.at.front().is_some_and(|at| now.since(*at) >= WINDOW) {
            self.at.pop_front();
        }
        u32::try_from(self.at.len()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_counted_for_an_hour() {
        let at = |minutes: u64| Moment::new(Duration::from_secs(minutes * 60));
        let mut flips = Flips::default();
        for (minute, location) in [
            (0, Location::Unknown),
            (1, Location::External),
            (2, Location::External),
            (3, Location::Internal),
            (4, Location::Unknown),
            (5, Location::Internal),
            (10, Location::External),
        ] {
            flips.decided(at(minute), location);
        }
        assert_eq!(flips.n_lately(at(10)), 2);
        assert_eq!(flips.n_lately(at(62)), 2);
        assert_eq!(flips.n_lately(at(63)), 1);
        assert_eq!(flips.n_lately(at(70)), 0);
    }

    #[test]
    fn a_machine_that_flaps_for_days_costs_no_memory() {
        let mut flips = Flips::default();
        for n in 0..10_000 {
            let location = if n % 2 == 0 { Location::Internal } else { Location::External };
            flips.decided(Moment::new(Duration::from_millis(n * 50)), location);
        }
        assert_eq!(flips.n_lately(Moment::new(Duration::from_secs(500))), 1000);
    }
}
