//! `landmarkctl draft`.

use clap::Subcommand;

use super::edits::Etag;

pub(crate) const EXAMPLES: &str = "\
Examples:
  landmarkctl draft diff      what `landmarkctl assign` would change
  landmarkctl draft discard   back to what is assigned";

/// The settings as saved.
#[derive(Debug, Subcommand)]
pub(crate) enum Draft {
    /// All settings as saved, with the etag that edits can insist on
    Show,
    /// What is saved and not yet assigned
    Diff,
    /// Throw the unassigned changes away; asks first on a terminal
    Discard {
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        etag: Etag,
    },
}
