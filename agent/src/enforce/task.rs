//! The reconcile loop: does what the plan says, one try at a time, and publishes what became of it.
//!
//! While a policy is brought about, newer wishes only replace older ones; the newest is brought about when that has ended. A
//! program that has begun is never interrupted for a newer wish: half a policy would be worse than an old one for a moment.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use landmark_proto::firewall::profile::Facts;
use landmark_proto::location::Location;
use landmark_proto::message::{EnforcementState, EnforcementStatus, FirewallHits};
use thiserror::Error;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::backend::{Attempted, Backend};
use super::firewall::enforcer::Enforcer;
use super::firewall::ground::Ground;
use super::firewall::names::{NamesHandle, names_of};
use super::plan::{Last, Step, plan};
use super::surroundings::Surroundings;
use super::{Config, Wanted};
use crate::ledger::Accepted;
use crate::location::Decided;
use crate::policy::{self, Desired};

/// How long a program that runs when the agent stops may go on.
const STOP_GRACE: Duration = Duration::from_secs(3);

/// How long the first try waits for a location, and for what of the machine it depends on. A reference server in the same
/// building answers in a millisecond.
const FIRST_VERDICT_LIMIT: Duration = Duration::from_millis(250);

/// How long the first assignment waits for the evaluation that it triggers. That one comes at once where nothing needs to
/// be tried, and else after the two seconds of an attempt; nothing was enforced before, so that nothing is loosened
/// meanwhile. After this the stricter policy it is, whatever keeps the verdict away.
const VERDICT_LIMIT: Duration = Duration::from_secs(5);

/// What the loop goes by.
#[derive(Debug)]
pub struct Inputs {
    /// What is held.
    pub held: watch::Receiver<Option<Accepted>>,
    /// What was decided.
    pub decided: watch::Receiver<Option<Arc<Decided>>>,
    /// What of the machine never changes while the agent runs, for the conditions of profiles.
    pub machine: Facts,
    /// What of the machine does.
    pub surroundings: watch::Receiver<Option<Surroundings>>,
    /// Where the addresses of names come from.
    pub names: NamesHandle,
    /// How often somebody else touched our rules.
    pub touched: watch::Receiver<u64>,
    /// When to end.
    pub stop: CancellationToken,
}

/// What follows from all that is known at one moment.
struct Wish {
    wanted: Option<Wanted>,
    location: Location,
    /// The verdict under the first assignment is about to come.
    is_early: bool,
}

/// What has become another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Changed {
    /// What shall be in force, maybe.
    Wish,
    /// What is in force: somebody else touched our rules.
    Touched,
}

impl Inputs {
    /// What shall be in force. `is_written`: as rules, which rest on what the machine is like.
    fn wish(&mut self, is_written: bool) -> Wish {
        let decided = self.decided.borrow_and_update().clone();
        let held = self.held.borrow_and_update().clone();
        // A verdict of a time without any assignment says nothing under one.
        let is_early = held.is_some() && decided.as_ref().is_some_and(|decided| decided.accepted.is_none());
        let location =
            decided.filter(|_| !is_early).map_or(Location::Unknown, |decided| decided.verdict.location);
        let surroundings = self.surroundings.borrow_and_update().clone().unwrap_or_default();
        let facts = Facts { addresses: surroundings.addresses, ..self.machine.clone() };
        let wanted = policy::desired(held.as_ref(), location, &facts).map(|desired| {
            let chosen = desired.firewall.as_ref().filter(|_| is_written);
            self.names.want(chosen.map(|chosen| names_of(&chosen.policy)).unwrap_or_default());
            let ground =
                chosen.map(|_| Ground { resolvers: surroundings.resolvers, names: self.names.known() });
            Wanted { ground: Arc::new(ground.unwrap_or_default()), desired }
        });
        Wish { wanted, location, is_early }
    }

    /// Waits until something is another. May be cancelled.
    async fn changed(&mut self) -> Result<Changed, Closed> {
        let Self { held, decided, surroundings, names, touched, stop: _, machine: _ } = self;
        tokio::select! {
            biased;
            changed = held.changed() => changed?,
            changed = decided.changed() => changed?,
            changed = surroundings.changed() => changed?,
            changed = names.changed() => changed?,
            changed = touched.changed() => {
                changed?;
                return Ok(Changed::Touched);
            }
        }
        Ok(Changed::Wish)
    }
}

/// Whoever feeds the loop has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("nobody is left to say what shall be in force")]
pub struct Closed;

impl From<watch::error::RecvError> for Closed {
    fn from(_: watch::error::RecvError) -> Self {
        Self
    }
}

