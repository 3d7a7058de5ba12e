//! How a location is decided: the criterion, and what tempers it.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

/// How a location is decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocationRules {
    /// What a location depends on.
    pub criterion: Criterion,
    /// What a connection to the management server says about the place.
    pub server_connection: ServerConnection,
    /// How often an agent looks again while the reference servers decide.
    pub recheck_interval: RecheckInterval,
    /// How many different reference servers must answer.
    pub required_successes: RequiredSuccesses,
    /// What is beyond a tunnel.
    pub tunnels: Tunnels,
    /// What a change of location needs.
    pub hysteresis: Hysteresis,
}

/// What a location depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Criterion {
    /// The connection to the management server, then the reference servers.
    #[default]
    ConnectionStatus,
    /// The gateway of the default route.
    Gateway,
}

impl fmt::Display for Criterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ConnectionStatus => "connection-status",
            Self::Gateway => "gateway",
        })
    }
}

/// What an answer or a gateway beyond a tunnel says about the place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Tunnels {
    /// The same as any other.
    #[default]
    Count,
    /// Nothing: a machine is inside only by what it reaches without a tunnel.
    Ignore,
}

impl fmt::Display for Tunnels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Count => "count",
            Self::Ignore => "ignore",
        })
    }
}

/// What a change between internal and external needs. The first finding under an assignment needs nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Hysteresis {
    /// Findings in a row that say internal. A connection to the management server needs no confirmation.
    pub confirmations_to_internal: Confirmations,
    /// Findings in a row that say external.
    pub confirmations_to_external: Confirmations,
    /// How long the location must have stood.
    pub minimum_dwell: MinimumDwell,
}

/// 1 to [`RequiredSuccesses::MAX`]; 1 by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequiredSuccesses(u32);

impl RequiredSuccesses {
    /// As many as a usual list has servers.
    pub const MAX: u32 = 32;

    /// Checks the range.
    ///
    /// # Errors
    /// Out of range.
    pub fn new(n: u32) -> Result<Self, InvalidCount> {
        count(n, Self::MAX).map(Self)
    }

    /// As a number.
    pub fn get(self) -> usize {
        self.0 as usize
    }
}

impl Default for RequiredSuccesses {
    fn default() -> Self {
        Self(1)
    }
}

/// 1 to [`Confirmations::MAX`]; 1 by default, which is no hysteresis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Confirmations(u32);

impl Confirmations {
    /// More would keep a machine in the wrong place for long.
    pub const MAX: u32 = 10;

    /// Checks the range.
    ///
    /// # Errors
    /// Out of range.
    pub fn new(n: u32) -> Result<Self, InvalidCount> {
        count(n, Self::MAX).map(Self)
    }

    /// As a number.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl Default for Confirmations {
    fn default() -> Self {
        Self(1)
    }
}

fn count(n: u32, max: u32) -> Result<u32, InvalidCount> {
    if (1..=max).contains(&n) { Ok(n) } else { Err(InvalidCount { n, max }) }
}

/// Out of range.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{n} is out of range (1 to {max})")]
pub struct InvalidCount {
    n: u32,
    max: u32,
}

/// Up to [`MinimumDwell::MAX`]; no time by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MinimumDwell(Duration);

impl MinimumDwell {
    /// It also holds back the stricter policy, which must not be for long.
    pub const MAX: Duration = Duration::from_secs(60 * 60);

    /// Checks the range.
    ///
    /// # Errors
    /// Out of range.
    pub fn new(dwell: Duration) -> Result<Self, InvalidMinimumDwell> {
        if dwell <= Self::MAX { Ok(Self(dwell)) } else { Err(InvalidMinimumDwell(dwell)) }
    }

    /// As a duration.
    pub fn get(self) -> Duration {
        self.0
    }
}

/// Out of range.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is out of range (0 s to 1 h)")]
pub struct InvalidMinimumDwell(Duration);

/// What a connection to the management server says about the place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ServerConnection {
    /// An agent that is connected is internal.
    #[default]
    MeansInternal,
    /// The server faces the internet: being connected says nothing.
    SaysNothing,
}

/// Between [`RecheckInterval::MIN`] and [`RecheckInterval::MAX`]; 60 s by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecheckInterval(Duration);

impl RecheckInterval {
    /// Below it a long list of silent servers would be probed without a pause.
    pub const MIN: Duration = Duration::from_secs(10);
    /// Above it a machine would be in the wrong place for too long.
    pub const MAX: Duration = Duration::from_secs(24 * 60 * 60);

    /// Checks the range.
    ///
    /// # Errors
    /// Out of range.
    pub fn new(interval: Duration) -> Result<Self, InvalidRecheckInterval> {
        if (Self::MIN..=Self::MAX).contains(&interval) {
            Ok(Self(interval))
        } else {
            Err(InvalidRecheckInterval(interval))
        }
    }

    /// As a duration.
    pub fn get(self) -> Duration {
        self.0
    }
}

impl Default for RecheckInterval {
    fn default() -> Self {
        Self(Duration::from_secs(60))
    }
}

/// Out of range.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is out of range (10 s to 1 d)")]
pub struct InvalidRecheckInterval(Duration);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recheck_interval_has_a_range() {
        assert!(RecheckInterval::new(Duration::from_secs(9)).is_err());
        assert!(RecheckInterval::new(Duration::from_secs(10)).is_ok());
        assert!(RecheckInterval::new(Duration::from_secs(86_401)).is_err());
    }

    #[test]
    fn counts_and_dwell_have_ranges() {
        assert!(RequiredSuccesses::new(0).is_err() && RequiredSuccesses::new(33).is_err());
        assert!(Confirmations::new(0).is_err() && Confirmations::new(11).is_err());
        assert_eq!(Confirmations::new(11).unwrap_err().to_string(), "11 is out of range (1 to 10)");
        assert!(MinimumDwell::new(Duration::from_secs(3600)).is_ok());
        assert!(MinimumDwell::new(Duration::from_secs(3601)).is_err());
    }
}
