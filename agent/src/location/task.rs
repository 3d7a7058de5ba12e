//! Runs the engine: tells it what happens, makes the attempts it asks for, publishes what it says.
//!
//! It decides nothing, and must not know who listens.

mod attempts;
mod handle;
mod history;

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::BoxFuture;
use landmark_proto::evidence::replay;
use landmark_proto::ids::BootId;
use landmark_proto::location::{LinkState, LocationReport, Trigger, Verdict};
use landmark_proto::location_rules::Criterion;
use landmark_proto::network::DefaultRoute;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use self::attempts::Attempts;
use self::handle::Request;
pub use self::handle::{Asked, Inputs, LocationHandle, NotEvaluated, Options};
use self::history::History;
use super::clock::{Clock, Moment, SystemClock};
use super::engine::{Action, Closed, Engine, Event, Given};
use super::gateway::Routes;
use super::probe::address::Rules;
use super::probe::{Prober, Probing};
use super::record::{EvidenceLog, Record};
use super::resolve::Resolver;
use super::tried::Ended;
use super::{Decided, Standing};
use crate::ledger::Accepted;
use crate::network::{Changes, NetworkHandle};

/// Requests that wait to be seen: the session has one under way, and people on the machine ask one at a time.
const REQUESTS: usize = 16;
/// Who is waiting for the next evaluation, at most; more are kept waiting in the queue, and then turned away.
const MAX_WAITING: usize = 64;

/// Why the task behind a [`LocationHandle`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LocationTaskError {
    /// It was asked to.
    #[error("asked to stop")]
    Stopped,
    /// The link's task has gone.
    #[error("nobody is left to tell of the link")]
    Link,
    /// The ledger's task has gone.
    #[error("nobody is left to tell of assignments")]
    Held,
    /// The network's task has gone.
    #[error("nobody is left to tell of the network")]
    Network,
    /// Whoever records has gone.
    #[error("nobody is left to record the location")]
    History,
}

/// The task behind a [`LocationHandle`].
pub struct LocationTask {
    inputs: Inputs,
    requests: mpsc::Receiver<Request>,
    engine: Engine<Accepted>,
    attempts: Option<Attempts>,
    reading: Option<BoxFuture<'static, Vec<DefaultRoute>>>,
    /// Who waits for the next evaluation, and who for the verdict of the running one.
    waiting: Vec<oneshot::Sender<Arc<Decided>>>,
    answering: Vec<oneshot::Sender<Arc<Decided>>>,
    started_at: SystemTime,
    /// When the running evaluation's verdict was given.
    given_at: Option<(SystemTime, Duration)>,
    began: Instant,
    /// Of the changes, as far as they were taken.
    noticed: Changes,
    world: World,
    boot_id: BootId,
    outputs: Outputs,
}

struct Outputs {
    decided: watch::Sender<Option<Arc<Decided>>>,
    evidence: EvidenceLog,
    history: History,
    /// The verdict that was logged last.
    logged: Option<Verdict>,
}

/// Opens the channels of the location: the handle, what is to be recorded, and the task.
pub fn channel(
    inputs: Inputs,
    network: NetworkHandle,
    options: &Options,
) -> (LocationHandle, mpsc::Receiver<LocationReport>, LocationTask) {
    let world =
        World { prober: prober(&network, options), routes: Box::new(network), clock: Box::new(SystemClock) };
    channel_with(inputs, options, world)
}

/// What makes attempts on this machine's network, with a resolver of its own.
pub(crate) fn prober(network: &NetworkHandle, options: &Options) -> Box<dyn Probing> {
    let rules = Rules { allow_loopback: options.allow_loopback };
    Box::new(Prober::new(Resolver::system(), rules, network.clone()))
}

/// What is around the task. The seam at which tests put a world of their own.
struct World {
    prober: Box<dyn Probing>,
    routes: Box<dyn Routes>,
    clock: Box<dyn Clock>,
}

