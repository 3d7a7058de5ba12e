//! Text for people, out of documents. Pure: the width, the time and the time zone are given.

pub(crate) mod accounts;
pub(crate) mod advice;
pub(crate) mod agents;
pub(crate) mod api_tokens;
pub(crate) mod assignments;
pub(crate) mod certificate;
pub(crate) mod changes;
pub(crate) mod evidence;
pub(crate) mod findings;
pub(crate) mod firewall;
pub(crate) mod health;
pub(crate) mod names;
pub(crate) mod overview;
pub(crate) mod plain;
pub(crate) mod settings;
pub(crate) mod table;
pub(crate) mod time;
pub(crate) mod tokens;
pub(crate) mod violations;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// What text is rendered for.
#[derive(Clone, Debug)]
pub(crate) struct Paper {
    /// Absent: as wide as it needs (a pipe or a file).
    pub(crate) width: Option<u16>,
    pub(crate) colored: bool,
    pub(crate) zone: TimeZone,
    pub(crate) now: Timestamp,
}

/// Stands where there is no value.
pub(crate) const NOTHING: &str = "–";

impl Paper {
    /// "3 min ago".
    pub(crate) fn age(&self, time: Timestamp) -> String {
        time::age(time, self.now)
    }

    /// The local time and its age.
    pub(crate) fn moment(&self, time: Option<Timestamp>) -> String {
        time.map_or_else(|| NOTHING.to_owned(), |time| time::moment(time, self.now, &self.zone))
    }
}

#[cfg(test)]
impl Paper {
    /// A page in Coordinated Universal Time, at noon.
    pub(crate) fn for_tests(width: Option<u16>) -> Self {
        let now = "2026-11-23T12:00:00Z".parse().unwrap();
        Self { width, colored: false, zone: TimeZone::UTC, now }
    }
}
