//! The rules of the location decision.

use std::fmt;

use landmark_proto::wire;
use serde::Serialize;

/// How a location is decided. Absent: a word of a newer server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct LocationRules {
    pub(crate) criterion: Option<Criterion>,
    pub(crate) server_connection: Option<ServerConnection>,
    pub(crate) recheck_interval_seconds: Option<u64>,
    pub(crate) required_successes: u32,
    pub(crate) tunnels: Option<Tunnels>,
    pub(crate) confirmations_to_internal: u32,
    pub(crate) confirmations_to_external: u32,
    pub(crate) minimum_dwell_seconds: u64,
}

/// What a location depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Criterion {
    /// The connection to the management server, then the reference servers (default of a new server)
    ConnectionStatus,
    /// The gateway of the default route (landmarkctl gateways)
    Gateway,
}

/// What a connection to the management server says about the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ServerConnection {
    /// An agent that is connected is internal (default of a new server)
    MeansInternal,
    /// The server faces the internet: the reference servers decide
    SaysNothing,
}

/// What an answer or a gateway beyond a tunnel says about the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Tunnels {
    /// The same as any other (default of a new server)
    Count,
    /// Nothing: a machine is inside only by what it reaches without a tunnel
    Ignore,
}

impl Criterion {
    pub(crate) fn to_wire(self) -> wire::LocationCriterion {
        match self {
            Self::ConnectionStatus => wire::LocationCriterion::ConnectionStatus,
            Self::Gateway => wire::LocationCriterion::Gateway,
        }
    }

    fn read(number: i32) -> Option<Self> {
        match wire::LocationCriterion::try_from(number) {
            Ok(wire::LocationCriterion::Unspecified | wire::LocationCriterion::ConnectionStatus) => {
                Some(Self::ConnectionStatus)
            }
            Ok(wire::LocationCriterion::Gateway) => Some(Self::Gateway),
            Err(_) => None,
        }
    }
}

impl ServerConnection {
    pub(crate) fn to_wire(self) -> wire::ServerConnection {
        match self {
            Self::MeansInternal => wire::ServerConnection::MeansInternal,
            Self::SaysNothing => wire::ServerConnection::SaysNothing,
        }
    }

    fn read(number: i32) -> Option<Self> {
        match wire::ServerConnection::try_from(number) {
            Ok(wire::ServerConnection::MeansInternal) => Some(Self::MeansInternal),
            Ok(wire::ServerConnection::SaysNothing) => Some(Self::SaysNothing),
            Ok(wire::ServerConnection::Unspecified) | Err(_) => None,
        }
    }
}

impl Tunnels {
    pub(crate) fn to_wire(self) -> wire::Tunnels {
        match self {
            Self::Count => wire::Tunnels::Count,
            Self::Ignore => wire::Tunnels::Ignore,
        }
    }

    fn read(number: i32) -> Option<Self> {
        match wire::Tunnels::try_from(number) {
            Ok(wire::Tunnels::Unspecified | wire::Tunnels::Count) => Some(Self::Count),
            Ok(wire::Tunnels::Ignore) => Some(Self::Ignore),
            Err(_) => None,
        }
    }
}

impl fmt::Display for Criterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ConnectionStatus => "connection-status",
            Self::Gateway => "gateway",
        })
    }
}

impl fmt::Display for ServerConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::MeansInternal => "means-internal",
            Self::SaysNothing => "says-nothing",
        })
    }
}

impl fmt::Display for Tunnels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Count => "count",
            Self::Ignore => "ignore",
        })
    }
}

impl From<wire::LocationRules> for LocationRules {
    fn from(rules: wire::LocationRules) -> Self {
        let wire::LocationRules {
            server_connection,
            recheck_interval,
            criterion,
            required_successes,
            tunnels,
            confirmations_to_internal,
            confirmations_to_external,
            minimum_dwell,
        } = rules;
        let seconds = |duration: Option<prost_types::Duration>| {
            super::duration(duration).and_then(|duration| u64::try_from(duration.as_secs()).ok())
        };
        Self {
            criterion: Criterion::read(criterion),
            server_connection: ServerConnection::read(server_connection),
            recheck_interval_seconds: seconds(recheck_interval),
            required_successes: required_successes.max(1),
            tunnels: Tunnels::read(tunnels),
            confirmations_to_internal: confirmations_to_internal.max(1),
            confirmations_to_external: confirmations_to_external.max(1),
            minimum_dwell_seconds: seconds(minimum_dwell).unwrap_or(0),
        }
    }
}
