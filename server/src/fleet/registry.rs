//! Every enrolled agent in memory, with its latest status and its session.
//!
//! One lock: a change takes microseconds, and nobody waits, writes or allocates much under it; lists are read in parts.
//! Whoever follows the fleet reads changes in order from where it left off, so that a slow follower costs nothing and a
//! change costs the same with any number of agents. Must not know: the wire, the store.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use landmark_proto::ids::AgentId;
use landmark_proto::message::{ServerMessage, Tuning};
use landmark_proto::revision::{Held, Revision};
use thiserror::Error;
use tokio::sync::watch;

use super::agent::{Agent, AssignmentState};
use super::end::End;
use super::filter::AgentFilter;
use super::outbound::Outbound;
use super::slots::Slots;
use super::telemetry;
use crate::assignments::Published;
use crate::store::agents::Agents;

mod feed;
mod follow;
mod index;
mod list;
mod moment;
mod news;
mod tally;

pub use self::follow::{AgentEvent, AgentWatch, ProgressWatch};
pub use self::list::Page;
pub use self::moment::{Moment, Progress};
pub use self::news::{Mark, News};
pub use self::tally::{ByEnforcement, ByLocation, Counts, Whereabouts};

use self::feed::Change;
use self::index::{Index, Write};

/// Sessions that are told something before others may run: about a millisecond.
const AT_ONCE: usize = 1_024;

/// The agents. Clones share them.
#[derive(Clone, Debug)]
pub struct Registry(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    index: Mutex<Index>,
    changed_tx: watch::Sender<Change>,
}

/// An agent, and how it stands to the present assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentView {
    /// As it is known at the moment.
    pub agent: Arc<Agent>,
    /// How it stands.
    pub state: AssignmentState,
}

/// No agent, or more than one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FindError {
    /// Nobody is called that.
    #[error("there is no agent {text:?} (an agent id, the beginning of one, or a host name)")]
    NotFound {
        /// As given.
        text: String,
    },
    /// Several are.
    #[error("{text:?} names more than one agent")]
    Ambiguous {
        /// As given.
        text: String,
        /// Some of them.
        first: Vec<AgentId>,
    },
}

/// Who was asked to look again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Are connected, and were asked.
    pub n_asked: usize,
    /// Are not.
    pub n_offline: usize,
}

impl Registry {
    /// With what the store has; everyone is offline.
    pub fn new(agents: Agents, present: Option<Published>) -> Self {
        let Agents { enrolled, removed } = agents;
        let index = Index::new(enrolled, removed, present);
        let (changed_tx, _) = watch::channel(index.last_change());
        let registry = Self(Arc::new(Shared { index: Mutex::new(index), changed_tx }));
        telemetry::agents(&registry.index().counts());
        registry
    }

    /// How many agents are enrolled.
    pub fn n_agents(&self) -> usize {
        self.index().n_agents()
    }

    /// How many of them have a session.
    pub fn n_online(&self) -> usize {
        self.index().n_online()
    }

    /// One agent; `None` if it is not enrolled.
    pub fn agent(&self, agent_id: AgentId) -> Option<AgentView> {
        self.index().view(agent_id)
    }

