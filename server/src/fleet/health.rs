//! The latest sweep of every agent under the present assignment: which reference servers answered it, and how.
//!
//! In memory only: what a restart forgets, agents send again. Nothing here decides where anyone is. A sweep takes 6 bytes
//! for each (server, port) and about 80 bytes beside them (its place in the map, the count of its owners): 100,000 agents
//! with 32 servers of one port each take 27 MB, with 2 ports each 47 MB. Certificates are kept once, however many agents
//! saw them. Must not know: sessions, a clock.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use landmark_proto::evidence::{Outcome, PeerCertificate};
use landmark_proto::ids::AgentId;
use landmark_proto::message::SweepReport;

use crate::assignments::Published;

mod aggregate;
mod expiry;

pub use self::aggregate::{CertificateSeen, Health, PortHealth, ServerHealth};
pub(super) use self::expiry::{Expiring, Told, expiring};

/// The sweeps.
#[derive(Debug, Default)]
pub(super) struct Sweeps {
    present: Option<Published>,
    by_agent: HashMap<AgentId, Sweep>,
    certificates: Certificates,
}

/// One agent's.
#[derive(Clone, Debug)]
struct Sweep {
    ended_at: SystemTime,
    /// In the order of the list's targets.
    entries: Arc<[Entry]>,
}

/// What became of one (server, port).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    outcome: Outcome,
    counts: bool,
    /// More than a minute is said to be a minute: no attempt takes longer.
    took_ms: u16,
    /// [`Certificates::NONE`] for none.
    certificate: u16,
}

/// A report that says nothing about the present assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It is of another assignment.
    Other,
    /// Its results are not those of the list.
    Results,
}

/// Everything that health is made of, taken out so that nobody waits while it is counted.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    present: Option<Published>,
    sweeps: Vec<Sweep>,
    certificates: Vec<PeerCertificate>,
}

impl Sweeps {
    /// Under this assignment.
    pub(super) fn new(present: Option<Published>) -> Self {
        Self { present, ..Self::default() }
    }

    /// Another assignment is the present one: what was seen under the one before says nothing about its list.
    pub(super) fn publish(&mut self, published: Published) {
        let held = |published: &Published| published.held();
        if self.present.as_ref().map(held) != Some(published.held()) {
            *self = Self::new(Some(published));
        }
    }

    /// Takes an agent's report in, instead of the one before.
    ///
    /// # Errors
    /// It says nothing about the present assignment: everything is as before.
    pub(super) fn note(
        &mut self,
        agent_id: AgentId,
        report: &SweepReport,
        now: SystemTime,
    ) -> Result<(), Unfit> {
        let present = self.present.as_ref().filter(|present| present.held() == report.held);
        let settings = present.ok_or(Unfit::Other)?.settings();
        let targets = settings.reference_servers.targets().map(|target| (target.position, target.port));
        if !targets.eq(report.results.iter().map(|result| (result.position, result.port))) {
            return Err(Unfit::Results);
        }
        self.forget(agent_id);
        let entry = |result: &landmark_proto::message::SweepResult| Entry {
            outcome: result.outcome,
            counts: result.counts,
            took_ms: u16::try_from(result.took.as_millis()).unwrap_or(u16::MAX),
            certificate: result.certificate.map_or(Certificates::NONE, |it| self.certificates.take(it)),
        };
        let entries = report.results.iter().map(entry).collect();
        let ended_at = now.checked_sub(report.age).unwrap_or(SystemTime::UNIX_EPOCH);
        self.by_agent.insert(agent_id, Sweep { ended_at, entries });
        Ok(())
    }

    /// Forgets an agent.
    pub(super) fn forget(&mut self, agent_id: AgentId) {
        let Some(sweep) = self.by_agent.remove(&agent_id) else { return };
        for entry in sweep.entries.iter() {
            self.certificates.give_back(entry.certificate);
        }
    }

    /// A copy to count: a few milliseconds for 100,000 agents.
    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot {
            present: self.present.clone(),
            sweeps: self.by_agent.values().cloned().collect(),
            certificates: self.certificates.places.iter().map(|place| place.certificate).collect(),
        }
    }

    /// Counts the certificates that came and went, so that one can tell whether there are others than before.
    pub(super) fn n_certificate_changes(&self) -> u64 {
        self.certificates.n_changes
    }
}

impl Entry {
    fn took(self) -> Duration {
        Duration::from_millis(self.took_ms.into())
    }
}

/// Certificates, each once, for as long as a sweep saw them.
#[derive(Debug, Default)]
struct Certificates {
    places: Vec<Place>,
    free: Vec<u16>,
    by_certificate: HashMap<PeerCertificate, u16>,
    n_changes: u64,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    certificate: PeerCertificate,
    n_entries: u32,
}

impl Certificates {
    /// Of an entry without a certificate. It is also that of one for which there was no number left: 65,535 different
    /// ones at once come from agents that make them up.
    const NONE: u16 = u16::MAX;

    /// The number of a certificate, for one more entry.
    fn take(&mut self, certificate: PeerCertificate) -> u16 {
        if let Some(number) = self.by_certificate.get(&certificate).copied() {
            if let Some(place) = self.places.get_mut(usize::from(number)) {
                place.n_entries += 1;
            }
            return number;
        }
        let place = Place { certificate, n_entries: 1 };
        let number = match self.free.pop() {
            Some(number) => {
                if let Some(free) = self.places.get_mut(usize::from(number)) {
                    *free = place;
                }
                number
            }
            None => match u16::try_from(self.places.len()) {
                Ok(number) if number != Self::NONE => {
                    self.places.push(place);
                    number
                }
                Ok(_) | Err(_) => return Self::NONE,
            },
        };
        self.by_certificate.insert(certificate, number);
        self.n_changes += 1;
        number
    }

    /// One entry less has it.
    fn give_back(&mut self, number: u16) {
        let Some(place) = self.places.get_mut(usize::from(number)) else { return };
        place.n_entries = place.n_entries.saturating_sub(1);
        if place.n_entries == 0 {
            self.by_certificate.remove(&place.certificate);
            self.free.push(number);
            self.n_changes += 1;
        }
    }
}

#[cfg(test)]
mod tests;
