//! Counts what all sweeps say together. Pure; O(agents × entries), a fraction of a second for 100,000 agents with a usual
//! list: to be run where nobody waits for it.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use landmark_proto::evidence::{Outcome, PeerCertificate};
use landmark_proto::host::Host;
use landmark_proto::location_rules::Criterion;
use landmark_proto::port::Port;
use landmark_proto::reference_server::ReferenceServer;
use landmark_proto::revision::Held;
use landmark_proto::settings::Settings;

use super::{Entry, Snapshot};

/// Certificates of one port that are told, at most.
const N_CERTIFICATES: usize = 8;

/// The reference servers, as the fleet sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// The assignment whose list it is; `None` before the first.
    pub held: Option<Held>,
    /// Agents whose sweep this rests on.
    pub n_agents: usize,
    /// In list order.
    pub servers: Vec<ServerHealth>,
    /// Of the agents, those that fewer servers answer than are required, in a way that counts.
    pub n_agents_external: usize,
    /// When the oldest of the sweeps ended.
    pub oldest_sweep_at: Option<SystemTime>,
    /// When the newest did.
    pub newest_sweep_at: Option<SystemTime>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerHealth {
    /// Place in the list, from 0.
    pub position: usize,
    /// Which.
    pub host: Host,
    /// Agents that at least one port answered in a way that counts.
    pub n_reached: usize,
    /// Agents that turn external without it when the management server cannot be reached either.
    pub n_depend: usize,
    /// In list order.
    pub ports: Vec<PortHealth>,
}

/// One port of one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortHealth {
    /// Which.
    pub port: Port,
    /// Agents that tried.
    pub n_tried: usize,
    /// Agents that were answered.
    pub n_answered: usize,
    /// How long half of the answers took at most; `None` without any.
    pub median: Option<Duration>,
    /// How long 95 % of them took at most.
    pub percentile95: Option<Duration>,
    /// The other outcomes that occurred, most frequent first.
    pub failures: Vec<(Outcome, usize)>,
    /// The certificates that were seen: those with a pinned key before others, of each kind the most frequent first.
    pub certificates: Vec<CertificateSeen>,
}

/// A certificate that agents were shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertificateSeen {
    /// Which.
    pub certificate: PeerCertificate,
    /// Whether its key is pinned.
    pub pinned: bool,
    /// How many saw it.
    pub n_agents: usize,
}

impl Snapshot {
    /// What all of it says.
    pub(in crate::fleet) fn health(&self) -> Health {
        let Some(present) = &self.present else { return Health::default() };
        let settings = present.settings();
        let (depend, n_agents_external) = self.dependence(settings);
        let mut first = 0;
        let mut servers = Vec::new();
        for (position, server) in settings.reference_servers.servers().iter().enumerate() {
            let n_ports = server.ports.as_slice().len();
            servers.push(ServerHealth {
                position,
                host: server.host.clone(),
                n_reached: self.n_reached(first, n_ports),
                n_depend: depend.get(position).copied().unwrap_or(0),
                ports: (first..first + n_ports)
                    .zip(server.ports.as_slice())
                    .map(|(index, port)| self.port(index, *port, server))
                    .collect(),
            });
            first += n_ports;
        }
        Health {
            held: Some(present.held()),
            n_agents: self.sweeps.len(),
            servers,
            n_agents_external,
            oldest_sweep_at: self.sweeps.iter().map(|sweep| sweep.ended_at).min(),
            newest_sweep_at: self.sweeps.iter().map(|sweep| sweep.ended_at).max(),
        }
    }

