//! One evaluation of the model: what it sees, and what becomes of its finding.

use landmark_proto::location::Trigger;
use landmark_proto::location_rules::Criterion;
use landmark_proto::settings::Settings;

use super::{Ground, milliseconds};
use crate::location::engine::tests::Word;

#[derive(Clone, Copy, PartialEq)]
enum Attempt {
    Not,
    Since(u64),
    Over(bool),
}

#[derive(Default)]
pub(super) struct Evaluation {
    pub(super) triggers: Vec<Trigger>,
    pub(super) settings: Option<Settings>,
    pub(super) started: u64,
    attempts: Vec<Attempt>,
    last_attempt_at: u64,
    in_time: Vec<usize>,
    pub(super) given: Option<(u64, Word)>,
    pub(super) over: Option<(u64, Word)>,
    held_back: Option<Word>,
    pub(super) is_outside: bool,
    pub(super) looks: bool,
}

impl Evaluation {
    pub(super) fn new(started: u64, triggers: Vec<Trigger>, settings: Option<Settings>) -> Self {
        let next = Self { triggers, settings, started, ..Self::default() };
        let n_servers = next.settings.as_ref().map_or(0, |it| it.reference_servers.servers().len());
        let n_attempts = if next.reads() { 1 } else { n_servers };
        Self { attempts: vec![Attempt::Not; n_attempts], ..next }
    }

    pub(super) fn begin(&mut self, now: u64, fastest: &[usize]) {
        self.looks = true;
        let n_attempts = self.attempts.len();
        let again = fastest.iter().copied().filter(|index| *index < n_attempts).take(self.required());
        let again: Vec<usize> = if self.reads() { Vec::new() } else { again.collect() };
        self.start([0].into_iter().chain(again), now);
    }

    fn required(&self) -> usize {
        self.settings.as_ref().map_or(1, |it| it.location.required_successes.get())
    }

    fn reads(&self) -> bool {
        self.settings.as_ref().is_some_and(|it| it.location.criterion == Criterion::Gateway)
    }

    pub(super) fn walk(
        &mut self,
        now: u64,
        script: impl Fn(usize) -> (bool, u64),
        (fastest, ground): (&mut Vec<usize>, &mut Ground),
    ) {
        for index in 0..self.attempts.len() {
            let (answers, latency) = script(index);
            if self.attempts[index] != Attempt::Since(now.saturating_sub(latency)) {
                continue;
            }
            self.attempts[index] = Attempt::Over(answers);
            if answers {
                self.in_time.push(index);
            }
            if self.in_time.len() < self.required() || self.reads() {
                self.start(self.first_waiting(), now);
                continue;
            }
            let best = self.attempts.iter().position(|it| *it == Attempt::Over(true)).unwrap_or(0);
            let later = self.attempts.iter_mut().skip(best + 1);
            later.filter(|it| !matches!(it, Attempt::Over(_))).for_each(|it| *it = Attempt::Over(false));
            if self.given.is_none() {
                fastest.clone_from(&self.in_time);
                self.give(now, self.answered(), ground);
            }
        }
        if now >= self.last_attempt_at + 20 {
            self.start(self.first_waiting(), now);
        }
        if self.attempts.iter().all(|it| matches!(it, Attempt::Over(_))) {
            self.end(now, self.answered(), ground);
        }
    }

    fn first_waiting(&self) -> Option<usize> {
        self.attempts.iter().position(|attempt| *attempt == Attempt::Not)
    }

    fn start(&mut self, which: impl IntoIterator<Item = usize>, now: u64) {
        for index in which {
            if let Some(attempt @ Attempt::Not) = self.attempts.get_mut(index) {
                (*attempt, self.last_attempt_at) = (Attempt::Since(now), now);
            }
        }
    }

    pub(super) fn answered(&self) -> Word {
        let first = self.attempts.iter().position(|it| *it == Attempt::Over(true));
        match (first, self.in_time.len()) {
            (first, _) if self.reads() => Word::Gateway(first.is_some()),
            (None, _) => Word::Nobody,
            (Some(first), n) if n >= self.required() => Word::By(first),
            (Some(_), n) => Word::TooFew(n),
        }
    }

    /// The finding becomes the verdict, or is held back.
    fn give(&mut self, now: u64, found: Word, ground: &mut Ground) {
        self.is_outside = found.is_inside() == Some(false);
        let rules = self.settings.as_ref().map(|it| it.location.hysteresis).unwrap_or_default();
        let (dwell, mut confirm_at) = (milliseconds(rules.minimum_dwell.get()), None);
        let stood = ground.take().filter(|(under, ..)| *under == self.settings);
        let (mut since, mut n) = (now, 0);
        if let Some((_, word, changed_at, contradicted, _)) = stood {
            if word.is_inside() == found.is_inside() {
                since = changed_at;
            } else if let (Some(_), Some(inside)) = (word.is_inside(), found.is_inside()) {
                let wanted = match (&found, inside) {
                    (Word::ByServer, _) => 1,
                    (_, true) => rules.confirmations_to_internal.get(),
                    (_, false) => rules.confirmations_to_external.get(),
                };
                n = contradicted + 1;
                if n < wanted || now < changed_at + dwell {
                    confirm_at = Some(if n < wanted { now + 1000 } else { changed_at + dwell });
                    (self.held_back, since) = (Some(word), changed_at);
                } else {
                    n = 0;
                }
            }
        }
        let verdict = self.held_back.clone().unwrap_or(found);
        *ground = Some((self.settings.clone(), verdict.clone(), since, n, confirm_at));
        self.given = Some((now, verdict));
    }

    pub(super) fn end(&mut self, now: u64, found: Word, ground: &mut Ground) {
        if self.given.is_none() {
            self.give(now, found.clone(), ground);
        }
        let verdict = self.held_back.clone().unwrap_or(found);
        if let Some((_, word, ..)) = ground {
            word.clone_from(&verdict);
        }
        self.over = Some((now, verdict));
    }
}
