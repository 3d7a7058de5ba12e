//! Wires what enforces: the loop, and the tasks that tell it of this machine.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use landmark_daemon::tasks::Tasks;
use landmark_proto::firewall::profile::Facts;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use crate::enforce::Config;
use crate::enforce::backend::Backend;
use crate::enforce::firewall::names::memory::Memory;
use crate::enforce::firewall::names::{self, NamesTask};
use crate::enforce::firewall::touched::{self, TouchedTask};
use crate::enforce::surroundings::{self, SurroundingsTask};
use crate::enforce::task::{self, EnforceTask, Inputs, Outputs};
use crate::ledger::Accepted;
use crate::location::{Decided, Resolver};
use crate::network::NetworkHandle;

/// What enforcement rests on.
pub(super) struct Opening<'a> {
    pub(super) config: &'a Config,
    pub(super) folder: &'a Path,
    pub(super) machine: Facts,
    pub(super) network: &'a NetworkHandle,
    pub(super) held: watch::Receiver<Option<Accepted>>,
    pub(super) decided: watch::Receiver<Option<Arc<Decided>>>,
}

/// What others follow of it, and what is to be run.
pub(super) struct Opened {
    pub(super) outputs: Outputs,
    pub(super) tasks: Enforcing,
}

/// The tasks.
pub(super) struct Enforcing {
    enforce: EnforceTask,
    surroundings: SurroundingsTask,
    names: NamesTask,
    touched: TouchedTask,
}

impl Opening<'_> {
    pub(super) async fn open(self, stop: &CancellationToken) -> anyhow::Result<Opened> {
        let Self { config, folder, machine, network, held, decided } = self;
        let (means, memory) = (config.means.clone(), Memory::in_folder(folder));
        let looking = spawn_blocking(move || (Backend::of(&means), memory.load(), memory));
        let (backend, earlier, memory) = looking.await.context("cannot look for the firewall")?;
        let (surroundings, surroundings_task) = surroundings::channel(network);
        let (names, names_task) = names::channel(Resolver::system(), network.changes(), (memory, earlier));
        let (touched, touched_task) = touched::channel(backend.firewall().is_some());
        let inputs = Inputs { held, decided, machine, surroundings, names, touched, stop: stop.clone() };
        let (outputs, enforce) = task::channel(backend, config, inputs);
        let tasks =
            Enforcing { enforce, surroundings: surroundings_task, names: names_task, touched: touched_task };
        Ok(Opened { outputs, tasks })
    }
}

impl Enforcing {
    pub(super) fn spawn(self, tasks: &mut Tasks, stop: &CancellationToken) {
        let Self { enforce, surroundings, names, touched } = self;
        tasks.spawn("surroundings", surroundings.run(stop.clone()));
        tasks.spawn("names", names.run(stop.clone()));
        tasks.spawn("touched", touched.run(stop.clone()));
        tasks.spawn("enforcement", enforce.run());
    }
}
