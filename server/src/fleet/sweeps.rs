//! Sweeps: asks agents for them, takes their reports in, has them counted, and tells of certificates that end soon.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use landmark_proto::ids::AgentId;
use landmark_proto::message::SweepReport;
use tokio::task::spawn_blocking;
use tokio::time::interval;
use tracing::{debug, warn};

use super::health::{Expiring, Health, Told, Unfit, expiring};
use super::registry::Asked;
use super::{Fleet, Shared, telemetry};
use crate::store::StoreError;

/// A sweep of the whole fleet takes this long at least.
const LEAST_SPREAD: Duration = Duration::from_secs(2);
/// Connections a second that a port of a reference server bears for our curiosity: little for a domain controller, which
/// has other things to do.
const SWEEPS_PER_SECOND: u32 = 100;
/// Between two looks whether there are others than before.
const LOOK_PAUSE: Duration = Duration::from_secs(60);
/// Certificates are looked at again at least so often: one that nobody touches comes nearer to its end.
const LOOK_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// Who was asked to sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SweepAsked {
    /// How many.
    pub asked: Asked,
    /// Over which time they begin.
    pub spread: Duration,
}

impl Fleet {
    /// The reference servers of the present assignment, as the fleet sees them. Counted beside whatever else runs.
    ///
    /// # Errors
    /// The process is ending.
    pub async fn health(&self) -> Result<Health, StoreError> {
        self.0.health().await
    }

    /// Asks all connected agents to try every reference server, spread over a time, or over one that the size of the fleet
    /// asks for.
    pub async fn sweep(&self, spread: Option<Duration>) -> SweepAsked {
        let registry = &self.0.registry;
        let spread = spread.unwrap_or_else(|| spread_for(registry.n_online()));
        let n_asked = registry.tell_everyone(|slots| slots.sweep(spread, Instant::now())).await;
        let n_offline = registry.n_agents().saturating_sub(n_asked);
        SweepAsked { asked: Asked { n_asked, n_offline }, spread }
    }
}

impl Shared {
    /// Takes a report in. One of another assignment is late, or early, and says nothing; one too many within a minute costs
    /// nothing but its decoding, so that no agent keeps the others waiting nor fills the table of certificates.
    pub(super) fn take_sweep(&self, agent_id: AgentId, report: &SweepReport, now: SystemTime) {
        if !self.may_send_sweep(agent_id) {
            telemetry::sweep_report("too_many");
            return;
        }
        let noted = self.sweeps().note(agent_id, report, now);
        // A removal forgets after it has marked; whoever comes later undoes what he did.
        if self.registry.was_removed(agent_id) {
            self.sweeps().forget(agent_id);
        }
        telemetry::sweep_report(match noted {
            Ok(()) => "taken",
            Err(Unfit::Other) => "other_assignment",
            Err(Unfit::Results) => "unfit",
        });
        if let Err(why) = noted {
            debug!(?why, held = %report.held, "report of a sweep ignored");
        }
    }

    async fn health(&self) -> Result<Health, StoreError> {
        let snapshot = self.sweeps().snapshot();
        spawn_blocking(move || snapshot.health()).await.map_err(|error| {
            if error.is_panic() {
                resume_unwind(error.into_panic());
            }
            StoreError::Closed
        })
    }
}

/// As long as the fleet is large.
fn spread_for(n_online: usize) -> Duration {
    let n_online = u32::try_from(n_online).unwrap_or(u32::MAX);
    (Duration::from_secs(1) * n_online / SWEEPS_PER_SECOND).clamp(LEAST_SPREAD, MAX_SPREAD)
}

/// What an agent accepts.
pub(super) const MAX_SPREAD: Duration = Duration::from_secs(24 * 60 * 60);

/// Tells of certificates of the reference servers that end soon, until a stop.
pub(super) async fn watch_certificates(shared: Arc<Shared>) {
    let mut watch = Watch::default();
    let mut look = interval(LOOK_PAUSE);
    loop {
        tokio::select! {
            biased;
            () = shared.stop.cancelled() => return,
            _ = look.tick() => watch.look(&shared, SystemTime::now()).await,
        }
    }
}

/// What was looked at, and what was told.
#[derive(Debug, Default)]
struct Watch {
    told: Told,
    looked: Option<(SystemTime, u64)>,
}

impl Watch {
    /// Tells of certificates that end soon, where there may be others than before.
    async fn look(&mut self, shared: &Shared, now: SystemTime) {
        let n_changes = shared.sweeps().n_certificate_changes();
        let is_known = self.looked.is_some_and(|(at, n_seen)| {
            n_seen == n_changes && now.duration_since(at).is_ok_and(|age| age < LOOK_INTERVAL)
        });
        if is_known {
            return;
        }
        self.looked = Some((now, n_changes));
        let Ok(health) = shared.health().await else { return };
        let found = expiring(&health, now);
        let seconds_left = found.first().map(|soonest| seconds_between(now, soonest.not_after));
        telemetry::certificates(n_servers_soon(&found), seconds_left);
        for Expiring { host, port, pin, not_after, .. } in self.told.due(&found, now) {
            let days_left = (seconds_between(now, *not_after) / 86_400.0).floor();
            warn!(
                %host, %port, %pin, days_left,
                "the certificate of a reference server ends soon: if it is renewed with another key, agents do not \
                 recognise the server; pin the new key beside the old one beforehand"
            );
        }
    }
}

fn n_servers_soon(found: &[Expiring]) -> usize {
    let hosts = found.iter().filter(|it| it.is_soon).map(|it| &it.host);
    hosts.collect::<std::collections::HashSet<_>>().len()
}

/// Below 0 for what is past.
fn seconds_between(now: SystemTime, then: SystemTime) -> f64 {
    match then.duration_since(now) {
        Ok(left) => left.as_secs_f64(),
        Err(past) => -past.duration().as_secs_f64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_takes_as_long_as_the_fleet_is_large() {
        let seconds = |n| spread_for(n).as_secs();
        assert_eq!([0, 1, 200, 1_000, 100_000].map(seconds), [2, 2, 2, 10, 1_000]);
        assert_eq!(spread_for(usize::MAX), MAX_SPREAD);
    }

    #[test]
    fn what_is_past_has_less_than_no_time_left() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        assert_eq!(seconds_between(now, now + Duration::from_secs(5)), 5.0);
        assert_eq!(seconds_between(now, SystemTime::UNIX_EPOCH), -100.0);
    }
}
