//! Wires the agent together. The only file that knows everything; it decides nothing.
//!
//! The order of a start: the state folder is locked; ledger and outbox are read; the location is evaluated and what is
//! held is enforced; the control socket opens; then, and only then, the link is dialled.

mod enforcement;

use std::convert::Infallible;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use landmark_daemon::readiness::service_manager::ServiceManager;
use landmark_daemon::readiness::{Condition, Readiness, announce};
use landmark_daemon::signals;
use landmark_daemon::state_dir::StateDir;
use landmark_daemon::tasks::{Tasks, TasksError};
use landmark_proto::firewall::profile::Label;
use landmark_proto::location::LocationReport;
use landmark_proto::message::EnforcementStatus;
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::config::Config;
use crate::control::server::{self, Sources};
use crate::control::socket;
use crate::control::status::Who;
use crate::identity::Identity;
use crate::ledger::accept::Limits;
use crate::ledger::{self, Damage, Ledger};
use crate::link;
use crate::link::dial::Connect;
use crate::link::session::Parties;
use crate::link::task::{Dialling, LinkTask, LinkTaskError};
use crate::location::{self, Inputs, Options};
use crate::machine::Machine;
use crate::network;
use crate::outbox::disk::FileDisk;
use crate::outbox::task::OutboxHandle;
use crate::outbox::{self, Found, Outbox};
use crate::sweep;

/// How long tasks may take to end: a goodbye, and a command that is running. Shorter than any unit's stop time-out.
const GRACE: Duration = Duration::from_secs(8);

/// This machine is no agent yet.
#[derive(Debug, Error)]
#[error(
    "this machine is not enrolled: there is no identity in {folder}; make a join string on the server (landmarkctl \
     tokens create), then run here: landmark-agent enroll JOIN_STRING"
)]
pub struct NotEnrolled {
    folder: String,
}

/// A running agent.
#[derive(Debug)]
pub struct Running {
    tasks: Tasks,
    sources: Sources,
    _state: StateDir,
}

/// What lies in the state folder.
struct Disk {
    ledger: Ledger,
    damages: Vec<Damage>,
    outbox: Outbox<FileDisk>,
    found: Found,
    identity: Identity,
    machine: Machine,
}

/// Starts an agent, which ends when [`Running::wait`] does.
///
/// # Errors
/// It is not enrolled, another process uses its state folder, or something that it needs is not there.
pub async fn start(config: &Config, connector: Box<dyn Connect>) -> anyhow::Result<Running> {
    let (state, disk) = open_state(config).await?;
    let listener = socket::listen(&config.control_socket)
        .with_context(|| format!("cannot listen at {}", config.control_socket.display()))?;
    let mut tasks = Tasks::new();
    let stop = tasks.stop_token();
    let Disk { ledger, damages, outbox, found, identity, machine } = disk;
    ledger::task::log_damage(&damages, ledger.accepted());
    info!(agent = %identity.agent_id, fleet = %identity.fleet_id, boot = %machine.boot_id, "agent starts");
    let who = Who::of(&identity);
    let addresses = config.server_addresses.clone();
    let (ledger, ledger_task) = ledger::task::channel(ledger);
    let (outbox, outbox_task) = outbox::task::channel(outbox, found);
    let (link, link_task) = link::task::channel(Dialling { connector, identity, addresses });
    let (network, network_task) = network::channel(network::Options::default());
    let inputs = Inputs {
        link: link.state.clone(),
        held: ledger.held(),
        tuning: link.tuning.clone(),
        changes: network.changes(),
    };
    let watched = network.watched();
    let options = Options { allow_loopback: config.allow_loopback, boot_id: machine.boot_id };
    let (changes, around) = (network.changes(), network.clone());
    let sweeping = location::prober(&network, &options);
    let (location, reports, location_task) = location::channel(inputs, network, &options);
    let inputs = sweep::Inputs {
        link: link.state.clone(),
        held: ledger.held(),
        tuning: link.tuning.clone(),
        decided: location.decided(),
    };
    let (sweeps, sweep_task) = sweep::channel(inputs, sweeping);
    let opened = enforcement::Opening {
        config: &config.enforce,
        folder: &config.state_dir,
        machine: machine.conditions(),
        network: &around,
        held: ledger.held(),
        decided: location.decided(),
    };
    let enforcement::Opened { outputs, tasks: enforcing } = opened.open(&stop).await?;
    let enforcement = outputs.status;
    let sources = Sources {
        started_at: SystemTime::now(),
        who,
        damages: damages.into(),
        held: ledger.held(),
        refused: ledger.refused(),
        decided: location.decided(),
        location: location.clone(),
        link: link.status.clone(),
        enforcement: enforcement.clone(),
        outbox: outbox.status(),
        watched,
    };
    let parties = Parties {
        machine,
        folder: config.state_dir.clone(),
        ledger,
        outbox: outbox.clone(),
        location,
        enforcement: enforcement.clone(),
        changes,
        sweeps,
        hits: outputs.hits,
    };
    tasks.spawn("ledger", ledger_task.run());
    tasks.spawn("outbox", outbox_task.run());
    tasks.spawn("network", network_task.run(stop.clone()));
    tasks.spawn("location", location_task.run(stop.clone()));
    tasks.spawn("sweeps", sweep_task.run(stop.clone()));
    tasks.spawn("history", record(reports, outbox));
    enforcing.spawn(&mut tasks, &stop);
    tasks.spawn("control", server::serve(listener, sources.clone(), stop.clone()));
    tasks.spawn("link", dial_once_enforced(enforcement, link_task, parties, stop));
    Ok(Running { tasks, sources, _state: state })
}

