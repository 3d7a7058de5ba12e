//! What the fleet's view of its reference servers says to the linter. Pure.

use std::time::SystemTime;

use crate::fleet::{Health, ServerHealth};
use crate::settings::lint::ReachedBy;

const DAY: i64 = 24 * 60 * 60;

/// How the fleet fares with each server of the present assignment; nothing where no agent has told yet.
pub(super) fn reached(health: &Health, now: SystemTime) -> Vec<ReachedBy> {
    if health.n_agents == 0 {
        return Vec::new();
    }
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let reached = |server: &ServerHealth| ReachedBy {
        host: server.host.clone(),
        n_tried: count(health.n_agents),
        n_reached: count(server.n_reached),
        certificate_days_left: days_left(server, now),
    };
    health.servers.iter().map(reached).collect()
}

/// Of the pinned certificate that ends first: what others show is no concern of ours.
fn days_left(server: &ServerHealth, now: SystemTime) -> Option<i64> {
    let seen = server.ports.iter().flat_map(|port| &port.certificates);
    let ends = seen.filter(|seen| seen.pinned).filter_map(|seen| seen.certificate.not_after);
    let first = ends.min()?;
    let seconds = |time: SystemTime| {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    };
    Some((seconds(first) - seconds(now)).div_euclid(DAY))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use landmark_proto::evidence::PeerCertificate;
    use landmark_proto::pin::SpkiPin;

    use super::*;
    use crate::fleet::{CertificateSeen, PortHealth};

    #[test]
    fn the_pinned_certificate_that_ends_first_counts() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let seen = |days: i64, pinned| {
            let offset = Duration::from_secs(days.unsigned_abs() * 86_400);
            let not_after = Some(if days < 0 { now - offset } else { now + offset });
            let certificate = PeerCertificate { pin: SpkiPin::of(&days.to_be_bytes()), not_after };
            CertificateSeen { certificate, pinned, n_agents: 1 }
        };
        let port = |certificates| PortHealth {
            port: "443".parse().unwrap(),
            n_tried: 9,
            n_answered: 9,
            median: None,
            percentile95: None,
            failures: Vec::new(),
            certificates,
        };
        let server = |certificates: Vec<CertificateSeen>| ServerHealth {
            position: 0,
            host: "intranet".parse().unwrap(),
            n_reached: 4,
            n_depend: 0,
            ports: vec![port(certificates)],
        };
        let health = |n_agents, certificates| Health {
            held: None,
            n_agents,
            servers: vec![server(certificates)],
            n_agents_external: 0,
            oldest_sweep_at: None,
            newest_sweep_at: None,
        };
        let left = |certificates| reached(&health(9, certificates), now)[0].certificate_days_left;
        assert_eq!(left(vec![seen(40, true), seen(12, true), seen(2, false)]), Some(12));
        assert_eq!(left(vec![seen(-3, true)]), Some(-3));
        assert_eq!(left(vec![]), None);
        let told = &reached(&health(9, vec![]), now)[0];
        assert_eq!((told.n_tried, told.n_reached), (9, 4));
        assert!(reached(&health(0, vec![]), now).is_empty(), "silence is no finding");
    }
}
