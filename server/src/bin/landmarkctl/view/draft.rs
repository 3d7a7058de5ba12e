//! Settings and the draft of them.

use jiff::Timestamp;
use landmark_proto::network::MacAddress;
use landmark_proto::pin::SpkiPin;
use landmark_proto::wire;
use serde::{Serialize, Serializer};

use super::firewall::Firewall;
use super::rules::LocationRules;

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
    pub(crate) gateways: Vec<Gateway>,
    pub(crate) firewall: Firewall,
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
    #[serde(flatten)]
    pub(crate) probe: Probe,
}

/// What counts as an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "probe", rename_all = "snake_case")]
pub(crate) enum Probe {
    /// A connection.
    #[default]
    Tcp,
    /// A TLS handshake with a peer that has one of these keys.
    Tls {
        #[serde(serialize_with = "as_text")]
        pins: Vec<SpkiPin>,
    },
}

/// A gateway of the company's networks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Gateway {
    pub(crate) address: String,
    /// Absent: any.
    pub(crate) mac: Option<String>,
}

fn as_text<S: Serializer>(pins: &[SpkiPin], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(pins.iter().map(ToString::to_string))
}

impl Probe {
    /// A connection will do where no key is named.
    pub(crate) fn new(pins: Vec<SpkiPin>) -> Self {
        if pins.is_empty() { Self::Tcp } else { Self::Tls { pins } }
    }

    /// The keys that are recognised, where any are asked for.
    pub(crate) fn pins(&self) -> &[SpkiPin] {
        match self {
            Self::Tcp => &[],
            Self::Tls { pins } => pins,
        }
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
        let wire::Settings { reference_servers, location, gateways, firewall } = settings;
        let wire::ReferenceServerList { enabled, servers } = reference_servers.unwrap_or_default();
        let servers = servers.into_iter().zip(1..).map(|(server, position)| {
            let wire::ReferenceServer { host, ports, tls } = server;
            ReferenceServer { position, host, ports, probe: tls.map(Probe::from).unwrap_or_default() }
        });
        let servers = servers.collect();
        Self {
            reference_servers: ReferenceServers { enabled, servers },
            location: location.map(LocationRules::from).unwrap_or_default(),
            gateways: gateways.into_iter().map(Gateway::from).collect(),
            firewall: firewall.map(Firewall::from).unwrap_or_default(),
        }
    }
}

impl From<wire::TlsProbe> for Probe {
    fn from(tls: wire::TlsProbe) -> Self {
        let wire::TlsProbe { pins } = tls;
        Self::Tls { pins: pins.iter().filter_map(|pin| SpkiPin::try_from(pin.as_ref()).ok()).collect() }
    }
}

impl From<wire::Gateway> for Gateway {
    fn from(gateway: wire::Gateway) -> Self {
        let wire::Gateway { address, mac } = gateway;
        Self { address, mac: MacAddress::try_from(mac.as_ref()).ok().map(|mac| mac.to_string()) }
    }
}