    /// The agent that someone means by an id, a host name that only one agent has, or the beginning of an id.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub fn find(&self, text: &str) -> Result<AgentView, FindError> {
        self.index().find(text)
    }

    /// Follows the agents that match: those there are, [`AgentEvent::Synced`], then changes.
    pub fn watch(&self, filter: AgentFilter) -> AgentWatch {
        AgentWatch::new(self.clone(), filter, self.0.changed_tx.subscribe())
    }

    /// Follows how far an assignment comes: its progress now, and whenever it changes.
    pub fn watch_progress(&self, revision: Revision) -> ProgressWatch {
        ProgressWatch::new(self.clone(), revision, self.0.changed_tx.subscribe())
    }

    /// Asks the named agents to look where they are, now. Names that are not enrolled count as offline.
    pub fn recheck(&self, agents: &[AgentId], request_id: u64) -> Asked {
        let index = self.index();
        let sessions: Vec<_> =
            agents.iter().filter_map(|agent_id| index.session(*agent_id).cloned()).collect();
        drop(index);
        ask(&sessions, request_id, agents.len())
    }

    /// Asks all agents to look where they are, now. Lets others run in between.
    pub async fn recheck_all(&self, request_id: u64) -> Asked {
        let n_asked = self.tell_everyone(|slots| slots.evaluate(request_id, Instant::now())).await;
        Asked { n_asked, n_offline: self.n_agents().saturating_sub(n_asked) }
    }

    /// Takes an agent in that was just enrolled. One that is known keeps its status; one that was removed in between
    /// stays removed.
    pub(crate) fn enrolled(&self, agent: Agent) {
        self.changing(|index| {
            let (agent_id, expires_at) = (agent.agent_id, agent.certificate_expires_at);
            if index.was_removed(agent_id) {
                return;
            }
            if index.agent(agent_id).is_none() {
                index.insert(agent);
            } else {
                index.update(agent_id, Write::Done, |known| {
                    known.certificate_expires_at = expires_at;
                    true
                });
            }
        });
    }

    /// Forgets an agent that was removed, and ends its session at once.
    pub(super) fn removed(&self, agent_id: AgentId) {
        if let Some(session) = self.changing(|index| index.remove(agent_id)) {
            let farewell = ServerMessage::Revoked { reason: End::Removed.to_string() };
            session.with(|slots| slots.end(End::Removed, Some(farewell), Instant::now()));
        }
    }

    /// Whether an agent was enrolled once and is not any more.
    pub(super) fn was_removed(&self, agent_id: AgentId) -> bool {
        self.index().was_removed(agent_id)
    }

    /// Makes an assignment the present one, and offers it to every session.
    pub(super) async fn publish(&self, published: &Published, apply_jitter: Duration) {
        if self.changing(|index| index.publish(published.clone())) {
            self.tell_everyone(|slots| slots.offer(published.clone(), apply_jitter, Instant::now())).await;
        }
    }

    /// Tells every session of another timing.
    pub(super) async fn retune(&self, tuning: &Tuning) {
        self.tell_everyone(|slots| slots.tuning(tuning.clone(), Instant::now())).await;
    }

    /// Fills a slot of every open session; returns how many there are. Lets others run in between.
    pub(super) async fn tell_everyone(&self, tell: impl Fn(&mut Slots)) -> usize {
        let sessions: Vec<_> = self.index().sessions().cloned().collect();
        for some in sessions.chunks(AT_ONCE) {
            for session in some {
                session.with(&tell);
            }
            tokio::task::yield_now().await;
        }
        sessions.len()
    }

    /// Opens a session: `work` notes what the agent said. Returns the session before it, which is superseded.
    pub(super) fn open_session<T>(
        &self,
        agent_id: AgentId,
        session: &Arc<Outbound>,
        work: impl FnOnce(&mut Agent, Option<&Published>) -> T,
    ) -> Result<T, End> {
        let opened = self.changing(|index| {
            if index.was_removed(agent_id) {
                return Err(End::Removed);
            }
            let present = index.present().cloned();
            let mut result = None;
            let note = |agent: &mut Agent| {
                agent.online = true;
                result = Some(work(agent, present.as_ref()));
                true
            };
            index.update(agent_id, Write::Later, note).ok_or(End::Unknown)?;
            let before = index.set_session(agent_id, Some(Arc::clone(session)));
            Ok((result.ok_or(End::Unknown)?, before))
        });
        let (result, before) = opened?;
        if let Some(before) = before {
            before.end(End::Superseded);
        }
        Ok(result)
    }

    /// Closes a session, unless a newer one took over.
    pub(super) fn close_session(
        &self,
        agent_id: AgentId,
        session: &Arc<Outbound>,
        work: impl FnOnce(&mut Agent),
    ) {
        self.changing(|index| {
            if index.session(agent_id).is_some_and(|open| Arc::ptr_eq(open, session)) {
                index.set_session(agent_id, None);
                index.update(agent_id, Write::Later, |agent| {
                    agent.online = false;
                    work(agent);
                    true
                });
            }
        });
    }

    /// Notes what an agent says; to be written later. `work` says whether it is news.
    pub(super) fn note(&self, agent_id: AgentId, work: impl FnOnce(&mut Agent) -> bool) {
        self.changing(|index| index.update(agent_id, Write::Later, work));
    }

    /// Notes what has been written already.
    pub(super) fn note_written(&self, agent_id: AgentId, work: impl FnOnce(&mut Agent) -> bool) {
        self.changing(|index| index.update(agent_id, Write::Done, work));
    }

    /// How many agents have a status that has yet to be written.
    pub(super) fn n_unwritten(&self) -> usize {
        self.index().n_unwritten()
    }

    pub(super) fn take_unwritten(&self, n: usize) -> Vec<Arc<Agent>> {
        self.index().take_unwritten(n)
    }

    pub(super) fn put_back_unwritten(&self, agents: &[Arc<Agent>]) {
        self.index().put_back_unwritten(agents);
    }

    /// Tells of every change; the value is of no meaning to others.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.changed_tx.subscribe()
    }

    fn held(&self) -> Option<Held> {
        self.index().held()
    }

    /// Changes something and tells the followers.
    fn changing<T>(&self, work: impl FnOnce(&mut Index) -> T) -> T {
        let mut index = self.index();
        let revision_before = index.held();
        let (change_before, counts_before) = (index.last_change(), index.counts());
        let result = work(&mut index);
        let (change, counts) = (index.last_change(), index.counts());
        let is_changed = change != change_before || index.held() != revision_before;
        drop(index);
        if is_changed {
            self.0.changed_tx.send_replace(change);
        }
        if counts != counts_before {
            telemetry::agents(&counts);
        }
        result
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        // A panic under the lock would be ours; the index is then as good as it gets, and a restart reads it anew.
        self.0.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ask(sessions: &[Arc<Outbound>], request_id: u64, n_agents: usize) -> Asked {
    for session in sessions {
        session.with(|slots| slots.evaluate(request_id, Instant::now()));
    }
    Asked { n_asked: sessions.len(), n_offline: n_agents - sessions.len() }
}

#[cfg(test)]
mod tests;
