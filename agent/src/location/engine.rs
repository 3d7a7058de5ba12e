//! When to evaluate, and what an evaluation says.
//!
//! Pure: it is told what happened and when, and answers with what to do. It must not know sockets, disks or who listens.
//!
//! - An event while idle starts an evaluation at once, but not within [`COALESCE`] of the last start: then at the end of
//!   that time, so that events within it make one evaluation. A change of the network comes in pieces (the address before
//!   its route): its evaluation waits for the others.
//! - Events while an evaluation has no verdict yet make exactly one more after it.
//! - An evaluation whose verdict is given and that is still settling does not hold up the next one: what it had under
//!   way is not needed any more, and its record is closed.
//! - A link that connects, where that means internal, ends an evaluation without a verdict at once.
//! - While something must be looked at to decide, the last word is looked at again after the recheck interval, counted
//!   from the last evaluation's end; a finding that hysteresis holds back, when it may be confirmed.
//! - After a change of the network or a wake that found the machine outside, it is looked again soon and then less and
//!   less soon: a switch may pass nothing for seconds after the cable is in, and nobody tells when it begins to.
//! - A wait exists to spread the probes of a fleet: an evaluation that will not probe never waits, nor does the first, nor
//!   one after a link that was lost because this machine's network changed. While one waits, a last word that was looked
//!   for is looked at again as ever.

mod ground;
mod running;
mod terms;

use std::time::Duration;

use landmark_proto::decision::{Decision, counts, decide};
use landmark_proto::host::Host;
use landmark_proto::hysteresis::contradicts;
use landmark_proto::ids::EvaluationId;
use landmark_proto::location::{LinkState, Location, Trigger};
use landmark_proto::location_rules::Tunnels;
use landmark_proto::port::Port;
use landmark_proto::reference_server::ReferenceServerList;
use landmark_proto::settings::Settings;

use self::ground::Ground;
use self::running::{Look, Running};
pub(crate) use self::terms::{Action, Assigned, Closed, Event, Given};
use super::clock::Moment;
use super::flips::Flips;
use super::race::{Course, Race};

/// Events this close together have one cause (a cable pulled takes the link, the route and the address); waiting longer
/// would be felt in the 100 ms that a policy may take.
pub(crate) const COALESCE: Duration = Duration::from_millis(50);

/// After the end of an evaluation that found the machine outside right after its network changed: spanning tree forwards
/// after 2 s to 30 s (IEEE 802.1D), 802.1X and captive portals take a person's time.
const SECOND_LOOKS: [Duration; 5] = [
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(16),
    Duration::from_secs(32),
];

/// A link that is lost so soon after a change of the network is lost by it: a session on a way that is gone is tested at
/// once, and given up within a second or two; where that fails, by the time-outs of TCP.
const LOST_BY_CHANGE: Duration = Duration::from_secs(20);

/// The state of the decision.
#[derive(Debug)]
pub(crate) struct Engine<A> {
    link: LinkState,
    held: Option<A>,
    pending: Option<Pending>,
    running: Option<Running<A>>,
    ground: Ground,
    flips: Flips,
    last_start: Option<Moment>,
    last_end: Moment,
    /// Whether the last evaluation looked at anything: else when it was says nothing about when to look again.
    has_looked: bool,
    last_change: Option<Moment>,
    last_evaluation: EvaluationId,
    answered_last: Vec<(Host, Port)>,
    /// Of the second looks after a change of the network, those that were taken or are not due.
    n_looks: usize,
    found_outside: bool,
}

/// An evaluation to come.
#[derive(Debug)]
struct Pending {
    triggers: Vec<Trigger>,
    first_at: Moment,
    ready_at: Moment,
}

