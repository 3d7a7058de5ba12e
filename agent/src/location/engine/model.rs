//! The reference model of the engine: it looks at everything every millisecond, and keeps no timer. Times are in
//! milliseconds; the lists of its stories only differ in their length, so that a target is its place.

use landmark_proto::location::{LinkState, Trigger};
use landmark_proto::location_rules::{Criterion, ServerConnection};
use landmark_proto::settings::Settings;

use super::tests::{Happening, Seen, Story, Word};

#[derive(Clone, Copy, PartialEq)]
enum Attempt {
    Not,
    Since(u64),
    Over(bool),
}

#[derive(Default)]
struct Evaluation {
    triggers: Vec<Trigger>,
    settings: Option<Settings>,
    started: u64,
    attempts: Vec<Attempt>,
    last_attempt_at: u64,
    in_time: Vec<usize>,
    given: Option<(u64, Word)>,
    over: Option<(u64, Word)>,
    held_back: Option<Word>,
}

/// What stands: under which settings, since when, how often contradicted, and when that may be confirmed.
type Ground = Option<(Option<Settings>, Word, u64, u32, Option<u64>)>;

/// Tells what the rules say of a story.
pub(super) fn tell(story: &Story) -> Vec<Seen> {
    let (mut link, mut settings): (_, Option<Settings>) = (LinkState::Lost, None);
    let mut wanted: Vec<(Trigger, u64)> = Vec::new();
    let mut all: Vec<Evaluation> = Vec::new();
    let (mut fastest, mut ground): (Vec<usize>, Ground) = (Vec::new(), None);
    for now in 0..story.ends_at {
        let number = all.len();
        if let Some(last) = all.last_mut().filter(|last| last.over.is_none()) {
            last.walk(now, |index| story.script(number, index), (&mut fastest, &mut ground));
        }
        let happenings = story.happenings.iter().filter(|(at, _)| *at == now).map(|(_, it)| Some(it));
        for happening in [None].into_iter().chain(happenings) {
            let mut news = None;
            match happening {
                None => {}
                Some(Happening::Wanted(trigger @ (Trigger::NetworkChange | Trigger::Wake))) => {
                    ground = ground.filter(|_| *trigger != Trigger::Wake);
                    wanted.push((*trigger, now + if all.is_empty() { 0 } else { 50 }));
                }
                Some(Happening::Wanted(trigger)) => news = Some((*trigger, 0)),
                Some(Happening::Held(new, wait)) => {
                    settings.clone_from(new);
                    news = Some((Trigger::Assignment, *wait));
                }
                Some(Happening::Link(state, wait)) => {
                    link = *state;
                    let racing = all.last_mut().filter(|last| last.given.is_none());
                    match racing.filter(|last| rules(link, last.settings.as_ref()).is_some()) {
                        Some(last) => {
                            last.triggers.push(Trigger::LinkConnected);
                            last.end(now, Word::ByServer, &mut ground);
                        }
                        None if link == LinkState::Connected => news = Some((Trigger::LinkConnected, 0)),
                        None => news = Some((Trigger::LinkLost, *wait)),
                    }
                }
            }
            let rules = rules(link, settings.as_ref());
            let reads = settings.as_ref().is_some_and(|it| it.location.criterion == Criterion::Gateway);
            let ended = all.last().and_then(|last| last.over.as_ref()).map(|(at, _)| *at);
            if let Some((trigger, wait)) = news {
                let waits = rules.is_none() && !reads && !all.is_empty();
                wanted.push((trigger, now + if waits { wait } else { 0 }));
            } else if let (true, Some(ended)) = (wanted.is_empty(), ended) {
                let interval =
                    settings.as_ref().map(|it| it.location.recheck_interval.get().as_millis() as u64);
                let confirm_at = ground.as_ref().and_then(|(.., confirm_at)| *confirm_at);
                if confirm_at.is_some_and(|at| now >= at) {
                    wanted.push((Trigger::Confirmation, now));
                } else if rules.is_none() && interval.is_some_and(|interval| now >= ended + interval) {
                    wanted.push((Trigger::Recheck, now));
                }
            }
            let may_start = all.last().is_none_or(|last| last.given.is_some() && now >= last.started + 50);
            if !may_start || !wanted.iter().any(|(_, ready)| *ready <= now) {
                continue;
            }
            if let Some(last) = all.last_mut().filter(|last| last.over.is_none()) {
                last.end(now, last.answered(), &mut ground);
            }
            let n_servers = settings.as_ref().map_or(0, |it| it.reference_servers.servers().len());
            let mut next = Evaluation {
                triggers: wanted.drain(..).map(|(trigger, _)| trigger).collect(),
                settings: settings.clone(),
                started: now,
                attempts: vec![Attempt::Not; if reads { 1 } else { n_servers }],
                ..Evaluation::default()
            };
            let again = fastest.iter().copied().filter(|index| *index < n_servers).take(next.required());
            match rules {
                Some(word) => next.end(now, word, &mut ground),
                None if reads => next.start([0], now),
                None => next.start([0].into_iter().chain(again), now),
            }
            all.push(next);
        }
    }
    all.into_iter().map(|it| Seen::new(it.started, it.triggers, it.given, it.over)).collect()
}

/// What is decided without a look.
fn rules(link: LinkState, settings: Option<&Settings>) -> Option<Word> {
    let meaning = settings.map_or(ServerConnection::MeansInternal, |it| it.location.server_connection);
    let by_server = link == LinkState::Connected && meaning == ServerConnection::MeansInternal;
    match settings {
        Some(settings) if settings.location.criterion == Criterion::Gateway => None,
        _ if by_server => Some(Word::ByServer),
        None => Some(Word::Unknown),
        Some(settings) if settings.reference_servers.servers().is_empty() => Some(Word::NoList),
        Some(_) => None,
    }
}

impl Evaluation {
    fn required(&self) -> usize {
        self.settings.as_ref().map_or(1, |it| it.location.required_successes.get())
    }

    fn reads(&self) -> bool {
        self.settings.as_ref().is_some_and(|it| it.location.criterion == Criterion::Gateway)
    }

    fn walk(
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

    fn answered(&self) -> Word {
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
        let rules = self.settings.as_ref().map(|it| it.location.hysteresis).unwrap_or_default();
        let (dwell, mut confirm_at) = (rules.minimum_dwell.get().as_millis() as u64, None);
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

    fn end(&mut self, now: u64, found: Word, ground: &mut Ground) {
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
