//! Which agents have changed since someone looked, by their ids: what a live page needs to know what to draw anew.
//!
//! Whoever follows waits for [`Registry::subscribe`], then asks for the news since its last mark. However long it did not
//! look, the answer is bounded.

use landmark_proto::ids::AgentId;
use landmark_proto::revision::Held;

use super::Registry;
use super::feed::Change;

/// A moment of the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    change: Change,
    /// With another assignment everyone stands differently.
    present: Option<Held>,
}

/// What has changed between two moments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// These agents, each once, those that are gone too; none: nothing.
    Agents(Vec<AgentId>),
    /// More than were asked for, or how all of them stand to the present assignment.
    Many,
}

impl Registry {
    /// This moment.
    pub fn mark(&self) -> Mark {
        let index = self.index();
        Mark { change: index.last_change(), present: index.held() }
    }

    /// What has changed since a moment, as long as it is at most `n` agents; with the mark for the next time.
    pub fn news_since(&self, seen: Mark, n: usize) -> (News, Mark) {
        let index = self.index();
        let mark = Mark { change: index.last_change(), present: index.held() };
        if mark.present != seen.present {
            return (News::Many, mark);
        }
        let agents = index.changed_after(seen.change, n.saturating_add(1));
        (if agents.len() > n { News::Many } else { News::Agents(agents) }, mark)
    }
}
