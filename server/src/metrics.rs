//! Every metric of the server: its name, kind and meaning. The names are an API, held by a test.
//!
//! Must not know: what the numbers are made from; that stands where they change.

use std::sync::{Mutex, PoisonError};

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

use crate::edge::telemetry as edge;
use crate::fleet::telemetry as fleet;

/// Gauge, always 1; the label `version` says which version runs.
pub const INFO: &str = "landmark_server_info";
/// Gauge: the present revision, 0 before the first.
pub const REVISION: &str = "landmark_server_revision";
/// Counter by `method` and `code`: calls of the administration service.
pub const ADMIN_CALLS: &str = "landmark_server_admin_calls_total";
/// Histogram: how long write transactions took, their wait for the writer included.
pub const STORE_WRITE: &str = "landmark_server_store_write_seconds";
/// Counter by `kind`: operations that the store could not do.
pub const STORE_ERRORS: &str = "landmark_server_store_errors_total";

/// Bounds of the histogram buckets, in seconds: a commit takes a millisecond on a good disk and a second on a bad day.
const BUCKETS: [f64; 10] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Seconds,
}

/// Name, kind, help.
const ALL: &[(&str, Kind, &str)] = &[
    (INFO, Kind::Gauge, "Always 1; the label tells the version"),
    (REVISION, Kind::Gauge, "Present revision, 0 before the first assignment"),
    (ADMIN_CALLS, Kind::Counter, "Calls of the administration service, by method and code"),
    (STORE_WRITE, Kind::Seconds, "Duration of write transactions with their wait for the writer"),
    (STORE_ERRORS, Kind::Counter, "Operations that the store could not do, by kind"),
    (edge::CONNECTIONS, Kind::Gauge, "Open connections, by plane"),
    (edge::CONNECTIONS_REFUSED, Kind::Counter, "Connections refused at once, by plane and reason"),
    (
        edge::CONNECTIONS_FAILED,
        Kind::Counter,
        "Connections that ended before their time, by plane and reason",
    ),
    (edge::PANICS, Kind::Counter, "Panics contained in one connection, by plane; anything but 0 is a bug"),
    (fleet::AGENTS, Kind::Gauge, "Enrolled agents"),
    (fleet::AGENTS_ONLINE, Kind::Gauge, "Agents with an open session"),
    (fleet::AGENTS_LOCATION, Kind::Gauge, "Agents by where they said they are last, by location"),
    (fleet::AGENTS_ENFORCEMENT, Kind::Gauge, "Agents by what they last said of their enforcement, by state"),
    (fleet::SESSIONS_ENDED, Kind::Counter, "Sessions that ended, by reason"),
    (fleet::SESSIONS_REFUSED, Kind::Counter, "Sessions that were refused before they began, by reason"),
    (fleet::ANSWERS, Kind::Counter, "Answers of agents to pushes, by outcome"),
    (fleet::REPORTS, Kind::Counter, "Location records that were committed"),
    (
        fleet::REPORTS_DEFERRED,
        Kind::Counter,
        "Batches of location records refused for lack of room, to be sent again",
    ),
    (fleet::REPORTS_LOST, Kind::Counter, "Location records that agents had to drop before they were taken"),
    (
        fleet::EVIDENCE,
        Kind::Counter,
        "Records of evidence that were committed, by whether the verdict follows",
    ),
    (
        fleet::EVIDENCE_DEFERRED,
        Kind::Counter,
        "Records of evidence refused for lack of room or of an allowance, to be sent again",
    ),
    (fleet::SWEEPS, Kind::Counter, "Reports of sweeps over the reference servers, by outcome"),
    (fleet::FIREWALL_REPORTS, Kind::Counter, "Reports of what firewalls have counted, by outcome"),
    (
        fleet::CERTIFICATES_EXPIRING,
        Kind::Gauge,
        "Reference servers with a pinned key whose certificate ends within 30 days",
    ),
    (
        fleet::CERTIFICATE_SECONDS_LEFT,
        Kind::Gauge,
        "Seconds until the first certificate of a pinned key ends, not a number while none is known",
    ),
    (
        fleet::STATUS_BATCH,
        Kind::Seconds,
        "Duration of the commit of one batch of statuses and location records",
    ),
    (fleet::ENROLLMENTS, Kind::Counter, "Enrolments, by outcome"),
    (fleet::RENEWALS, Kind::Counter, "Certificate renewals, by outcome"),
];

