//! When to evaluate, and what an evaluation says.
//!
//! Pure: it is told what happened and when, and answers with what to do. It must not know sockets, disks or who listens.
//!
//! - An event while idle starts an evaluation at once, but not within [`COALESCE`] of the last start: then at the end of
//!   that time, so that events within it make one evaluation.
//! - Events while an evaluation has no verdict yet make exactly one more after it.
//! - An evaluation whose verdict is given and that is still settling does not hold up the next one: what it had under
//!   way is not needed any more, and its record is closed.
//! - A link that connects, where that means internal, ends an evaluation without a verdict at once.
//! - While probing decides, the last word is looked at again after the recheck interval, counted from the last
//!   evaluation's end.
//! - A wait exists to spread the probes of a fleet: an evaluation that will not probe never waits, nor does the first.

use std::time::Duration;

use landmark_proto::decision::{Decision, decide, probed};
use landmark_proto::host::Host;
use landmark_proto::ids::EvaluationId;
use landmark_proto::location::{LinkState, Trigger, Verdict};
use landmark_proto::port::Port;
use landmark_proto::reference_server::ReferenceServerList;
use landmark_proto::revision::Held;
use landmark_proto::settings::Settings;

use super::clock::Moment;
use super::race::{self, Race, State};
use super::tried::{Ended, Tried};

/// Events this close together have one cause (a cable pulled takes the link, the route and the address); waiting longer
/// would be felt in the 100 ms that a policy may take.
pub(crate) const COALESCE: Duration = Duration::from_millis(50);

/// An assignment that is held. The engine only reads its settings.
pub(crate) trait Assigned: Clone {
    /// Its revision and digest.
    fn held(&self) -> Held;

    /// Its content.
    fn settings(&self) -> &Settings;
}

/// What happened.
#[derive(Clone, Debug)]
pub(crate) enum Event<A> {
    /// The link is connected.
    LinkConnected,
    /// The link is lost. The evaluation may wait this long.
    LinkLost(Duration),
    /// This is held now. The evaluation may wait this long.
    Held(Option<A>, Duration),
    /// Someone wants to know now.
    Wanted(Trigger),
    /// An attempt of the running evaluation ended.
    Ended(usize, Ended),
    /// Time passed.
    Tick,
}

/// What to do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action<A> {
    /// An evaluation begins; its attempts share what they find out.
    Begin(EvaluationId),
    /// Begin the attempt on this target of the evaluation's list, and tell how it ended.
    Start(usize),
    /// Drop this attempt.
    Cancel(usize),
    /// The verdict is given; only its deciding entry may still change.
    Give(Given<A>),
    /// The evaluation is over: drop all its attempts. Its verdict is given with this, unless it was given before.
    Close(Closed<A>),
}

/// A verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given<A> {
    /// Which.
    pub(crate) evaluation: EvaluationId,
    /// What made the agent look, each once, in the order of their coming.
    pub(crate) triggers: Vec<Trigger>,
    /// What was held when it began.
    pub(crate) held: Option<A>,
    /// Where and why.
    pub(crate) verdict: Verdict,
    /// From the first trigger to the verdict.
    pub(crate) decided_in: Duration,
}

/// An evaluation that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Closed<A> {
    /// Its verdict, with the deciding entry that is final.
    pub(crate) given: Given<A>,
    /// The link when the verdict was given.
    pub(crate) link: LinkState,
    /// In list order, up to the last target that was tried.
    pub(crate) attempts: Vec<Tried>,
    /// From the first trigger until the last attempt ended.
    pub(crate) settled_in: Duration,
}

/// The state of the decision.
#[derive(Debug)]
pub(crate) struct Engine<A> {
    link: LinkState,
    held: Option<A>,
    pending: Option<Pending>,
    running: Option<Running<A>>,
    last_start: Option<Moment>,
    last_end: Moment,
    last_evaluation: EvaluationId,
    answered_last: Option<(Host, Port)>,
}

/// An evaluation to come.
#[derive(Debug)]
struct Pending {
    triggers: Vec<Trigger>,
    first_at: Moment,
    ready_at: Moment,
}

