//! The reference model of the engine: it looks at everything every millisecond, and keeps no timer. Times are in
//! milliseconds; the lists of its stories only differ in their length, so that a target is its place.

use landmark_proto::location::{LinkState, Trigger};
use landmark_proto::location_rules::ServerConnection;
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
    given: Option<(u64, Word)>,
    over: Option<(u64, Word)>,
}

/// Tells what the rules say of a story.
pub(super) fn tell(story: &Story) -> Vec<Seen> {
    let mut link = LinkState::Lost;
    let mut settings: Option<Settings> = None;
    let mut wanted: Vec<(Trigger, u64)> = Vec::new();
    let mut all: Vec<Evaluation> = Vec::new();
    let mut fastest = None;
    for now in 0..story.ends_at {
        let number = all.len();
        if let Some(last) = all.last_mut().filter(|last| last.over.is_none()) {
            last.walk(now, |index| story.script(number, index), &mut fastest);
        }
        let happenings = story.happenings.iter().filter(|(at, _)| *at == now).map(|(_, it)| Some(it));
        for happening in [None].into_iter().chain(happenings) {
            let mut news = None;
            match happening {
                None => {}
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
                            last.end(now, Word::ByServer);
                        }
                        None if link == LinkState::Connected => news = Some((Trigger::LinkConnected, 0)),
                        None => news = Some((Trigger::LinkLost, *wait)),
                    }
                }
            }
            let rules = rules(link, settings.as_ref());
            if let Some((trigger, wait)) = news {
                let waits = rules.is_none() && !all.is_empty();
                wanted.push((trigger, now + if waits { wait } else { 0 }));
            } else if let (None, true, Some(settings)) = (&rules, wanted.is_empty(), &settings) {
                let interval = settings.location.recheck_interval.get().as_secs() * 1000;
                let ended = all.last().and_then(|last| last.over.as_ref()).map(|(at, _)| *at);
                if ended.is_some_and(|ended| now >= ended + interval) {
                    wanted.push((Trigger::Recheck, now));
                }
            }
            let may_start = all.last().is_none_or(|last| last.given.is_some() && now >= last.started + 50);
            if !may_start || !wanted.iter().any(|(_, ready)| *ready <= now) {
                continue;
            }
            if let Some(last) = all.last_mut().filter(|last| last.over.is_none()) {
                last.end(now, last.answered());
            }
            let n_targets = settings.as_ref().map_or(0, |it| it.reference_servers.servers().len());
            let mut next = Evaluation {
                triggers: wanted.drain(..).map(|(trigger, _)| trigger).collect(),
                settings: settings.clone(),
                started: now,
                attempts: vec![Attempt::Not; n_targets],
                ..Evaluation::default()
            };
            match rules {
                Some(word) => next.end(now, word),
                None => next.start([Some(0), fastest].into_iter().flatten(), now),
            }
            all.push(next);
        }
    }
    all.into_iter().map(|it| Seen::new(it.started, it.triggers, it.given, it.over)).collect()
}

/// What is decided without a probe.
fn rules(link: LinkState, settings: Option<&Settings>) -> Option<Word> {
    let meaning = settings.map_or(ServerConnection::MeansInternal, |it| it.location.server_connection);
    let by_server = link == LinkState::Connected && meaning == ServerConnection::MeansInternal;
    match settings {
        _ if by_server => Some(Word::ByServer),
        None => Some(Word::Unknown),
        Some(settings) if settings.reference_servers.servers().is_empty() => Some(Word::NoList),
        Some(_) => None,
    }
}

impl Evaluation {
    fn walk(&mut self, now: u64, script: impl Fn(usize) -> (bool, u64), fastest: &mut Option<usize>) {
        for index in 0..self.attempts.len() {
            let (answers, latency) = script(index);
            if self.attempts[index] != Attempt::Since(now.saturating_sub(latency)) {
                continue;
            }
            self.attempts[index] = Attempt::Over(answers);
            if answers {
                let later = self.attempts.iter_mut().skip(index + 1);
                later.filter(|it| !matches!(it, Attempt::Over(_))).for_each(|it| *it = Attempt::Over(false));
                if self.given.is_none() {
                    *fastest = Some(index);
                    self.given = Some((now, Word::By(index)));
                }
            } else {
                self.start(self.first_waiting(), now);
            }
        }
        if now >= self.last_attempt_at + 20 {
            self.start(self.first_waiting(), now);
        }
        if self.attempts.iter().all(|it| matches!(it, Attempt::Over(_))) {
            self.end(now, self.answered());
        }
    }

    fn first_waiting(&self) -> Option<usize> {
        self.attempts.iter().position(|attempt| *attempt == Attempt::Not)
    }

    fn start(&mut self, which: impl IntoIterator<Item = usize>, now: u64) {
        for index in which {
            if let Some(attempt) = self.attempts.get_mut(index) {
                (*attempt, self.last_attempt_at) = (Attempt::Since(now), now);
            }
        }
    }

    fn answered(&self) -> Word {
        let first = self.attempts.iter().position(|it| *it == Attempt::Over(true));
        first.map_or(Word::Nobody, Word::By)
    }

    fn end(&mut self, now: u64, word: Word) {
        self.given.get_or_insert((now, word.clone()));
        self.over = Some((now, word));
    }
}
