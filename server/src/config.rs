//! Everything that an operator can configure, with its default, limits and documentation, in one place.
//!
//! ```text
//! default < /etc/landmark/server.toml < LANDMARK_SERVER_… < flags
//! ```
//!
//! Must not know: how any of it is used.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use landmark_daemon::config::shape::{ListOf, Parsed};
use landmark_daemon::config::{Effective, InvalidConfig, Layers, Reader};
use landmark_daemon::state_dir::default_state_dir;
use landmark_daemon::telemetry::{LogFormat, check_filter};
use landmark_proto::host::Host;
use landmark_proto::reference_server::{DEFAULT_MAX_SERVERS, MAX_SERVERS};

use crate::access::SessionLimits;
use crate::edge::Limits;
use crate::fleet::FleetConfig;
use crate::identity::AGENT_LIFE;
use crate::settings::MaxServers;

mod address;
mod console;
mod timing;

pub use self::address::{Address, InvalidAddress};

/// What variables begin with.
pub const PREFIX: &str = "LANDMARK_SERVER";
/// The variable that names the file; it is not a setting.
pub const FILE_VARIABLE: &str = "LANDMARK_SERVER_CONFIG";
/// Read when nobody names a file, and when it is there.
pub const DEFAULT_FILE: &str = "/etc/landmark/server.toml";
/// The name of the default state folder.
pub const STATE_DIR_NAME: &str = "landmark-server";

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The configuration of a server.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where everything lies that must outlive the process.
    pub state_dir: PathBuf,
    /// Where it listens.
    pub listen: Listen,
    /// Where agents find it.
    pub advertise: Advertise,
    /// Further names and addresses in its certificate.
    pub server_names: Vec<Host>,
    /// How long the reference server list may become.
    pub max_reference_servers: MaxServers,
    /// How long the agents' certificates are valid.
    pub agent_certificate_life: Duration,
    /// What agents may cost.
    pub agent_limits: Limits,
    /// How long people stay signed in to the console.
    pub sessions: SessionLimits,
    /// How agents and server pace themselves.
    pub fleet: FleetConfig,
    /// How long a stop may take.
    pub stop_grace: Duration,
    /// What is logged.
    pub log: Log,
}

/// Where the server listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Agents, mutual TLS.
    pub agents: SocketAddr,
    /// Enrolment, TLS and a join token.
    pub enrollment: SocketAddr,
    /// Administration, TLS and an API token.
    pub administration: SocketAddr,
    /// Health and metrics, plain HTTP.
    pub operations: SocketAddr,
}

/// Where agents find the server. Empty: this machine's name, with the port that is listened on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advertise {
    /// For sessions.
    pub agents: Vec<Address>,
    /// For enrolment; what join strings carry.
    pub enrollment: Vec<Address>,
}

/// What is logged, and how it looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Levels and targets.
    pub filter: String,
    /// For people or for machines.
    pub format: LogFormat,
}

/// What a command line adds.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// The file that was named, instead of the default one.
    pub file: Option<PathBuf>,
    /// Flags with a name of their own: flag, key, value.
    pub named: Vec<(&'static str, &'static str, String)>,
    /// `--set KEY=VALUE`.
    pub set: Vec<(String, String)>,
}

impl Config {
    /// Reads the configuration of this process from all its layers, with the settings in force for the log.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(flags: Flags) -> Result<(Self, Vec<Effective>), InvalidConfig> {
        let Flags { file, named, set } = flags;
        let layers = Layers::new(PREFIX).reserve(FILE_VARIABLE);
        let layers = match file {
            Some(file) => layers.file(file),
            None => layers.file_if_present(DEFAULT_FILE),
        };
        let layers = layers.environment(std::env::vars_os()).overrides(set);
        let layers =
            named.into_iter().fold(layers, |layers, (flag, key, value)| layers.flag(flag, key, Some(value)));
        Self::read(layers)
    }

    /// Reads one file alone, for `check-config`: neither variables nor flags.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn check(file: &Path) -> Result<Self, InvalidConfig> {
        Self::read(Layers::new(PREFIX).file(file)).map(|(config, _)| config)
    }

    /// The defaults, as a server without any configuration has them.
    ///
    /// # Errors
    /// Never, as a test proves.
    pub fn defaults() -> Result<Self, InvalidConfig> {
        Self::read(Layers::new(PREFIX)).map(|(config, _)| config)
    }

    /// Reads the configuration from given layers.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(layers: Layers) -> Result<(Self, Vec<Effective>), InvalidConfig> {
        let mut reader = layers.reader();
        let config = declare(&mut reader);
        let effective = reader.effective();
        reader.finish(config).map(|config| (config, effective))
    }
}

/// A complete configuration file with comments.
pub fn default_config() -> String {
    let mut reader = Layers::new(PREFIX).reader();
    declare(&mut reader);
    reader.default_config()
}