/// An evaluation that probes.
#[derive(Debug)]
struct Running<A> {
    pending: Pending,
    evaluation: EvaluationId,
    held: Option<A>,
    link: LinkState,
    race: Race,
    decided_in: Option<Duration>,
}

impl<A: Assigned> Engine<A> {
    /// Nothing is evaluated until something happens.
    pub(crate) fn new(link: LinkState, held: Option<A>) -> Self {
        Self {
            link,
            held,
            pending: None,
            running: None,
            last_start: None,
            last_end: Moment::default(),
            last_evaluation: EvaluationId::default(),
            answered_last: None,
        }
    }

    /// Takes an event, and whatever became due.
    pub(crate) fn on(&mut self, now: Moment, event: Event<A>) -> Vec<Action<A>> {
        let mut actions = Vec::new();
        match event {
            Event::LinkConnected => {
                if !self.link_is(now, LinkState::Connected, &mut actions) {
                    self.want(now, Trigger::LinkConnected, Duration::ZERO);
                }
            }
            Event::LinkLost(wait) => {
                // A race goes on: what the rules leave to the list while connected, they leave to it now.
                self.link_is(now, LinkState::Lost, &mut actions);
                self.want(now, Trigger::LinkLost, wait);
            }
            Event::Held(held, wait) => {
                self.held = held;
                self.want(now, Trigger::Assignment, wait);
            }
            Event::Wanted(trigger) => self.want(now, trigger, Duration::ZERO),
            Event::Ended(index, ended) => {
                self.race_on(now, |race| race.ended(now, index, ended), &mut actions);
            }
            Event::Tick => {}
        }
        self.race_on(now, |race| race.start_due(now), &mut actions);
        if self.recheck_at().is_some_and(|at| at <= now) {
            self.want(now, Trigger::Recheck, Duration::ZERO);
        }
        if self.start_at().is_some_and(|at| at <= now) {
            self.start(now, &mut actions);
        }
        actions
    }

    /// When to send [`Event::Tick`], if nothing happens before.
    pub(crate) fn wake_at(&mut self) -> Option<Moment> {
        let race = self.running.as_mut().and_then(|running| running.race.wake_at());
        [race, self.start_at(), self.recheck_at()].into_iter().flatten().min()
    }

    /// What the running evaluation works on.
    pub(crate) fn running(&self) -> Option<&A> {
        self.running.as_ref()?.held.as_ref()
    }

    /// Takes the link's state. Returns whether the verdict of the running evaluation follows from it.
    fn link_is(&mut self, now: Moment, link: LinkState, actions: &mut Vec<Action<A>>) -> bool {
        self.link = link;
        if let Some(running) = self.running.as_mut().filter(|running| running.decided_in.is_none()) {
            running.link = link;
        }
        let Some(mut running) = self.running.take_if(|running| running.needs_no_race()) else { return false };
        add(&mut running.pending.triggers, Trigger::LinkConnected);
        self.close(now, running, actions);
        true
    }

    fn want(&mut self, now: Moment, trigger: Trigger, wait: Duration) {
        let is_first = self.last_start.is_none();
        let wait = if is_first || !self.would_probe() { Duration::ZERO } else { wait };
        let pending =
            self.pending.get_or_insert(Pending { triggers: Vec::new(), first_at: now, ready_at: now + wait });
        add(&mut pending.triggers, trigger);
        pending.ready_at = pending.ready_at.min(now + wait);
    }

    fn would_probe(&self) -> bool {
        matches!(decide(self.link, self.settings()), Decision::Probe(_))
    }

    fn settings(&self) -> Option<&Settings> {
        self.held.as_ref().map(Assigned::settings)
    }

    fn start_at(&self) -> Option<Moment> {
        let pending = self.pending.as_ref()?;
        if self.running.as_ref().is_some_and(|running| running.decided_in.is_none()) {
            return None;
        }
        let earliest = self.last_start.map_or(pending.ready_at, |start| start + COALESCE);
        Some(pending.ready_at.max(earliest))
    }

    fn recheck_at(&self) -> Option<Moment> {
        if self.running.is_some()
            || self.pending.is_some()
            || self.last_start.is_none()
            || !self.would_probe()
        {
            return None;
        }
        let interval = self.settings()?.location.recheck_interval;
        Some(self.last_end + interval.get())
    }

