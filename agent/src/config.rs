//! Everything that the owner of a machine can configure, with its default, limits and documentation, in one place.
//!
//! ```text
//! default < /etc/landmark/agent.toml < LANDMARK_AGENT_… < flags
//! ```
//!
//! Must not know: how any of it is used.

use std::path::{Path, PathBuf};
use std::time::Duration;

use landmark_daemon::config::shape::{ListOf, Parsed, Paths};
use landmark_daemon::config::{Effective, InvalidConfig, Layers, Reader};
use landmark_daemon::error::Chain;
use landmark_daemon::state_dir::default_state_dir;
use landmark_daemon::telemetry::{LogFormat, check_filter};
use landmark_proto::firewall::profile::Label;

use crate::address::ServerAddress;
use crate::enforce::{self, Means, command::Command};

/// What variables begin with.
pub const PREFIX: &str = "LANDMARK_AGENT";
/// The variable that names the file; it is not a setting.
pub const FILE_VARIABLE: &str = "LANDMARK_AGENT_CONFIG";
/// Read when nobody names a file, and when it is there.
pub const DEFAULT_FILE: &str = "/etc/landmark/agent.toml";
/// The name of the default state folder.
pub const STATE_DIR_NAME: &str = "landmark-agent";
/// The name of the control socket in the state folder.
const SOCKET: &str = "control.sock";

const BACKEND: &str = "enforce.backend";
const COMMAND: &str = "enforce.command";

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const MAX_ADDRESSES: usize = 16;

/// The configuration of an agent.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where everything lies that must outlive the process.
    pub state_dir: PathBuf,
    /// Under which this machine reports, instead of its host name.
    pub machine_name: Option<String>,
    /// What conditions of profiles can go by.
    pub labels: Vec<Label>,
    /// Instead of the addresses that the server named at enrolment.
    pub server_addresses: Option<Vec<ServerAddress>>,
    /// Of one address.
    pub connect_timeout: Duration,
    /// Whether reference servers may be on this very machine.
    pub allow_loopback: bool,
    /// How policies are made real.
    pub enforce: enforce::Config,
    /// Where `landmark-agent status` asks.
    pub control_socket: PathBuf,
    /// What is logged.
    pub log: Log,
}

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// In the syntax of `tracing_subscriber::EnvFilter`.
    pub filter: String,
    /// Lines for people or for machines.
    pub format: LogFormat,
}

/// What the command line sets.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// The file to read instead of the default one.
    pub file: Option<PathBuf>,
    /// `--state-dir`.
    pub state_dir: Option<String>,
    /// `--set KEY=VALUE`.
    pub set: Vec<(String, String)>,
}

impl Config {
    /// Reads all layers.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn load(flags: Flags) -> Result<(Self, Vec<Effective>), InvalidConfig> {
        let Flags { file, state_dir, set } = flags;
        let layers = Layers::new(PREFIX).reserve(FILE_VARIABLE);
        let layers = match &file {
            Some(file) => layers.file(file),
            None => layers.file_if_present(DEFAULT_FILE),
        };
        let layers = layers.environment(std::env::vars_os()).overrides(set);
        Self::read(layers.flag("--state-dir", "state-dir", state_dir))
    }

    /// Reads one file alone, for `check-config`: neither variables nor flags.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn check(file: &Path) -> Result<(Self, Vec<Effective>), InvalidConfig> {
        Self::read(Layers::new(PREFIX).file(file))
    }

    /// What is allowed, and surely not meant: a command that is not run, or that cannot be run as things are now.
    pub fn warnings(&self, effective: &[Effective]) -> Vec<String> {
        let complaint = match &self.enforce.means {
            Means::Auto => Some(format!("has no effect while {BACKEND} is \"auto\"")),
            Means::Nftables => Some(format!("has no effect while {BACKEND} is \"nftables\"")),
            Means::Observe => Some(format!("has no effect while {BACKEND} is \"observe\"")),
            Means::Command(command) => command.check().err().map(|error| Chain(&error).to_string()),
        };
        let complaint = complaint.zip(effective.iter().find(|effective| effective.key == COMMAND));
        complaint
            .into_iter()
            .map(|(text, command)| format!("{}: {COMMAND}: {text}", command.origin))
            .collect()
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
    let state_dir = r.path(
        "state-dir",
        default_state_dir(STATE_DIR_NAME),
        "Where the agent's key, what it holds and what it has not reported yet lie. Never copy it to another machine:\n\
         enrol that one by itself.",
    );
    let machine_name = r.optional_string(
        "machine.name",
        "reception-3",
        "The name under which this machine reports. Without it, its host name.",
    );
    let labels = declare_labels(r);
    let server_addresses = declare_addresses(r);
    let connect_timeout = r.duration(
        "link.connect-timeout",
        5 * SECOND,
        SECOND..=MINUTE,
        "How long connecting to one address of the server may take.",
    );
    let allow_loopback = r.bool(
        "location.allow-loopback",
        false,
        "Whether reference servers may be on this very machine. Only for trying Landmark out: what is on this machine\n\
         answers everywhere, and the machine would always be internal.",
    );
    let enforce = declare_enforcement(r);
    let control_socket = r.optional_path(
        "control.socket",
        state_dir.join(SOCKET),
        "The Unix socket at which status, explain and recheck ask the running agent; nothing can be changed there.\n\
         Whoever may write to it (mode 0660) may ask. Without this setting, control.sock in the state folder.",
    );
    Config {
        control_socket: control_socket.unwrap_or_else(|| state_dir.join(SOCKET)),
        state_dir,
        machine_name,
        labels,
        server_addresses,
        connect_timeout,
        allow_loopback,
        enforce,
        log: declare_log(r),
    }
}

