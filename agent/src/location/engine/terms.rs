//! What the engine hears and what it says.

use std::time::Duration;

use landmark_proto::hysteresis::Standing;
use landmark_proto::ids::EvaluationId;
use landmark_proto::location::{LinkState, Trigger, Verdict};
use landmark_proto::network::DefaultRoute;
use landmark_proto::revision::Held;
use landmark_proto::settings::Settings;

use crate::location::race;
use crate::location::tried::{Ended, Tried};

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
    /// The default routes that the running evaluation asked for.
    Routes(Vec<DefaultRoute>),
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
    /// Read the default routes, and tell them.
    ReadRoutes,
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
    /// Changes of location in the last hour.
    pub(crate) n_flips: u32,
    /// What was found instead, and what stands against it, where hysteresis holds it back.
    pub(crate) held_back: Option<(Verdict, Standing)>,
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
    /// What was read under the criterion gateway.
    pub(crate) routes: Vec<DefaultRoute>,
    /// What stood before, where hysteresis applied.
    pub(crate) standing: Option<Standing>,
    /// From the first trigger until the last attempt ended.
    pub(crate) settled_in: Duration,
}

impl<A> From<race::Action> for Action<A> {
    fn from(action: race::Action) -> Self {
        match action {
            race::Action::Start(index) => Self::Start(index),
            race::Action::Cancel(index) => Self::Cancel(index),
        }
    }
}
