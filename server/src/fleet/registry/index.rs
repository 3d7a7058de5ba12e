//! The agents in memory: by id, by name, by change, and counted. Decides in plain functions; the lock is its owner's.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Bound;
use std::sync::Arc;

use landmark_proto::ids::AgentId;
use landmark_proto::revision::Held;
use uuid::Uuid;

use super::feed::{Change, Feed};
use super::tally::{Class, Counts, Tally};
use super::{AgentView, FindError};
use crate::assignments::Published;
use crate::fleet::agent::{Agent, AssignmentState};
use crate::fleet::order::AgentKey;
use crate::fleet::outbound::Outbound;

/// What is named in an error, at most.
const N_NAMED: usize = 5;

#[derive(Debug, Default)]
pub(super) struct Index {
    entries: BTreeMap<AgentId, Entry>,
    by_name: BTreeSet<AgentKey>,
    removed: HashSet<AgentId>,
    feed: Feed,
    tally: Tally,
    present: Option<Published>,
    /// Without those that follow from the tally.
    counts: Counts,
    /// Whose status has yet to be written.
    unwritten: BTreeSet<AgentId>,
}

#[derive(Debug)]
struct Entry {
    agent: Arc<Agent>,
    /// The same as by name.
    key: AgentKey,
    change: Change,
    session: Option<Arc<Outbound>>,
}

/// Whether a change has to be written by the status writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Write {
    /// Yes.
    Later,
    /// It has been written.
    Done,
}

impl Index {
    pub(super) fn new(agents: Vec<Agent>, removed: Vec<AgentId>, present: Option<Published>) -> Self {
        let mut index = Self { removed: removed.into_iter().collect(), present, ..Self::default() };
        for agent in agents {
            index.insert(agent);
        }
        index
    }

    pub(super) fn insert(&mut self, agent: Agent) {
        let agent_id = agent.agent_id;
        self.tally.add(agent_id, Class::of(&agent, self.held()));
        self.counts.add(&agent);
        let key = AgentKey::of(&agent);
        self.by_name.insert(key.clone());
        let change = self.feed.touch(agent_id, None);
        self.entries.insert(agent_id, Entry { agent: Arc::new(agent), key, change, session: None });
    }

    /// Changes an agent and everything that follows from it. `work` says whether it changed anything. `None` if there is
    /// no such agent.
    pub(super) fn update(
        &mut self,
        agent_id: AgentId,
        write: Write,
        work: impl FnOnce(&mut Agent) -> bool,
    ) -> Option<bool> {
        let held = self.held();
        let entry = self.entries.get_mut(&agent_id)?;
        let before = Class::of(&entry.agent, held);
        let name_before = entry.agent.facts.host_name.clone();
        self.counts.subtract(&entry.agent);
        let agent = Arc::make_mut(&mut entry.agent);
        let is_news = work(agent);
        self.counts.add(agent);
        if !is_news {
            return Some(false);
        }
        let after = Class::of(agent, held);
        if agent.facts.host_name != name_before {
            self.by_name.remove(&entry.key);
            entry.key = AgentKey::of(agent);
            self.by_name.insert(entry.key.clone());
        }
        if before != after {
            self.tally.subtract(agent_id, before);
            self.tally.add(agent_id, after);
        }
        if write == Write::Later {
            self.unwritten.insert(agent_id);
        }
        entry.change = self.feed.touch(agent_id, Some(entry.change));
        Some(true)
    }

    /// Forgets an agent; its id is refused from here on. Returns its session.
    pub(super) fn remove(&mut self, agent_id: AgentId) -> Option<Arc<Outbound>> {
        self.removed.insert(agent_id);
        let Entry { agent, key, change, session } = self.entries.remove(&agent_id)?;
        self.tally.subtract(agent_id, Class::of(&agent, self.held()));
        self.counts.subtract(&agent);
        self.by_name.remove(&key);
        self.unwritten.remove(&agent_id);
        // The place stays, so that followers learn that the agent is gone.
        self.feed.touch(agent_id, Some(change));
        session
    }

