//! The command line: what can be typed, and the help that teaches it. Knows nothing of how anything is done.

pub(crate) mod accounts;
pub(crate) mod agents;
pub(crate) mod api_tokens;
pub(crate) mod assignments;
pub(crate) mod context;
pub(crate) mod draft;
pub(crate) mod edits;
pub(crate) mod firewall;
pub(crate) mod gateways;
pub(crate) mod location;
pub(crate) mod login;
pub(crate) mod servers;
pub(crate) mod tokens;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueHint};
use clap_complete::Shell;

use crate::context::{InvalidAddress, Wanted};

const FINDING: &str = "Finding the server";

const ABOUT: &str = "\
Manages a Landmark server: the reference servers that tell a machine whether it is inside the company network, the \
assignments that carry them to the agents, and the agents themselves.

Edits are saved to the draft, in force nowhere until `landmarkctl assign` makes it the next assignment and pushes it to \
the agents.";

const AFTER_HELP: &str = "\
First steps, on the server's machine:
  landmarkctl servers add intranet.example.com 443 80   a host and two ports
  landmarkctl servers enable                            use the list
  landmarkctl draft diff                                saved, not yet assigned
  landmarkctl assign -m \"first list\" --wait             push, wait for agents
  landmarkctl tokens create --uses 10                   lets machines join
  landmarkctl agents list                               where each one is, and why
  landmarkctl status                                    numbers, and what needs attention

Which server is meant, in falling order:
  --context NAME, or --server with --ca and --token-file, or their variables;
  the current context (landmarkctl login, landmarkctl context use NAME);
  the server on this machine: authority.pem and admin-token in its state folder.

Exit codes:
  0    done
  1    refused by the server; nothing was changed
  2    assign --wait: agents rejected the assignment
  3    assign --wait: agents were still pending when the time was up
  4    assign --wait: a newer assignment took over
  5    servers lint --strict: something is doubtful
  64   the command line is wrong
  65   a given file is wrong, or cannot be read or written
  69   the server cannot be reached, or is not the one that was meant; servers pin: the peer
  70   the server failed, or landmarkctl did
  77   the API token or the password was refused, or may not do that
  78   the contexts, the authority's certificate or the token cannot be used
  130  interrupted, or answered with no

Data goes to standard output, everything else to standard error. With --json data is a JSON document (watch commands: one \
a line), and a failure is one line of JSON on standard error.";

/// Manages a Landmark server.
#[derive(Debug, Parser)]
#[command(name = "landmarkctl", version, about = "Manages a Landmark server", long_about = ABOUT, after_help = AFTER_HELP)]
#[command(subcommand_required = true, arg_required_else_help = true, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// Reads a command line. What is wrong with one is told with the whole usage of its command, not with that of what
    /// was given.
    pub(crate) fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut command = Self::command();
        command.build();
        let mut command = with_whole_usage(command);
        let mut matches = command.try_get_matches_from_mut(arguments)?;
        if let Some(option) = empty_option(&matches) {
            let text = format!("--{option} is empty: leave it out, or say which");
            return Err(command.error(ErrorKind::InvalidValue, text));
        }
        Self::from_arg_matches_mut(&mut matches)
    }
}

/// An option that says which server is meant, and says nothing: the unset variable of a script, which must not lead to
/// another server. (A variable of the environment that is empty is as good as none.)
fn empty_option(matches: &ArgMatches) -> Option<String> {
    let is_empty = |id: &str| {
        let mut values = matches.get_raw(id).into_iter().flatten();
        matches.value_source(id) == Some(ValueSource::CommandLine) && values.any(OsStr::is_empty)
    };
    let which = ["context", "server", "ca", "token_file", "state_dir"].into_iter().find(|id| is_empty(id));
    which.map(|id| id.replace('_', "-"))
}

fn with_whole_usage(command: clap::Command) -> clap::Command {
    let names: Vec<String> = command.get_subcommands().map(|child| child.get_name().to_owned()).collect();
    let mut command =
        names.into_iter().fold(command, |command, name| command.mut_subcommand(name, with_whole_usage));
    let usage = command.render_usage().to_string();
    command.override_usage(usage.trim_start_matches("Usage:").trim().to_owned())
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// Print JSON documents for scripts instead of tables
    #[arg(long, global = true, display_order = 900)]
    pub(crate) json: bool,

    /// Use this context (see: landmarkctl context)
    #[arg(long, global = true, value_name = "NAME", env = "LANDMARK_CONTEXT", help_heading = FINDING)]
    pub(crate) context: Option<String>,

    /// Where administration listens; the port is 7445 unless given
    #[arg(long, global = true, value_name = "HOST[:PORT]", env = "LANDMARK_SERVER", help_heading = FINDING)]
    pub(crate) server: Option<String>,

    /// The certificate of the fleet's authority (authority.pem in the server's state folder)
    #[arg(long, global = true, value_name = "FILE", env = "LANDMARK_CA", value_hint = ValueHint::FilePath, help_heading = FINDING)]
    pub(crate) ca: Option<OsString>,

    /// A file that holds the API token; "-" reads it from standard input
    #[arg(long, global = true, value_name = "FILE", env = "LANDMARK_TOKEN_FILE", value_hint = ValueHint::FilePath, help_heading = FINDING)]
    pub(crate) token_file: Option<OsString>,

    /// The state folder of a server on this machine [default: /var/lib/landmark-server, else that of the user]
    #[arg(long, global = true, value_name = "DIR", env = "LANDMARK_SERVER_STATE_DIR", value_hint = ValueHint::DirPath, help_heading = FINDING)]
    pub(crate) state_dir: Option<OsString>,
}

