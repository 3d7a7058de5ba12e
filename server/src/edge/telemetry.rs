//! The numbers of the accept loops. Their descriptions stand with all others in `crate::metrics`.

use metrics::{counter, gauge};

/// Gauge by `plane`: connections that are open.
pub const CONNECTIONS: &str = "landmark_server_connections";
/// Counter by `plane` and `reason`: connections that were closed as soon as they were accepted, or not accepted.
pub const CONNECTIONS_REFUSED: &str = "landmark_server_connections_refused_total";
/// Counter by `plane` and `reason`: connections that ended before their time.
pub const CONNECTIONS_FAILED: &str = "landmark_server_connections_failed_total";
/// Counter by `plane`: panics that were contained in one connection. Anything but 0 is a bug.
pub const PANICS: &str = "landmark_server_contained_panics_total";

/// Counts a connection for as long as it is open.
#[derive(Debug)]
pub(super) struct Open(&'static str);

pub(super) fn open(plane: &'static str) -> Open {
    gauge!(CONNECTIONS, "plane" => plane).increment(1.0);
    Open(plane)
}

impl Drop for Open {
    fn drop(&mut self) {
        gauge!(CONNECTIONS, "plane" => self.0).decrement(1.0);
    }
}

pub(super) fn refused(plane: &'static str, reason: &'static str) {
    counter!(CONNECTIONS_REFUSED, "plane" => plane, "reason" => reason).increment(1);
}

pub(super) fn failed(plane: &'static str, reason: &'static str) {
    counter!(CONNECTIONS_FAILED, "plane" => plane, "reason" => reason).increment(1);
}

pub(super) fn panicked(plane: &'static str) {
    counter!(PANICS, "plane" => plane).increment(1);
}
