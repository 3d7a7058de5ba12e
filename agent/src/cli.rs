//! The command line of the agent.

pub(crate) mod enforce;
pub(crate) mod enroll;
pub(crate) mod explain;
pub(crate) mod failure;
pub(crate) mod status;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueHint, value_parser};
use clap_complete::Shell;
use landmark_agent::config::{FILE_VARIABLE, Flags};
use landmark_daemon::config::parse_override;

/// Landmark's agent: decides whether this machine is inside the company network, and makes the policy of that place real.
///
/// It holds a link to its server. When the link is lost it tries the reference servers that it was assigned: the first in
/// their order that answers means internal, none means external. What it holds is on its disk, and is enforced also
/// without any server.
#[derive(Debug, Parser)]
#[command(name = "landmark-agent", version, propagate_version = true, after_long_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

const EXAMPLES: &str = "\
Examples:
  landmark-agent enroll landmark1.…     make this machine an agent
                                        (from: landmarkctl tokens create)
  landmark-agent run                    run it
  landmark-agent status                 where is this machine, what holds?
  landmark-agent status --watch         the same, at every change
  landmark-agent explain                why: every attempt, in order
  landmark-agent recheck                look again now
  landmark-agent enforce show           which firewall rules stand, and why
  landmark-agent enforce plan           what would change in them
  landmark-agent print-default-config   every setting with its default

Without root everything works in ~/.local/state/landmark-agent. For another
folder add --state-dir DIR to each command, or set LANDMARK_AGENT_STATE_DIR.

Exit codes:
  0   done, or stopped in order
  64  wrong command line
  69  something it needs is not there: the agent does not run, another one
      uses the state folder, the server is another one
  70  internal error
  75  try again later: the server cannot be reached
  77  no permission, or the join token is refused
  78  wrong configuration, or not enrolled";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs the agent until it is asked to stop (SIGTERM, Ctrl-C).
    Run,
    /// Makes this machine an agent of a fleet.
    ///
    /// The key is made here and never leaves this machine. The join string names the server and pins its certificate
    /// authority; the token in it is only sent to that server. Run the same command again if the connection breaks: it
    /// gives the same agent.
    Enroll(EnrollArgs),
    /// Tells where this machine is and why, what is held and enforced, and how the link is.
    ///
    /// Exit code 69 when the agent is not running; what its disk says is printed all the same.
    Status {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// Print it again at every change, until Ctrl-C.
        #[arg(long, short)]
        watch: bool,
    },
    /// Tells why: the evidence of the last decisions, with every attempt in order.
    Explain {
        /// How many decisions, the last ones (at most 64 are kept).
        #[arg(long, short = 'n', default_value_t = 1, value_name = "N", value_parser = value_parser!(u16).range(1..=64))]
        last: u16,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Looks for the location again now, and tells it.
    Recheck {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Shows the firewall's rules and what would change in them, or takes them away.
    #[command(subcommand)]
    Enforce(enforce::Enforce),
    /// Checks a configuration file and prints everything that is wrong with it. Exit code 78 if anything is.
    CheckConfig {
        /// The file to check; without it that of --config or LANDMARK_AGENT_CONFIG, else /etc/landmark/agent.toml.
        #[arg(value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
    },
    /// Prints a configuration file with every setting, its default and what it means.
    PrintDefaultConfig,
    /// Prints a script that makes a shell complete this command.
    ///
    /// For example: landmark-agent completion bash > /etc/bash_completion.d/landmark-agent
    Completion {
        /// The shell.
        shell: Shell,
    },
    /// Prints the manual page.
    ///
    /// For example: landmark-agent man > /usr/local/share/man/man1/landmark-agent.1
    Man,
}

#[derive(Debug, Args)]
pub(crate) struct EnrollArgs {
    #[command(flatten)]
    pub(crate) source: JoinSource,
    /// Become a new agent although this machine is one already.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct JoinSource {
    /// The join string; - reads it from standard input, where other users of this machine cannot see it.
    #[arg(value_name = "JOIN_STRING or -")]
    pub(crate) join_string: Option<String>,
    /// Read the join string from this file.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) join_file: Option<PathBuf>,
}

/// Flags win over variables (LANDMARK_AGENT_…), variables over the configuration file, the file over the defaults.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// The configuration file; without it /etc/landmark/agent.toml, if there is one.
    #[arg(long, global = true, env = FILE_VARIABLE, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// Where the agent's key and everything it holds lie.
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    state_dir: Option<String>,
    /// Changes a setting, by its key in the configuration file; can be given several times.
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = parse_override)]
    set: Vec<(String, String)>,
}

impl Settings {
    pub(crate) fn into_flags(self) -> Flags {
        let Self { config, state_dir, set } = self;
        Flags { file: config, state_dir, set }
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
    fn what_stands_under_the_help_fits_a_terminal() {
        let too_wide: Vec<&str> = EXAMPLES.lines().filter(|line| line.chars().count() > 80).collect();
        assert_eq!(too_wide, [""; 0]);
    }

    #[test]
    fn settings_may_stand_anywhere() {
        for line in
            ["landmark-agent --state-dir /x run --set a=b", "landmark-agent run --set a=b --state-dir /x"]
        {
            let flags = Cli::parse_from(line.split(' ')).settings.into_flags();
            assert_eq!(flags.state_dir.as_deref(), Some("/x"));
            assert_eq!(flags.set, [("a".to_owned(), "b".to_owned())]);
        }
    }

    #[test]
    fn enrolling_takes_exactly_one_join_string() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' '));
        let nothing = parse("landmark-agent enroll").unwrap_err().to_string();
        assert!(nothing.contains("<JOIN_STRING or -|--join-file <FILE>>"), "{nothing}");
        assert!(parse("landmark-agent enroll a --join-file b").is_err());
        assert!(parse("landmark-agent enroll -").is_ok());
        assert!(parse("landmark-agent enroll --join-file b").is_ok());
    }
}