fn declare_labels(r: &mut Reader) -> Vec<Label> {
    let key = "machine.labels";
    let labels = r.value(
        key,
        Vec::new(),
        &ListOf(Parsed::<Label>::new()),
        "What this machine is, KEY=VALUE, for firewall profiles that go by it, such as [\"site=berlin\", \"class=kiosk\"].",
    );
    if labels.len() > Label::MAX {
        r.problem(key, format!("has {} labels (at most {})", labels.len(), Label::MAX));
    }
    labels
}

fn declare_addresses(r: &mut Reader) -> Option<Vec<ServerAddress>> {
    let key = "server.addresses";
    let addresses = r.value(
        key,
        Vec::new(),
        &ListOf(Parsed::<ServerAddress>::new()),
        "Where the server holds sessions, HOST:PORT. Without any, the addresses that the server named at enrolment. They\n\
         are equals: each dial begins at any of them.",
    );
    if addresses.len() > MAX_ADDRESSES {
        r.problem(key, format!("has {} addresses (at most {MAX_ADDRESSES})", addresses.len()));
    }
    (!addresses.is_empty()).then_some(addresses)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Auto,
    Nftables,
    Command,
    Observe,
}

fn declare_enforcement(r: &mut Reader) -> enforce::Config {
    let kind = r.choice(
        BACKEND,
        Kind::Auto,
        &[
            ("auto", Kind::Auto),
            ("nftables", Kind::Nftables),
            ("command", Kind::Command),
            ("observe", Kind::Observe),
        ],
        "How the policy of the place is made real. nftables: the kernel's packet filter, in a table of our own. command:\n\
         run a program of yours. observe: report which policy it would be, and change nothing. auto: nftables where this\n\
         agent may write to the packet filter (as root), else observe.",
    );
    // Not a path that starts at the file's folder: which program runs with our rights must not depend on such things.
    let program = r.optional(
        COMMAND,
        &PathBuf::from("/usr/local/sbin/apply-policy"),
        &Paths,
        "For the backend command: the program, by its absolute path. It gets the policy as one line of JSON on its\n\
         standard input, and says by exit code 0 that it is in force. It must belong to root or to the agent's user, and\n\
         neither it nor a folder above it may be writable by others.",
    );
    let arguments = r.strings("enforce.arguments", &[], "Arguments for it.");
    let time_limit = r.duration(
        "enforce.time-limit",
        30 * SECOND,
        SECOND..=10 * MINUTE,
        "It is ended, with everything it started, when it takes longer.",
    );
    let repair_interval = r.duration(
        "enforce.repair-interval",
        5 * MINUTE,
        10 * SECOND..=24 * HOUR,
        "How often what is in force is compared with what shall be, or the command run again, though nothing is known to\n\
         have changed. Changes of the firewall's rules by others are noticed and repaired at once.",
    );
    if let Some(program) = program.as_ref().filter(|program| !program.is_absolute()) {
        r.problem(COMMAND, format!("{} is not an absolute path", program.display()));
    }
    let means = match (kind, program) {
        (Kind::Auto, _) => Means::Auto,
        (Kind::Nftables, _) => Means::Nftables,
        (Kind::Observe, _) => Means::Observe,
        (Kind::Command, None) => {
            r.problem(BACKEND, format!("needs a program: set {COMMAND}"));
            Means::Observe
        }
        (Kind::Command, Some(program)) => Means::Command(Command { program, arguments, time_limit }),
    };
    enforce::Config { means, repair_interval }
}

