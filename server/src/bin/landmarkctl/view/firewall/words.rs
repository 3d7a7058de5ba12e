//! The words of a firewall: on the command line, in documents and in files the same.

use std::fmt;

use landmark_proto::convert::firewall::{
    action_from_wire, direction_from_wire, level_from_wire, mode_from_wire, place_from_wire,
    platform_from_wire,
};
use landmark_proto::firewall::profile::Place as ModelPlace;
use landmark_proto::firewall::{
    Action as ModelAction, Direction as ModelDirection, Level as ModelLevel, Mode as ModelMode,
    Platform as ModelPlatform, PortSet, Traffic,
};
use landmark_proto::violation::Path;
use landmark_proto::wire;
use serde::{Deserialize, Serialize};

/// What becomes of a connection that no exception matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    /// Inbound and outbound are allowed
    Low,
    /// Inbound is blocked, outbound is allowed
    Medium,
    /// Inbound and outbound are blocked
    High,
}

/// Whether a policy is made real.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// What is blocked is dropped.
    Enforce,
    /// What is blocked passes and is counted.
    Observe,
}

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    Allow,
    Block,
}

/// Which side began a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Direction {
    Inbound,
    Outbound,
    Both,
}

/// Of which kind a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Protocol {
    /// Everything, of any protocol
    All,
    /// TCP, all ports or some
    Tcp,
    /// UDP, all ports or some
    Udp,
    /// TCP and UDP, all ports or some
    #[serde(rename = "tcp+udp")]
    #[value(name = "tcp+udp")]
    TcpUdp,
    /// ICMP, which belongs to IPv4
    Icmp,
    /// ICMPv6, which belongs to IPv6
    Icmpv6,
}

/// Where a machine is; one that does not know yet is external.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Place {
    /// Inside the company network
    Internal,
    /// Anywhere else, or not known yet
    External,
}

/// An operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Platform {
    /// Linux
    Linux,
    /// Windows
    Windows,
    /// macOS
    Macos,
}

impl Level {
    pub(super) fn read(number: i32) -> Option<Self> {
        level_from_wire(number, &Path::root()).ok().map(|level| match level {
            ModelLevel::Low => Self::Low,
            ModelLevel::Medium => Self::Medium,
            ModelLevel::High => Self::High,
        })
    }

    pub(crate) fn to_model(self) -> ModelLevel {
        match self {
            Self::Low => ModelLevel::Low,
            Self::Medium => ModelLevel::Medium,
            Self::High => ModelLevel::High,
        }
    }
}

impl Mode {
    pub(super) fn read(number: i32) -> Option<Self> {
        mode_from_wire(number, &Path::root()).ok().map(|mode| match mode {
            ModelMode::Enforce => Self::Enforce,
            ModelMode::Observe => Self::Observe,
        })
    }

    pub(crate) fn to_model(self) -> ModelMode {
        match self {
            Self::Enforce => ModelMode::Enforce,
            Self::Observe => ModelMode::Observe,
        }
    }
}

impl Action {
    pub(super) fn read(number: i32) -> Option<Self> {
        action_from_wire(number, &Path::root()).ok().map(|action| match action {
            ModelAction::Allow => Self::Allow,
            ModelAction::Block => Self::Block,
        })
    }

    pub(super) fn to_model(self) -> ModelAction {
        match self {
            Self::Allow => ModelAction::Allow,
            Self::Block => ModelAction::Block,
        }
    }
}

impl Direction {
    pub(super) fn read(number: i32) -> Option<Self> {
        direction_from_wire(number, &Path::root()).ok().map(|direction| match direction {
            ModelDirection::Inbound => Self::Inbound,
            ModelDirection::Outbound => Self::Outbound,
            ModelDirection::Both => Self::Both,
        })
    }

    pub(super) fn to_model(self) -> ModelDirection {
        match self {
            Self::Inbound => ModelDirection::Inbound,
            Self::Outbound => ModelDirection::Outbound,
            Self::Both => ModelDirection::Both,
        }
    }
}

impl Protocol {
    pub(super) fn read(number: i32) -> Option<Self> {
        match wire::FirewallProtocol::try_from(number) {
            Ok(wire::FirewallProtocol::All) => Some(Self::All),
            Ok(wire::FirewallProtocol::Tcp) => Some(Self::Tcp),
            Ok(wire::FirewallProtocol::Udp) => Some(Self::Udp),
            Ok(wire::FirewallProtocol::TcpUdp) => Some(Self::TcpUdp),
            Ok(wire::FirewallProtocol::Icmp) => Some(Self::Icmp),
            Ok(wire::FirewallProtocol::Icmpv6) => Some(Self::Icmpv6),
            Ok(wire::FirewallProtocol::Unspecified) | Err(_) => None,
        }
    }

    /// Whether it has ports.
    pub(crate) fn has_ports(self) -> bool {
        matches!(self, Self::Tcp | Self::Udp | Self::TcpUdp)
    }

    /// With these ports, if it can have any.
    pub(super) fn with(self, ports: PortSet) -> Result<Traffic, String> {
        if !self.has_ports() && !ports.is_all() {
            return Err(format!("{self} has no ports; leave them out, or choose tcp, udp or tcp+udp"));
        }
        Ok(match self {
            Self::All => Traffic::All,
            Self::Tcp => Traffic::Tcp(ports),
            Self::Udp => Traffic::Udp(ports),
            Self::TcpUdp => Traffic::TcpUdp(ports),
            Self::Icmp => Traffic::Icmp,
            Self::Icmpv6 => Traffic::Icmpv6,
        })
    }
}

impl Place {
    pub(super) fn read(number: i32) -> Option<Self> {
        place_from_wire(number, &Path::root()).ok().flatten().map(|place| match place {
            ModelPlace::Internal => Self::Internal,
            ModelPlace::External => Self::External,
        })
    }

    pub(crate) fn to_model(self) -> ModelPlace {
        match self {
            Self::Internal => ModelPlace::Internal,
            Self::External => ModelPlace::External,
        }
    }
}

impl Platform {
    /// `None`: not known, or of a newer version.
    pub(in crate::view) fn read(number: i32) -> Option<Self> {
        platform_from_wire(number, &Path::root()).ok().flatten().map(|platform| match platform {
            ModelPlatform::Linux => Self::Linux,
            ModelPlatform::Windows => Self::Windows,
            ModelPlatform::Macos => Self::Macos,
        })
    }

    pub(crate) fn to_model(self) -> ModelPlatform {
        match self {
            Self::Linux => ModelPlatform::Linux,
            Self::Windows => ModelPlatform::Windows,
            Self::Macos => ModelPlatform::Macos,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_model().fmt(f)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_model().fmt(f)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_model().fmt(f)
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_model().fmt(f)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::All => "all",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::TcpUdp => "tcp+udp",
            Self::Icmp => "icmp",
            Self::Icmpv6 => "icmpv6",
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_model().fmt(f)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_model().fmt(f)
    }
}
