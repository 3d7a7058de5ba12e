//! The words of a verdict: where a machine is, why, and what made it look.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use crate::host::Host;
use crate::ids::{BootId, EvaluationId};
use crate::network::MacAddress;
use crate::port::Port;
use crate::revision::Revision;

/// Where a machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Location {
    /// Inside the company network.
    Internal,
    /// Outside.
    External,
    /// Before the first decision, or without an assignment. Enforced like external.
    Unknown,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Internal => "internal",
            Self::External => "external",
            Self::Unknown => "unknown",
        })
    }
}

/// Why.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Basis {
    /// The link to the management server is connected.
    ManagementServer,
    /// This is the first entry in list order that answered.
    ReferenceServer {
        /// Of the entry.
        host: Host,
        /// That answered.
        port: Port,
        /// Place in the list, from 0.
        position: usize,
    },
    /// Every attempt had its full time and none answered.
    NoneReachable {
        /// How many (server, port) pairs were tried.
        n_attempts: usize,
    },
    /// Every attempt had its full time, and some answered, but fewer servers than are required.
    TooFewAnswered {
        /// Different reference servers that answered, at least 1.
        n_answered: usize,
        /// How many are required.
        n_required: usize,
        /// How many (server, port) pairs were tried.
        n_attempts: usize,
    },
    /// The list is disabled or empty.
    ListDisabled,
    /// No assignment is held.
    NoAssignment,
    /// The gateway of a preferred default route is on the list.
    Gateway {
        /// Of the next hop.
        address: IpAddr,
        /// Of its hardware, where the entry names one.
        mac: Option<MacAddress>,
        /// Place in the list, from 0.
        position: usize,
    },
    /// It is not.
    NoGateway {
        /// The gateway of the preferred default route, if there is one.
        seen: Option<IpAddr>,
    },
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ManagementServer => f.write_str("management server"),
            Self::ReferenceServer { host: host @ Host::V6(..), port, position } => {
                write!(f, "reference server {}: [{host}]:{port}", position + 1)
            }
            Self::ReferenceServer { host, port, position } => {
                write!(f, "reference server {}: {host}:{port}", position + 1)
            }
            Self::NoneReachable { n_attempts: 1 } => f.write_str("the only reference server did not answer"),
            Self::NoneReachable { n_attempts } => write!(f, "none of {n_attempts} attempts answered"),
            Self::TooFewAnswered { n_answered, n_required, .. } => {
                write!(f, "{n_answered} of {n_required} required reference servers answered")
            }
            Self::ListDisabled => f.write_str("reference server list disabled or empty"),
            Self::NoAssignment => f.write_str("no assignment"),
            Self::Gateway { address, mac: None, .. } => write!(f, "gateway {address}"),
            Self::Gateway { address, mac: Some(mac), .. } => write!(f, "gateway {address} ({mac})"),
            Self::NoGateway { seen: Some(address) } => write!(f, "gateway {address} is not on the list"),
            Self::NoGateway { seen: None } => f.write_str("no default gateway"),
        }
    }
}

/// What made an agent look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Trigger {
    /// The agent started.
    Start,
    /// The link was lost.
    LinkLost,
    /// The link was connected.
    LinkConnected,
    /// Another assignment is held.
    Assignment,
    /// The recheck interval passed with the link lost.
    Recheck,
    /// An administrator asked.
    ServerRequest,
    /// Someone on the machine asked.
    LocalRequest,
    /// An address, a route, a link or the gateway's hardware changed.
    NetworkChange,
    /// The configuration of the resolver changed.
    ResolverChange,
    /// The machine woke from sleep.
    Wake,
    /// A change of location wants to be confirmed.
    Confirmation,
}

impl Trigger {
    /// All there are.
    pub const ALL: [Self; 11] = [
        Self::Start,
        Self::LinkLost,
        Self::LinkConnected,
        Self::Assignment,
        Self::Recheck,
        Self::ServerRequest,
        Self::LocalRequest,
        Self::NetworkChange,
        Self::ResolverChange,
        Self::Wake,
        Self::Confirmation,
    ];
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Start => "start",
            Self::LinkLost => "link lost",
            Self::LinkConnected => "link connected",
            Self::Assignment => "new assignment",
            Self::Recheck => "recheck",
            Self::ServerRequest => "asked by the server",
            Self::LocalRequest => "asked on the machine",
            Self::NetworkChange => "network change",
            Self::ResolverChange => "resolver change",
            Self::Wake => "wake from sleep",
            Self::Confirmation => "confirmation",
        })
    }
}

/// The agent's session with its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkState {
    /// A session stands.
    Connected,
    /// None does.
    Lost,
}

impl fmt::Display for LinkState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Connected => "connected",
            Self::Lost => "lost",
        })
    }
}

/// The outcome of an evaluation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Verdict {
    /// Where.
    pub location: Location,
    /// Why.
    pub basis: Basis,
}

/// One change of location or basis, as the agent recorded it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocationReport {
    /// Wall clock of the agent.
    pub at: SystemTime,
    /// Which boot.
    pub boot_id: BootId,
    /// Since that boot.
    pub since_boot: Duration,
    /// Where and why.
    pub verdict: Verdict,
    /// What made the agent look; at least one.
    pub triggers: Vec<Trigger>,
    /// The assignment that was held.
    pub revision: Option<Revision>,
    /// Which evaluation of its process.
    pub evaluation: EvaluationId,
    /// From the first trigger to the verdict.
    pub decided_in: Duration,
    /// Changes between internal and external in the hour before, this one included.
    pub n_flips: u32,
}
