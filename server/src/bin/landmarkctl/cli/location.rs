//! `landmarkctl location`.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::servers::Etag;
use crate::render::time::parse_duration;
use crate::view::draft::ServerConnection;

pub(crate) const EXAMPLES: &str = "\
Examples:
  landmarkctl location set --recheck-interval 2m
  landmarkctl location set --server-connection says-nothing

Choose says-nothing for a server that faces the internet: being connected to it
then says nothing about the place, and the reference servers decide.";

/// How a location is decided.
#[derive(Debug, Subcommand)]
pub(crate) enum Location {
    /// The rules as saved
    Show,
    /// Change rules; what is not given stays
    Set(Set),
}

/// `location set`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true).args(["server_connection", "recheck_interval"]))]
pub(crate) struct Set {
    /// What a connection to the management server says about the place
    #[arg(long, value_enum)]
    pub(crate) server_connection: Option<ServerConnection>,
    /// How often an agent looks again: while it is not connected, with says-nothing always (10 s to 1 d; 60 s on a new
    /// server)
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) recheck_interval: Option<Duration>,
    #[command(flatten)]
    pub(crate) etag: Etag,
}
