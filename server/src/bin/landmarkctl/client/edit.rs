//! Edits of the draft, as they are sent.

mod firewall;

use std::time::Duration;

use landmark_proto::convert::gateways::gateway_to_wire;
use landmark_proto::convert::time::duration_to_wire;
use landmark_proto::gateway::Gateway;
use landmark_proto::pin::SpkiPin;
use landmark_proto::wire;
use landmark_proto::wire::edit as kind;

pub(crate) use self::firewall::{FirewallEdit, Owner};
use crate::view::rules::{Criterion, ServerConnection, Tunnels};

/// One edit of the draft. Places count from 0, as on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Edit {
    Add { entry: Entry, position: Option<u32> },
    Change { host: String, new_host: Option<String>, new_ports: Vec<u32>, new_pins: Option<Vec<SpkiPin>> },
    Move { host: String, position: u32 },
    Remove(Vec<Entry>),
    Enable(bool),
    Replace(Vec<Entry>),
    Rules(Rules),
    AddGateways(Vec<Gateway>),
    RemoveGateways(Vec<Gateway>),
    ReplaceGateways(Vec<Gateway>),
    Firewall(FirewallEdit),
}

/// A host with its ports and pins, unchecked: the server decides what they may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) host: String,
    pub(crate) ports: Vec<u32>,
    pub(crate) pins: Vec<SpkiPin>,
}

/// Rules to change; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) criterion: Option<Criterion>,
    pub(crate) server_connection: Option<ServerConnection>,
    pub(crate) recheck_interval: Option<Duration>,
    pub(crate) required_successes: Option<u32>,
    pub(crate) tunnels: Option<Tunnels>,
    pub(crate) confirmations_to_internal: Option<u32>,
    pub(crate) confirmations_to_external: Option<u32>,
    pub(crate) minimum_dwell: Option<Duration>,
}

impl From<Entry> for wire::ReferenceServer {
    fn from(entry: Entry) -> Self {
        let Entry { host, ports, pins } = entry;
        Self { host, ports, tls: (!pins.is_empty()).then(|| tls(&pins)) }
    }
}

impl From<Rules> for kind::SetLocationRules {
    fn from(rules: Rules) -> Self {
        let Rules {
            criterion,
            server_connection,
            recheck_interval,
            required_successes,
            tunnels,
            confirmations_to_internal,
            confirmations_to_external,
            minimum_dwell,
        } = rules;
        Self {
            server_connection: server_connection.map(|meaning| meaning.to_wire().into()),
            recheck_interval: recheck_interval.map(duration_to_wire),
            criterion: criterion.map(|criterion| criterion.to_wire().into()),
            required_successes,
            tunnels: tunnels.map(|tunnels| tunnels.to_wire().into()),
            confirmations_to_internal,
            confirmations_to_external,
            minimum_dwell: minimum_dwell.map(duration_to_wire),
        }
    }
}

impl From<Edit> for wire::Edit {
    fn from(edit: Edit) -> Self {
        use kind::Kind;
        let kind = match edit {
            Edit::Add { entry, position } => {
                let wire::ReferenceServer { host, ports, tls } = entry.into();
                Kind::AddReferenceServer(kind::AddReferenceServer { host, ports, position, tls })
            }
            Edit::Change { host, new_host, new_ports, new_pins } => {
                let new_host = new_host.unwrap_or_default();
                let new_tls = new_pins.map(|pins| tls(&pins));
                Kind::EditReferenceServer(kind::EditReferenceServer { host, new_host, new_ports, new_tls })
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
            Edit::Rules(rules) => Kind::SetLocationRules(rules.into()),
            Edit::AddGateways(list) => Kind::AddGateways(kind::AddGateways { gateways: gateways(&list) }),
            Edit::RemoveGateways(list) => {
                Kind::RemoveGateways(kind::RemoveGateways { gateways: gateways(&list) })
            }
            Edit::ReplaceGateways(list) => {
                Kind::ReplaceGateways(kind::ReplaceGateways { gateways: gateways(&list) })
            }
            Edit::Firewall(edit) => edit.into(),
        };
        Self { kind: Some(kind) }
    }
}

fn tls(pins: &[SpkiPin]) -> wire::TlsProbe {
    wire::TlsProbe { pins: pins.iter().map(|pin| pin.as_bytes().to_vec().into()).collect() }
}

fn gateways(list: &[Gateway]) -> Vec<wire::Gateway> {
    list.iter().map(gateway_to_wire).collect()
}
