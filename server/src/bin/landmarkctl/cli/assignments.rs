//! `landmarkctl assign` and `landmarkctl assignments`.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::edits::Etag;
use crate::render::time::parse_duration;

pub(crate) const ASSIGN_EXAMPLES: &str = "\
Examples:
  landmarkctl assign -m \"proxy moved to 10.1.1.9\" --wait
  landmarkctl assign --wait --timeout 30s || echo \"not everywhere yet\"

What will change is shown first; if somebody else edits the draft in between,
nothing is assigned. Agents that are not connected get the assignment when they
connect; they are not waited for.";

pub(crate) const EXAMPLES: &str = "\
Examples:
  landmarkctl assignments list
  landmarkctl assignments diff 6 7
  landmarkctl assignments assign-again 6 -m \"back to Monday's list\" --wait
  landmarkctl assignments watch 8";

/// `assign`.
#[derive(Debug, Args)]
pub(crate) struct Assign {
    /// Why; kept with the assignment
    #[arg(long, short = 'm', value_name = "NOTE")]
    pub(crate) note: Option<String>,
    #[command(flatten)]
    pub(crate) wait: Wait,
    #[command(flatten)]
    pub(crate) etag: Etag,
}

/// Whether and how long to wait for the agents.
#[derive(Clone, Debug, Args)]
pub(crate) struct Wait {
    /// Wait until every connected agent has answered
    #[arg(long)]
    pub(crate) wait: bool,
    /// Wait no longer than this; agents that are pending then give exit code 3
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_duration)]
    pub(crate) timeout: Duration,
}

/// The history of assignments.
#[derive(Debug, Subcommand)]
pub(crate) enum Assignments {
    /// Newest first
    List {
        /// At most this many
        #[arg(long, short = 'n', value_name = "N", default_value_t = 20, conflicts_with = "all")]
        limit: u32,
        /// All of them
        #[arg(long)]
        all: bool,
    },
    /// One assignment with its settings
    Show {
        /// Which one [default: the one in force]
        #[arg(value_name = "REVISION", value_parser = parse_revision)]
        revision: Option<u64>,
    },
    /// What changed from one assignment to another
    Diff {
        /// From this one; 0 is before the first, an empty list
        #[arg(value_name = "FROM")]
        from: u64,
        /// To this one [default: the one in force]
        #[arg(value_name = "TO", value_parser = parse_revision)]
        to: Option<u64>,
    },
    /// Make an old assignment's settings the next assignment; unassigned changes stay in the draft
    AssignAgain {
        /// The one whose settings are assigned
        #[arg(value_name = "REVISION", value_parser = parse_revision)]
        revision: u64,
        /// Why; kept with the assignment
        #[arg(long, short = 'm', value_name = "NOTE")]
        note: Option<String>,
        #[command(flatten)]
        wait: Wait,
    },
    /// See how far an assignment has come, until every connected agent has answered
    Watch {
        /// Which one [default: the one in force]
        #[arg(value_name = "REVISION", value_parser = parse_revision)]
        revision: Option<u64>,
        /// Watch no longer than this
        #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_duration)]
        timeout: Duration,
    },
}

pub(super) fn parse_revision(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(0) => Err("assignments are counted from 1".to_owned()),
        Ok(revision) => Ok(revision),
        Err(_) => Err("an assignment is a number (landmarkctl assignments list)".to_owned()),
    }
}
