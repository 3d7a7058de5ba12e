//! Calls about the fleet as a whole: its numbers, what needs attention, and how it was over time.

use std::time::{Duration, Instant, SystemTime};

use landmark_proto::convert::time::timestamp_to_wire;
use landmark_proto::wire;
use tokio::sync::Mutex;

use super::agents::progress_to_wire;
use super::drafts::unassigned;
use super::error::AdminError;
use super::reference_servers::health_to_wire;
use crate::fleet::attention::{Attention, Facts, Level, attention};
use crate::fleet::{Counts, Fleet, Health, Moment, Named, Sample, Standing, Survey};
use crate::store::{Store, StoreError};

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How far back samples are told: 1 h to 7 d.
const SPANS: std::ops::RangeInclusive<Duration> = HOUR..=Duration::from_secs(7 * 24 * 60 * 60);
/// What took a while to find out is kept for so many times as long, so that any number of pages that ask all the time
/// takes a twentieth of a processor at most.
const KEPT_FOR: u32 = 20;
/// Names of agents that have refused.
const N_NAMES: usize = 3;

#[derive(Debug)]
pub(crate) struct Overviews {
    store: Store,
    fleet: Fleet,
    looked: Mutex<Option<Looked>>,
}

/// What a look at every agent and every sweep found, and until when that is good enough.
#[derive(Clone, Debug)]
struct Looked {
    health: Health,
    survey: Survey,
    until: Instant,
}

impl Overviews {
    pub(super) fn new(store: Store, fleet: Fleet) -> Self {
        Self { store, fleet, looked: Mutex::new(None) }
    }

    pub(crate) async fn get(&self) -> Result<wire::Overview, AdminError> {
        let (draft, changes) = unassigned(&self.store).await?;
        let Looked { health, survey, .. } = self.look().await?;
        let Moment { counts, progress, present } = self.fleet.registry().moment();
        let rejected = progress.as_ref().map(|progress| Named {
            n_agents: progress.n_rejected,
            host_names: progress
                .rejections
                .iter()
                .take(N_NAMES)
                .map(|(agent, _)| agent.facts.host_name.clone())
                .collect(),
        });
        // Of a list that is not in force any more nothing is told.
        let is_present = health.held == present.as_ref().map(|present| present.held());
        let facts = Facts {
            counts,
            rejected: rejected.unwrap_or_default(),
            survey: &survey,
            health: if is_present { &health } else { &Health::default() },
            settings: present.as_ref().map(|present| present.settings()),
            n_draft_changes: changes.len(),
            draft_changed_at: draft.changed.map(|changed| changed.at),
            now: SystemTime::now(),
        };
        Ok(wire::Overview {
            counts: Some(counts_to_wire(&counts)),
            progress: progress.as_ref().map(progress_to_wire),
            n_draft_changes: count(changes.len()),
            attention: attention(&facts).into_iter().map(attention_to_wire).collect(),
        })
    }

    /// The reference servers as the fleet sees them, as fresh as a page needs it.
    pub(crate) async fn health(&self) -> Result<wire::ReferenceServerHealth, AdminError> {
        let Looked { health, .. } = self.look().await?;
        Ok(health_to_wire(&health, self.fleet.registry().n_agents()))
    }

    pub(crate) async fn samples(
        &self,
        request: wire::ListFleetSamplesRequest,
    ) -> Result<wire::ListFleetSamplesResponse, AdminError> {
        let wire::ListFleetSamplesRequest { span } = request;
        let span = span_from_wire(span)?;
        let now = SystemTime::now();
        let since = now.checked_sub(span).unwrap_or(SystemTime::UNIX_EPOCH);
        let samples = self.fleet.samples(since, now).await?;
        Ok(wire::ListFleetSamplesResponse { samples: samples.iter().map(sample_to_wire).collect() })
    }

    /// Looks at every agent and every sweep, unless someone just did. Whoever comes meanwhile waits for what is found.
    async fn look(&self) -> Result<Looked, StoreError> {
        let mut looked = self.looked.lock().await;
        let began = Instant::now();
        let present = self.fleet.registry().progress().map(|progress| progress.revision);
        let is_good = |looked: &&Looked| {
            began < looked.until && looked.health.held.map(|held| held.revision) == present
        };
        if let Some(looked) = looked.as_ref().filter(is_good) {
            return Ok(looked.clone());
        }
        let health = self.fleet.health().await?;
        let survey = self.fleet.survey(SystemTime::now());
        let now = Instant::now();
        let new = Looked { health, survey, until: now + (now - began) * KEPT_FOR };
        *looked = Some(new.clone());
        Ok(new)
    }
}

fn span_from_wire(span: Option<prost_types::Duration>) -> Result<Duration, AdminError> {
    let Some(span) = span else { return Ok(DAY) };
    let told = Duration::try_from(span).ok().filter(|span| SPANS.contains(span));
    told.ok_or_else(|| {
        AdminError::field("span", format!("{span} is not a span of samples (1 h to 7 d; absent for 24 h)"))
    })
}

fn counts_to_wire(counts: &Counts) -> wire::FleetCounts {
    let Counts { n_agents, n_online, by_location, by_enforcement, n_cloned, n_behind, n_rejected } = *counts;
    wire::FleetCounts {
        n_agents: count(n_agents),
        n_online: count(n_online),
        n_offline: count(n_agents - n_online),
        n_internal: count(by_location.internal.n_agents()),
        n_external: count(by_location.external.n_agents()),
        n_unknown: count(by_location.unknown.n_agents()),
        n_behind: count(n_behind),
        n_rejected: count(n_rejected),
        n_enforcement_failed: count(by_enforcement.n_failed()),
        n_cloned: count(n_cloned),
    }
}

fn attention_to_wire(item: Attention) -> wire::Attention {
    let Attention { code, level, message, remedy, subject } = item;
    let level = match level {
        Level::Error => wire::AttentionLevel::Error,
        Level::Warning => wire::AttentionLevel::Warning,
        Level::Note => wire::AttentionLevel::Note,
    };
    wire::Attention { code: code.to_owned(), level: level.into(), message, remedy, subject }
}

fn sample_to_wire(sample: &Sample) -> wire::FleetSample {
    let Sample { at, standing, stopped } = *sample;
    let Standing { n_internal, n_external, n_unknown, n_online } = standing;
    wire::FleetSample {
        at: Some(timestamp_to_wire(at)),
        n_internal: count(n_internal),
        n_external: count(n_external),
        n_unknown: count(n_unknown),
        n_online: count(n_online),
        stopped,
    }
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_an_hour_to_seven_days() {
        let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
        assert_eq!(span_from_wire(None).unwrap(), DAY);
        assert_eq!(span_from_wire(seconds(3_600)).unwrap(), HOUR);
        assert_eq!(span_from_wire(seconds(604_800)).unwrap(), 7 * DAY);
        for bad in [3_599, 604_801, -3_600] {
            let error = span_from_wire(seconds(bad)).unwrap_err().to_string();
            assert!(error.starts_with("span: ") && error.contains("1 h to 7 d"), "{error}");
        }
    }
}