/// Why the loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopped {
    Asked,
}

/// The task that enforces.
#[derive(Debug)]
pub struct EnforceTask {
    backend: Backend,
    repair_interval: Duration,
    inputs: Inputs,
    status: watch::Sender<Option<EnforcementStatus>>,
    hits: watch::Sender<Vec<FirewallHits>>,
    last: Option<Last<Wanted>>,
    ended_at: Instant,
    /// Until when a verdict under the first assignment is waited for.
    patient_until: Option<Instant>,
    /// Somebody else touched our rules since the last try.
    is_doubted: bool,
}

/// What the loop tells.
#[derive(Clone, Debug)]
pub struct Outputs {
    /// What became of the last try; `None` before the first.
    pub status: watch::Receiver<Option<EnforcementStatus>>,
    /// What the firewall has counted under each policy of the assignment, that of the one in force first; none where there is
    /// no firewall, or nothing is in force.
    pub hits: watch::Receiver<Vec<FirewallHits>>,
}

/// Opens the channels of the loop.
pub fn channel(backend: Backend, config: &Config, inputs: Inputs) -> (Outputs, EnforceTask) {
    let (status_tx, status_rx) = watch::channel(None);
    let (hits_tx, hits_rx) = watch::channel(Vec::new());
    let task = EnforceTask {
        backend,
        repair_interval: config.repair_interval,
        inputs,
        status: status_tx,
        hits: hits_tx,
        last: None,
        ended_at: Instant::now(),
        patient_until: None,
        is_doubted: false,
    };
    (Outputs { status: status_rx, hits: hits_rx }, task)
}

impl EnforceTask {
    /// Enforces until it is asked to stop.
    ///
    /// # Errors
    /// Nobody is left to say what shall be in force.
    pub async fn run(mut self) -> Result<(), Closed> {
        self.await_first_verdict().await;
        loop {
            match self.round().await? {
                None => {}
                Some(Stopped::Asked) => return Ok(()),
            }
        }
    }

    /// What an earlier process enforced is still in force. If the location is known in a moment, its policy is not
    /// changed to the one of an unknown location just for that moment.
    async fn await_first_verdict(&mut self) {
        let Inputs { held, decided, surroundings, .. } = &mut self.inputs;
        let known = async {
            surroundings.wait_for(Option::is_some).await.map(drop).ok();
            if held.borrow().is_some() {
                decided.wait_for(Option::is_some).await.map(drop).ok();
            }
        };
        timeout(FIRST_VERDICT_LIMIT, known).await.ok();
    }

    async fn round(&mut self) -> Result<Option<Stopped>, Closed> {
        if self.inputs.stop.is_cancelled() {
            // A program that were begun now would be ended in the middle of its work.
            return Ok(Some(Stopped::Asked));
        }
        let Wish { wanted, location, is_early } = self.inputs.wish(self.backend.firewall().is_some());
        let about = (self.ended_at.elapsed(), self.is_doubted);
        let step = match self.patience(is_early) {
            Some(left) => Step::Rest(Some(left)),
            None => plan(wanted.as_ref(), self.last.as_ref(), about, self.repair_interval),
        };
        match step {
            Step::Enforce(wanted) => self.enforce(wanted).await,
            Step::SayNothing => {
                self.is_doubted = false;
                let attempted = self.backend.nothing().await;
                self.publish(None, location, attempted);
                Ok(None)
            }
            Step::Rest(pause) => self.rest(pause).await,
        }
    }

    /// How long the verdict that is about to come is still waited for.
    fn patience(&mut self, is_early: bool) -> Option<Duration> {
        if !is_early {
            self.patient_until = None;
            return None;
        }
        let now = Instant::now();
        let until = *self.patient_until.get_or_insert(now + VERDICT_LIMIT);
        Some(until.saturating_duration_since(now)).filter(|left| !left.is_zero())
    }

