//! The reference model of the engine: it looks at everything every millisecond, and keeps no timer. Times are in
//! milliseconds; the lists of its stories only differ in their length, so that a target is its place.

mod evaluation;

use std::time::Duration;

use landmark_proto::location::{LinkState, Trigger};
use landmark_proto::location_rules::{Criterion, ServerConnection};
use landmark_proto::settings::Settings;

use self::evaluation::Evaluation;
use super::tests::{Happening, Seen, Story, Word};

/// What stands: under which settings, since when, how often contradicted, and when that may be confirmed.
type Ground = Option<(Option<Settings>, Word, u64, u32, Option<u64>)>;

/// What changes the network.
const CHANGES: [Trigger; 3] = [Trigger::NetworkChange, Trigger::ResolverChange, Trigger::Wake];

/// Tells what the rules say of a story.
pub(super) fn tell(story: &Story) -> Vec<Seen> {
    let (mut link, mut settings): (_, Option<Settings>) = (LinkState::Lost, None);
    let mut wanted: Vec<(Trigger, u64)> = Vec::new();
    let mut all: Vec<Evaluation> = Vec::new();
    let (mut fastest, mut ground): (Vec<usize>, Ground) = (Vec::new(), None);
    let (mut n_looks, mut changed_at) = (5, None);
    let mut rest = story.happenings.as_slice();
    for now in 0..story.ends_at {
        let number = all.len();
        if let Some(last) = all.last_mut().filter(|last| last.over.is_none()) {
            last.walk(now, |index| story.script(number, index), (&mut fastest, &mut ground));
        }
        let (happenings, later) = rest.split_at(rest.iter().take_while(|(at, _)| *at == now).count());
        rest = later;
        for happening in [None].into_iter().chain(happenings.iter().map(|(_, it)| Some(it))) {
            let mut news = None;
            match happening {
                None => {}
                Some(Happening::Wanted(trigger)) if CHANGES.contains(trigger) => {
                    changed_at = Some(now);
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
                            last.looks = false;
                            last.end(now, Word::ByServer, &mut ground);
                        }
                        None if link == LinkState::Connected => news = Some((Trigger::LinkConnected, 0)),
                        None => news = Some((Trigger::LinkLost, *wait)),
                    }
                }
            }
            let rules = rules(link, settings.as_ref());
            let reads = settings.as_ref().is_some_and(|it| it.location.criterion == Criterion::Gateway);
            settle(&all, &mut n_looks);
            if let Some((trigger, wait)) = news {
                let by_change = trigger == Trigger::LinkLost && lately(now, changed_at);
                let waits = rules.is_none() && !reads && !all.is_empty() && !by_change;
                wanted.push((trigger, now + if waits { wait } else { 0 }));
            }
            let looks = settings.as_ref().filter(|_| rules.is_none());
            if let Some(last) = all.last().filter(|last| last.over.is_some())
                && let Some((trigger, at)) = due(now, last, &ground, looks, n_looks)
                && wanted.iter().all(|(_, ready)| last.looks && *ready > at)
            {
                n_looks += usize::from(trigger == Trigger::Recheck && n_looks < 5);
                wanted.push((trigger, now));
            }
            let is_due = wanted.iter().any(|(_, ready)| *ready <= now);
            if !is_due || all.last().is_some_and(|last| last.given.is_none() || now < last.started + 50) {
                continue;
            }
            if let Some(last) = all.last_mut().filter(|last| last.over.is_none()) {
                last.end(now, last.answered(), &mut ground);
            }
            settle(&all, &mut n_looks);
            if wanted.iter().any(|(trigger, _)| *trigger == Trigger::Wake) {
                ground = None;
            }
            if is_elsewhere(&wanted, lately(now, changed_at)) {
                n_looks = 0;
            }
            let triggers = wanted.drain(..).map(|(trigger, _)| trigger).collect();
            let mut next = Evaluation::new(now, triggers, settings.clone());
            match rules {
                Some(word) => next.end(now, word, &mut ground),
                None => next.begin(now, &fastest),
            }
            all.push(next);
        }
    }
    all.into_iter().map(|it| Seen::new(it.started, it.triggers, it.given, it.over)).collect()
}

/// Second looks are only taken while each finds the machine outside.
fn settle(all: &[Evaluation], n_looks: &mut usize) {
    if all.last().is_some_and(|last| last.over.is_some() && !last.is_outside) {
        *n_looks = 5;
    }
}

/// What makes an idle agent look, with these settings if something must be looked at.
fn due(
    now: u64,
    last: &Evaluation,
    ground: &Ground,
    looks: Option<&Settings>,
    n_looks: usize,
) -> Option<(Trigger, u64)> {
    if let Some(at) = ground.as_ref().and_then(|(.., confirm_at)| *confirm_at).filter(|at| now >= *at) {
        return Some((Trigger::Confirmation, at));
    }
    let (ended, _) = last.over.as_ref()?;
    let interval = milliseconds(looks?.location.recheck_interval.get());
    let soon = Some(2000_u64 << n_looks).filter(|_| last.is_outside && n_looks < 5);
    let at = ended + interval.min(soon.unwrap_or(interval));
    (now >= at).then_some((Trigger::Recheck, at))
}

/// Whether the machine may be in another place.
fn is_elsewhere(wanted: &[(Trigger, u64)], lately: bool) -> bool {
    wanted.iter().any(|(trigger, _)| CHANGES.contains(trigger) || (*trigger == Trigger::LinkLost && lately))
}

/// Whether a link that is lost now is lost by a change of the network.
fn lately(now: u64, changed_at: Option<u64>) -> bool {
    changed_at.is_some_and(|at| now < at + 20_000)
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

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap()
}
