//! The server itself.

use jiff::Timestamp;
use landmark_proto::pin::SpkiPin;
use landmark_proto::wire;
use serde::Serialize;

/// What the server says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Info {
    pub(crate) version: String,
    pub(crate) fleet_id: String,
    pub(crate) started_at: Option<Timestamp>,
    /// As `context add --pin` takes it.
    pub(crate) authority_pin: Option<String>,
    pub(crate) assigned_revision: Option<u64>,
    pub(crate) max_reference_servers: u32,
    pub(crate) n_agents: u64,
    pub(crate) n_agents_online: u64,
}

impl From<wire::ServerInfo> for Info {
    fn from(info: wire::ServerInfo) -> Self {
        let wire::ServerInfo {
            version,
            fleet_id,
            started_at,
            authority_pin,
            revision,
            max_reference_servers,
            n_agents,
            n_agents_online,
        } = info;
        Self {
            version,
            fleet_id,
            started_at: super::time(started_at),
            authority_pin: SpkiPin::try_from(authority_pin.as_ref()).ok().map(|pin| pin.to_string()),
            assigned_revision: super::revision(revision),
            max_reference_servers,
            n_agents,
            n_agents_online,
        }
    }
}
