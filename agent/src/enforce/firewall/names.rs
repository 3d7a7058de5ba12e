//! The addresses of host names that exceptions name: found, and found again every few minutes, after a change of the
//! network, and when others are wanted. What was found is kept on the disk.

pub mod memory;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Duration;

use landmark_daemon::error::Chain;
use landmark_proto::firewall::Policy;
use landmark_proto::host::Name;
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use self::memory::Memory;
use crate::location::{Resolver, addresses_of};
use crate::network::Changes;

/// Names that are looked up, at most: the first ones of a policy. A policy can have many more; a machine that asks for
/// them every few minutes would be a burden to its name servers.
pub const MAX_NAMES: usize = 256;
/// Names whose addresses are known, at most: those of the policy inside and of the one outside.
const MAX_KNOWN: usize = 2 * MAX_NAMES;
/// How long what was found is used: the usual life of a record in a company's DNS.
const REFRESH: Duration = Duration::from_secs(300);
/// After a change of the network, for what else belongs to it.
const PAUSE: Duration = Duration::from_millis(200);

/// Where names are wanted and found.
#[derive(Debug)]
pub struct NamesHandle {
    wanted: watch::Sender<BTreeSet<Name>>,
    found: watch::Receiver<BTreeMap<Name, Vec<IpAddr>>>,
}

/// The task that looks them up.
pub struct NamesTask {
    resolver: Resolver,
    wanted: watch::Receiver<BTreeSet<Name>>,
    changes: watch::Receiver<Changes>,
    found: watch::Sender<BTreeMap<Name, Vec<IpAddr>>>,
    memory: Memory,
}

/// Why the task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NamesTaskError {
    /// It was asked to.
    #[error("asked to stop")]
    Stopped,
    /// Nobody is left who wants names.
    #[error("nobody is left who wants names")]
    Closed,
}

/// Opens the channels. Until names were looked up, what was found at an earlier time is known.
pub(crate) fn channel(
    resolver: Resolver,
    changes: watch::Receiver<Changes>,
    (memory, earlier): (Memory, BTreeMap<Name, Vec<IpAddr>>),
) -> (NamesHandle, NamesTask) {
    let (wanted_tx, wanted_rx) = watch::channel(BTreeSet::new());
    let (found_tx, found_rx) = watch::channel(earlier);
    (
        NamesHandle { wanted: wanted_tx, found: found_rx },
        NamesTask { resolver, wanted: wanted_rx, changes, found: found_tx, memory },
    )
}

/// The names that a policy's rules rest on, at most [`MAX_NAMES`].
pub fn names_of(policy: &Policy) -> BTreeSet<Name> {
    let all = policy.exceptions.as_slice().iter().flat_map(|exception| exception.remotes.names());
    let mut names = BTreeSet::new();
    for name in all {
        if names.len() == MAX_NAMES {
            break;
        }
        names.insert(name.clone());
    }
    names
}

impl NamesHandle {
    /// From now on these.
    pub fn want(&self, names: BTreeSet<Name>) {
        self.wanted.send_if_modified(|wanted| {
            let is_news = *wanted != names;
            *wanted = names;
            is_news
        });
    }

    /// What is known of the names that are wanted.
    pub fn known(&mut self) -> BTreeMap<Name, Vec<IpAddr>> {
        let wanted = self.wanted.borrow();
        let found = self.found.borrow_and_update();
        found
            .iter()
            .filter(|(name, _)| wanted.contains(*name))
            .map(|(name, it)| (name.clone(), it.clone()))
            .collect()
    }

    /// Waits until something else is known; an error once nobody looks names up any more.
    ///
    /// # Errors
    /// The task has ended.
    pub async fn changed(&mut self) -> Result<(), watch::error::RecvError> {
        self.found.changed().await
    }
}

impl NamesTask {
    /// Looks names up until it is asked to stop.
    ///
    /// # Errors
    /// Always: why it ended.
    pub async fn run(mut self, stop: CancellationToken) -> Result<Infallible, NamesTaskError> {
        loop {
            let wanted = self.wanted.borrow_and_update().clone();
            self.changes.mark_unchanged();
            let is_idle = wanted.is_empty();
            if !is_idle {
                let known = self.found.borrow().clone();
                let found = tokio::select! {
                    biased;
                    () = stop.cancelled() => return Err(NamesTaskError::Stopped),
                    changed = self.wanted.changed() => {
                        changed.map_err(|_| NamesTaskError::Closed)?;
                        continue;
                    }
                    found = look_up(&self.resolver, wanted, known) => found,
                };
                self.found_now(found).await;
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return Err(NamesTaskError::Stopped),
                changed = self.wanted.changed() => changed.map_err(|_| NamesTaskError::Closed)?,
                changed = self.changes.changed(), if !is_idle => {
                    changed.map_err(|_| NamesTaskError::Closed)?;
                    sleep(PAUSE).await;
                }
                () = sleep(REFRESH), if !is_idle => {}
            }
        }
    }

    /// Tells it, if it is news, and keeps it.
    async fn found_now(&self, found: BTreeMap<Name, Vec<IpAddr>>) {
        let is_news = self.found.send_if_modified(|known| {
            let is_news = *known != found;
            known.clone_from(&found);
            is_news
        });
        if !is_news {
            return;
        }
        let memory = self.memory.clone();
        if let Ok(Err(error)) = spawn_blocking(move || memory.save(&found)).await {
            warn!(error = %Chain(&error), "addresses of names in the firewall's exceptions are not kept on the disk");
        }
    }
}

/// What is known once all were looked up; of those that nobody could tell of, and of those that are not wanted now but may be
/// again when the machine is elsewhere, what was known before.
pub(crate) async fn look_up(
    resolver: &Resolver,
    wanted: BTreeSet<Name>,
    mut known: BTreeMap<Name, Vec<IpAddr>>,
) -> BTreeMap<Name, Vec<IpAddr>> {
    let mut found = BTreeMap::new();
    for (name, addresses) in addresses_of(resolver, wanted).await {
        match addresses {
            Some(addresses) => {
                debug!(name = name.as_str(), ?addresses, "name of an exception found");
                found.insert(name, addresses);
            }
            None => {
                warn!(
                    name = name.as_str(),
                    "no name server tells the addresses of a name in the firewall's exceptions"
                );
                if let Some(addresses) = known.remove(&name) {
                    found.insert(name, addresses);
                }
            }
        }
    }
    for (name, addresses) in known {
        if found.len() < MAX_KNOWN {
            found.entry(name).or_insert(addresses);
        }
    }
    found
}
