//! What the next page of someone says first: "Saved to the draft". In memory only, for a page that comes at once.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::access::SessionKey;

/// More than that are waiting only when nobody fetches them.
const KEPT: usize = 256;

/// One sentence, and whether it is good news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flash {
    pub(super) text: String,
    pub(super) is_good: bool,
}

/// Those that wait for their page.
#[derive(Debug, Default)]
pub(super) struct Flashes(Mutex<VecDeque<(SessionKey, Flash)>>);

impl Flashes {
    pub(super) fn put(&self, session: SessionKey, flash: Flash) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|(of, _)| *of != session);
        if waiting.len() == KEPT {
            waiting.pop_front();
        }
        waiting.push_back((session, flash));
    }

    pub(super) fn take(&self, session: SessionKey) -> Option<Flash> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = waiting.iter().position(|(of, _)| *of == session)?;
        waiting.remove(place).map(|(_, flash)| flash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Flash {
        Flash { text: text.to_owned(), is_good: true }
    }

    #[test]
    fn the_last_one_is_said_once_and_to_its_own() {
        let flashes = Flashes::default();
        let (one, other) = (SessionKey([1; 32]), SessionKey([2; 32]));
        flashes.put(one, said("first"));
        flashes.put(one, said("second"));
        assert_eq!(flashes.take(other), None);
        assert_eq!(flashes.take(one), Some(said("second")));
        assert_eq!(flashes.take(one), None);
    }

    #[test]
    fn those_that_nobody_fetches_go() {
        let flashes = Flashes::default();
        let session = |n: usize| {
            SessionKey(
                [u8::try_from(n % 256).unwrap(), u8::try_from(n / 256).unwrap()]
                    .repeat(16)
                    .try_into()
                    .unwrap(),
            )
        };
        for n in 0..=KEPT {
            flashes.put(session(n), said("hello"));
        }
        assert_eq!(flashes.take(session(0)), None);
        assert_eq!(flashes.take(session(KEPT)), Some(said("hello")));
    }
}
