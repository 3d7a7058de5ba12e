//! What commands that change the draft have in common.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::sheet::Encoding;

/// Guards an edit.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Etag {
    /// Refuse if the draft is not the one with this etag (landmarkctl draft show)
    #[arg(long, value_name = "ETAG", value_parser = parse_etag)]
    pub(crate) etag: Option<String>,
}

/// A list that is read from a CSV file.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The file to read; "-" reads standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Put the file's list in the place of the draft's
    #[arg(long, conflicts_with = "append")]
    pub(crate) replace: bool,
    /// Add the file's lines to the draft's list (default)
    #[arg(long)]
    pub(crate) append: bool,
    /// Only show what would change
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The file's encoding
    #[arg(long, value_enum, default_value_t = Encoding::Auto)]
    pub(crate) encoding: Encoding,
    #[command(flatten)]
    pub(crate) etag: Etag,
}

/// An empty one would insist on nothing, without a word; what is none at all would look like an edit of somebody else's.
fn parse_etag(text: &str) -> Result<String, String> {
    let is_etag = text.split_once('-').is_some_and(|(n_changes, digest)| {
        let is_hex = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
        !n_changes.is_empty()
            && n_changes.bytes().all(|byte| byte.is_ascii_digit())
            && digest.len() >= 8
            && digest.bytes().all(is_hex)
    });
    if is_etag {
        Ok(text.to_owned())
    } else {
        Err("an etag looks like 3-1a2b3c4d (landmarkctl draft show prints it)".to_owned())
    }
}