fn channel_with(
    mut inputs: Inputs,
    options: &Options,
    world: World,
) -> (LocationHandle, mpsc::Receiver<LocationReport>, LocationTask) {
    let (requests_tx, requests_rx) = mpsc::channel(REQUESTS);
    let (decided_tx, decided_rx) = watch::channel(None);
    let (history, reports) = History::new();
    let evidence = EvidenceLog::default();
    let handle = LocationHandle::new(requests_tx, decided_rx, evidence.clone());
    let link = *inputs.link.borrow_and_update();
    let held = inputs.held.borrow_and_update().clone();
    let noticed = *inputs.changes.borrow_and_update();
    world.routes.watch_hardware(held.as_ref().is_some_and(needs_hardware));
    let task = LocationTask {
        inputs,
        requests: requests_rx,
        engine: Engine::new(link, held),
        attempts: None,
        reading: None,
        waiting: Vec::new(),
        answering: Vec::new(),
        started_at: world.clock.wall(),
        given_at: None,
        began: Instant::now(),
        noticed,
        world,
        boot_id: options.boot_id,
        outputs: Outputs { decided: decided_tx, evidence, history, logged: None },
    };
    (handle, reports, task)
}

impl fmt::Debug for LocationTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocationTask").field("engine", &self.engine).finish_non_exhaustive()
    }
}

impl LocationTask {
    /// Decides until it is asked to stop.
    ///
    /// # Errors
    /// Always, and tells why it ended.
    pub async fn run(mut self, stop: CancellationToken) -> Result<Infallible, LocationTaskError> {
        self.began = Instant::now();
        let mut event = Event::Wanted(Trigger::Start);
        loop {
            let actions = self.engine.on(self.now(), event);
            for action in actions {
                self.act(action);
            }
            event = tokio::select! {
                biased;
                () = stop.cancelled() => return Err(LocationTaskError::Stopped),
                event = self.next_event() => event?,
            };
        }
    }

    /// Cancel-safe.
    async fn next_event(&mut self) -> Result<Event<Accepted>, LocationTaskError> {
        if let Some(trigger) = self.unnoticed() {
            return Ok(Event::Wanted(trigger));
        }
        let timer = self.engine.wake_at().map(|at| self.began + at.since_begin());
        let has_room = self.waiting.len() < MAX_WAITING;
        tokio::select! {
            biased;
            changed = self.inputs.link.changed() => {
                changed.map_err(|_| LocationTaskError::Link)?;
                Ok(self.link_event())
            }
            changed = self.inputs.changes.changed() => {
                changed.map_err(|_| LocationTaskError::Network)?;
                Ok(Event::Tick)
            }
            Some(request) = self.requests.recv(), if has_room => Ok(self.request_event(request)),
            changed = self.inputs.held.changed() => {
                changed.map_err(|_| LocationTaskError::Held)?;
                Ok(self.held_event())
            }
            (index, ended) = next_end(self.attempts.as_mut()) => Ok(Event::Ended(index, ended)),
            routes = next_routes(&mut self.reading) => Ok(Event::Routes(routes)),
            () = sleep_until_some(timer) => Ok(Event::Tick),
            caught_up = self.outputs.history.catch_up() => caught_up.map(|()| Event::Tick),
        }
    }

    fn link_event(&mut self) -> Event<Accepted> {
        match *self.inputs.link.borrow_and_update() {
            LinkState::Connected => Event::LinkConnected,
            LinkState::Lost => Event::LinkLost(share(self.inputs.tuning.borrow().evaluation_spread)),
        }
    }

    /// One of the changes of the network that the engine was not told of yet.
    fn unnoticed(&mut self) -> Option<Trigger> {
        let Changes { network, resolver, wake } = *self.inputs.changes.borrow();
        for (trigger, now, noticed) in [
            (Trigger::Wake, wake, &mut self.noticed.wake),
            (Trigger::NetworkChange, network, &mut self.noticed.network),
            (Trigger::ResolverChange, resolver, &mut self.noticed.resolver),
        ] {
            if std::mem::replace(noticed, now) != now {
                return Some(trigger);
            }
        }
        None
    }

    fn held_event(&mut self) -> Event<Accepted> {
        let held = self.inputs.held.borrow_and_update().clone();
        self.world.routes.watch_hardware(held.as_ref().is_some_and(needs_hardware));
        let jitter = held.as_ref().map_or(Duration::ZERO, Accepted::apply_jitter);
        Event::Held(held, share(jitter))
    }

    fn request_event(&mut self, Request { asked, answer }: Request) -> Event<Accepted> {
        self.waiting.push(answer);
        Event::Wanted(match asked {
            Asked::ByServer => Trigger::ServerRequest,
            Asked::OnThisMachine => Trigger::LocalRequest,
        })
    }

