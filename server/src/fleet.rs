//! The fleet: sessions of agents, what is known of each, and what is written of it.
//!
//! ```text
//! assignments ─► registry ─► slots ─► response stream ─► agent
//! agent ─► session ─► registry ─► watchers, lists, progress
//!             ├─────► writer ─► store ─► registry, slots (acknowledgement)
//!             ├─────► sweeps ─► health of the reference servers
//!             └─────► counters ─► hits of the firewalls
//! registry ─► samples ─► store
//! ```
//!
//! A session says what it knows to the registry, and gives reports to the writer; whoever wants something from an agent
//! fills a slot of its session and never waits for it. Must not know: listeners, administration.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use landmark_daemon::tasks::Tasks;
use landmark_proto::ids::AgentId;
use landmark_proto::message::{ServerMessage, Tuning};
use tokio::sync::watch;
use tokio::time::{interval, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::assignments::Published;
use crate::identity::Authority;
use crate::store::{Store, StoreError};

mod admission;
mod agent;
mod allowance;
pub mod attention;
mod counters;
mod end;
mod filter;
mod health;
mod hits;
mod order;
mod outbound;
mod registry;
mod renewal;
mod samples;
mod service;
mod session;
mod slots;
mod survey;
mod sweeps;
pub mod telemetry;
#[cfg(test)]
pub(crate) mod testing;
mod writer;

pub use self::agent::{Agent, AssignmentState, Boots, Refused, Reported};
pub use self::end::End;
pub use self::filter::AgentFilter;
pub use self::health::{CertificateSeen, Health, PortHealth, ServerHealth};
pub use self::hits::{FleetHits, PolicyHits, RuleCount};
pub use self::order::{AgentKey, AgentOrder, Place, Sorting};
pub use self::registry::{
    AgentEvent, AgentView, AgentWatch, Asked, ByEnforcement, ByLocation, Counts, FindError, Mark, Moment,
    News, Page, Progress, ProgressWatch, Registry, Whereabouts,
};
pub use self::samples::{Sample, Standing};
pub use self::service::{FleetService, Messages, Plane, RenewError, SessionRefused};
pub use self::survey::{Named, Survey};
pub use self::sweeps::SweepAsked;

use self::admission::Admission;
use self::allowance::Allowances;
use self::health::Sweeps;
use self::hits::Hits;
use self::slots::Slots;
use self::writer::Writer;

/// From this size on a fleet spreads what all of its agents would otherwise do in the same second.
const LARGE_FLEET: usize = 5_000;
/// So many evaluations a second a reference server bears.
const EVALUATIONS_PER_SECOND: u32 = 1_000;
/// How old what is known of the reference servers becomes, unless someone configures otherwise. A reference server of
/// 100,000 agents then bears five connections a second of sweeps.
const SWEEP_INTERVAL: Duration = Duration::from_secs(6 * 60 * 60);
/// How often the fleet's size is looked at, for the timing that depends on it.
const SIZE_INTERVAL: Duration = Duration::from_secs(60);
/// Longer than the connections may take to end after a stop, which ends their sessions.
const SESSIONS_END: Duration = Duration::from_secs(10);

/// How a fleet is paced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetConfig {
    /// All timing of the agents.
    pub tuning: Tuning,
    /// The evaluation that follows a push waits a random share of this.
    pub apply_jitter: Duration,
    /// At a planned stop agents come back spread over this time.
    pub drain_spread: Duration,
    /// New sessions a second.
    pub sessions_per_second: u32,
    /// New sessions at once.
    pub session_burst: u32,
    /// From the beginning of a session to its hello.
    pub hello_timeout: Duration,
    /// How long nothing can be written to an agent before its session ends.
    pub write_limit: Duration,
    /// How long a push may stay unanswered while a newer assignment waits for its answer.
    pub answer_limit: Duration,
}

impl Default for FleetConfig {
    fn default() -> Self {
        Self {
            tuning: Tuning { sweep_interval: Some(SWEEP_INTERVAL), ..Tuning::default() },
            apply_jitter: Duration::ZERO,
            drain_spread: Duration::from_secs(5),
            // Half of what two cores were seen to bear, handshakes included; the rest is for those who are connected.
            sessions_per_second: 1_000,
            session_burst: 2_000,
            hello_timeout: Duration::from_secs(10),
            write_limit: Duration::from_secs(60),
            // Longer than an agent may put its work off (`MAX_APPLY_JITTER`), and the work itself.
            answer_limit: Duration::from_secs(15 * 60),
        }
    }
}