fn declare(r: &mut Reader) -> Config {
    Config {
        state_dir: r.path(
            "state-dir",
            default_state_dir(STATE_DIR_NAME),
            "Where the database, the certificate authority and the keys lie. Back it up: without the authority's key\n\
             no agent trusts this server again.",
        ),
        listen: declare_listen(r),
        advertise: declare_advertise(r),
        server_names: r.value(
            "server-names",
            Vec::new(),
            &ListOf(Parsed::<Host>::new()),
            "Further host names and addresses for the server's certificate, for tools that check them. Agents and\n\
             landmarkctl do not need any.",
        ),
        max_reference_servers: declare_max_servers(r),
        agent_certificate_life: declare_certificate_life(r),
        agent_limits: declare_agent_limits(r),
        sessions: console::declare(r),
        fleet: timing::declare(r),
        stop_grace: declare_stop_grace(r),
        log: declare_log(r),
    }
}

fn declare_listen(r: &mut Reader) -> Listen {
    let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
    Listen {
        agents: r.socket_addr(
            "listen.agents",
            (any, 7443).into(),
            "For agents: mutual TLS, so that only enrolled agents get in.",
        ),
        enrollment: r.socket_addr(
            "listen.enrollment",
            (any, 7444).into(),
            "For machines that become agents: TLS and a join token.",
        ),
        administration: r.socket_addr(
            "listen.administration",
            (local, 7445).into(),
            "For landmarkctl and other administration: TLS and an API token.",
        ),
        operations: r.socket_addr(
            "listen.operations",
            (local, 7446).into(),
            "For /livez, /readyz and /metrics: plain HTTP without any authentication.",
        ),
    }
}

fn declare_advertise(r: &mut Reader) -> Advertise {
    let addresses = ListOf(Parsed::<Address>::new());
    Advertise {
        agents: r.value(
            "advertise.agents",
            Vec::new(),
            &addresses,
            "Where agents find this server, HOST:PORT, tried in order; told to them when they enrol. Without any: this\n\
             machine's host name and the port of listen.agents.",
        ),
        enrollment: r.value(
            "advertise.enrollment",
            Vec::new(),
            &addresses,
            "Where machines find enrolment, HOST:PORT, tried in order; part of every join string. Without any: this\n\
             machine's host name and the port of listen.enrollment.",
        ),
    }
}

fn declare_max_servers(r: &mut Reader) -> MaxServers {
    let key = "reference-servers.max";
    let max = r.number(
        key,
        DEFAULT_MAX_SERVERS,
        DEFAULT_MAX_SERVERS..=MAX_SERVERS,
        "How many reference servers the list may have. A long list makes an agent that is outside look longer before it\n\
         says so.",
    );
    MaxServers::new(max).unwrap_or_else(|error| {
        r.problem(key, error.to_string());
        MaxServers::default()
    })
}

fn declare_certificate_life(r: &mut Reader) -> Duration {
    r.duration(
        "certificates.lifetime",
        AGENT_LIFE,
        HOUR..=365 * DAY,
        "How long the certificate of an agent is valid. Agents renew it by themselves after two thirds of that; one that\n\
         was away for longer may still do so for 90 days after its end.",
    )
}

fn declare_agent_limits(r: &mut Reader) -> Limits {
    let default = Limits::agents();
    let range = 1..=10_000_000_usize;
    Limits {
        connections: r.number(
            "limits.agent-connections",
            default.connections,
            range.clone(),
            "Connections of agents at once. Each needs a file descriptor (LimitNOFILE) and 40 KB of memory.",
        ),
        connections_per_address: r.number(
            "limits.agent-connections-per-address",
            default.connections_per_address,
            range,
            "Of these, from one address (IPv6: from one /64). Raise it where agents come through a TCP balancer or a\n\
             large NAT.",
        ),
        ..default
    }
}

fn declare_stop_grace(r: &mut Reader) -> Duration {
    r.duration(
        "stop.grace",
        // Sessions have 10 s to end, what they said last is written after them, and the shipped unit kills after 20 s.
        15 * SECOND,
        SECOND..=10 * MINUTE,
        "How long a stop may take before what is left is dropped. Shorter than the service manager's own limit\n\
         (TimeoutStopSec=20 in the unit that comes with Landmark).",
    )
}

fn declare_log(r: &mut Reader) -> Log {
    let filter = r.string(
        "log.filter",
        "info",
        "What is logged: off, error, warn, info, debug or trace, also by part (info,landmark_server::fleet=debug).",
    );
    if let Err(error) = check_filter(&filter) {
        r.problem("log.filter", error.to_string());
    }
    let format = r.choice(
        "log.format",
        LogFormat::Text,
        &[("text", LogFormat::Text), ("json", LogFormat::Json)],
        "How log lines look: text for people, json for machines.",
    );
    Log { filter, format }
}

#[cfg(test)]
mod tests;
