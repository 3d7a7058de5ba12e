//! The command line of the server.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueHint};
use clap_complete::Shell;
use landmark_daemon::config::parse_override;
use landmark_server::config::{DEFAULT_FILE, FILE_VARIABLE, Flags};

pub(crate) mod failure;
pub(crate) mod welcome;

/// Landmark's management server: keeps the list of reference servers and pushes it to the agents.
///
/// Without any configuration it makes a certificate authority, a database and an API token in its state folder, listens
/// for agents (7443), enrolment (7444), administration (127.0.0.1:7445) and operations (127.0.0.1:7446), and prints what
/// to try first.
#[derive(Debug, Parser)]
#[command(name = "landmark-server", version, propagate_version = true, after_long_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  landmark-server run                                   start with the defaults
  landmark-server run --state-dir /tmp/landmark         keep everything in a folder of your own
  landmark-server run --set reference-servers.max=320   change any setting
  landmark-server print-default-config > server.toml    see every setting with its default
  landmark-server check-config server.toml              check a file before using it

Exit codes: 0 stopped in order, 64 wrong command line, 69 something it needs is not there (an address in use, another
server in the state folder), 70 internal error, 77 no permission, 78 wrong configuration.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs the server until it is asked to stop (SIGTERM, Ctrl-C). SIGHUP reloads the server's certificate.
    Run(RunArgs),
    /// Checks a configuration file and prints everything that is wrong with it. Exit code 78 if anything is.
    CheckConfig {
        /// The file to check.
        #[arg(default_value = DEFAULT_FILE, value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Prints a configuration file with every setting, its default and what it means.
    PrintDefaultConfig,
    /// Prints a script that makes a shell complete this command.
    ///
    /// For example: landmark-server completion bash > /etc/bash_completion.d/landmark-server
    Completion {
        /// The shell.
        shell: Shell,
    },
    /// Prints the manual page.
    ///
    /// For example: landmark-server man > /usr/local/share/man/man8/landmark-server.8
    Man,
}

/// Flags win over variables (LANDMARK_SERVER_…), variables over the configuration file, the file over the defaults.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The configuration file; without it /etc/landmark/server.toml, if there is one.
    #[arg(long, env = FILE_VARIABLE, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// Where the database, the certificate authority and the keys lie.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    state_dir: Option<String>,
    /// Listen for agents here [default: 0.0.0.0:7443].
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen_agents: Option<String>,
    /// Listen for enrolment here [default: 0.0.0.0:7444].
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen_enrollment: Option<String>,
    /// Listen for administration here [default: 127.0.0.1:7445].
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen_administration: Option<String>,
    /// Listen for health and metrics here [default: 127.0.0.1:7446].
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen_operations: Option<String>,
    /// Changes a setting, by its key in the configuration file; can be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_override)]
    set: Vec<(String, String)>,
    /// Does not print what to try first, nor the link for the first account (it is in the file first-sign-in, too).
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

impl RunArgs {
    pub(crate) fn into_flags(self) -> Flags {
        let named = [
            ("--state-dir", "state-dir", self.state_dir),
            ("--listen-agents", "listen.agents", self.listen_agents),
            ("--listen-enrollment", "listen.enrollment", self.listen_enrollment),
            ("--listen-administration", "listen.administration", self.listen_administration),
            ("--listen-operations", "listen.operations", self.listen_operations),
        ]
        .into_iter()
        .filter_map(|(flag, key, value)| Some((flag, key, value?)))
        .collect();
        Flags { file: self.config, named, set: self.set }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_is_a_setting_that_there_is() {
        let all = [
            "landmark-server",
            "run",
            "--state-dir=/nowhere",
            "--listen-agents=127.0.0.1:1",
            "--listen-enrollment=127.0.0.1:2",
            "--listen-administration=127.0.0.1:3",
            "--listen-operations=127.0.0.1:4",
            "--set=log.format=json",
        ];
        let Command::Run(args) = Cli::parse_from(all).command else { panic!() };
        let Flags { named, set, .. } = args.into_flags();
        let layers = named.into_iter().fold(
            landmark_daemon::config::Layers::new("LANDMARK_SERVER").overrides(set),
            |layers, (flag, key, value)| layers.flag(flag, key, Some(value)),
        );
        let (config, _) = landmark_server::config::Config::read(layers).unwrap();
        assert_eq!(config.state_dir, PathBuf::from("/nowhere"));
        assert_eq!(config.listen.operations, "127.0.0.1:4".parse().unwrap());
    }
}