/// What a fleet is made of.
#[derive(Debug)]
pub struct Parts {
    /// Where agents and their history are kept.
    pub store: Store,
    /// Who signs their certificates.
    pub authority: Arc<Authority>,
    /// The present assignment, and those that follow.
    pub published_rx: watch::Receiver<Option<Published>>,
    /// How it is paced.
    pub config: FleetConfig,
}

/// The fleet. Clones share it.
#[derive(Clone, Debug)]
pub struct Fleet(Arc<Shared>);

/// What sessions share.
#[derive(Debug)]
struct Shared {
    store: Store,
    authority: Arc<Authority>,
    registry: Registry,
    writer: Writer,
    admission: Mutex<Admission>,
    allowances: Mutex<Allowances>,
    /// Of evidence, and of warnings about it.
    evidence_allowances: Mutex<Allowances>,
    warning_allowances: Mutex<Allowances>,
    sweep_allowances: Mutex<Allowances>,
    sweeps: Mutex<Sweeps>,
    hits_allowances: Mutex<Allowances>,
    hits: Mutex<Hits>,
    sessions: TaskTracker,
    /// Whether the log says already that agents are ahead of the database.
    is_behind_told: AtomicBool,
    config: FleetConfig,
    stop: CancellationToken,
}

/// Reads all agents and starts the tasks of the fleet: one that publishes assignments to sessions and ends them at a
/// stop, one that writes what they say, until the last of them has ended, one that looks at certificates of reference
/// servers, and one that writes how many agents are where.
///
/// # Errors
/// The store cannot be read.
pub async fn spawn(tasks: &mut Tasks, parts: Parts) -> Result<Fleet, StoreError> {
    let Parts { store, authority, published_rx, config } = parts;
    let agents = store.load_agents().await?;
    let registry = Registry::new(agents, published_rx.borrow().clone());
    info!(n_agents = registry.n_agents(), "agents read");
    let (writer, writer_task) = writer::new(store.clone(), registry.clone());
    let shared = Arc::new(Shared {
        admission: Mutex::new(Admission::new(
            config.sessions_per_second,
            config.session_burst,
            Instant::now(),
        )),
        allowances: Mutex::new(Allowances::new(Instant::now())),
        evidence_allowances: Mutex::new(Allowances::of_evidence(Instant::now())),
        warning_allowances: Mutex::new(Allowances::of_warnings(Instant::now())),
        sweep_allowances: Mutex::new(Allowances::of_sweeps(Instant::now())),
        sweeps: Mutex::new(Sweeps::new(published_rx.borrow().clone())),
        hits_allowances: Mutex::new(Allowances::of_hits(Instant::now())),
        hits: Mutex::new(Hits::new(published_rx.borrow().clone())),
        store,
        authority,
        registry,
        writer,
        sessions: TaskTracker::new(),
        is_behind_told: AtomicBool::new(false),
        config,
        stop: tasks.stop_token(),
    });
    let sessions_ended = CancellationToken::new();
    tasks.spawn("fleet", attend(Arc::clone(&shared), published_rx, sessions_ended.clone()));
    tasks.spawn("reference-certificates", sweeps::watch_certificates(Arc::clone(&shared)));
    tasks.spawn("fleet-samples", samples::sample(Arc::clone(&shared)));
    tasks.spawn("status-writer", writer_task.run(sessions_ended));
    Ok(Fleet(shared))
}

impl Fleet {
    /// Every agent, with its latest status.
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// Removes an agent: its certificate is refused from then on, its session ends at once, its history and evidence are deleted.
    /// False if it is not enrolled. Once begun it is done to its end, whether or not the caller waits for it: one that is
    /// removed on disk and not in memory would be let in until the next start.
    ///
    /// # Errors
    /// The store failed: the agent is still enrolled.
    pub async fn remove(&self, agent_id: AgentId) -> Result<bool, StoreError> {
        let shared = Arc::clone(&self.0);
        let removing = self.0.sessions.spawn(async move {
            let is_removed = shared.store.remove_agent(agent_id, SystemTime::now()).await?;
            if is_removed {
                shared.registry.removed(agent_id);
                shared.sweeps().forget(agent_id);
                shared.hits().forget(agent_id);
            }
            Ok(is_removed)
        });
        // Fails only when the process ends in the middle of it.
        removing.await.unwrap_or(Err(StoreError::Closed))
    }
}

impl Shared {
    fn admission(&self) -> MutexGuard<'_, Admission> {
        self.admission.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn allowances(&self) -> MutexGuard<'_, Allowances> {
        self.allowances.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes from the evidence that an agent may send.
    fn may_send_evidence(&self, agent_id: AgentId) -> bool {
        let mut allowances = self.evidence_allowances.lock().unwrap_or_else(PoisonError::into_inner);
        allowances.take(agent_id, Instant::now()).is_ok()
    }