/// Collects all metrics of this process; several servers in one process (tests) share them.
///
/// # Errors
/// Something else collects them already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    static INSTALLED: Mutex<Option<PrometheusHandle>> = Mutex::new(None);
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*installed {
        return Ok(handle.clone());
    }
    let handle = PrometheusBuilder::new().set_buckets(&BUCKETS)?.install_recorder()?;
    describe();
    *installed = Some(handle.clone());
    Ok(handle)
}

fn describe() {
    for &(name, kind, help) in ALL {
        match kind {
            Kind::Counter => describe_counter!(name, help),
            Kind::Gauge => describe_gauge!(name, help),
            Kind::Seconds => describe_histogram!(name, Unit::Seconds, help),
        }
    }
    gauge!(INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}

/// The present revision.
#[expect(clippy::cast_precision_loss, reason = "exact below 2^53 assignments")]
pub(crate) fn revision(revision: u64) {
    gauge!(REVISION).set(revision as f64);
}

/// One call of the administration service: `method` is one of the contract's names, `code` one of gRPC's.
pub(crate) fn admin_call(method: &'static str, code: &'static str) {
    counter!(ADMIN_CALLS, "method" => method, "code" => code).increment(1);
}

/// One write transaction.
pub(crate) fn store_write(took: std::time::Duration) {
    histogram!(STORE_WRITE).record(took);
}

/// One operation that the store could not do.
pub(crate) fn store_error(kind: &'static str) {
    counter!(STORE_ERRORS, "kind" => kind).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_an_api() {
        let names: Vec<String> = ALL.iter().map(|(name, kind, _)| format!("{name} {kind:?}")).collect();
        insta::assert_snapshot!(names.join("\n"), @"
        landmark_server_info Gauge
        landmark_server_revision Gauge
        landmark_server_admin_calls_total Counter
        landmark_server_store_write_seconds Seconds
        landmark_server_store_errors_total Counter
        landmark_server_connections Gauge
        landmark_server_connections_refused_total Counter
        landmark_server_connections_failed_total Counter
        landmark_server_contained_panics_total Counter
        landmark_server_agents Gauge
        landmark_server_agents_online Gauge
        landmark_server_agents_location Gauge
        landmark_server_agents_enforcement Gauge
        landmark_server_sessions_ended_total Counter
        landmark_server_sessions_refused_total Counter
        landmark_server_assignment_answers_total Counter
        landmark_server_location_reports_total Counter
        landmark_server_location_reports_deferred_total Counter
        landmark_server_location_reports_lost_total Counter
        landmark_server_evidence_total Counter
        landmark_server_evidence_deferred_total Counter
        landmark_server_sweep_reports_total Counter
        landmark_server_firewall_reports_total Counter
        landmark_server_reference_servers_expiring Gauge
        landmark_server_reference_certificate_seconds_left Gauge
        landmark_server_status_batch_seconds Seconds
        landmark_server_enrollments_total Counter
        landmark_server_certificate_renewals_total Counter
        ");
    }

    #[test]
    fn every_name_follows_the_convention_and_stands_once() {
        for (index, (name, kind, help)) in ALL.iter().enumerate() {
            assert!(name.starts_with("landmark_server_"), "{name}");
            assert_eq!(*kind == Kind::Counter, name.ends_with("_total"), "{name}");
            assert_eq!(*kind == Kind::Seconds, name.ends_with("_seconds"), "{name}");
            assert!(!help.is_empty() && !help.ends_with('.'), "{name}");
            assert!(ALL[index + 1..].iter().all(|(other, ..)| other != name), "{name} stands twice");
        }
    }

    #[test]
    fn the_handbook_has_every_name_and_no_other() {
        let page = include_str!("../../docs/server.md");
        let mut told: Vec<&str> = page
            .lines()
            .filter_map(|line| line.strip_prefix("| `landmark_server_")?.split('`').next())
            .collect();
        let mut names: Vec<&str> =
            ALL.iter().filter_map(|(name, ..)| name.strip_prefix("landmark_server_")).collect();
        told.sort_unstable();
        names.sort_unstable();
        assert_eq!(told, names);
    }

    #[test]
    fn what_is_counted_is_rendered_with_its_help() {
        let handle = install().unwrap();
        admin_call("Assign", "OK");
        let text = install().unwrap().render();
        assert!(text.contains("# HELP landmark_server_admin_calls_total Calls of"), "{text}");
        assert!(text.contains("landmark_server_admin_calls_total{method=\"Assign\",code=\"OK\"}"), "{text}");
        assert_eq!(handle.render().contains(INFO), text.contains(INFO));
    }
}
