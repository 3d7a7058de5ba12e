//! The numbers of the fleet. Their descriptions stand with all others in `crate::metrics`.

use std::time::Duration;

use metrics::{counter, gauge, histogram};

use super::registry::Counts;

/// Gauge: enrolled agents.
pub const AGENTS: &str = "landmark_server_agents";
/// Gauge: agents with an open session.
pub const AGENTS_ONLINE: &str = "landmark_server_agents_online";
/// Gauge by `location`: agents by where they said they are last.
pub const AGENTS_LOCATION: &str = "landmark_server_agents_location";
/// Gauge by `state`: agents by what they last said of their enforcement.
pub const AGENTS_ENFORCEMENT: &str = "landmark_server_agents_enforcement";
/// Counter by `reason`: sessions that ended.
pub const SESSIONS_ENDED: &str = "landmark_server_sessions_ended_total";
/// Counter by `reason`: sessions that were refused before they began.
pub const SESSIONS_REFUSED: &str = "landmark_server_sessions_refused_total";
/// Counter by `outcome`: answers to pushes.
pub const ANSWERS: &str = "landmark_server_assignment_answers_total";
/// Counter: location records that were committed.
pub const REPORTS: &str = "landmark_server_location_reports_total";
/// Counter: batches of reports that were refused for lack of room, to be sent again.
pub const REPORTS_DEFERRED: &str = "landmark_server_location_reports_deferred_total";
/// Counter: location records that agents had to drop before they were taken.
pub const REPORTS_LOST: &str = "landmark_server_location_reports_lost_total";
/// Counter by `outcome`: records of evidence that were committed, and those whose verdict does not follow.
pub const EVIDENCE: &str = "landmark_server_evidence_total";
/// Counter: records of evidence that were refused for lack of room or of an allowance, to be sent again.
pub const EVIDENCE_DEFERRED: &str = "landmark_server_evidence_deferred_total";
/// Counter by `outcome`: reports of sweeps.
pub const SWEEPS: &str = "landmark_server_sweep_reports_total";
/// Counter by `outcome`: reports of firewalls.
pub const FIREWALL_REPORTS: &str = "landmark_server_firewall_reports_total";
/// Gauge: reference servers that show a certificate which ends within 30 days.
pub const CERTIFICATES_EXPIRING: &str = "landmark_server_reference_servers_expiring";
/// Gauge: until the first pinned certificate of a reference server ends; not a number while none is known.
pub const CERTIFICATE_SECONDS_LEFT: &str = "landmark_server_reference_certificate_seconds_left";
/// Histogram: how long one batch of statuses and reports took to commit.
pub const STATUS_BATCH: &str = "landmark_server_status_batch_seconds";
/// Counter by `outcome`: enrolments.
pub const ENROLLMENTS: &str = "landmark_server_enrollments_total";
/// Counter by `outcome`: certificate renewals.
pub const RENEWALS: &str = "landmark_server_certificate_renewals_total";

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a floating point number; counts are far below 2^53"
)]
pub(super) fn agents(counts: &Counts) {
    let Counts { n_agents, n_online, by_location, by_enforcement, n_cloned: _, n_behind: _, n_rejected: _ } =
        counts;
    gauge!(AGENTS).set(*n_agents as f64);
    gauge!(AGENTS_ONLINE).set(*n_online as f64);
    for (location, n) in by_location.named() {
        gauge!(AGENTS_LOCATION, "location" => location).set(n as f64);
    }
    for (state, n) in by_enforcement.named() {
        gauge!(AGENTS_ENFORCEMENT, "state" => state).set(n as f64);
    }
}

pub(super) fn session_ended(reason: &'static str) {
    counter!(SESSIONS_ENDED, "reason" => reason).increment(1);
}

pub(super) fn session_refused(reason: &'static str) {
    counter!(SESSIONS_REFUSED, "reason" => reason).increment(1);
}

pub(super) fn answer(outcome: &'static str) {
    counter!(ANSWERS, "outcome" => outcome).increment(1);
}

pub(super) fn reports_committed(n_new: usize, n_lost: u64) {
    counter!(REPORTS).increment(n_new as u64);
    counter!(REPORTS_LOST).increment(n_lost);
}

pub(super) fn reports_deferred() {
    counter!(REPORTS_DEFERRED).increment(1);
}

pub(super) fn evidence_committed(follows: bool) {
    counter!(EVIDENCE, "outcome" => if follows { "follows" } else { "does_not_follow" }).increment(1);
}

pub(super) fn evidence_deferred() {
    counter!(EVIDENCE_DEFERRED).increment(1);
}

pub(super) fn sweep_report(outcome: &'static str) {
    counter!(SWEEPS, "outcome" => outcome).increment(1);
}

pub(super) fn firewall_report(outcome: &'static str) {
    counter!(FIREWALL_REPORTS, "outcome" => outcome).increment(1);
}

#[expect(clippy::cast_precision_loss, reason = "there are at most 320 reference servers")]
pub(super) fn certificates(n_expiring: usize, seconds_left: Option<f64>) {
    gauge!(CERTIFICATES_EXPIRING).set(n_expiring as f64);
    gauge!(CERTIFICATE_SECONDS_LEFT).set(seconds_left.unwrap_or(f64::NAN));
}

pub(super) fn status_batch(took: Duration) {
    histogram!(STATUS_BATCH).record(took.as_secs_f64());
}

pub(crate) fn enrollment(outcome: &'static str) {
    counter!(ENROLLMENTS, "outcome" => outcome).increment(1);
}

pub(super) fn renewal(outcome: &'static str) {
    counter!(RENEWALS, "outcome" => outcome).increment(1);
}