    /// Waits until something is another.
    async fn rest(&mut self, pause: Option<Duration>) -> Result<Option<Stopped>, Closed> {
        let stop = self.inputs.stop.clone();
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(Some(Stopped::Asked)),
            changed = self.inputs.changed() => self.is_doubted |= changed? == Changed::Touched,
            () = sleep(pause.unwrap_or_default()), if pause.is_some() => {}
        }
        Ok(None)
    }

    async fn enforce(&mut self, wanted: Wanted) -> Result<Option<Stopped>, Closed> {
        self.is_doubted = false;
        let attempt = self.backend.enforce(&wanted);
        let stop = &self.inputs.stop;
        let out_of_time = async {
            stop.cancelled().await;
            sleep(STOP_GRACE).await;
        };
        let attempted = tokio::select! {
            biased;
            attempted = attempt => attempted,
            () = out_of_time => {
                warn!("the command was still running at the stop and is ended");
                return Ok(Some(Stopped::Asked));
            }
        };
        let location = wanted.desired.location;
        let stands = attempted.state != EnforcementState::Failed;
        self.publish(Some(wanted.clone()), location, attempted);
        if stands && let Some(failed) = self.finish(&wanted).await? {
            self.publish(Some(wanted), location, failed);
        }
        Ok(None)
    }

    /// Does what is left to do once a policy stands, until it is done or something else is wanted: nothing keeps a verdict
    /// waiting.
    async fn finish(&mut self, wanted: &Wanted) -> Result<Option<Attempted>, Closed> {
        let own = self.inputs.surroundings.borrow().clone().unwrap_or_default().addresses;
        let (is_written, stop) = (self.backend.firewall().is_some(), self.inputs.stop.clone());
        let outdated = CancellationToken::new();
        let mut finishing = pin!(self.backend.finish(wanted, &own, &outdated));
        loop {
            tokio::select! {
                biased;
                failed = &mut finishing => return Ok(failed),
                () = stop.cancelled(), if !outdated.is_cancelled() => outdated.cancel(),
                changed = self.inputs.changed(), if !outdated.is_cancelled() => {
                    self.is_doubted |= changed? == Changed::Touched;
                    if self.inputs.wish(is_written).wanted.as_ref() != Some(wanted) {
                        outdated.cancel();
                        // Should the wish be the same again when it is looked at next, the rest is still to be done.
                        self.is_doubted = true;
                    }
                }
            }
        }
    }

    fn publish(&mut self, wanted: Option<Wanted>, location: Location, attempted: Attempted) {
        let Attempted { state, reason, is_kept, is_repair } = attempted;
        let before = self.last.take().filter(|last| last.wanted == wanted);
        let (n_failures, n_repairs) = before.map_or((0, 0), |last| (last.n_failures, last.n_repairs));
        let desired: Option<&Desired> = wanted.as_ref().map(|wanted| &wanted.desired);
        let status = EnforcementStatus {
            state,
            backend: self.backend.name().to_owned(),
            reason,
            location,
            revision: desired.map(|desired| desired.held.revision),
            since: SystemTime::now(),
            profile: desired.and_then(|desired| desired.firewall.as_ref()).map(|chosen| chosen.names()),
        };
        self.last = Some(Last {
            wanted,
            state,
            is_kept,
            n_failures: if state == EnforcementState::Failed { n_failures + 1 } else { 0 },
            n_repairs: if is_repair { n_repairs + 1 } else { 0 },
        });
        self.ended_at = Instant::now();
        let counted = self.backend.firewall().map(Enforcer::hits).unwrap_or_default();
        self.hits.send_if_modified(|known| {
            let is_same = |(one, other): (&FirewallHits, &FirewallHits)| {
                (one.held, &one.in_force, &one.hits) == (other.held, &other.in_force, &other.hits)
            };
            let is_news = known.len() != counted.len() || !known.iter().zip(&counted).all(is_same);
            if is_news {
                *known = counted;
            }
            is_news
        });
        let is_news = self.status.send_if_modified(|known| {
            // A repair that changed nothing is no news; the time is that of the last change.
            let same = !is_repair
                && known.as_ref().is_some_and(|known| {
                    EnforcementStatus { since: status.since, ..known.clone() } == status
                });
            if !same {
                *known = Some(status.clone());
            }
            !same
        });
        if is_news {
            log(&status);
        }
    }
}

fn log(status: &EnforcementStatus) {
    let EnforcementStatus { state, backend, reason, location, revision, profile, since: _ } = status;
    let revision = revision.map(|revision| revision.get());
    let policy = profile.as_ref().map(|profile| profile.policy.as_str());
    let profile = profile.as_ref().map(|profile| profile.profile.as_str());
    match state {
        EnforcementState::Applied => info!(backend, %location, revision, profile, policy, "policy in force"),
        EnforcementState::Repaired => {
            warn!(backend, %location, revision, profile, policy, reason, "policy in force again");
        }
        EnforcementState::Unavailable => {
            warn!(backend, %location, revision, reason, "policy cannot be enforced here");
        }
        EnforcementState::Observed => {
            info!(backend, %location, revision, profile, policy, reason, "policy observed only");
        }
        EnforcementState::Nothing => info!(reason, "nothing to enforce"),
        EnforcementState::Failed => {
            warn!(backend, %location, revision, profile, policy, reason, "policy not in force");
        }
    }
}

#[cfg(test)]
mod tests;
