//! `landmarkctl gateways`.

use std::path::PathBuf;

use clap::{Subcommand, ValueHint};
use landmark_proto::gateway::Gateway;

use super::edits::{Etag, Import};
use crate::sheet;

pub(crate) const EXAMPLES: &str = "\
Examples:
  landmarkctl gateways add 10.20.0.1,00:11:22:aa:bb:cc   this router and no other
  landmarkctl gateways add 10.20.0.1 fe80::1,001122aabbcc
  landmarkctl gateways remove 10.20.0.1                  with any hardware
  landmarkctl gateways import offices.csv --replace --dry-run
  landmarkctl location set --criterion gateway           let the gateway decide

Where the gateway decides, a machine is internal when the next hop of its default
route is on this list. Without a hardware address any router with that address will
do, also the one at home. All of these save to the draft.";

/// The gateways of the company's networks.
#[derive(Debug, Subcommand)]
pub(crate) enum Gateways {
    /// The list as saved
    List,

    /// Add gateways; those that are on the list already stay
    Add {
        /// An IPv4 or IPv6 address, and behind a comma the hardware address that it must have
        #[arg(value_name = "ADDRESS[,MAC]", required = true, value_parser = sheet::gateways::one)]
        gateways: Vec<Gateway>,
        #[command(flatten)]
        etag: Etag,
    },

    /// Remove gateways
    Remove {
        /// What to remove: ADDRESS takes all entries with it, ADDRESS,MAC the one with that hardware
        #[arg(value_name = "ADDRESS[,MAC]", required = true, value_parser = sheet::gateways::one)]
        gateways: Vec<Gateway>,
        #[command(flatten)]
        etag: Etag,
    },

    /// Read a list from a CSV file (ip or ip,mac)
    #[command(after_help = IMPORT_HELP)]
    Import(Import),

    /// Write the list as CSV (ip,mac)
    Export {
        /// The file to write [default: standard output]
        #[arg(value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
        /// Replace the file if it is there
        #[arg(long)]
        force: bool,
    },
}

const IMPORT_HELP: &str = "\
The file has one gateway a line, its hardware address beside it or not. A header
line, blank lines and lines that begin with # are skipped. The separator (comma,
semicolon or tab) and the encoding (UTF-8, UTF-16, windows-1252) are detected.

  ip,mac
  10.20.0.1,00:11:22:aa:bb:cc
  10.21.0.1
  fe80::1,0011.22aa.bbcc

Everything that is wrong is told at once, with its line, and then nothing is changed.";
