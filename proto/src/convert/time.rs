//! Times: `Timestamp` and `Duration` of protobuf, and those of the standard library.

use std::time::{Duration, SystemTime};

use crate::violation::{Path, Violations};

/// The latest time that is believed: the end of the year 9999, protobuf's own limit.
const MAX_SECONDS: i64 = 253_402_300_799;
const NANOS_PER_SECOND: i32 = 1_000_000_000;

/// A wall clock time; one before 1970 becomes 1970.
pub fn timestamp_to_wire(time: SystemTime) -> prost_types::Timestamp {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let prost_types::Duration { seconds, nanos } = duration_to_wire(since_epoch);
    prost_types::Timestamp { seconds, nanos }
}

/// A wall clock time from 1970 to 9999.
///
/// # Errors
/// Absent, or out of range.
pub fn timestamp_from_wire(
    time: Option<prost_types::Timestamp>,
    path: &Path,
) -> Result<SystemTime, Violations> {
    let Some(prost_types::Timestamp { seconds, nanos }) = time else {
        return Err(Violations::one(path, "is missing"));
    };
    let since_epoch = duration_from_wire(Some(prost_types::Duration { seconds, nanos }), path)?;
    SystemTime::UNIX_EPOCH
        .checked_add(since_epoch)
        .ok_or_else(|| Violations::one(path, format!("{seconds} s since 1970 is out of range")))
}

/// A duration; one beyond the year 9999 becomes that.
pub fn duration_to_wire(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(MAX_SECONDS).min(MAX_SECONDS),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or(0),
    }
}

/// A duration that is not negative.
///
/// # Errors
/// Absent, negative, or longer than 8,000 years.
pub fn duration_from_wire(
    duration: Option<prost_types::Duration>,
    path: &Path,
) -> Result<Duration, Violations> {
    let Some(prost_types::Duration { seconds, nanos }) = duration else {
        return Err(Violations::one(path, "is missing"));
    };
    if !(0..=MAX_SECONDS).contains(&seconds) || !(0..NANOS_PER_SECOND).contains(&nanos) {
        return Err(Violations::one(path, format!("{seconds} s and {nanos} ns is out of range")));
    }
    Ok(Duration::new(seconds.unsigned_abs(), nanos.unsigned_abs()))
}
