//! `landmarkctl firewall policies`.

use clap::{Args, Subcommand};
use landmark_proto::firewall::ItemName;

use crate::cli::edits::Etag;
use crate::view::firewall::{Level, Mode};

pub(crate) const EXAMPLES: &str = "\
Examples:
  landmarkctl firewall policies list
  landmarkctl firewall policies add Travel --level medium --from-template
  landmarkctl firewall policies add Trial --level high --observe
  landmarkctl firewall policies edit Trial --enforce
  landmarkctl firewall policies edit Travel --name Outside --level high
  landmarkctl firewall policies remove Trial

A policy that observes drops nothing: what it would block passes and is counted
(landmarkctl firewall hits). Begin with that. A policy does nothing until a
profile gives it to machines: landmarkctl firewall profiles add. Its exceptions:
landmarkctl firewall exceptions.";

/// What may pass.
#[derive(Debug, Subcommand)]
pub(crate) enum Policies {
    /// All policies, and the profiles that use them
    List,

    /// One policy with its exceptions
    Show {
        /// The policy
        name: ItemName,
    },

    /// Add a policy
    Add(Add),

    /// Change the name, the level or the mode of a policy; profiles follow a new name
    Edit(Edit),

    /// Remove policies that no profile uses
    Remove {
        /// The policies
        #[arg(value_name = "NAME", required = true)]
        names: Vec<ItemName>,
        #[command(flatten)]
        etag: Etag,
    },
}

/// `firewall policies add`.
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// What it is called
    pub(crate) name: ItemName,
    /// What becomes of a connection that no exception matches
    #[arg(long, value_enum)]
    pub(crate) level: Level,
    /// Drop nothing: what would be blocked passes and is counted
    #[arg(long)]
    pub(crate) observe: bool,
    /// Begin with the exceptions of the template (landmarkctl firewall template list)
    #[arg(long)]
    pub(crate) from_template: bool,
    #[command(flatten)]
    pub(crate) etag: Etag,
}

/// `firewall policies edit`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true).args([
    "new_name", "level", "observe", "enforce",
]))]
pub(crate) struct Edit {
    /// The policy to change
    pub(crate) name: ItemName,
    /// What it shall be called
    #[arg(long = "name", value_name = "NEW")]
    pub(crate) new_name: Option<ItemName>,
    /// What becomes of a connection that no exception matches
    #[arg(long, value_enum)]
    pub(crate) level: Option<Level>,
    /// Drop nothing: what would be blocked passes and is counted
    #[arg(long, conflicts_with = "enforce")]
    pub(crate) observe: bool,
    /// Drop what is blocked
    #[arg(long)]
    pub(crate) enforce: bool,
    #[command(flatten)]
    pub(crate) etag: Etag,
}

impl Edit {
    pub(crate) fn mode(&self) -> Option<Mode> {
        match (self.observe, self.enforce) {
            (true, _) => Some(Mode::Observe),
            (_, true) => Some(Mode::Enforce),
            (false, false) => None,
        }
    }
}