fn declare_log(r: &mut Reader) -> Log {
    let key = "log.filter";
    let filter = r.string(
        key,
        "info",
        "What is logged: a level (error, warn, info, debug, trace), or levels by module, such as\n\
         info,landmark_agent::link=debug.",
    );
    if let Err(error) = check_filter(&filter) {
        r.problem(key, error.to_string());
    }
    let format = r.choice(
        "log.format",
        LogFormat::Text,
        &[("text", LogFormat::Text), ("json", LogFormat::Json)],
        "Lines for people, or JSON objects, one a line.",
    );
    Log { filter, format }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use landmark_daemon::durable;

    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        Config::read(Layers::new(PREFIX).toml("agent.toml", text))
            .map(|(config, _)| config)
            .map_err(|invalid| invalid.to_string())
    }

    #[test]
    fn without_a_file_an_agent_writes_the_firewall_if_it_may() {
        let config = read("").unwrap();
        assert_eq!(config.enforce.means, Means::Auto);
        assert_eq!(config.server_addresses, None);
        assert!(!config.allow_loopback);
        assert!(config.control_socket.ends_with("control.sock"));
    }

    #[test]
    fn the_socket_follows_the_state_folder() {
        let config = read("state-dir = \"/x\"").unwrap();
        assert_eq!(config.control_socket, PathBuf::from("/x/control.sock"));
        let config = read("state-dir = \"/x\"\ncontrol.socket = \"/run/y\"").unwrap();
        assert_eq!(config.control_socket, PathBuf::from("/run/y"));
    }

    #[test]
    fn the_command_backend_needs_an_absolute_program() {
        let config =
            read("[enforce]\nbackend = \"command\"\ncommand = \"/bin/x\"\ntime-limit = \"3s\"").unwrap();
        let Means::Command(command) = config.enforce.means else { panic!() };
        assert_eq!((command.program, command.time_limit), (PathBuf::from("/bin/x"), 3 * SECOND));
        assert_eq!(
            read("[enforce]\nbackend = \"command\"").unwrap_err(),
            "agent.toml:2:11: enforce.backend: needs a program: set enforce.command"
        );
        for text in
            ["[enforce]\ncommand = \"bin/x\"", "[enforce]\nbackend = \"command\"\ncommand = \"bin/x\""]
        {
            let problem = read(text).unwrap_err();
            assert!(problem.ends_with(": enforce.command: bin/x is not an absolute path"), "{problem}");
        }
        let layers = Layers::new(PREFIX).overrides(vec![("enforce.command".to_owned(), "bin/x".to_owned())]);
        let problem = Config::read(layers).unwrap_err().to_string();
        assert!(problem.ends_with("enforce.command: bin/x is not an absolute path"), "{problem}");
    }

    #[test]
    fn what_is_surely_not_meant_is_a_warning() {
        let warnings = |text: &str| {
            let (config, effective) = Config::read(Layers::new(PREFIX).toml("agent.toml", text)).unwrap();
            config.warnings(&effective)
        };
        assert_eq!(warnings(""), [""; 0]);
        assert_eq!(
            warnings("[enforce]\ncommand = \"/bin/x\""),
            ["agent.toml:2:11: enforce.command: has no effect while enforce.backend is \"auto\""]
        );
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        let text = format!("[enforce]\nbackend = \"command\"\ncommand = {program:?}");
        let missing = warnings(&text);
        let expected = format!("agent.toml:3:11: enforce.command: cannot examine {}", program.display());
        assert!(missing.len() == 1 && missing[0].starts_with(&expected), "{missing:?}");
        durable::write(&program, b"#!/bin/sh\n", durable::Mode::Private).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o722)).unwrap();
        let unsafe_program = warnings(&text);
        assert!(unsafe_program[0].contains("others may write to it (mode 0722)"), "{unsafe_program:?}");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(warnings(&text), [""; 0]);
    }

    #[test]
    fn the_default_file_stays_valid_when_every_setting_in_it_is_set() {
        let text = default_config();
        let set: String = text
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(setting) if setting.starts_with(|c: char| c.is_ascii_lowercase()) => {
                    format!("{setting}\n")
                }
                _ => format!("{line}\n"),
            })
            .collect();
        assert!(set.contains("\ncommand = "), "{set}");
        read(&set).unwrap();
    }

    #[test]
    fn the_default_file_can_be_read_in_a_terminal() {
        let text = default_config();
        let too_wide: Vec<&str> = text.lines().filter(|line| line.chars().count() > 120).collect();
        assert_eq!(too_wide, [""; 0]);
    }

    #[test]
    fn all_problems_are_told_at_once_with_their_places() {
        let problems = read(
            "[server]\naddresses = [\"a\"]\n[link]\nconnect-timeout = \"0s\"\n[log]\nfilter = \"x=y\"\n",
        );
        let problems = problems.unwrap_err();
        for part in
            ["agent.toml:2:", "server.addresses", "agent.toml:4:", "link.connect-timeout", "agent.toml:6:"]
        {
            assert!(problems.contains(part), "{part} is not in:\n{problems}");
        }
    }

    #[test]
    fn the_default_file_is_valid_and_says_every_setting() {
        let text = default_config();
        assert!(read(&text).is_ok());
        for key in
            ["state-dir", "addresses", "connect-timeout", "allow-loopback", "repair-interval", "socket"]
        {
            assert!(text.contains(&format!("#{key} = ")), "{key} is not in:\n{text}");
        }
    }
}
