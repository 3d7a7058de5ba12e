//! Settings and the draft of them.

use std::fmt;

use jiff::Timestamp;
use landmark_proto::wire;
use serde::Serialize;

/// The settings as saved, in force nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Draft {
    pub(crate) etag: String,
    pub(crate) assigned_revision: Option<u64>,
    pub(crate) differs: bool,
    pub(crate) changed_at: Option<Timestamp>,
    pub(crate) changed_by: Option<String>,
    pub(crate) settings: Settings,
}

/// Everything an administrator edits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Settings {
    pub(crate) reference_servers: ReferenceServers,
    pub(crate) location: LocationRules,
}

/// The list, in the order in which it is tried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ReferenceServers {
    pub(crate) enabled: bool,
    pub(crate) servers: Vec<ReferenceServer>,
}

/// One entry of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ReferenceServer {
    /// From 1.
    pub(crate) position: usize,
    pub(crate) host: String,
    pub(crate) ports: Vec<u32>,
}

/// How a location is decided.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct LocationRules {
    pub(crate) server_connection: Option<ServerConnection>,
    pub(crate) recheck_interval_seconds: Option<u64>,
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

impl ServerConnection {
    pub(crate) fn to_wire(self) -> wire::ServerConnection {
        match self {
            Self::MeansInternal => wire::ServerConnection::MeansInternal,
            Self::SaysNothing => wire::ServerConnection::SaysNothing,
        }
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

impl ReferenceServers {
    /// The entry of a host in canonical form.
    pub(crate) fn find(&self, host: &str) -> Option<&ReferenceServer> {
        self.servers.iter().find(|server| server.host == host)
    }

    /// How many (server, port) pairs an agent tries.
    pub(crate) fn n_ports(&self) -> usize {
        self.servers.iter().map(|server| server.ports.len()).sum()
    }
}

impl From<wire::Draft> for Draft {
    fn from(draft: wire::Draft) -> Self {
        let wire::Draft { etag, settings, assigned_revision, differs, changed_at, changed_by } = draft;
        Self {
            etag,
            assigned_revision: super::revision(assigned_revision),
            differs,
            changed_at: super::time(changed_at),
            changed_by: super::text(changed_by),
            settings: settings.map(Settings::from).unwrap_or_default(),
        }
    }
}

impl From<wire::Settings> for Settings {
    fn from(settings: wire::Settings) -> Self {
        let wire::Settings { reference_servers, location, gateways: _ } = settings;
        let wire::ReferenceServerList { enabled, servers } = reference_servers.unwrap_or_default();
        let servers = servers
            .into_iter()
            .zip(1..)
            .map(|(wire::ReferenceServer { host, ports, tls: _ }, position)| ReferenceServer {
                position,
                host,
                ports,
            })
            .collect();
        Self {
            reference_servers: ReferenceServers { enabled, servers },
            location: location.map(LocationRules::from).unwrap_or_default(),
        }
    }
}

impl From<wire::LocationRules> for LocationRules {
    fn from(rules: wire::LocationRules) -> Self {
        let wire::LocationRules { server_connection, recheck_interval, .. } = rules;
        Self {
            server_connection: match wire::ServerConnection::try_from(server_connection) {
                Ok(wire::ServerConnection::MeansInternal) => Some(ServerConnection::MeansInternal),
                Ok(wire::ServerConnection::SaysNothing) => Some(ServerConnection::SaysNothing),
                Ok(wire::ServerConnection::Unspecified) | Err(_) => None,
            },
            recheck_interval_seconds: super::duration(recheck_interval)
                .and_then(|interval| u64::try_from(interval.as_secs()).ok()),
        }
    }
}
