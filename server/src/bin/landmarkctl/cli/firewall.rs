//! `landmarkctl firewall`.

pub(crate) mod exceptions;
pub(crate) mod place;
pub(crate) mod policies;
pub(crate) mod profiles;

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};
use landmark_proto::firewall::ItemName;
use landmark_proto::firewall::profile::Label;

use super::edits::Etag;
use crate::client::{MachineFacts, OfSettings};
use crate::view::firewall::{Place, Platform};

pub(crate) const EXAMPLES: &str = "\
A policy says what may pass: its exceptions for some connections, its level for
the rest. A profile gives machines a policy. Of both lists the FIRST MATCH
counts: of the profiles the first that is enabled and matches a machine is its
own, of the exceptions the first that matches a connection decides; what stands
below is not looked at. So the most specific stands on top. If no exception
matches, the level decides. If no profile matches, that machine has no firewall
of Landmark's.

  level   inbound  outbound
  low     allowed  allowed
  medium  blocked  allowed
  high    blocked  blocked

Replies to a connection that is allowed always pass. A machine that does not
know where it is counts as external.

Examples, from nothing to laptops that take nothing from strangers:
  landmarkctl firewall policies add Travel --level medium --observe
  landmarkctl firewall exceptions add Travel SSH --allow --in --protocol tcp \\
    --ports 22 --remote 10.0.0.0/8
  landmarkctl firewall profiles add \"Laptops outside\" --policy Travel \\
    --location external --host-name 'LAPTOP-*'
  landmarkctl firewall which --host LAPTOP-7 --location external
  landmarkctl assign -m \"laptops, observed\" --wait
  landmarkctl firewall hits --policy Travel         what would have been blocked
  landmarkctl firewall policies edit Travel --enforce

All of these save to the draft; `landmarkctl assign` puts it in force.";

/// The firewall of the fleet.
#[derive(Debug, Subcommand)]
pub(crate) enum Firewall {
    /// Profiles, policies and their exceptions at a glance
    Show(Of),

    /// What may pass: levels and modes
    #[command(subcommand, after_help = policies::EXAMPLES)]
    Policies(policies::Policies),

    /// The exceptions of a policy: the first that matches a connection decides
    #[command(subcommand, after_help = exceptions::EXAMPLES)]
    Exceptions(exceptions::Exceptions),

    /// The exceptions that a new policy may begin with
    #[command(subcommand, after_help = exceptions::TEMPLATE_EXAMPLES)]
    Template(exceptions::Template),

    /// Which machine gets which policy: the first profile that matches
    #[command(subcommand, after_help = profiles::EXAMPLES)]
    Profiles(profiles::Profiles),

    /// Which profile a machine gets, and why it does not get the ones before
    #[command(after_help = WHICH_HELP)]
    Which(Which),

    /// What the firewalls of the fleet have let pass and blocked, or would have
    #[command(after_help = HITS_HELP)]
    Hits {
        /// Only of this policy
        #[arg(long, value_name = "NAME")]
        policy: Option<ItemName>,
    },

    /// Write the whole firewall to a file
    #[command(after_help = FILE_HELP)]
    Export {
        /// The file to write; TOML if it ends in .toml, else JSON [default: JSON to standard output]
        #[arg(value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
        #[command(flatten)]
        of: Of,
        /// Replace the file if it is there
        #[arg(long)]
        force: bool,
    },

    /// Put the firewall of a file in the place of the draft's
    #[command(after_help = FILE_HELP)]
    Import(Import),
}

/// Which settings are looked at.
#[derive(Clone, Copy, Debug, Default, Args)]
#[group(multiple = false)]
pub(crate) struct Of {
    /// What is in force instead of the draft
    #[arg(long)]
    pub(crate) assigned: bool,
    /// An assignment instead of the draft
    #[arg(long, value_name = "REVISION", value_parser = super::assignments::parse_revision)]
    pub(crate) revision: Option<u64>,
}

impl Of {
    pub(crate) fn settings(self) -> OfSettings {
        match (self.assigned, self.revision) {
            (_, Some(revision)) => OfSettings::Revision(revision),
            (true, None) => OfSettings::Assigned,
            (false, None) => OfSettings::Draft,
        }
    }
}

pub(crate) const WHICH_HELP: &str = "\
Say what is known of the machine; a condition on something that is not known
does not match. With --agent the rest is taken from what the agent has said of
itself.

Examples:
  landmarkctl firewall which --agent laptop-7 --location external
  landmarkctl firewall which --host LAPTOP-8 --address 10.20.0.7
  landmarkctl firewall which --label site=berlin --assigned
  landmarkctl firewall which            a machine of which nothing is known";

/// `firewall which`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Which {
    /// Its host name, with or without its domain
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Option<String>,
    /// One of its own addresses; may be given several times
    #[arg(long = "address", value_name = "IP", value_delimiter = ',')]
    pub(crate) addresses: Vec<IpAddr>,
    /// Where it is
    #[arg(long, value_enum)]
    pub(crate) location: Option<Place>,
    /// Its operating system
    #[arg(long, value_enum)]
    pub(crate) platform: Option<Platform>,
    /// One of its labels; may be given several times
    #[arg(long = "label", value_name = "KEY=VALUE", value_delimiter = ',')]
    pub(crate) labels: Vec<Label>,
    /// Take what is not given from this agent: host name, id, or the beginning of an id
    #[arg(long)]
    pub(crate) agent: Option<String>,
    #[command(flatten)]
    pub(crate) of: Of,
}

impl Which {
    pub(crate) fn into_facts(self) -> (OfSettings, MachineFacts) {
        let Self { host, addresses, location, platform, labels, agent, of } = self;
        let facts = MachineFacts { location, host_name: host, addresses, platform, labels, agent };
        (of.settings(), facts)
    }
}

pub(crate) const HITS_HELP: &str = "\
Agents tell from time to time what their firewall has counted since its policy
is in force; the table adds up the latest report of each under the present
assignment. Of a connection that is allowed the first packet is counted, of one
that is blocked all that came. For a policy that only observes, blocked is what
would have been.

Examples:
  landmarkctl firewall hits
  landmarkctl firewall hits --policy Travel
  landmarkctl firewall hits --json | jq '.hits[] | select(.action == \"block\")'";

pub(crate) const FILE_HELP: &str = "\
The file has the policies with their exceptions, the profiles in their order,
and the template: as JSON (as .settings.firewall of landmarkctl draft show
--json), or as TOML:

  [[policies]]
  name = \"Travel\"
  level = \"medium\"                  # low, medium, high
  mode = \"observe\"                  # enforce unless given

  [[policies.exceptions]]
  name = \"SSH\"
  action = \"allow\"                  # allow, block
  direction = \"inbound\"             # both unless given
  protocol = \"tcp\"                  # tcp+udp with ports, else all, unless given
  ports = [\"22\", \"8000-8099\"]       # all unless given
  remotes = [\"10.0.0.0/8\"]          # all unless given

  [[profiles]]
  name = \"Laptops outside\"
  policy = \"Travel\"
  [profiles.conditions]             # every machine unless given
  locations = [\"external\"]
  host_names = [\"laptop-*\"]

Without a template in the file the template of the draft stays. Everything that
is wrong is told at once, with its path, and then nothing is changed.

Examples:
  landmarkctl firewall export firewall.toml
  landmarkctl firewall import firewall.toml --dry-run
  landmarkctl firewall export --assigned | jq '.policies[].name'";

/// `firewall import`.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The file to read, JSON or TOML; "-" reads standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Only show what would change
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) etag: Etag,
}
