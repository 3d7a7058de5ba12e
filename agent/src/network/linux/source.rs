//! Decides what becomes of a source of changes that fails: when it is tried again, and what is said of it. It must not know
//! what the source is, nor look at a clock.

use std::io;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, info, warn};

/// After the first failure: what is short of descriptors or memory is often over by then.
const FIRST_DELAY: Duration = Duration::from_secs(1);
/// After many failures. A source that works for less does not make the next delay short again.
const MAX_DELAY: Duration = Duration::from_mins(1);

/// A source of changes: open, or to be opened again. As long as it works nothing is ever due.
pub(super) struct Source<T> {
    what: &'static str,
    pub(super) open: Option<T>,
    /// The last time it failed or, while it works, began to.
    since: Option<Instant>,
    is_failing: bool,
    delay: Duration,
}

impl<T> Source<T> {
    /// Closed, and wanted by nobody.
    pub(super) const fn closed(what: &'static str) -> Self {
        Self { what, open: None, since: None, is_failing: false, delay: FIRST_DELAY }
    }

    /// Whether it misses nothing.
    pub(super) const fn works(&self) -> bool {
        self.open.is_some() && !self.is_failing
    }

    /// When it is to be tried again; never, as long as it works.
    pub(super) fn due(&self) -> Option<Instant> {
        self.since.filter(|_| self.is_failing).map(|failed| failed + self.delay)
    }

    /// Whether it fails and may be tried again because something happened, before it is due.
    pub(super) fn may_be_tried(&self, now: Instant) -> bool {
        let rested = |failed| now.saturating_duration_since(failed) >= FIRST_DELAY;
        self.is_failing && self.since.is_some_and(rested)
    }

    /// Takes what came of opening it; whether it failed before, so that nobody knows what was missed.
    pub(super) fn opened(&mut self, opened: io::Result<T>, now: Instant) -> bool {
        match opened {
            Ok(open) => {
                self.open = Some(open);
                self.worked(now)
            }
            Err(error) => {
                self.broke(&error, now);
                false
            }
        }
    }

    /// It works; whether it failed before.
    pub(super) fn worked(&mut self, now: Instant) -> bool {
        let has_failed = std::mem::replace(&mut self.is_failing, false);
        if has_failed {
            info!(what = self.what, "can be noticed again");
        }
        if has_failed || self.since.is_none() {
            self.since = Some(now);
        }
        has_failed
    }

    /// It is of no use any more, and is opened anew later.
    pub(super) fn broke(&mut self, error: &io::Error, now: Instant) {
        self.open = None;
        self.failed(error, now);
    }

    /// It is open but may have missed something; whether that is news.
    pub(super) fn failed(&mut self, error: &io::Error, now: Instant) -> bool {
        let what = self.what;
        let is_news = !std::mem::replace(&mut self.is_failing, true);
        let worked_for = self.since.replace(now).map(|since| now.saturating_duration_since(since));
        self.delay = match worked_for {
            // It failed before, or had hardly begun to work.
            Some(past) if !is_news || past < MAX_DELAY => (self.delay * 2).min(MAX_DELAY),
            _ => FIRST_DELAY,
        };
        if is_news {
            warn!(what, %error, "cannot be noticed; trying again, and looking at intervals meanwhile");
        } else {
            debug!(what, %error, delay = ?self.delay, "still cannot be noticed");
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn error() -> io::Error {
        io::Error::other("no descriptor is left")
    }

    #[test]
    fn what_works_or_is_not_wanted_is_never_due() {
        let mut source = Source::closed("news");
        assert_eq!(source.due(), None);
        assert!(!source.works());
        let now = Instant::now();
        assert!(!source.opened(Ok(()), now), "it missed nothing");
        assert!(source.works());
        assert_eq!(source.due(), None);
        assert!(!source.may_be_tried(now + MAX_DELAY));
    }

    #[test]
    fn what_fails_is_tried_again_after_a_second_and_then_less_and_less_often() {
        let mut source = Source::<()>::closed("news");
        let mut now = Instant::now();
        let delays = [1, 2, 4, 8, 16, 32, 60, 60].map(|wanted| {
            source.opened(Err(error()), now);
            let due = source.due().unwrap();
            let delay = due - now;
            now = due;
            (delay.as_secs(), wanted)
        });
        assert!(delays.iter().all(|(delay, wanted)| delay == wanted), "{delays:?}");
    }

    #[test]
    fn what_works_again_missed_something_and_is_not_due() {
        let mut source = Source::closed("news");
        let now = Instant::now();
        source.opened(Err(error()), now);
        assert!(source.opened(Ok(()), now + SECOND));
        assert!(source.works());
        assert_eq!(source.due(), None);
    }

    #[test]
    fn only_a_source_that_worked_for_long_is_tried_again_soon() {
        let start = Instant::now();
        for (worked_for, delay) in [(SECOND, SECOND * 2), (MAX_DELAY, SECOND)] {
            let mut source = Source::closed("news");
            source.opened(Err(error()), start);
            source.opened(Ok(()), start);
            let now = start + worked_for;
            source.broke(&error(), now);
            assert_eq!(source.due(), Some(now + delay), "{worked_for:?}");
        }
    }

    #[test]
    fn what_is_open_but_missed_something_does_not_work_until_it_was_looked_at() {
        let mut source = Source::closed("news");
        let now = Instant::now();
        source.opened(Ok(()), now);
        assert!(source.failed(&error(), now), "that is news");
        assert!(!source.failed(&error(), now), "that is not");
        assert!(source.open.is_some() && !source.works());
        assert!(!source.may_be_tried(now) && source.may_be_tried(now + SECOND));
        assert!(source.worked(now + SECOND));
        assert!(source.works());
    }
}
