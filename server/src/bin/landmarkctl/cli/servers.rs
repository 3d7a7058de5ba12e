//! `landmarkctl servers`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use crate::sheet::Encoding;

pub(crate) const EXAMPLES: &str = "\
Examples:
  landmarkctl servers add intranet.example.com 443 80      two ports, in this order
  landmarkctl servers add 10.1.1.5:1433 [2001:db8::1]:443  several hosts at once
  landmarkctl servers move 10.1.1.5 --first                tried before all others
  landmarkctl servers remove intranet.example.com:80       one port of it
  landmarkctl servers import list.csv --replace --dry-run  what would change

A host is an IPv4 or IPv6 address, a computer name or a domain name. All of
these save to the draft; `landmarkctl assign` puts it in force.";

/// The reference server list.
#[derive(Debug, Subcommand)]
pub(crate) enum Servers {
    /// The list as saved, and what of it is not yet assigned
    List {
        /// The list that is in force instead of the draft's
        #[arg(long)]
        assigned: bool,
    },

    /// Which of the assigned servers answer whom, and what happens without each
    Health {
        /// Let all agents that are online try them now
        #[arg(long)]
        refresh: bool,
    },

    /// Add reference servers; a host that is on the list already gets the ports added
    Add(Add),

    /// Change the host or the ports of an entry where it stands
    Edit(Edit),

    /// Change the order in which the entries are tried
    Move(Move),

    /// Remove entries, or single ports of them
    Remove {
        /// What to remove: HOST takes the whole entry, HOST:PORT one port of it
        #[arg(value_name = "HOST[:PORT]", required = true)]
        targets: Vec<String>,
        #[command(flatten)]
        etag: Etag,
    },

    /// Use the list: an agent that loses the server tries it
    Enable(Etag),

    /// Do not use the list; its entries stay
    Disable(Etag),

    /// Read a list from a CSV file (host,port)
    #[command(after_help = IMPORT_HELP)]
    Import(Import),

    /// Write the list as CSV (host,port)
    Export {
        /// The file to write [default: standard output]
        #[arg(value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
        /// The list that is in force instead of the draft's
        #[arg(long)]
        assigned: bool,
        /// Replace the file if it is there
        #[arg(long)]
        force: bool,
    },
}

const IMPORT_HELP: &str = "\
The file has one host and port a line; several lines with one host, or several
ports on a line, add ports in that order. A header line, blank lines and lines
that begin with # are skipped. The separator (comma, semicolon or tab) and the
encoding (UTF-8, UTF-16, windows-1252) are detected.

  host,port
  intranet.example.com,443
  intranet.example.com,80
  10.1.1.5,1433

Everything that is wrong is told at once, with its line, and then nothing is changed.";

/// `servers add`.
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// HOST PORT…, HOST:PORT or [IPV6]:PORT; ports are tried in the given order
    #[arg(value_name = "HOST PORT", required = true)]
    pub(crate) targets: Vec<String>,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) etag: Etag,
}

/// `servers edit`.
#[derive(Debug, Args)]
pub(crate) struct Edit {
    /// The entry to change
    pub(crate) host: String,
    /// What it shall be called
    #[arg(long = "host", value_name = "HOST")]
    pub(crate) new_host: Option<String>,
    /// All ports that it shall have, in the order in which they are tried
    #[arg(long = "ports", value_name = "PORT", num_args = 1.., value_delimiter = ',')]
    pub(crate) ports: Vec<String>,
    #[command(flatten)]
    pub(crate) etag: Etag,
}

/// `servers move`.
#[derive(Debug, Args)]
pub(crate) struct Move {
    /// The entry to move
    pub(crate) host: String,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) etag: Etag,
}

/// Where an entry shall stand.
#[derive(Clone, Debug, Default, Args)]
#[group(multiple = false)]
pub(crate) struct Place {
    /// At this place, counted from 1
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) to: Option<u32>,
    /// Before all others
    #[arg(long)]
    pub(crate) first: bool,
    /// After all others
    #[arg(long)]
    pub(crate) last: bool,
    /// Just before this entry
    #[arg(long, value_name = "HOST")]
    pub(crate) before: Option<String>,
    /// Just after this entry
    #[arg(long, value_name = "HOST")]
    pub(crate) after: Option<String>,
}

impl Place {
    pub(crate) fn is_given(&self) -> bool {
        self.to.is_some() || self.first || self.last || self.before.is_some() || self.after.is_some()
    }
}

/// `servers import`.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The file to read; "-" reads standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Put the file's list in the place of the draft's
    #[arg(long, conflicts_with = "append")]
    pub(crate) replace: bool,
    /// Add the file's entries to the draft's list (default)
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

/// Guards an edit.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Etag {
    /// Refuse if the draft is not the one with this etag (landmarkctl draft show)
    #[arg(long, value_name = "ETAG", value_parser = parse_etag)]
    pub(crate) etag: Option<String>,
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
