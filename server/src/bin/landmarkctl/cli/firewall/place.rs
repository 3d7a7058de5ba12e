//! Where something shall stand in a list that is gone through from the top.

use clap::Args;
use landmark_proto::firewall::ItemName;

/// A place in a list of things that have names.
#[derive(Clone, Debug, Default, Args)]
#[group(multiple = false)]
pub(crate) struct Place {
    /// At this place, counted from 1
    #[arg(long, visible_alias = "position", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) to: Option<u32>,
    /// Above all others
    #[arg(long)]
    pub(crate) first: bool,
    /// Below all others
    #[arg(long)]
    pub(crate) last: bool,
    /// Just above this one
    #[arg(long, value_name = "NAME")]
    pub(crate) before: Option<ItemName>,
    /// Just below this one
    #[arg(long, value_name = "NAME")]
    pub(crate) after: Option<ItemName>,
}