/// Locks the state folder and reads what lies in it.
async fn open_state(config: &Config) -> anyhow::Result<(StateDir, Disk)> {
    let folder = config.state_dir.clone();
    let limits = Limits { allow_loopback: config.allow_loopback };
    let (machine_name, labels) = (config.machine_name.clone(), config.labels.clone());
    let state = spawn_blocking(move || {
        // Nothing is made for a machine that is no agent.
        Disk::identity(&folder)?;
        let state = StateDir::open(folder)?;
        let disk = Disk::read(state.path(), limits, (machine_name.as_deref(), &labels))?;
        anyhow::Ok((state, disk))
    });
    state.await?
}

impl Running {
    /// Asks the agent to stop.
    pub fn stop_token(&self) -> CancellationToken {
        self.tasks.stop_token()
    }

    /// What the control socket shows.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Heeds the signals of the process, and tells its service manager once what is held is enforced.
    ///
    /// # Errors
    /// The system refuses to deliver signals, or names a service manager that cannot be.
    pub fn attach_to_process(&mut self) -> anyhow::Result<()> {
        signals::supervise(&mut self.tasks, || {
            info!("nothing to reload: restart the agent to change its settings");
        })?;
        let manager = ServiceManager::from_environment()?;
        let readiness = Readiness::new();
        let condition = readiness.declare("policy");
        let stop = self.tasks.stop_token();
        let enforcement = self.sources.enforcement.clone();
        self.tasks.spawn("readiness", ready_once_enforced(enforcement, condition, stop.clone()));
        self.tasks.spawn("announcer", announce(readiness, manager, stop));
        Ok(())
    }

    /// Waits until the agent has stopped.
    ///
    /// # Errors
    /// A task failed, or did not end in time.
    pub async fn wait(self) -> Result<(), TasksError> {
        self.tasks.run(GRACE).await
    }
}

impl Disk {
    fn read(folder: &Path, limits: Limits, machine: (Option<&str>, &[Label])) -> anyhow::Result<Self> {
        let identity = Self::identity(folder)?;
        let machine = Machine::read(machine.0, machine.1)?;
        let (ledger, damages) = Ledger::open(folder, limits);
        let disk = FileDisk::new(folder);
        let (outbox, found) = Outbox::open(disk, outbox::ring::Limits::default(), outbox::task::new_id())
            .context("cannot read the outbox")?;
        Ok(Self { ledger, damages, outbox, found, identity, machine })
    }

    fn identity(folder: &Path) -> anyhow::Result<Identity> {
        Ok(Identity::load(folder)?.ok_or_else(|| NotEnrolled { folder: folder.display().to_string() })?)
    }
}

/// Brings changes of location to the outbox.
async fn record(
    mut reports: mpsc::Receiver<LocationReport>,
    outbox: OutboxHandle,
) -> Result<Infallible, outbox::task::Closed> {
    loop {
        let report = reports.recv().await.ok_or(outbox::task::Closed)?;
        outbox.record(report).await?;
    }
}

/// An agent enforces what it has on disk before it connects.
async fn dial_once_enforced(
    mut enforcement: watch::Receiver<Option<EnforcementStatus>>,
    link: LinkTask,
    parties: Parties,
    stop: CancellationToken,
) -> Result<Infallible, LinkTaskError> {
    tokio::select! {
        biased;
        () = stop.cancelled() => return Err(LinkTaskError::Stopped),
        enforced = enforcement.wait_for(Option::is_some) => drop(enforced),
    }
    link.run(parties, stop).await
}

/// A policy that failed is no reason to restart the agent: it is ready once it has tried.
async fn ready_once_enforced(
    mut enforcement: watch::Receiver<Option<EnforcementStatus>>,
    condition: Condition,
    stop: CancellationToken,
) {
    tokio::select! {
        biased;
        () = stop.cancelled() => return,
        enforced = enforcement.wait_for(Option::is_some) => drop(enforced),
    }
    condition.ready();
    stop.cancelled().await;
}

#[cfg(test)]
mod tests;