    /// Takes from the warnings that may be logged about an agent's evidence.
    fn may_be_warned_of(&self, agent_id: AgentId) -> bool {
        let mut allowances = self.warning_allowances.lock().unwrap_or_else(PoisonError::into_inner);
        allowances.take(agent_id, Instant::now()).is_ok()
    }

    /// Takes from the reports of sweeps that an agent may send.
    fn may_send_sweep(&self, agent_id: AgentId) -> bool {
        let mut allowances = self.sweep_allowances.lock().unwrap_or_else(PoisonError::into_inner);
        allowances.take(agent_id, Instant::now()).is_ok()
    }

    fn sweeps(&self) -> MutexGuard<'_, Sweeps> {
        self.sweeps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes from the reports of its firewall that an agent may send.
    fn may_send_hits(&self, agent_id: AgentId) -> bool {
        let mut allowances = self.hits_allowances.lock().unwrap_or_else(PoisonError::into_inner);
        allowances.take(agent_id, Instant::now()).is_ok()
    }

    fn hits(&self) -> MutexGuard<'_, Hits> {
        self.hits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The timing that an agent is told.
    fn tuning(&self) -> Tuning {
        tuning_for(&self.config.tuning, self.registry.n_agents())
    }
}

/// In a large fleet, agents look for their location spread out, even if nobody configured it.
fn tuning_for(configured: &Tuning, n_agents: usize) -> Tuning {
    const MAX_SPREAD: Duration = Duration::from_secs(60);
    let evaluation_spread = spread_for(configured.evaluation_spread, n_agents).min(MAX_SPREAD);
    Tuning { evaluation_spread, ..configured.clone() }
}

/// Grows in steps, so that not every new agent changes it.
fn spread_for(configured: Duration, n_agents: usize) -> Duration {
    if !configured.is_zero() || n_agents < LARGE_FLEET {
        return configured;
    }
    let n_agents = u32::try_from(n_agents.next_multiple_of(LARGE_FLEET)).unwrap_or(u32::MAX);
    Duration::from_secs(1) * n_agents / EVALUATIONS_PER_SECOND
}

/// Publishes assignments and changed timing to the sessions; at a stop ends them, each with its own time to come back.
async fn attend(
    shared: Arc<Shared>,
    mut published_rx: watch::Receiver<Option<Published>>,
    sessions_ended: CancellationToken,
) {
    // Whatever happens to us, the writer must not wait for ever.
    let _guard = sessions_ended.drop_guard();
    let mut tuning = shared.tuning();
    let mut look_at_size = interval(SIZE_INTERVAL);
    loop {
        tokio::select! {
            biased;
            () = shared.stop.cancelled() => break,
            // Fails when nobody publishes any more, and is then left out.
            Ok(()) = published_rx.changed() => {
                let published = published_rx.borrow_and_update().clone();
                if let Some(published) = published {
                    publish(&shared, &published).await;
                }
            }
            _ = look_at_size.tick() => {
                let present = shared.tuning();
                if present != tuning {
                    tuning = present;
                    info!(evaluation_spread = ?tuning.evaluation_spread, "agents told of another timing");
                    shared.registry.retune(&tuning).await;
                }
            }
        }
    }
    drain(&shared).await;
}

async fn publish(shared: &Shared, published: &Published) {
    // Before anyone can sweep its list, or count by its rules.
    shared.sweeps().publish(published.clone());
    shared.hits().publish(published.clone());
    let n_online = shared.registry.n_online();
    let apply_jitter = spread_for(shared.config.apply_jitter, n_online).min(MAX_APPLY_JITTER);
    shared.registry.publish(published, apply_jitter).await;
    info!(revision = %published.held(), n_online, "assignment offered to the connected agents");
}

/// What an agent accepts.
const MAX_APPLY_JITTER: Duration = Duration::from_secs(600);

async fn drain(shared: &Shared) {
    shared.sessions.close();
    let drain = |slots: &mut Slots| {
        let reconnect_after = shared.config.drain_spread.mul_f64(rand::random::<f64>());
        let farewell = ServerMessage::Drain { reason: End::Drained.to_string(), reconnect_after };
        slots.end(End::Drained, Some(farewell), Instant::now());
    };
    let n_sessions = shared.registry.tell_everyone(drain).await;
    if timeout(SESSIONS_END, shared.sessions.wait()).await.is_err() {
        warn!(n_left = shared.sessions.len(), "sessions left behind");
    }
    info!(n_sessions, "sessions ended");
}

#[cfg(test)]
mod tests;