impl<A: Assigned> Engine<A> {
    /// Nothing is evaluated until something happens.
    pub(crate) fn new(link: LinkState, held: Option<A>) -> Self {
        Self {
            link,
            held,
            pending: None,
            running: None,
            ground: Ground::default(),
            flips: Flips::default(),
            last_start: None,
            last_end: Moment::default(),
            has_looked: false,
            last_change: None,
            last_evaluation: EvaluationId::default(),
            answered_last: Vec::new(),
            n_looks: SECOND_LOOKS.len(),
            found_outside: false,
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
                let wait = if self.has_changed_lately(now) { Duration::ZERO } else { wait };
                self.want(now, Trigger::LinkLost, wait);
            }
            Event::Held(held, wait) => {
                self.held = held;
                self.want(now, Trigger::Assignment, wait);
            }
            Event::Wanted(trigger) => self.wanted(now, trigger),
            Event::Ended(index, ended) => {
                let tunnels = self.running.as_ref().map_or(Tunnels::default(), Running::tunnels);
                let counts = counts(tunnels, ended.outcome, ended.interface.as_ref());
                self.look_on(now, |look| look.ended(now, index, ended, counts), &mut actions);
            }
            Event::Routes(routes) => self.look_on(now, |look| look.read(routes), &mut actions),
            Event::Tick => {}
        }
        self.look_on(now, |look| look.start_due(now), &mut actions);
        if self.confirm_at().is_some_and(|at| at <= now) {
            self.want(now, Trigger::Confirmation, Duration::ZERO);
        } else if self.recheck_at().is_some_and(|at| at <= now) {
            self.n_looks = self.n_looks.saturating_add(1).min(SECOND_LOOKS.len());
            self.want(now, Trigger::Recheck, Duration::ZERO);
        }
        if self.start_at().is_some_and(|at| at <= now) {
            self.start(now, &mut actions);
        }
        actions
    }

    /// When to send [`Event::Tick`], if nothing happens before.
    pub(crate) fn wake_at(&mut self) -> Option<Moment> {
        let look = self.running.as_mut().and_then(|running| running.look.wake_at());
        [look, self.start_at(), self.confirm_at(), self.recheck_at()].into_iter().flatten().min()
    }

    /// What the running evaluation works on.
    pub(crate) fn running(&self) -> Option<&A> {
        self.running.as_ref()?.held.as_ref()
    }

    /// Takes the link's state. Returns whether the verdict of the running evaluation follows from it.
    fn link_is(&mut self, now: Moment, link: LinkState, actions: &mut Vec<Action<A>>) -> bool {
        self.link = link;
        if let Some(running) = self.running.as_mut().filter(|running| running.is_undecided()) {
            running.link = link;
        }
        let Some(mut running) = self.running.take_if(|running| running.needs_no_look()) else { return false };
        add(&mut running.pending.triggers, Trigger::LinkConnected);
        self.close(now, running, actions);
        true
    }

    fn wanted(&mut self, now: Moment, trigger: Trigger) {
        let is_first = self.last_start.is_none();
        let is_change = is_change(trigger);
        self.last_change = if is_change { Some(now) } else { self.last_change };
        let ready_at = if is_change && !is_first { now + COALESCE } else { now };
        self.want_at(now, trigger, ready_at);
    }

    fn want(&mut self, now: Moment, trigger: Trigger, wait: Duration) {
        let is_first = self.last_start.is_none();
        let wait = if is_first || !self.would_probe() { Duration::ZERO } else { wait };
        self.want_at(now, trigger, now + wait);
    }

    fn want_at(&mut self, now: Moment, trigger: Trigger, ready_at: Moment) {
        let pending = self.pending.get_or_insert(Pending { triggers: Vec::new(), first_at: now, ready_at });
        add(&mut pending.triggers, trigger);
        pending.ready_at = pending.ready_at.min(ready_at);
    }

    fn would_probe(&self) -> bool {
        matches!(decide(self.link, self.settings()), Decision::Probe(_))
    }

    fn would_look(&self) -> bool {
        !matches!(decide(self.link, self.settings()), Decision::Decided(_))
    }

    fn settings(&self) -> Option<&Settings> {
        self.held.as_ref().map(Assigned::settings)
    }

    /// This moment, if nothing runs and nothing begins until then. Whoever has not looked so far keeps its share of a wait.
    fn if_idle(&self, at: Moment) -> Option<Moment> {
        let is_idle = self.running.is_none() && self.last_start.is_some();
        let is_free = self.pending.as_ref().is_none_or(|pending| self.has_looked && pending.ready_at > at);
        (is_idle && is_free).then_some(at)
    }

    fn has_changed_lately(&self, now: Moment) -> bool {
        self.last_change.is_some_and(|at| now < at + LOST_BY_CHANGE)
    }

    fn start_at(&self) -> Option<Moment> {
        let pending = self.pending.as_ref()?;
        if self.running.as_ref().is_some_and(Running::is_undecided) {
            return None;
        }
        let earliest = self.last_start.map_or(pending.ready_at, |start| start + COALESCE);
        Some(pending.ready_at.max(earliest))
    }

    fn confirm_at(&self) -> Option<Moment> {
        self.ground.confirm_at().and_then(|at| self.if_idle(at))
    }

    fn recheck_at(&self) -> Option<Moment> {
        if !self.would_look() {
            return None;
        }
        let interval = self.settings()?.location.recheck_interval.get();
        let soon = SECOND_LOOKS.get(self.n_looks).filter(|_| self.found_outside);
        self.if_idle(self.last_end + soon.map_or(interval, |soon| interval.min(*soon)))
    }

    fn start(&mut self, now: Moment, actions: &mut Vec<Action<A>>) {
        let Some(pending) = self.pending.take() else { return };
        if let Some(settling) = self.running.take() {
            self.close(now, settling, actions);
        }
        // Not before: what was begun before the machine slept, or on the network before, is not what is found now.
        if pending.triggers.contains(&Trigger::Wake) {
            self.ground.forget();
        }
        let by_change = pending.triggers.contains(&Trigger::LinkLost) && self.has_changed_lately(now);
        if by_change || pending.triggers.iter().copied().any(is_change) {
            self.n_looks = 0;
        }
        self.last_start = Some(now);
        self.last_evaluation = self.last_evaluation.plus(1);
        let evaluation = self.last_evaluation;
        actions.push(Action::Begin(evaluation));
        let (look, first) = match decide(self.link, self.settings()) {
            // A race over no target ends at once.
            Decision::Decided(_) => Look::race(Race::start(now, Course::default())),
            Decision::Probe(list) => Look::race(Race::start(now, self.course(list))),
            Decision::ReadRoutes(_) => (Look::Reading, vec![Action::ReadRoutes]),
        };
        let (held, link) = (self.held.clone(), self.link);
        self.running = Some(Running { pending, evaluation, held, link, look, given: None });
        self.look_on(now, |_| first, actions);
    }

    fn course(&self, list: &ReferenceServerList) -> Course {
        let required = self.settings().map_or(1, |settings| settings.location.required_successes.get());
        let place = |(host, port): &(Host, Port)| {
            list.targets().position(|target| target.host == host && target.port == *port)
        };
        Course {
            positions: list.targets().map(|target| target.position).collect(),
            n_required: required,
            answered_last: self.answered_last.iter().filter_map(place).collect(),
        }
    }

    fn look_on(
        &mut self,
        now: Moment,
        step: impl FnOnce(&mut Look) -> Vec<Action<A>>,
        actions: &mut Vec<Action<A>>,
    ) {
        let Some(mut running) = self.running.take() else { return };
        actions.extend(step(&mut running.look));
        if running.look.is_over() {
            self.close(now, running, actions);
            return;
        }
        if running.look.says_enough() && running.is_undecided() {
            let given = self.give(now, &mut running);
            actions.push(Action::Give(given));
        }
        self.running = Some(running);
    }

    fn close(&mut self, now: Moment, mut running: Running<A>, actions: &mut Vec<Action<A>>) {
        let given = self.give(now, &mut running);
        let standing = running.given.take().and_then(|given| given.standing);
        let has_looked = !matches!(decide(running.link, running.settings()), Decision::Decided(_));
        let (attempts, routes) = running.look.close(now);
        actions.push(Action::Close(Closed {
            given,
            link: running.link,
            attempts,
            routes,
            standing,
            settled_in: now.since(running.pending.first_at),
        }));
        if !self.found_outside {
            self.n_looks = SECOND_LOOKS.len();
        }
        self.last_end = now;
        self.has_looked = has_looked;
    }

    /// The verdict as it stands; the first time it is given, it becomes what stands.
    fn give(&mut self, now: Moment, running: &mut Running<A>) -> Given<A> {
        self.remember(running);
        let finding = running.finding();
        self.found_outside = finding.location == Location::External;
        let rules = running.hysteresis();
        let under = running.held.as_ref().map(Assigned::held);
        let (verdict, decided_in) = match &running.given {
            None => {
                let standing = self.ground.standing(now, rules, under, &finding);
                let verdict = self.ground.take(now, rules, under, (standing.as_ref(), &finding));
                self.flips.decided(now, verdict.location);
                let decided_in = now.since(running.pending.first_at);
                running.given = Some(running::First { standing, decided_in });
                (verdict, decided_in)
            }
            Some(first) => {
                let verdict = first.verdict(rules, finding.clone());
                self.ground.settle(&verdict);
                (verdict, first.decided_in)
            }
        };
        let standing = running.given.as_ref().and_then(|first| first.standing.clone());
        let held_back =
            standing.filter(|_| contradicts(&verdict, &finding)).map(|standing| (finding, standing));
        Given {
            evaluation: running.evaluation,
            triggers: running.pending.triggers.clone(),
            held: running.held.clone(),
            verdict,
            decided_in,
            n_flips: self.flips.n_lately(now),
            held_back,
        }
    }

    /// The fastest, not the first in the list: they are asked for their speed.
    fn remember(&mut self, running: &Running<A>) {
        let Some(settings) = running.settings() else { return };
        let fastest = running.look.fastest();
        if fastest.is_empty() {
            return;
        }
        let target = |index: &usize| {
            let target = settings.reference_servers.targets().nth(*index)?;
            Some((target.host.clone(), target.port))
        };
        self.answered_last = fastest.iter().filter_map(target).collect();
    }
}

/// Changes of the machine's network: they come in pieces.
fn is_change(trigger: Trigger) -> bool {
    matches!(trigger, Trigger::NetworkChange | Trigger::ResolverChange | Trigger::Wake)
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