impl Global {
    /// What these say about the server that is meant. An empty variable says nothing.
    pub(crate) fn wanted(&self) -> Result<Wanted, InvalidAddress> {
        let path = |path: &Option<OsString>| path.as_ref().filter(|path| !path.is_empty()).map(PathBuf::from);
        let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        Ok(Wanted {
            context: text(&self.context),
            server: text(&self.server).map(|address| address.parse()).transpose()?,
            ca: path(&self.ca),
            token_file: path(&self.token_file),
            state_dir: path(&self.state_dir),
        })
    }
}

/// The groups of commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The reference server list, in the order in which agents try it
    #[command(subcommand, after_help = servers::EXAMPLES)]
    Servers(servers::Servers),

    /// The settings as saved, not yet in force
    #[command(subcommand, after_help = draft::EXAMPLES)]
    Draft(draft::Draft),

    /// Make the draft the next assignment and push it to the agents
    #[command(after_help = assignments::ASSIGN_EXAMPLES)]
    Assign(assignments::Assign),

    /// What was assigned, when, by whom; assign an old one again
    #[command(subcommand, after_help = assignments::EXAMPLES)]
    Assignments(assignments::Assignments),

    /// How the fleet fares: numbers, the progress of the present assignment, and what needs attention
    #[command(after_help = STATUS_EXAMPLES)]
    Status,

    /// The machines: where they are, why, and what they hold
    #[command(subcommand, after_help = agents::EXAMPLES)]
    Agents(agents::Agents),

    /// Join tokens: what makes a machine an agent
    #[command(subcommand, after_help = tokens::EXAMPLES)]
    Tokens(tokens::Tokens),

    /// Sign in, so that the following commands are yours
    #[command(after_help = login::EXAMPLES)]
    Login(login::Login),

    /// Sign out: the token of signing in is accepted no more
    Logout,

    /// Who you are to the server, and what you may
    Whoami,

    /// Replace your password; ends your other sessions
    ChangePassword,

    /// Accounts of people: who can sign in, and what they may
    #[command(subcommand, after_help = accounts::EXAMPLES)]
    Accounts(accounts::Accounts),

    /// API tokens: what programs sign in with
    #[command(subcommand, after_help = api_tokens::EXAMPLES)]
    ApiTokens(api_tokens::ApiTokens),

    /// How a machine's location is decided
    #[command(subcommand, after_help = location::EXAMPLES)]
    Location(location::Location),

    /// The gateways of the company's networks, for the criterion gateway
    #[command(subcommand, after_help = gateways::EXAMPLES)]
    Gateways(gateways::Gateways),

    /// The firewall of the machines: policies, and the profiles that give them to machines
    #[command(subcommand, after_help = firewall::EXAMPLES)]
    Firewall(firewall::Firewall),

    /// The server itself
    #[command(subcommand)]
    Server(Server),

    /// Named servers, for use from other machines
    #[command(subcommand, after_help = context::EXAMPLES)]
    Context(context::ContextCommand),

    /// Print a completion script for a shell
    #[command(after_help = COMPLETION_EXAMPLES)]
    Completion {
        /// Which shell
        shell: Shell,
    },

    /// Print the manual page, or write those of all commands into a folder
    Man {
        /// Write landmarkctl.1, landmarkctl-servers.1 … here
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
}

/// The server itself.
#[derive(Debug, Subcommand)]
pub(crate) enum Server {
    /// Version, fleet, pin of the authority, number of agents
    Info,
}

const STATUS_EXAMPLES: &str = "\
Examples:
  landmarkctl status
  landmarkctl status --json | jq '.attention[] | select(.level == \"error\")'";

const COMPLETION_EXAMPLES: &str = "\
Examples:
  landmarkctl completion bash > /etc/bash_completion.d/landmarkctl
  landmarkctl completion zsh > \"${fpath[1]}/_landmarkctl\"
  landmarkctl completion fish > ~/.config/fish/completions/landmarkctl.fish";

#[cfg(test)]
mod tests;
