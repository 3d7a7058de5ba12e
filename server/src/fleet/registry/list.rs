//! Lists of agents: by host name straight from the index; in another order, or of those that match a filter, out of one
//! pass over all of them, of which only a page is ever held.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::{AgentView, Registry};
use crate::fleet::agent::{Agent, AssignmentState};
use crate::fleet::filter::AgentFilter;
use crate::fleet::order::{AgentKey, AgentOrder, Place, Sorting};

/// Agents that are looked at under one lock: well below a millisecond.
const SCAN: usize = 2_048;

/// Part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// In the order that was asked for.
    pub agents: Vec<AgentView>,
    /// After which the next part begins; `None` when this was the last.
    pub next: Option<Place>,
    /// Agents that match, on all pages.
    pub n_matching: usize,
}

impl Registry {
    /// Up to `limit` agents that match, sorted, after a place in that list.
    pub fn list(&self, filter: &AgentFilter, sorting: Sorting, after: Option<&Place>, limit: usize) -> Page {
        if sorting.order == AgentOrder::HostName && filter.is_everything() {
            return self.walk(sorting.descending, after, limit);
        }
        let mut best =
            Best { filter, sorting, after, limit, n_matching: 0, n_after: 0, kept: BinaryHeap::new() };
        self.look(|key, agent, state| best.offer(key, agent, state));
        best.into_page()
    }

    /// Shows every agent, in parts: others come in between.
    pub(in crate::fleet) fn look(&self, mut see: impl FnMut(&AgentKey, &Arc<Agent>, AssignmentState)) {
        let mut at = None;
        loop {
            at = self.index().look(at, SCAN, &mut see);
            if at.is_none() {
                return;
            }
        }
    }

    fn walk(&self, descending: bool, after: Option<&Place>, limit: usize) -> Page {
        let mut agents = Vec::new();
        let mut at = after.map(|place| place.key.clone());
        loop {
            let index = self.index();
            let n = SCAN.min(limit - agents.len());
            at = index.walk(descending, at.as_ref(), n, &mut agents);
            if at.is_none() || agents.len() >= limit {
                let next = at.map(|key| Place { rank: 0, key });
                return Page { agents, next, n_matching: index.n_agents() };
            }
        }
    }
}

/// The first agents after a place, of all that are offered.
struct Best<'a> {
    filter: &'a AgentFilter,
    sorting: Sorting,
    after: Option<&'a Place>,
    limit: usize,
    n_matching: usize,
    /// Of those that match, the ones after the place.
    n_after: usize,
    /// The last of them on top.
    kept: BinaryHeap<Kept>,
}

struct Kept {
    sorting: Sorting,
    place: Place,
    view: AgentView,
}

impl Best<'_> {
    /// Allocates nothing for an agent that is not kept.
    fn offer(&mut self, key: &AgentKey, agent: &Arc<Agent>, state: AssignmentState) {
        if !self.filter.matches_named(agent, &key.host_name, state) {
            return;
        }
        self.n_matching += 1;
        let sorting = self.sorting;
        let rank = sorting.rank(agent);
        if self.after.is_some_and(|after| sorting.compare((rank, key), after.at()).is_le()) {
            return;
        }
        self.n_after += 1;
        let kept = || Kept {
            sorting,
            place: Place { rank, key: key.clone() },
            view: AgentView { agent: Arc::clone(agent), state },
        };
        if self.kept.len() < self.limit {
            self.kept.push(kept());
        } else if let Some(mut last) = self.kept.peek_mut()
            && sorting.compare((rank, key), last.place.at()).is_lt()
        {
            *last = kept();
        }
    }

    fn into_page(self) -> Page {
        let Self { limit, n_matching, n_after, kept, .. } = self;
        let kept = kept.into_sorted_vec();
        let next = kept.last().filter(|_| n_after > limit).map(|last| last.place.clone());
        Page { agents: kept.into_iter().map(|kept| kept.view).collect(), next, n_matching }
    }
}

impl Place {
    fn at(&self) -> (u64, &AgentKey) {
        (self.rank, &self.key)
    }
}

impl Ord for Kept {
    fn cmp(&self, other: &Self) -> Ordering {
        self.sorting.compare(self.place.at(), other.place.at())
    }
}

impl PartialOrd for Kept {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Kept {}

#[cfg(test)]
mod tests;
