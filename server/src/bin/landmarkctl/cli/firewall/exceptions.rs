//! `landmarkctl firewall exceptions`, and the same for the template.

use clap::{Args, Subcommand};
use landmark_proto::firewall::{ItemName, PortSet, Remotes};

use super::place::Place;
use crate::cli::edits::Etag;
use crate::view::firewall::{Action, Direction, Protocol};

pub(crate) const EXAMPLES: &str = "\
Examples:
  landmarkctl firewall exceptions list Travel
  landmarkctl firewall exceptions add Travel SSH --allow --in --protocol tcp \\
    --ports 22 --remote 10.0.0.0/8
  landmarkctl firewall exceptions add Travel Web --allow --out --ports 80,8443
  landmarkctl firewall exceptions add Travel Guests --block --in --first \\
    --remote 10.9.0.1-10.9.0.99 --remote 2001:db8::/32
  landmarkctl firewall exceptions edit Travel SSH --remote all
  landmarkctl firewall exceptions move Travel SSH --before Guests
  landmarkctl firewall exceptions remove Travel Web Guests

The first exception that matches a connection decides, so one that stands below
a wider one does nothing. --in is for connections to the machine, --out for
those from it; replies belong to them. Ports are those of the side that is
connected to. Without --protocol it is tcp+udp if ports are given, else all.";

pub(crate) const TEMPLATE_EXAMPLES: &str = "\
Examples:
  landmarkctl firewall template list
  landmarkctl firewall template add Backup --allow --out --ports 873
  landmarkctl firewall template edit DNS --remote 10.0.0.53
  landmarkctl firewall template reset             back to what a new server has
  landmarkctl firewall policies add Travel --level high --from-template

The template is copied into a new policy that asks for it, and then forgotten: a
change of the template does not change a policy that is there.";

/// The exceptions of a policy.
#[derive(Debug, Subcommand)]
pub(crate) enum Exceptions {
    /// The exceptions of a policy, in their order
    List {
        /// The policy
        policy: ItemName,
    },

    /// Add an exception; at the end unless a place is given
    Add {
        /// The policy
        policy: ItemName,
        #[command(flatten)]
        add: AddException,
    },

    /// Change an exception where it stands; what is not given stays
    Edit {
        /// The policy
        policy: ItemName,
        #[command(flatten)]
        edit: EditException,
    },

    /// Change the order of the exceptions
    Move {
        /// The policy
        policy: ItemName,
        #[command(flatten)]
        shift: MoveException,
    },

    /// Remove exceptions
    Remove {
        /// The policy
        policy: ItemName,
        #[command(flatten)]
        remove: RemoveExceptions,
    },
}

/// The exceptions that a new policy may begin with.
#[derive(Debug, Subcommand)]
pub(crate) enum Template {
    /// The exceptions of the template, in their order
    List,
    /// Add an exception; at the end unless a place is given
    Add(AddException),
    /// Change an exception where it stands; what is not given stays
    Edit(EditException),
    /// Change the order of the exceptions
    Move(MoveException),
    /// Remove exceptions
    Remove(RemoveExceptions),
    /// Back to the exceptions that a new server has
    Reset(Etag),
}

/// `… add`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("action").required(true).args(["allow", "block"]))]
pub(crate) struct AddException {
    /// What it is called
    pub(crate) name: ItemName,
    #[command(flatten)]
    pub(crate) wish: Wish,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) etag: Etag,
}

/// `… edit`.
#[derive(Debug, Args)]
pub(crate) struct EditException {
    /// The exception to change
    pub(crate) name: ItemName,
    /// What it shall be called
    #[arg(long = "name", value_name = "NEW")]
    pub(crate) new_name: Option<ItemName>,
    #[command(flatten)]
    pub(crate) wish: Wish,
    #[command(flatten)]
    pub(crate) etag: Etag,
}

/// `… move`.
#[derive(Debug, Args)]
pub(crate) struct MoveException {
    /// The exception to move
    pub(crate) name: ItemName,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) etag: Etag,
}

/// `… remove`.
#[derive(Debug, Args)]
pub(crate) struct RemoveExceptions {
    /// The exceptions
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<ItemName>,
    #[command(flatten)]
    pub(crate) etag: Etag,
}

/// What an exception shall say.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Wish {
    /// What it matches passes
    #[arg(long, conflicts_with = "block")]
    pub(crate) allow: bool,
    /// What it matches is dropped
    #[arg(long)]
    pub(crate) block: bool,
    /// Connections to this machine
    #[arg(long = "in", conflicts_with_all = ["outbound", "both"])]
    pub(crate) inbound: bool,
    /// Connections from this machine
    #[arg(long = "out", conflicts_with = "both")]
    pub(crate) outbound: bool,
    /// Connections in both directions (default of a new one)
    #[arg(long)]
    pub(crate) both: bool,
    /// Of which kind [default of a new one: tcp+udp if ports are given, else all]
    #[arg(long, value_enum)]
    pub(crate) protocol: Option<Protocol>,
    /// Ports of the side that is connected to: 443 or 80,8000-8099 or all (default of a new one)
    #[arg(long, value_name = "PORTS")]
    pub(crate) ports: Option<PortSet>,
    /// The other side: an address, 10.0.0.0/8, 10.0.0.1-10.0.0.9, a host name, or all (default of a new one); may be
    /// given several times
    #[arg(long = "remote", value_name = "REMOTE")]
    pub(crate) remotes: Vec<Remotes>,
}

impl EditException {
    /// Whether there is nothing to do.
    pub(crate) fn is_empty(&self) -> bool {
        let Self { name: _, new_name, wish, etag: _ } = self;
        let is_deed = wish.action().is_some() || wish.direction().is_some();
        let is_what = wish.protocol.is_some() || wish.ports.is_some() || !wish.remotes.is_empty();
        new_name.is_none() && !is_deed && !is_what
    }
}

impl Wish {
    pub(crate) fn action(&self) -> Option<Action> {
        match (self.allow, self.block) {
            (true, _) => Some(Action::Allow),
            (_, true) => Some(Action::Block),
            (false, false) => None,
        }
    }

    pub(crate) fn direction(&self) -> Option<Direction> {
        match (self.inbound, self.outbound, self.both) {
            (true, _, _) => Some(Direction::Inbound),
            (_, true, _) => Some(Direction::Outbound),
            (_, _, true) => Some(Direction::Both),
            (false, false, false) => None,
        }
    }
}
