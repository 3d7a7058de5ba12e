//! Following the registry: changes of agents that match a filter, and the progress of an assignment.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use landmark_proto::ids::AgentId;
use landmark_proto::revision::{Held, Revision};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::feed::Change;
use super::{AgentView, Progress, Registry};
use crate::fleet::filter::AgentFilter;

/// Changes that are read under one lock.
const N_AT_ONCE: usize = 256;
/// A follower that is up to date looks again at most so often; what changes meanwhile, it sees once.
const PAUSE: Duration = Duration::from_millis(100);

/// What a follower of agents learns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentEvent {
    /// New, changed, or matching from now on.
    Changed(AgentView),
    /// Removed, or not matching any more.
    Gone(AgentId),
    /// Everything that was there at the beginning has been told.
    Synced,
}

/// Follows the agents that match a filter.
#[derive(Debug)]
pub struct AgentWatch {
    registry: Registry,
    filter: AgentFilter,
    changed_rx: watch::Receiver<Change>,
    /// The last change that was read.
    seen: Change,
    /// Up to here reaches what was there at the beginning; `None` once it was told.
    beginning: Option<Change>,
    /// The assignment against which states were told.
    present: Option<Held>,
    /// Who was told of.
    told: HashSet<AgentId>,
    ready: VecDeque<AgentEvent>,
    rested_at: Instant,
}

impl AgentWatch {
    pub(super) fn new(registry: Registry, filter: AgentFilter, changed_rx: watch::Receiver<Change>) -> Self {
        let beginning = Some(registry.index().last_change());
        let present = registry.held();
        Self {
            registry,
            filter,
            changed_rx,
            seen: 0,
            beginning,
            present,
            told: HashSet::new(),
            ready: VecDeque::new(),
            rested_at: Instant::now(),
        }
    }

    /// Waits for the next event. May be dropped while waiting without losing one.
    pub async fn next(&mut self) -> AgentEvent {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return event;
            }
            self.changed_rx.mark_unchanged();
            if self.read() {
                continue;
            }
            if self.beginning.take().is_some() {
                return AgentEvent::Synced;
            }
            sleep_until(self.rested_at + PAUSE).await;
            // The registry holds the sender, and we hold the registry: this never fails.
            self.changed_rx.changed().await.ok();
            self.rested_at = Instant::now();
        }
    }

    /// Reads some changes; false if there are none.
    fn read(&mut self) -> bool {
        if self.present != self.registry.held() {
            // How everyone stands to the present assignment changed at once: all are told again.
            self.present = self.registry.held();
            self.seen = 0;
        }
        let changes = self.registry.index().changes(self.seen, N_AT_ONCE);
        for (change, agent_id, view) in &changes {
            if self.beginning.is_some_and(|beginning| beginning < *change) {
                self.beginning = None;
                self.ready.push_back(AgentEvent::Synced);
            }
            self.seen = *change;
            match view {
                Some(view) if self.filter.matches(&view.agent, view.state) => {
                    self.told.insert(*agent_id);
                    self.ready.push_back(AgentEvent::Changed(view.clone()));
                }
                Some(_) | None => {
                    if self.told.remove(agent_id) {
                        self.ready.push_back(AgentEvent::Gone(*agent_id));
                    }
                }
            }
        }
        !changes.is_empty()
    }
}

/// Follows how far an assignment comes.
#[derive(Debug)]
pub struct ProgressWatch {
    registry: Registry,
    revision: Revision,
    changed_rx: watch::Receiver<Change>,
    told: Option<Progress>,
    rested_at: Instant,
}

impl ProgressWatch {
    pub(super) fn new(registry: Registry, revision: Revision, changed_rx: watch::Receiver<Change>) -> Self {
        Self { registry, revision, changed_rx, told: None, rested_at: Instant::now() }
    }

    /// Waits for the next progress that differs from the one before; `None` when there will be no more, since a newer
    /// assignment took over. May be dropped while waiting without losing one.
    pub async fn next(&mut self) -> Option<Progress> {
        loop {
            if self.told.as_ref().is_some_and(|told| told.superseded_by.is_some()) {
                return None;
            }
            self.changed_rx.mark_unchanged();
            let progress = self.progress();
            if progress.is_some() && progress != self.told {
                self.told.clone_from(&progress);
                return progress;
            }
            sleep_until(self.rested_at + PAUSE).await;
            self.changed_rx.changed().await.ok();
            self.rested_at = Instant::now();
        }
    }

    /// The progress of our assignment; `None` as long as the registry has yet to learn of it.
    fn progress(&self) -> Option<Progress> {
        let present = self.registry.progress()?;
        if present.revision == self.revision {
            Some(present)
        } else if present.revision > self.revision {
            let last = self.told.clone().unwrap_or(Progress {
                revision: self.revision,
                n_applied: 0,
                n_pending: 0,
                n_rejected: 0,
                n_offline: present.n_agents(),
                rejections: Vec::new(),
                superseded_by: None,
            });
            Some(Progress { superseded_by: Some(present.revision), ..last })
        } else {
            None
        }
    }
}
