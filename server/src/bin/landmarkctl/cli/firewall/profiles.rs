//! `landmarkctl firewall profiles`.

use clap::{Args, Subcommand};
use landmark_proto::firewall::ItemName;
use landmark_proto::firewall::profile::{Label, NamePattern};
use landmark_proto::firewall::remote::AddressRange;

use super::place::Place;
use crate::cli::edits::Etag;
use crate::view::firewall::{Place as Location, Platform};

pub(crate) const EXAMPLES: &str = "\
Examples:
  landmarkctl firewall profiles list
  landmarkctl firewall profiles add \"Laptops outside\" --policy Travel \\
    --location external --host-name 'LAPTOP-*' --host-name 'NB-???'
  landmarkctl firewall profiles add Berlin --policy Office --label site=berlin
  landmarkctl firewall profiles edit Berlin --address 10.20.0.0/16 --any-label
  landmarkctl firewall profiles move Berlin --before \"Laptops outside\"
  landmarkctl firewall profiles disable Berlin
  landmarkctl firewall which --host LAPTOP-7 --location external

The first profile that is enabled and matches a machine is its own; the rest are
not looked at. Every kind of condition that is given must match; of several of
one kind one is enough. A profile without conditions matches every machine: a
new profile is put above the first such one, unless a place is given.";

/// Which machine gets which policy.
#[derive(Debug, Subcommand)]
pub(crate) enum Profiles {
    /// All profiles, in their order
    List,

    /// One profile
    Show {
        /// The profile
        name: ItemName,
    },

    /// Add a profile; above the first that matches every machine unless a place is given
    Add(Add),

    /// Change a profile where it stands; what is not given stays
    Edit(Edit),

    /// Change the order of the profiles
    Move {
        /// The profile to move
        name: ItemName,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        etag: Etag,
    },

    /// Let a profile match machines
    Enable {
        /// The profile
        name: ItemName,
        #[command(flatten)]
        etag: Etag,
    },

    /// Let a profile match no machine; it stays on the list
    Disable {
        /// The profile
        name: ItemName,
        #[command(flatten)]
        etag: Etag,
    },

    /// Remove profiles
    Remove {
        /// The profiles
        #[arg(value_name = "NAME", required = true)]
        names: Vec<ItemName>,
        #[command(flatten)]
        etag: Etag,
    },
}

/// `firewall profiles add`.
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// What it is called
    pub(crate) name: ItemName,
    /// The policy that its machines get
    #[arg(long, value_name = "POLICY")]
    pub(crate) policy: ItemName,
    #[command(flatten)]
    pub(crate) conditions: Conditions,
    /// Match no machine yet
    #[arg(long)]
    pub(crate) disabled: bool,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) etag: Etag,
}

/// `firewall profiles edit`.
#[derive(Debug, Args)]
pub(crate) struct Edit {
    /// The profile to change
    pub(crate) name: ItemName,
    /// What it shall be called
    #[arg(long = "name", value_name = "NEW")]
    pub(crate) new_name: Option<ItemName>,
    /// The policy that its machines get
    #[arg(long, value_name = "POLICY")]
    pub(crate) policy: Option<ItemName>,
    #[command(flatten)]
    pub(crate) conditions: Conditions,
    #[command(flatten)]
    pub(crate) any: Any,
    /// Let it match machines
    #[arg(long, conflicts_with = "disable")]
    pub(crate) enable: bool,
    /// Let it match no machine
    #[arg(long)]
    pub(crate) disable: bool,
    #[command(flatten)]
    pub(crate) etag: Etag,
}

impl Edit {
    /// Whether there is nothing to do.
    pub(crate) fn is_empty(&self) -> bool {
        let Self { name: _, new_name, policy, conditions, any, enable, disable, etag: _ } = self;
        let Conditions { locations, addresses, host_names, platforms, labels } = conditions;
        let Any { any_location, any_address, any_host_name, any_platform, any_label } = any;
        let is_any = *any_location || *any_address || *any_host_name || *any_platform || *any_label;
        let is_given = !locations.is_empty()
            || !addresses.is_empty()
            || !host_names.is_empty()
            || !platforms.is_empty()
            || !labels.is_empty();
        new_name.is_none() && policy.is_none() && !is_given && !is_any && !enable && !disable
    }
}

/// Which machines; what is given takes the place of all conditions of that kind.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Conditions {
    /// Where the machine is
    #[arg(long = "location", value_name = "LOCATION", value_enum, value_delimiter = ',')]
    pub(crate) locations: Vec<Location>,
    /// An address of the machine itself: one, 10.0.0.0/8 or 10.0.0.1-10.0.0.9; may be given several times
    #[arg(long = "address", value_name = "ADDRESS", value_delimiter = ',')]
    pub(crate) addresses: Vec<AddressRange>,
    /// Its host name, * for any characters, ? for one; may be given several times
    #[arg(long = "host-name", value_name = "PATTERN", value_delimiter = ',')]
    pub(crate) host_names: Vec<NamePattern>,
    /// Its operating system
    #[arg(long = "platform", value_name = "PLATFORM", value_enum, value_delimiter = ',')]
    pub(crate) platforms: Vec<Platform>,
    /// A label that its owner has given it; may be given several times
    #[arg(long = "label", value_name = "KEY=VALUE", value_delimiter = ',')]
    pub(crate) labels: Vec<Label>,
}

/// Kinds of conditions that shall not matter any more.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Any {
    /// Wherever the machine is
    #[arg(long, conflicts_with = "locations")]
    pub(crate) any_location: bool,
    /// Whatever addresses it has
    #[arg(long, conflicts_with = "addresses")]
    pub(crate) any_address: bool,
    /// Whatever it is called
    #[arg(long, conflicts_with = "host_names")]
    pub(crate) any_host_name: bool,
    /// Whatever its operating system is
    #[arg(long, conflicts_with = "platforms")]
    pub(crate) any_platform: bool,
    /// Whatever its labels are
    #[arg(long, conflicts_with = "labels")]
    pub(crate) any_label: bool,
}
