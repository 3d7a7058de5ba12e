//! `landmarkctl agents`.

use clap::{Args, Subcommand};

use crate::client::AgentFilter;
use crate::view::agent::{AssignmentState, Connection, EnforcementState, Order};
use crate::view::basis::Location;

pub(crate) const EXAMPLES: &str = "\
Examples:
  landmarkctl agents list --location external   who is outside
  landmarkctl agents list --rejected            who refused the present assignment
  landmarkctl agents list --sort last-seen      who was away for longest
  landmarkctl agents show web-1                 why, since when, what came before
  landmarkctl agents explain web-1              what it tried, and what became of that
  landmarkctl agents watch --online             changes as they happen
  landmarkctl agents list --json | jq '.agents[].host_name'

An agent is named by its host name, its id, or the beginning of its id.";

/// The machines.
#[derive(Debug, Subcommand)]
pub(crate) enum Agents {
    /// Where each machine is, why, and what it holds
    List {
        #[command(flatten)]
        filter: Filter,
        /// What is listed first; agents that are alike stand by host name
        #[arg(long, value_enum, value_name = "FIELD", default_value_t)]
        sort: Order,
        /// The other way round
        #[arg(long)]
        reverse: bool,
        /// Not more than so many
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        limit: Option<u32>,
    },
    /// Everything about one agent
    Show {
        /// Host name, id, or the beginning of an id
        agent: String,
    },
    /// Why an agent is where it is: what it saw when its location changed, or when it was asked to look
    Explain {
        /// Host name, id, or the beginning of an id
        agent: String,
        /// So many evaluations, the newest
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
        last: u32,
    },
    /// The present state, then every change, until Ctrl-C
    Watch(Filter),
    /// Let agents look again now where they are
    #[command(group = clap::ArgGroup::new("which").required(true).args(["agents", "all"]))]
    Recheck {
        /// Host names, ids, or beginnings of ids
        #[arg(value_name = "AGENT")]
        agents: Vec<String>,
        /// All that are connected
        #[arg(long)]
        all: bool,
    },
    /// Remove an agent: its certificate is refused from then on
    Remove {
        /// Host name, id, or the beginning of an id
        agent: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

/// Which agents.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Filter {
    /// Part of the host name, or the beginning of an id
    pub(crate) text: Option<String>,
    /// Only agents that are there
    #[arg(long, value_enum)]
    pub(crate) location: Option<Location>,
    /// Only agents that are connected
    #[arg(long, conflicts_with = "offline")]
    pub(crate) online: bool,
    /// Only agents that are not connected
    #[arg(long)]
    pub(crate) offline: bool,
    /// Only agents that refused the present assignment
    #[arg(long, conflicts_with_all = ["behind", "current"])]
    pub(crate) rejected: bool,
    /// Only agents that hold an older assignment, or none
    #[arg(long, conflicts_with = "current")]
    pub(crate) behind: bool,
    /// Only agents that hold the present assignment
    #[arg(long)]
    pub(crate) current: bool,
    /// Only agents whose firewall is in this state
    #[arg(long, value_enum, value_name = "STATE")]
    pub(crate) enforcement: Option<EnforcementState>,
    /// Only agents that seem to share their identity with another machine
    #[arg(long)]
    pub(crate) cloned: bool,
}

impl Filter {
    /// As it is sent.
    pub(crate) fn to_filter(&self) -> AgentFilter {
        let connection = match (self.online, self.offline) {
            (true, _) => Some(Connection::Online),
            (_, true) => Some(Connection::Offline),
            (false, false) => None,
        };
        let assignment_state = match (self.rejected, self.behind, self.current) {
            (true, _, _) => Some(AssignmentState::Rejected),
            (_, true, _) => Some(AssignmentState::Behind),
            (_, _, true) => Some(AssignmentState::Current),
            (false, false, false) => None,
        };
        AgentFilter {
            text: self.text.clone(),
            location: self.location,
            connection,
            assignment_state,
            enforcement_state: self.enforcement,
            cloned: self.cloned,
        }
    }
}
