//! Values of the contract, as pages take them.

use std::time::{Duration, SystemTime};

/// A moment; the epoch where the contract has none.
pub(super) fn time(at: Option<prost_types::Timestamp>) -> SystemTime {
    time_if_any(at).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// A moment, if there is one.
pub(super) fn time_if_any(at: Option<prost_types::Timestamp>) -> Option<SystemTime> {
    at.and_then(|at| SystemTime::try_from(at).ok())
}

/// A span of time; nothing where the contract has none.
pub(super) fn duration(span: Option<prost_types::Duration>) -> Duration {
    span.and_then(|span| Duration::try_from(span).ok()).unwrap_or_default()
}

/// A span of time for the contract.
pub(super) fn span(span: Duration) -> prost_types::Duration {
    landmark_proto::convert::time::duration_to_wire(span)
}
