//! Calls about the reference servers as the fleet sees them.

use std::time::Duration;

use landmark_proto::convert::evidence::attempt::outcome_to_wire;
use landmark_proto::convert::network::certificate_to_wire;
use landmark_proto::convert::time::{duration_from_wire, duration_to_wire, timestamp_to_wire};
use landmark_proto::evidence::Outcome;
use landmark_proto::violation::Path;
use landmark_proto::wire;
use tracing::info;

use super::error::AdminError;
use crate::fleet::{Asked, CertificateSeen, Fleet, Health, PortHealth, ServerHealth, SweepAsked};

/// Longer than anyone waits for a sweep that he asked for.
const MAX_SPREAD: Duration = Duration::from_secs(60 * 60);

#[derive(Debug)]
pub(crate) struct ReferenceServers {
    pub(crate) fleet: Fleet,
}

impl ReferenceServers {
    pub(crate) async fn health(&self) -> Result<wire::ReferenceServerHealth, AdminError> {
        let health = self.fleet.health().await?;
        Ok(health_to_wire(&health, self.fleet.registry().n_agents()))
    }

    pub(crate) async fn sweep(
        &self,
        request: wire::SweepReferenceServersRequest,
    ) -> Result<wire::SweepReferenceServersResponse, AdminError> {
        let wire::SweepReferenceServersRequest { spread } = request;
        let path = Path::root().field("spread");
        let spread = spread.map(|spread| duration_from_wire(Some(spread), &path)).transpose()?;
        if let Some(spread) = spread
            && spread > MAX_SPREAD
        {
            let message = format!("{} s are too long (at most {} s)", spread.as_secs(), MAX_SPREAD.as_secs());
            return Err(AdminError::field("spread", message));
        }
        let SweepAsked { asked: Asked { n_asked, n_offline }, spread } = self.fleet.sweep(spread).await;
        info!(n_asked, n_offline, spread_s = spread.as_secs(), "agents asked to try all reference servers");
        Ok(wire::SweepReferenceServersResponse {
            n_asked: count(n_asked),
            n_offline: count(n_offline),
            spread: Some(duration_to_wire(spread)),
        })
    }
}

pub(super) fn health_to_wire(health: &Health, n_enrolled: usize) -> wire::ReferenceServerHealth {
    let Health { held, n_agents, servers, n_agents_external, oldest_sweep_at, newest_sweep_at } = health;
    wire::ReferenceServerHealth {
        revision: held.map_or(0, |held| held.revision.get()),
        n_agents: count(*n_agents),
        n_enrolled: count(n_enrolled),
        servers: servers.iter().map(server_to_wire).collect(),
        n_agents_external: count(*n_agents_external),
        oldest_sweep_at: oldest_sweep_at.map(timestamp_to_wire),
        newest_sweep_at: newest_sweep_at.map(timestamp_to_wire),
    }
}

fn server_to_wire(server: &ServerHealth) -> wire::ServerHealth {
    let ServerHealth { position, host, n_reached, n_depend, ports } = server;
    wire::ServerHealth {
        position: u32::try_from(*position).unwrap_or(u32::MAX),
        host: host.to_string(),
        n_reached: count(*n_reached),
        n_depend: count(*n_depend),
        ports: ports.iter().map(port_to_wire).collect(),
    }
}

fn port_to_wire(health: &PortHealth) -> wire::PortHealth {
    let PortHealth { port, n_tried, n_answered, median, percentile95, failures, certificates } = health;
    let failure = |(outcome, n_agents): &(Outcome, usize)| wire::FailureCount {
        outcome: outcome_to_wire(*outcome).into(),
        n_agents: count(*n_agents),
    };
    wire::PortHealth {
        port: port.get().into(),
        n_tried: count(*n_tried),
        n_answered: count(*n_answered),
        median: median.map(duration_to_wire),
        percentile95: percentile95.map(duration_to_wire),
        failures: failures.iter().map(failure).collect(),
        certificates: certificates.iter().map(certificate_seen_to_wire).collect(),
    }
}

fn certificate_seen_to_wire(seen: &CertificateSeen) -> wire::CertificateSeen {
    let CertificateSeen { certificate, pinned, n_agents } = seen;
    wire::CertificateSeen {
        certificate: Some(certificate_to_wire(certificate)),
        pinned: *pinned,
        n_agents: count(*n_agents),
    }
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