    pub(super) fn was_removed(&self, agent_id: AgentId) -> bool {
        self.removed.contains(&agent_id)
    }

    /// Takes another assignment for the present one, unless a later one is. Counts everyone anew: a few milliseconds for
    /// 100,000 agents, once an assignment.
    pub(super) fn publish(&mut self, published: Published) -> bool {
        let is_newer = self.held().is_none_or(|present| present.revision < published.held().revision);
        if is_newer {
            let held = Some(published.held());
            self.present = Some(published);
            let mut tally = Tally::default();
            for (agent_id, entry) in &self.entries {
                tally.add(*agent_id, Class::of(&entry.agent, held));
            }
            self.tally = tally;
        }
        is_newer
    }

    pub(super) fn present(&self) -> Option<&Published> {
        self.present.as_ref()
    }

    pub(super) fn held(&self) -> Option<Held> {
        self.present.as_ref().map(|published| published.held())
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(super) fn n_agents(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn n_online(&self) -> usize {
        self.counts.n_online
    }

    pub(super) fn counts(&self) -> Counts {
        let Tally { n_pending, n_offline, rejected, .. } = &self.tally;
        // Without an assignment nobody is behind it.
        let n_behind = if self.present.is_some() { n_pending + n_offline } else { 0 };
        Counts { n_behind, n_rejected: rejected.len(), ..self.counts }
    }

    pub(super) fn last_change(&self) -> Change {
        self.feed.last()
    }

    pub(super) fn agent(&self, agent_id: AgentId) -> Option<&Arc<Agent>> {
        self.entries.get(&agent_id).map(|entry| &entry.agent)
    }

    pub(super) fn session(&self, agent_id: AgentId) -> Option<&Arc<Outbound>> {
        self.entries.get(&agent_id)?.session.as_ref()
    }

    pub(super) fn sessions(&self) -> impl Iterator<Item = &Arc<Outbound>> {
        self.entries.values().filter_map(|entry| entry.session.as_ref())
    }

    /// Replaces an agent's session, and returns the one before.
    pub(super) fn set_session(
        &mut self,
        agent_id: AgentId,
        session: Option<Arc<Outbound>>,
    ) -> Option<Arc<Outbound>> {
        let entry = self.entries.get_mut(&agent_id)?;
        std::mem::replace(&mut entry.session, session)
    }

    pub(super) fn view(&self, agent_id: AgentId) -> Option<AgentView> {
        self.agent(agent_id).map(|agent| self.view_of(agent))
    }

    fn view_of(&self, agent: &Arc<Agent>) -> AgentView {
        AgentView { agent: Arc::clone(agent), state: agent.assignment_state(self.held()) }
    }

    /// Takes up to `n` agents after a place of the list by host name, forwards or backwards; returns where to go on if
    /// there are more.
    pub(super) fn walk(
        &self,
        descending: bool,
        after: Option<&AgentKey>,
        n: usize,
        found: &mut Vec<AgentView>,
    ) -> Option<AgentKey> {
        let bound = after.map_or(Bound::Unbounded, Bound::Excluded);
        if descending {
            self.take(self.by_name.range((Bound::Unbounded, bound)).rev(), n, found)
        } else {
            self.take(self.by_name.range((bound, Bound::Unbounded)), n, found)
        }
    }

    fn take<'a>(
        &self,
        mut keys: impl Iterator<Item = &'a AgentKey>,
        n: usize,
        found: &mut Vec<AgentView>,
    ) -> Option<AgentKey> {
        let mut last = None;
        for key in keys.by_ref().take(n) {
            found.extend(self.view(key.agent_id));
            last = Some(key);
        }
        last.filter(|_| keys.next().is_some()).cloned()
    }

    /// Shows up to `n` agents after one, by id; returns where to go on if there are more.
    pub(super) fn look(
        &self,
        after: Option<AgentId>,
        n: usize,
        mut see: impl FnMut(&AgentKey, &Arc<Agent>, AssignmentState),
    ) -> Option<AgentId> {
        let held = self.held();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut entries = self.entries.range((from, Bound::Unbounded));
        let mut last = None;
        for (agent_id, Entry { agent, key, .. }) in entries.by_ref().take(n) {
            see(key, agent, agent.assignment_state(held));
            last = Some(*agent_id);
        }
        last.filter(|_| entries.next().is_some())
    }

    /// Which agents changed after `seen`, at most `n`.
    pub(super) fn changed_after(&self, seen: Change, n: usize) -> Vec<AgentId> {
        self.feed.after(seen).take(n).map(|(_, agent_id)| agent_id).collect()
    }

    /// Up to `n` changes after `seen`: each with its place, and the agent if it is still there.
    pub(super) fn changes(&self, seen: Change, n: usize) -> Vec<(Change, AgentId, Option<AgentView>)> {
        let with_view = |(change, agent_id)| (change, agent_id, self.view(agent_id));
        self.feed.after(seen).take(n).map(with_view).collect()
    }

    /// The agent that someone means by an id, a host name that only one agent has, or the beginning of an id.
    pub(super) fn find(&self, text: &str) -> Result<AgentView, FindError> {
        let text = text.trim();
        if let Some(view) = text.parse().ok().and_then(|agent_id| self.view(agent_id)) {
            return Ok(view);
        }
        let mut found = self.named(text);
        if found.is_empty() {
            found = self.beginning_with(text);
        }
        let mut ids = found.into_iter();
        match (ids.next(), ids.next()) {
            (None, _) => Err(FindError::NotFound { text: text.chars().take(100).collect() }),
            (Some(agent_id), None) => {
                self.view(agent_id).ok_or_else(|| FindError::NotFound { text: text.to_owned() })
            }
            (Some(first), Some(second)) => Err(FindError::Ambiguous {
                text: text.chars().take(100).collect(),
                first: [first, second].into_iter().chain(ids).take(N_NAMED).collect(),
            }),
        }
    }

    fn named(&self, host_name: &str) -> Vec<AgentId> {
        let host_name: Arc<str> = host_name.to_lowercase().into();
        let key = |number| AgentKey { host_name: Arc::clone(&host_name), agent_id: id(number) };
        self.by_name.range(key(0)..=key(u128::MAX)).take(N_NAMED + 1).map(|key| key.agent_id).collect()
    }

    fn beginning_with(&self, text: &str) -> Vec<AgentId> {
        let digits: String = text.chars().filter(|character| *character != '-').collect();
        let missing = match 32_usize.checked_sub(digits.len()) {
            Some(missing) if !digits.is_empty() => missing,
            Some(_) | None => return Vec::new(),
        };
        let bound = |fill: &str| u128::from_str_radix(&(digits.clone() + &fill.repeat(missing)), 16).ok();
        let (Some(low), Some(high)) = (bound("0"), bound("f")) else { return Vec::new() };
        self.entries.range(id(low)..=id(high)).take(N_NAMED + 1).map(|(agent_id, _)| *agent_id).collect()
    }

    pub(super) fn n_unwritten(&self) -> usize {
        self.unwritten.len()
    }

    /// Up to `n` agents whose status has yet to be written; they count as written from here on.
    pub(super) fn take_unwritten(&mut self, n: usize) -> Vec<Arc<Agent>> {
        let mut taken = Vec::new();
        while taken.len() < n
            && let Some(agent_id) = self.unwritten.pop_first()
        {
            taken.extend(self.agent(agent_id).map(Arc::clone));
        }
        taken
    }

    /// Writing failed after all.
    pub(super) fn put_back_unwritten(&mut self, agents: &[Arc<Agent>]) {
        let ids = agents.iter().map(|agent| agent.agent_id);
        self.unwritten.extend(ids.filter(|agent_id| self.entries.contains_key(agent_id)));
    }
}

fn id(number: u128) -> AgentId {
    AgentId::from_uuid(Uuid::from_u128(number))
}
