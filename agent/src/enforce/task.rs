//! The reconcile loop: does what the plan says, one try at a time, and publishes what became of it.
//!
//! While a program runs, newer wishes only replace older ones; the newest is brought about when it has ended. A program
//! that has begun is never interrupted for a newer wish: half a policy would be worse than an old one for a moment.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use landmark_proto::location::Location;
use landmark_proto::message::{EnforcementState, EnforcementStatus};
use thiserror::Error;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::plan::{Last, Step, plan};
use super::{Attempted, Config};
use crate::ledger::Accepted;
use crate::location::Decided;
use crate::policy::{self, Desired};

/// How long a program that runs when the agent stops may go on.
const STOP_GRACE: Duration = Duration::from_secs(3);

/// How long the first try waits for a location. A reference server in the same building answers in a millisecond.
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
    /// When to end.
    pub stop: CancellationToken,
}

/// Whoever feeds the loop has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("nobody is left to say what shall be in force")]
pub struct Closed;

/// Why the loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopped {
    Asked,
}

/// The task that enforces.
#[derive(Debug)]
pub struct EnforceTask {
    config: Config,
    inputs: Inputs,
    status: watch::Sender<Option<EnforcementStatus>>,
    last: Option<Last>,
    ended_at: Instant,
    /// Until when a verdict under the first assignment is waited for.
    patient_until: Option<Instant>,
}

/// Opens the channel of the loop; the status is `None` before the first try.
pub fn channel(config: Config, inputs: Inputs) -> (watch::Receiver<Option<EnforcementStatus>>, EnforceTask) {
    let (status_tx, status_rx) = watch::channel(None);
    let ended_at = Instant::now();
    (status_rx, EnforceTask { config, inputs, status: status_tx, last: None, ended_at, patient_until: None })
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
        if self.inputs.held.borrow().is_some() {
            let known = self.inputs.decided.wait_for(Option::is_some);
            timeout(FIRST_VERDICT_LIMIT, known).await.map(drop).ok();
        }
    }

    async fn round(&mut self) -> Result<Option<Stopped>, Closed> {
        if self.inputs.stop.is_cancelled() {
            // A program that were begun now would be ended in the middle of its work.
            return Ok(Some(Stopped::Asked));
        }
        let decided = self.inputs.decided.borrow_and_update().clone();
        let held = self.inputs.held.borrow_and_update().clone();
        // A verdict of a time without any assignment says nothing under one.
        let is_early = held.is_some() && decided.as_ref().is_some_and(|decided| decided.accepted.is_none());
        let location =
            decided.filter(|_| !is_early).map_or(Location::Unknown, |decided| decided.verdict.location);
        let desired = policy::desired(held.as_ref(), location);
        let since = self.ended_at.elapsed();
        let step = match self.patience(is_early) {
            Some(left) => Step::Rest(Some(left)),
            None => plan(desired.as_ref(), self.last.as_ref(), since, self.config.repair_interval),
        };
        let pause = match step {
            Step::Enforce(desired) => return self.enforce(desired).await,
            Step::SayNothing => {
                let reason = "no assignment is held".to_owned();
                self.publish(None, location, Attempted { state: EnforcementState::Nothing, reason });
                return Ok(None);
            }
            Step::Rest(pause) => pause,
        };
        let Inputs { held, decided, stop } = &mut self.inputs;
        tokio::select! {
            biased;
            () = stop.cancelled() => Ok(Some(Stopped::Asked)),
            changed = held.changed() => changed.map(|()| None).map_err(|_| Closed),
            changed = decided.changed() => changed.map(|()| None).map_err(|_| Closed),
            () = sleep(pause.unwrap_or_default()), if pause.is_some() => Ok(None),
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

    async fn enforce(&mut self, desired: Desired) -> Result<Option<Stopped>, Closed> {
        let attempt = self.config.backend.enforce(&desired);
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
        self.publish(Some(desired), desired.location, attempted);
        Ok(None)
    }

    fn publish(&mut self, desired: Option<Desired>, location: Location, attempted: Attempted) {
        let Attempted { state, reason } = attempted;
        let before = self.last.take();
        let n_failures = match (state, before) {
            (EnforcementState::Failed, Some(last)) if last.desired == desired => last.n_failures + 1,
            (EnforcementState::Failed, _) => 1,
            (
                EnforcementState::Applied
                | EnforcementState::Repaired
                | EnforcementState::Observed
                | EnforcementState::Nothing
                | EnforcementState::Unavailable,
                _,
            ) => 0,
        };
        self.last = Some(Last { desired, state, n_failures });
        self.ended_at = Instant::now();
        let status = EnforcementStatus {
            state,
            backend: self.config.backend.name().to_owned(),
            reason,
            location,
            revision: desired.map(|desired| desired.held.revision),
            since: SystemTime::now(),
            profile: None,
        };
        let is_news = self.status.send_if_modified(|known| {
            // A repair that changed nothing is no news; the time is that of the last change.
            let same = known
                .as_ref()
                .is_some_and(|known| EnforcementStatus { since: status.since, ..known.clone() } == status);
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
    let EnforcementStatus { state, backend, reason, location, revision, .. } = status;
    let revision = revision.map(|revision| revision.get());
    match state {
        EnforcementState::Applied => info!(backend, %location, revision, "policy in force"),
        EnforcementState::Repaired => warn!(backend, %location, revision, reason, "policy in force again"),
        EnforcementState::Unavailable => {
            warn!(backend, %location, revision, reason, "policy cannot be enforced here");
        }
        EnforcementState::Observed => info!(backend, %location, revision, "policy observed only"),
        EnforcementState::Nothing => info!(reason, "nothing to enforce"),
        EnforcementState::Failed => warn!(backend, %location, revision, reason, "policy not in force"),
    }
}

#[cfg(test)]
mod tests;
