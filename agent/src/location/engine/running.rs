//! The evaluation that runs: what it looks at, and what that says so far.

use std::time::Duration;

use landmark_proto::decision::{Decision, by_gateway, decide, probed};
use landmark_proto::hysteresis::{Standing, tempered};
use landmark_proto::ids::EvaluationId;
use landmark_proto::location::{LinkState, Verdict};
use landmark_proto::location_rules::{Hysteresis, Tunnels};
use landmark_proto::network::DefaultRoute;
use landmark_proto::settings::Settings;

use super::{Action, Assigned, Pending};
use crate::location::clock::Moment;
use crate::location::race::{self, Race, State};
use crate::location::tried::{Ended, Tried};

/// An evaluation that looks.
#[derive(Debug)]
pub(super) struct Running<A> {
    pub(super) pending: Pending,
    pub(super) evaluation: EvaluationId,
    pub(super) held: Option<A>,
    pub(super) link: LinkState,
    pub(super) look: Look,
    /// Once its verdict is given.
    pub(super) given: Option<First>,
}

/// What stays of the moment when a verdict was given.
#[derive(Debug)]
pub(super) struct First {
    pub(super) standing: Option<Standing>,
    pub(super) decided_in: Duration,
}

impl First {
    /// What follows from a finding whose deciding entry has changed since.
    pub(super) fn verdict(&self, rules: Hysteresis, finding: Verdict) -> Verdict {
        tempered(rules, self.standing.as_ref(), finding)
    }
}

impl<A: Assigned> Running<A> {
    pub(super) fn settings(&self) -> Option<&Settings> {
        self.held.as_ref().map(Assigned::settings)
    }

    pub(super) fn tunnels(&self) -> Tunnels {
        self.settings().map(|settings| settings.location.tunnels).unwrap_or_default()
    }

    pub(super) fn hysteresis(&self) -> Hysteresis {
        self.settings().map(|settings| settings.location.hysteresis).unwrap_or_default()
    }

    pub(super) fn is_undecided(&self) -> bool {
        self.given.is_none()
    }

    /// Whether the link has made its look pointless before that gave a verdict.
    pub(super) fn needs_no_look(&self) -> bool {
        self.is_undecided() && matches!(decide(self.link, self.settings()), Decision::Decided(_))
    }

    /// What is found, as far as it is known.
    pub(super) fn finding(&self) -> Verdict {
        let required = self.settings().map_or(1, |settings| settings.location.required_successes.get());
        match decide(self.link, self.settings()) {
            Decision::Decided(verdict) => verdict,
            Decision::Probe(list) => probed(list, required, |index| self.look.answered(index)),
            Decision::ReadRoutes(gateways) => by_gateway(gateways, self.tunnels(), self.look.routes()),
        }
    }
}

/// What an evaluation looks at.
#[derive(Debug)]
pub(super) enum Look {
    /// The reference servers.
    Race(Box<Race>),
    /// The default routes, which are being read.
    Reading,
    /// The default routes.
    Read(Vec<DefaultRoute>),
}

impl Look {
    pub(super) fn race<A>((race, actions): (Race, Vec<race::Action>)) -> (Self, Vec<Action<A>>) {
        (Self::Race(Box::new(race)), actions.into_iter().map(Action::from).collect())
    }

    pub(super) fn ended<A>(
        &mut self,
        now: Moment,
        index: usize,
        ended: Ended,
        counts: bool,
    ) -> Vec<Action<A>> {
        self.race_on(|race| race.ended(now, index, ended, counts))
    }

    pub(super) fn start_due<A>(&mut self, now: Moment) -> Vec<Action<A>> {
        self.race_on(|race| race.start_due(now))
    }

    pub(super) fn read<A>(&mut self, routes: Vec<DefaultRoute>) -> Vec<Action<A>> {
        if matches!(self, Self::Reading) {
            *self = Self::Read(routes);
        }
        Vec::new()
    }

    pub(super) fn wake_at(&mut self) -> Option<Moment> {
        match self {
            Self::Race(race) => race.wake_at(),
            Self::Reading | Self::Read(_) => None,
        }
    }

    /// Whether the location is known.
    pub(super) fn says_enough(&self) -> bool {
        match self {
            Self::Race(race) => race.state() != State::Undecided,
            Self::Reading => false,
            Self::Read(_) => true,
        }
    }

    /// Whether nothing can change any more.
    pub(super) fn is_over(&self) -> bool {
        match self {
            Self::Race(race) => {
                matches!(race.state(), State::NotEnough | State::Answered { settled: true, .. })
            }
            Self::Reading => false,
            Self::Read(_) => true,
        }
    }

    pub(super) fn fastest(&self) -> &[usize] {
        match self {
            Self::Race(race) if matches!(race.state(), State::Answered { .. }) => race.fastest(),
            Self::Race(_) | Self::Reading | Self::Read(_) => &[],
        }
    }

    pub(super) fn routes(&self) -> &[DefaultRoute] {
        match self {
            Self::Read(routes) => routes,
            Self::Race(_) | Self::Reading => &[],
        }
    }

    pub(super) fn answered(&self, index: usize) -> bool {
        matches!(self, Self::Race(race) if race.has_answered(index))
    }

    pub(super) fn close(self, now: Moment) -> (Vec<Tried>, Vec<DefaultRoute>) {
        match self {
            Self::Race(race) => (race.close(now), Vec::new()),
            Self::Reading => (Vec::new(), Vec::new()),
            Self::Read(routes) => (Vec::new(), routes),
        }
    }

    fn race_on<A>(&mut self, step: impl FnOnce(&mut Race) -> Vec<race::Action>) -> Vec<Action<A>> {
        match self {
            Self::Race(race) => step(race).into_iter().map(Action::from).collect(),
            Self::Reading | Self::Read(_) => Vec::new(),
        }
    }
}
