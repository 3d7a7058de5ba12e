//! `landmarkctl location`.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::edits::Etag;
use crate::client::Rules;
use crate::render::time::whole_seconds;
use crate::view::rules::{Criterion, ServerConnection, Tunnels};

pub(crate) const EXAMPLES: &str = "\
Examples:
  landmarkctl location set --recheck-interval 2m
  landmarkctl location set --server-connection says-nothing
  landmarkctl location set --required-successes 2 --tunnels ignore
  landmarkctl location set --confirmations-to-external 2 --minimum-dwell 30s
  landmarkctl location set --criterion gateway     see landmarkctl gateways

Choose says-nothing for a server that faces the internet: being connected to it
then says nothing about the place, and the reference servers decide. Choose
--tunnels ignore if a VPN must not make a machine internal. Confirmations and the
dwell time keep a machine on a shaky network from changing sides all the time; they
also keep it on the wrong side for longer.";

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
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true).args([
    "criterion", "server_connection", "recheck_interval", "required_successes", "tunnels",
    "confirmations_to_internal", "confirmations_to_external", "minimum_dwell",
]))]
pub(crate) struct Set {
    /// What a location depends on
    #[arg(long, value_enum)]
    pub(crate) criterion: Option<Criterion>,
    /// What a connection to the management server says about the place
    #[arg(long, value_enum)]
    pub(crate) server_connection: Option<ServerConnection>,
    /// How often an agent looks again: while it is not connected, with says-nothing or gateway always (10 s to 1 d;
    /// 60 s on a new server)
    #[arg(long, value_name = "DURATION", value_parser = whole_seconds)]
    pub(crate) recheck_interval: Option<Duration>,
    /// How many different reference servers must answer (1 to 32; 1 on a new server)
    #[arg(long, value_name = "N")]
    pub(crate) required_successes: Option<u32>,
    /// What an answer through a tunnel (VPN) says about the place
    #[arg(long, value_enum)]
    pub(crate) tunnels: Option<Tunnels>,
    /// How many findings in a row make an agent internal that was external (1 to 10; 1 on a new server)
    #[arg(long, value_name = "N")]
    pub(crate) confirmations_to_internal: Option<u32>,
    /// The same the other way
    #[arg(long, value_name = "N")]
    pub(crate) confirmations_to_external: Option<u32>,
    /// How long a location stands at least (0s to 1 h; 0s on a new server)
    #[arg(long, value_name = "DURATION", value_parser = whole_seconds)]
    pub(crate) minimum_dwell: Option<Duration>,
    #[command(flatten)]
    pub(crate) etag: Etag,
}

impl Set {
    /// The rules, and the etag that they insist on.
    pub(crate) fn into_rules(self) -> (Rules, Etag) {
        let Self {
            criterion,
            server_connection,
            recheck_interval,
            required_successes,
            tunnels,
            confirmations_to_internal,
            confirmations_to_external,
            minimum_dwell,
            etag,
        } = self;
        let rules = Rules {
            criterion,
            server_connection,
            recheck_interval,
            required_successes,
            tunnels,
            confirmations_to_internal,
            confirmations_to_external,
            minimum_dwell,
        };
        (rules, etag)
    }
}