    /// For each server how many agents turn external without it, and how many are so with all of them.
    fn dependence(&self, settings: &Settings) -> (Vec<usize>, usize) {
        let servers = settings.reference_servers.servers();
        let mut depend = vec![0; servers.len()];
        let mut n_external = 0;
        // Nobody depends on servers that decide nothing.
        let decides = settings.reference_servers.is_enabled()
            && settings.location.criterion == Criterion::ConnectionStatus;
        let n_required = settings.location.required_successes.get();
        let mut counting = Vec::new();
        for sweep in &self.sweeps {
            counting.clear();
            let mut entries = sweep.entries.iter();
            for (position, server) in servers.iter().enumerate() {
                let n_ports = server.ports.as_slice().len();
                // All of them are taken, whichever counts.
                if entries.by_ref().take(n_ports).filter(|entry| entry.counts).count() > 0 {
                    counting.push(position);
                }
            }
            n_external += usize::from(counting.len() < n_required);
            if decides && counting.len() == n_required {
                for position in &counting {
                    if let Some(n_depend) = depend.get_mut(*position) {
                        *n_depend += 1;
                    }
                }
            }
        }
        (depend, n_external)
    }

    fn n_reached(&self, first: usize, n_ports: usize) -> usize {
        let is_reached = |entries: &[Entry]| entries.iter().any(|entry| entry.counts);
        let entries = self.sweeps.iter().filter_map(|sweep| sweep.entries.get(first..first + n_ports));
        entries.filter(|entries| is_reached(entries)).count()
    }

    fn port(&self, index: usize, port: Port, server: &ReferenceServer) -> PortHealth {
        let mut took = Vec::new();
        let mut failures: HashMap<Outcome, usize> = HashMap::new();
        let mut seen: HashMap<u16, usize> = HashMap::new();
        for entry in self.sweeps.iter().filter_map(|sweep| sweep.entries.get(index)) {
            match entry.outcome {
                Outcome::Answered => took.push(entry.took()),
                Outcome::NotNeeded => continue,
                Outcome::Refused
                | Outcome::Timeout
                | Outcome::Unreachable
                | Outcome::NameNotFound
                | Outcome::ResolverFailed
                | Outcome::LocalError
                | Outcome::PinMismatch
                | Outcome::TlsFailed => *failures.entry(entry.outcome).or_default() += 1,
            }
            *seen.entry(entry.certificate).or_default() += 1;
        }
        took.sort_unstable();
        let mut failures: Vec<_> = failures.into_iter().collect();
        failures.sort_by_key(|(outcome, n_agents)| (Reverse(*n_agents), outcome.to_string()));
        let n_failed: usize = failures.iter().map(|(_, n_agents)| n_agents).sum();
        PortHealth {
            port,
            n_tried: took.len() + n_failed,
            n_answered: took.len(),
            median: percentile(&took, 50),
            percentile95: percentile(&took, 95),
            failures,
            certificates: self.certificates(&seen, server),
        }
    }

    fn certificates(&self, seen: &HashMap<u16, usize>, server: &ReferenceServer) -> Vec<CertificateSeen> {
        let told = |(number, n_agents): (&u16, &usize)| {
            let certificate = *self.certificates.get(usize::from(*number))?;
            let pinned = server.probe.pins().is_some_and(|pins| pins.contain(certificate.pin));
            Some(CertificateSeen { certificate, pinned, n_agents: *n_agents })
        };
        let mut told: Vec<_> = seen.iter().filter_map(told).collect();
        // A pinned one is never left out for others: its end is what is warned of.
        told.sort_by_key(|seen| {
            let CertificateSeen { certificate, pinned, n_agents } = seen;
            (Reverse(*pinned), Reverse(*n_agents), *certificate.pin.as_bytes(), certificate.not_after)
        });
        told.truncate(N_CERTIFICATES);
        told
    }
}

/// The least value that at least so many percent of the sorted values do not exceed (nearest rank).
fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let ms = |ms| Duration::from_millis(ms);
        let values: Vec<_> = (1..=20).map(ms).collect();
        assert_eq!((percentile(&values, 50), percentile(&values, 95)), (Some(ms(10)), Some(ms(19))));
        assert_eq!(percentile(&values[..1], 50), Some(ms(1)));
        assert_eq!(percentile(&values[..3], 50), Some(ms(2)));
        assert_eq!(percentile(&[], 50), None);
    }
}
