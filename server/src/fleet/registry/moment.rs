//! How the fleet fares and how far the present assignment has come, read under one lock: numbers that belong together.

use std::sync::Arc;

use landmark_proto::ids::AgentId;
use landmark_proto::revision::Revision;

use super::Registry;
use super::index::Index;
use super::tally::Counts;
use crate::assignments::Published;
use crate::fleet::agent::{Agent, Refused};

/// Rejections that a progress names.
const N_REJECTIONS: usize = 100;

/// How far the present assignment has come: every agent counts once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Which assignment.
    pub revision: Revision,
    /// Hold it.
    pub n_applied: usize,
    /// Are connected and have not answered yet.
    pub n_pending: usize,
    /// Have refused it.
    pub n_rejected: usize,
    /// Are not connected, and not known to hold it.
    pub n_offline: usize,
    /// The first hundred of those that have refused it.
    pub rejections: Vec<(Arc<Agent>, Refused)>,
    /// The newer assignment that took over; the counts are then the last ones that were seen.
    pub superseded_by: Option<Revision>,
}

impl Progress {
    /// All enrolled agents.
    pub fn n_agents(&self) -> usize {
        self.n_applied + self.n_pending + self.n_rejected + self.n_offline
    }

    /// Whether nobody who is connected has yet to answer, or nobody will any more.
    pub fn is_done(&self) -> bool {
        self.n_pending == 0 || self.superseded_by.is_some()
    }
}

/// The numbers of one moment.
#[derive(Clone, Debug)]
pub struct Moment {
    /// Of the agents.
    pub counts: Counts,
    /// Of the present assignment; `None` before the first.
    pub progress: Option<Progress>,
    /// The present assignment.
    pub present: Option<Published>,
}

impl Registry {
    /// How far the present assignment has come; `None` before the first.
    pub fn progress(&self) -> Option<Progress> {
        progress(&self.index())
    }

    /// How many agents there are, and how they fare. Costs the same with any number of them.
    pub fn counts(&self) -> Counts {
        self.index().counts()
    }

    /// All numbers at once.
    pub fn moment(&self) -> Moment {
        let index = self.index();
        Moment { counts: index.counts(), progress: progress(&index), present: index.present().cloned() }
    }
}

fn progress(index: &Index) -> Option<Progress> {
    let present = index.held()?;
    let tally = index.tally();
    let rejection = |agent_id: &AgentId| {
        let agent = index.agent(*agent_id)?;
        Some((Arc::clone(agent), agent.refused.clone()?))
    };
    Some(Progress {
        revision: present.revision,
        n_applied: tally.n_applied,
        n_pending: tally.n_pending,
        n_rejected: tally.rejected.len(),
        n_offline: tally.n_offline,
        rejections: tally.rejected.iter().take(N_REJECTIONS).filter_map(rejection).collect(),
        superseded_by: None,
    })
}
