//! What one agent may ask for within a while, before it takes from what all agents share: one that comes again and again
//! shall not keep the others out, nor fill the log, the disk and the store's queue.
//!
//! Decides in plain functions; `now` is a parameter.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use landmark_proto::ids::AgentId;

/// Sessions and renewals of one agent within a [`WINDOW`]. An agent begins a session after a loss, and paces itself even
/// where all attempts fail; one a second is far above what it does, and a thousandth of what all of them may.
pub(super) const PER_AGENT: u32 = 60;
const WINDOW: Duration = Duration::from_secs(60);
/// Records of evidence of one agent within a [`WINDOW`]. An agent that comes back after a long time has at most 64, and
/// sends what was not taken again a minute later.
const EVIDENCE_PER_AGENT: u32 = 32;
/// Reports of sweeps of one agent within a [`WINDOW`]. An agent sweeps every six hours, and when it is asked; each report is
/// taken in under a lock that all agents share, and may bring 2,560 certificates.
const SWEEPS_PER_AGENT: u32 = 4;
/// Reports of the firewall of one agent within a [`WINDOW`]. An agent tells what it has counted every few minutes, and at
/// once where it changes its policy.
const HITS_PER_AGENT: u32 = 6;
/// Warnings about what one agent says, within [`WARN_INTERVAL`].
const WARNINGS_PER_AGENT: u32 = 1;
/// Between two warnings: the metric tells the rest.
const WARN_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// The allowances of a while. An entry for each identity that came within it, which only enrolment gives.
#[derive(Debug)]
pub(super) struct Allowances {
    per_agent: u32,
    window: Duration,
    since: Instant,
    used: HashMap<AgentId, u32>,
    warned_at: Option<Instant>,
}

/// An agent has used its allowance up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UsedUp {
    /// Until there is another.
    pub(super) delay: Duration,
    /// Whether someone should be told.
    pub(super) is_news: bool,
}

impl Allowances {
    /// Of sessions and renewals.
    pub(super) fn new(now: Instant) -> Self {
        Self::of(PER_AGENT, WINDOW, now)
    }

    /// Of evidence.
    pub(super) fn of_evidence(now: Instant) -> Self {
        Self::of(EVIDENCE_PER_AGENT, WINDOW, now)
    }

    /// Of reports of sweeps.
    pub(super) fn of_sweeps(now: Instant) -> Self {
        Self::of(SWEEPS_PER_AGENT, WINDOW, now)
    }

    /// Of reports of firewalls.
    pub(super) fn of_hits(now: Instant) -> Self {
        Self::of(HITS_PER_AGENT, WINDOW, now)
    }

    /// Of lines in our log about a single agent.
    pub(super) fn of_warnings(now: Instant) -> Self {
        Self::of(WARNINGS_PER_AGENT, WARN_INTERVAL, now)
    }

    fn of(per_agent: u32, window: Duration, now: Instant) -> Self {
        Self { per_agent, window, since: now, used: HashMap::new(), warned_at: None }
    }

    /// Takes one.
    ///
    /// # Errors
    /// It is used up.
    pub(super) fn take(&mut self, agent_id: AgentId, now: Instant) -> Result<(), UsedUp> {
        if now.saturating_duration_since(self.since) >= self.window {
            // A new map, so that a herd of one window does not keep its memory.
            (self.since, self.used) = (now, HashMap::new());
        }
        let used = self.used.entry(agent_id).or_default();
        if *used < self.per_agent {
            *used += 1;
            return Ok(());
        }
        let is_news = self.warned_at.is_none_or(|at| now.saturating_duration_since(at) >= WARN_INTERVAL);
        if is_news {
            self.warned_at = Some(now);
        }
        Err(UsedUp { delay: (self.since + self.window).saturating_duration_since(now), is_news })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn agent(number: u128) -> AgentId {
        AgentId::from_uuid(Uuid::from_u128(number))
    }

    #[test]
    fn who_comes_too_often_waits_and_nobody_else_does() {
        let start = Instant::now();
        let mut allowances = Allowances::new(start);
        for _ in 0..PER_AGENT {
            allowances.take(agent(1), start).unwrap();
        }
        let later = start + Duration::from_secs(20);
        let used_up = UsedUp { delay: Duration::from_secs(40), is_news: true };
        assert_eq!(allowances.take(agent(1), later), Err(used_up));
        assert_eq!(allowances.take(agent(1), later), Err(UsedUp { is_news: false, ..used_up }), "told once");
        allowances.take(agent(2), later).unwrap();
        allowances.take(agent(1), later + used_up.delay).unwrap();
    }

    #[test]
    fn a_minute_is_forgotten_with_its_end() {
        let start = Instant::now();
        let mut allowances = Allowances::new(start);
        for number in 0..1000 {
            allowances.take(agent(number), start).unwrap();
        }
        allowances.take(agent(1), start + WINDOW).unwrap();
        assert_eq!(allowances.used.len(), 1);
    }
}