    fn start(&mut self, now: Moment, actions: &mut Vec<Action<A>>) {
        let Some(pending) = self.pending.take() else { return };
        if let Some(settling) = self.running.take() {
            self.close(now, settling, actions);
        }
        self.last_start = Some(now);
        self.last_evaluation = self.last_evaluation.plus(1);
        let evaluation = self.last_evaluation;
        actions.push(Action::Begin(evaluation));
        // Where the rules need no probe, the race is over no target and ends at once.
        let (n_targets, answered_last) = match decide(self.link, self.settings()) {
            Decision::Decided(_) => (0, None),
            Decision::Probe(list) => (list.targets().count(), self.answered_last_on(list)),
        };
        let (race, first) = Race::start(now, n_targets, answered_last);
        let (held, link) = (self.held.clone(), self.link);
        self.running = Some(Running { pending, evaluation, held, link, race, decided_in: None });
        self.race_on(now, |_| first, actions);
    }

    fn race_on(
        &mut self,
        now: Moment,
        step: impl FnOnce(&mut Race) -> Vec<race::Action>,
        actions: &mut Vec<Action<A>>,
    ) {
        let Some(mut running) = self.running.take() else { return };
        actions.extend(step(&mut running.race).into_iter().map(Action::from));
        match running.race.state() {
            State::Undecided => self.running = Some(running),
            State::NoneAnswered | State::Answered { settled: true, .. } => self.close(now, running, actions),
            State::Answered { settled: false, .. } => {
                if running.decided_in.is_none() {
                    let given = running.give(now);
                    self.remember(&running);
                    actions.push(Action::Give(given));
                }
                self.running = Some(running);
            }
        }
    }

    fn close(&mut self, now: Moment, mut running: Running<A>, actions: &mut Vec<Action<A>>) {
        self.remember(&running);
        let given = running.give(now);
        actions.push(Action::Close(Closed {
            given,
            link: running.link,
            attempts: running.race.close(now),
            settled_in: now.since(running.pending.first_at),
        }));
        self.last_end = now;
    }

    /// The fastest, not the first in the list: it is asked for its speed.
    fn remember(&mut self, running: &Running<A>) {
        let (State::Answered { fastest, .. }, Some(settings)) = (running.race.state(), running.settings())
        else {
            return;
        };
        let target = settings.reference_servers.targets().nth(fastest);
        self.answered_last = target.map(|target| (target.host.clone(), target.port));
    }

    fn answered_last_on(&self, list: &ReferenceServerList) -> Option<usize> {
        let (host, port) = self.answered_last.as_ref()?;
        list.targets().position(|target| target.host == host && target.port == *port)
    }
}

impl<A: Assigned> Running<A> {
    fn settings(&self) -> Option<&Settings> {
        self.held.as_ref().map(Assigned::settings)
    }

    /// Whether the link has made its race pointless before the race gave a verdict.
    fn needs_no_race(&self) -> bool {
        self.decided_in.is_none() && matches!(decide(self.link, self.settings()), Decision::Decided(_))
    }

    /// The verdict as it stands; the time is that of the first call.
    fn give(&mut self, now: Moment) -> Given<A> {
        let decided_in = *self.decided_in.get_or_insert(now.since(self.pending.first_at));
        let verdict = match (decide(self.link, self.settings()), self.race.state()) {
            (Decision::Decided(verdict), _) => verdict,
            (Decision::Probe(list), State::Answered { best, .. }) => probed(list, |index| index == best),
            (Decision::Probe(list), State::NoneAnswered | State::Undecided) => probed(list, |_| false),
        };
        Given {
            evaluation: self.evaluation,
            triggers: self.pending.triggers.clone(),
            held: self.held.clone(),
            verdict,
            decided_in,
        }
    }
}

impl<A> From<race::Action> for Action<A> {
    fn from(action: race::Action) -> Self {
        match action {
            race::Action::Start(index) => Self::Start(index),
            race::Action::Cancel(index) => Self::Cancel(index),
        }
    }
}

fn add(triggers: &mut Vec<Trigger>, trigger: Trigger) {
    if !triggers.contains(&trigger) {
        triggers.push(trigger);
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