    fn now(&self) -> Moment {
        Moment::new(self.began.elapsed())
    }

    fn act(&mut self, action: Action<Accepted>) {
        match action {
            Action::Begin(evaluation) => {
                debug!(%evaluation, "evaluation begins");
                self.started_at = self.world.clock.wall();
                self.given_at = None;
                self.answering.append(&mut self.waiting);
                self.attempts = self.engine.running().map(|held| {
                    Attempts::new(self.world.prober.round(held.settings().location.tunnels), held.clone())
                });
            }
            Action::Start(index) => {
                if let Some(attempts) = &mut self.attempts {
                    attempts.start(index);
                }
            }
            Action::Cancel(index) => {
                if let Some(attempts) = &mut self.attempts {
                    attempts.cancel(index);
                }
            }
            Action::ReadRoutes => {
                self.reading =
                    self.engine.running().map(|held| self.world.routes.read(&held.settings().gateways));
            }
            Action::Give(given) => self.publish(&given, Standing::Provisional),
            Action::Close(closed) => {
                self.attempts = None;
                self.reading = None;
                self.publish(&closed.given, Standing::Settled);
                self.record(closed);
            }
        }
    }

    fn publish(&mut self, given: &Given<Accepted>, standing: Standing) {
        let clock = &self.world.clock;
        let (at, since_boot) = *self.given_at.get_or_insert_with(|| (clock.wall(), clock.since_boot()));
        let Given { evaluation, triggers, held, verdict, decided_in, n_flips, held_back } = given.clone();
        let accepted = held;
        let decided = Decided {
            verdict,
            standing,
            accepted,
            triggers,
            evaluation,
            at,
            since_boot,
            decided_in,
            n_flips,
            held_back,
        };
        if is_news(self.outputs.logged.as_ref(), &decided.verdict, standing) {
            self.outputs.logged = Some(decided.verdict.clone());
            info!(
                location = %decided.verdict.location,
                basis = %decided.verdict.basis,
                triggers = %listed(&decided.triggers),
                %evaluation,
                ?decided_in,
                "location decided"
            );
        }
        let decided = Arc::new(decided);
        self.outputs.decided.send_replace(Some(Arc::clone(&decided)));
        for answer in self.answering.drain(..) {
            // Whoever asked may have gone.
            let _gone = answer.send(Arc::clone(&decided));
        }
    }

    fn record(&mut self, closed: Closed<Accepted>) {
        let Some((at, since_boot)) = self.given_at else { return };
        let Given { evaluation, triggers, held, verdict, decided_in, n_flips, held_back: _ } =
            closed.given.clone();
        self.outputs.history.settled(LocationReport {
            at,
            boot_id: self.boot_id,
            since_boot,
            verdict,
            triggers,
            revision: held.map(|held| held.held().revision),
            evaluation,
            decided_in,
            n_flips,
        });
        let record = Record { closed, boot_id: self.boot_id, started_at: self.started_at };
        debug_assert_eq!(replay(&record.to_evidence()), record.closed.given.verdict);
        self.outputs.evidence.push(record);
    }
}

async fn next_end(attempts: Option<&mut Attempts>) -> (usize, Ended) {
    match attempts {
        Some(attempts) => attempts.next_end().await,
        None => std::future::pending().await,
    }
}

/// Cancel-safe.
async fn next_routes(reading: &mut Option<BoxFuture<'static, Vec<DefaultRoute>>>) -> Vec<DefaultRoute> {
    let Some(under_way) = reading else { return std::future::pending().await };
    let routes = under_way.await;
    *reading = None;
    routes
}

async fn sleep_until_some(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Whether a gateway's hardware decides.
fn needs_hardware(held: &Accepted) -> bool {
    let settings = held.settings();
    settings.location.criterion == Criterion::Gateway && settings.gateways.name_hardware()
}

/// A random part of the whole.
fn share(whole: Duration) -> Duration {
    whole.mul_f64(rand::random::<f64>())
}

/// Whether a line of the log is due: for another location at once, for another basis once it is settled. Else a list
/// whose fastest entry is not its first would give two lines at every evaluation.
fn is_news(logged: Option<&Verdict>, verdict: &Verdict, standing: Standing) -> bool {
    logged.is_none_or(|logged| {
        logged.location != verdict.location || (standing == Standing::Settled && logged != verdict)
    })
}

fn listed(triggers: &[Trigger]) -> String {
    triggers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
