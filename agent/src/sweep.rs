//! Sweeps: tries every reference server once in a while, to tell the server which ones answer. It decides nothing about the
//! location, and keeps out of the way of what does: it has a resolver of its own, few attempts under way, and stops at
//! once when the link is lost, for then the location is looked for.
//!
//! ```text
//! link, held, tuning, wishes ─► schedule (pure) ─► sweep ─► Swept ─► session
//! ```
//!
//! Must not know: the wire, sessions.

mod schedule;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use landmark_proto::decision::counts;
use landmark_proto::location::LinkState;
use landmark_proto::location_rules::Criterion;
use landmark_proto::message::{SweepReport, SweepResult, Tuning};
use landmark_proto::reference_server::Target;
use landmark_proto::revision::Held;
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use self::schedule::Schedule;
use crate::ledger::Accepted;
use crate::location::{Decided, Probing};

/// Attempts under way: of 2 s at most each, so that 32 servers that are silent take 8 s.
const AT_ONCE: usize = 8;
/// Between two attempts: no burst for a firewall that takes one for a scan.
const SPACING: Duration = Duration::from_millis(50);
/// Wishes that wait to be seen: the session brings one at a time.
const WISHES: usize = 4;

/// What sweeps depend on.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The link to the server: nobody wants to know without one.
    pub link: watch::Receiver<LinkState>,
    /// The assignment whose list is swept.
    pub held: watch::Receiver<Option<Accepted>>,
    /// The server's timing.
    pub tuning: watch::Receiver<Tuning>,
    /// The first verdict goes before everything else.
    pub decided: watch::Receiver<Option<Arc<Decided>>>,
}

/// The last sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swept {
    held: Held,
    ended: Instant,
    results: Vec<SweepResult>,
}

/// Where a sweep is asked for, and the last one seen. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SweepHandle {
    wishes: mpsc::Sender<Duration>,
    last: watch::Receiver<Option<Arc<Swept>>>,
}

/// Why the task behind a [`SweepHandle`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SweepTaskError {
    /// It was asked to.
    #[error("asked to stop")]
    Stopped,
    /// Whoever it listens to has gone.
    #[error("nobody is left to tell what to sweep, and when")]
    Inputs,
}

/// The task behind a [`SweepHandle`].
pub struct SweepTask {
    inputs: Inputs,
    prober: Box<dyn Probing>,
    wishes: mpsc::Receiver<Duration>,
    last: watch::Sender<Option<Arc<Swept>>>,
    schedule: Schedule,
    running: Option<BoxFuture<'static, Swept>>,
}

/// Opens the channels of the sweeps.
pub(crate) fn channel(inputs: Inputs, prober: Box<dyn Probing>) -> (SweepHandle, SweepTask) {
    let (wishes_tx, wishes_rx) = mpsc::channel(WISHES);
    let (last_tx, last_rx) = watch::channel(None);
    let task = SweepTask {
        inputs,
        prober,
        wishes: wishes_rx,
        last: last_tx,
        schedule: Schedule::default(),
        running: None,
    };
    (SweepHandle { wishes: wishes_tx, last: last_rx }, task)
}

impl SweepHandle {
    /// Sweeps after this time, if the link still stands then.
    pub fn sweep_after(&self, wait: Duration) {
        if self.wishes.try_send(wait).is_err() {
            debug!("sweeps are asked for already, or the agent is stopping");
        }
    }

    /// Follows the last sweep.
    pub fn last(&self) -> watch::Receiver<Option<Arc<Swept>>> {
        self.last.clone()
    }
}

impl Swept {
    /// The assignment whose list it was.
    pub fn held(&self) -> Held {
        self.held
    }

    /// As it is reported at this moment.
    pub fn report(&self, now: Instant) -> SweepReport {
        let age = now.saturating_duration_since(self.ended);
        SweepReport { held: self.held, age, results: self.results.clone() }
    }
}

impl std::fmt::Debug for SweepTask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SweepTask").field("schedule", &self.schedule).finish_non_exhaustive()
    }
}

