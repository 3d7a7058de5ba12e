//! Edits of the draft, as they are sent.

use std::time::Duration;

use landmark_proto::convert::time::duration_to_wire;
use landmark_proto::wire;
use landmark_proto::wire::edit as kind;

use crate::view::draft::ServerConnection;

/// One edit of the draft. Places count from 0, as on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Edit {
    Add { entry: Entry, position: Option<u32> },
    Change { host: String, new_host: Option<String>, new_ports: Vec<u32> },
    Move { host: String, position: u32 },
    Remove(Vec<Entry>),
    Enable(bool),
    Replace(Vec<Entry>),
    Rules { server_connection: Option<ServerConnection>, recheck_interval: Option<Duration> },
}

/// A host and ports, unchecked: the server decides what they may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) host: String,
    pub(crate) ports: Vec<u32>,
}

impl From<Entry> for wire::ReferenceServer {
    fn from(entry: Entry) -> Self {
        let Entry { host, ports } = entry;
        Self { host, ports, tls: None }
    }
}

impl From<Edit> for wire::Edit {
    fn from(edit: Edit) -> Self {
        use kind::Kind;
        let kind = match edit {
            Edit::Add { entry: Entry { host, ports }, position } => {
                Kind::AddReferenceServer(kind::AddReferenceServer { host, ports, position, tls: None })
            }
            Edit::Change { host, new_host, new_ports } => {
                let new_host = new_host.unwrap_or_default();
                Kind::EditReferenceServer(kind::EditReferenceServer {
                    host,
                    new_host,
                    new_ports,
                    new_tls: None,
                })
            }
            Edit::Move { host, position } => {
                Kind::MoveReferenceServer(kind::MoveReferenceServer { host, position })
            }
            Edit::Remove(entries) => {
                let servers = entries.into_iter().map(Into::into).collect();
                Kind::RemoveReferenceServers(kind::RemoveReferenceServers { servers })
            }
            Edit::Enable(enabled) => Kind::EnableReferenceServers(kind::EnableReferenceServers { enabled }),
            Edit::Replace(entries) => {
                let servers = entries.into_iter().map(Into::into).collect();
                Kind::ReplaceReferenceServers(kind::ReplaceReferenceServers { servers })
            }
            Edit::Rules { server_connection, recheck_interval } => {
                Kind::SetLocationRules(kind::SetLocationRules {
                    server_connection: server_connection.map(|meaning| meaning.to_wire().into()),
                    recheck_interval: recheck_interval.map(duration_to_wire),
                    ..kind::SetLocationRules::default()
                })
            }
        };
        Self { kind: Some(kind) }
    }
}
