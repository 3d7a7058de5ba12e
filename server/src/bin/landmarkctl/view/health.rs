//! The reference servers, as the fleet sees them.

use jiff::Timestamp;
use landmark_proto::evidence::Outcome;
use landmark_proto::pin::SpkiPin;
use landmark_proto::wire;
use serde::Serialize;

/// All of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Health {
    pub(crate) revision: Option<u64>,
    pub(crate) n_agents: u64,
    pub(crate) n_enrolled: u64,
    pub(crate) n_agents_external: u64,
    pub(crate) oldest_sweep_at: Option<Timestamp>,
    pub(crate) newest_sweep_at: Option<Timestamp>,
    pub(crate) servers: Vec<ServerHealth>,
}

/// One entry of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ServerHealth {
    /// From 1.
    pub(crate) position: usize,
    pub(crate) host: String,
    pub(crate) n_reached: u64,
    pub(crate) n_depend: u64,
    pub(crate) ports: Vec<PortHealth>,
}

/// One port of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PortHealth {
    pub(crate) port: u32,
    pub(crate) n_tried: u64,
    pub(crate) n_answered: u64,
    pub(crate) median_ms: Option<i64>,
    pub(crate) percentile95_ms: Option<i64>,
    pub(crate) failures: Vec<Failures>,
    pub(crate) certificates: Vec<CertificateSeen>,
}

/// How many agents an attempt ended so for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Failures {
    #[serde(serialize_with = "super::outcome_word")]
    pub(crate) outcome: Option<Outcome>,
    pub(crate) n_agents: u64,
}

/// A certificate, and how many agents were shown it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CertificateSeen {
    pub(crate) pin: Option<String>,
    pub(crate) not_after: Option<Timestamp>,
    pub(crate) pinned: bool,
    pub(crate) n_agents: u64,
}

/// Who was asked to sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SweepAsked {
    pub(crate) n_asked: u64,
    pub(crate) n_offline: u64,
    pub(crate) spread_ms: i64,
}

impl From<wire::ReferenceServerHealth> for Health {
    fn from(health: wire::ReferenceServerHealth) -> Self {
        let wire::ReferenceServerHealth {
            revision,
            n_agents,
            n_enrolled,
            servers,
            n_agents_external,
            oldest_sweep_at,
            newest_sweep_at,
        } = health;
        Self {
            revision: super::revision(revision),
            n_agents,
            n_enrolled,
            n_agents_external,
            oldest_sweep_at: super::time(oldest_sweep_at),
            newest_sweep_at: super::time(newest_sweep_at),
            servers: servers.into_iter().map(ServerHealth::from).collect(),
        }
    }
}

impl From<wire::ServerHealth> for ServerHealth {
    fn from(health: wire::ServerHealth) -> Self {
        let wire::ServerHealth { position, host, n_reached, n_depend, ports } = health;
        Self {
            position: usize::try_from(position).unwrap_or(usize::MAX).saturating_add(1),
            host,
            n_reached,
            n_depend,
            ports: ports.into_iter().map(PortHealth::from).collect(),
        }
    }
}

impl From<wire::PortHealth> for PortHealth {
    fn from(health: wire::PortHealth) -> Self {
        let wire::PortHealth { port, n_tried, n_answered, median, percentile95, failures, certificates } =
            health;
        Self {
            port,
            n_tried,
            n_answered,
            median_ms: super::milliseconds(median),
            percentile95_ms: super::milliseconds(percentile95),
            failures: failures
                .into_iter()
                .map(|wire::FailureCount { outcome, n_agents }| Failures {
                    outcome: super::outcome(outcome),
                    n_agents,
                })
                .collect(),
            certificates: certificates.into_iter().map(CertificateSeen::from).collect(),
        }
    }
}

impl From<wire::CertificateSeen> for CertificateSeen {
    fn from(seen: wire::CertificateSeen) -> Self {
        let wire::CertificateSeen { certificate, pinned, n_agents } = seen;
        let wire::PeerCertificate { pin, not_after } = certificate.unwrap_or_default();
        let pin = SpkiPin::try_from(pin.as_ref()).ok().map(|pin| pin.to_string());
        Self { pin, not_after: super::time(not_after), pinned, n_agents }
    }
}

impl From<wire::SweepReferenceServersResponse> for SweepAsked {
    fn from(asked: wire::SweepReferenceServersResponse) -> Self {
        let wire::SweepReferenceServersResponse { n_asked, n_offline, spread } = asked;
        Self { n_asked, n_offline, spread_ms: super::milliseconds(spread).unwrap_or(0) }
    }
}