impl SweepTask {
    /// Sweeps until it is asked to stop.
    ///
    /// # Errors
    /// Always, and tells why it ended.
    pub async fn run(mut self, stop: CancellationToken) -> Result<Infallible, SweepTaskError> {
        tokio::select! {
            biased;
            () = stop.cancelled() => return Err(SweepTaskError::Stopped),
            decided = self.inputs.decided.wait_for(Option::is_some) => {
                decided.map(drop).map_err(|_| SweepTaskError::Inputs)?;
            }
        }
        self.look();
        loop {
            let due = self.schedule.due().filter(|_| self.running.is_none());
            let Self { inputs: Inputs { link, held, tuning, .. }, wishes, running, .. } = &mut self;
            tokio::select! {
                biased;
                () = stop.cancelled() => return Err(SweepTaskError::Stopped),
                changed = link.changed() => changed.map_err(|_| SweepTaskError::Inputs)?,
                changed = held.changed() => changed.map_err(|_| SweepTaskError::Inputs)?,
                changed = tuning.changed() => changed.map_err(|_| SweepTaskError::Inputs)?,
                Some(wait) = wishes.recv() => self.schedule.wish(Instant::now() + wait),
                swept = some(running) => self.done(swept),
                () = sleep_until_some(due) => self.begin(),
            }
            self.look();
        }
    }

    /// Takes over what changed.
    fn look(&mut self) {
        let Inputs { link, held, tuning, .. } = &mut self.inputs;
        let is_connected = *link.borrow_and_update() == LinkState::Connected;
        let held = held.borrow_and_update().as_ref().filter(|held| is_swept(held)).map(Accepted::held);
        let interval = tuning.borrow_and_update().sweep_interval;
        let state = schedule::State { is_connected, held, interval };
        if self.schedule.look(state, Instant::now(), rand::random()) {
            // What is under way is of another list, or in the way of a decision.
            self.running = None;
        }
    }

    fn begin(&mut self) {
        let held = self.inputs.held.borrow().clone();
        self.schedule.begun();
        if let Some(accepted) = held.filter(is_swept) {
            debug!(held = %accepted.held(), "sweep begins");
            self.running = Some(sweep(self.prober.as_ref(), accepted).boxed());
        }
    }

    fn done(&mut self, swept: Swept) {
        self.running = None;
        let n_answered = swept.results.iter().filter(|result| result.counts).count();
        debug!(n_answered, n_tried = swept.results.len(), "sweep ended");
        self.schedule.ended(Instant::now(), rand::random());
        self.last.send_replace(Some(Arc::new(swept)));
    }
}

/// A list that is not used is not tried.
fn is_swept(accepted: &Accepted) -> bool {
    let settings = accepted.settings();
    let list = &settings.reference_servers;
    settings.location.criterion == Criterion::ConnectionStatus
        && list.is_enabled()
        && !list.servers().is_empty()
}

/// Tries every (server, port) of the list once.
fn sweep(prober: &dyn Probing, accepted: Accepted) -> impl Future<Output = Swept> + Send + 'static {
    let tunnels = accepted.settings().location.tunnels;
    let mut round = prober.round(tunnels);
    async move {
        let mut under_way = FuturesUnordered::new();
        let mut results: Vec<(usize, SweepResult)> = Vec::new();
        let mut next_at = Instant::now();
        for (index, Target { position, host, port, probe }) in
            accepted.settings().reference_servers.targets().enumerate()
        {
            // Collected while waiting for the time and for room.
            loop {
                let has_room = under_way.len() < AT_ONCE;
                tokio::select! {
                    biased;
                    Some(result) = under_way.next() => results.push(result),
                    () = sleep_until(next_at), if has_room => break,
                }
            }
            next_at = Instant::now() + SPACING;
            let attempt = round.attempt(Target { position, host, port, probe });
            under_way.push(async move {
                let began = Instant::now();
                let ended = attempt.await;
                let result = SweepResult {
                    position,
                    port,
                    outcome: ended.outcome,
                    took: began.elapsed(),
                    counts: counts(tunnels, ended.outcome, ended.interface.as_ref()),
                    certificate: ended.certificate,
                };
                (index, result)
            });
        }
        while let Some(result) = under_way.next().await {
            results.push(result);
        }
        results.sort_by_key(|(index, _)| *index);
        let results = results.into_iter().map(|(_, result)| result).collect();
        Swept { held: accepted.held(), ended: Instant::now(), results }
    }
}

async fn some<T>(future: &mut Option<BoxFuture<'static, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

async fn sleep_until_some(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
