//! `landmarkctl api-tokens`.

use std::time::Duration;

use clap::{Args, Subcommand};

use crate::render::time::parse_duration;
use crate::view::account::Role;

pub(crate) const EXAMPLES: &str = "\
Examples:
  landmarkctl api-tokens create --role viewer -d \"nightly report\" > token
  landmarkctl api-tokens list
  landmarkctl api-tokens revoke 0190f5a6-7c1e-7b1a-9f30-0c2b6f1f9a77

A token belongs to the account that makes it, and may at most what that may at the
moment. Use it with --token-file, or `Authorization: Bearer` over gRPC. What lets
machines join is another kind: `landmarkctl tokens`.";

/// API tokens of programs.
#[derive(Debug, Subcommand)]
pub(crate) enum ApiTokens {
    /// Make a token and print its secret, this once
    Create(Create),
    /// Tokens that are accepted: your own, or all if you manage accounts
    List {
        /// Also those that are expired or revoked
        #[arg(long)]
        all: bool,
    },
    /// Accept a token no more
    Revoke {
        /// As `api-tokens list` shows it, or its beginning
        #[arg(value_name = "TOKEN")]
        token_id: String,
    },
}

/// `api-tokens create`.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// What it may: at most what you may
    #[arg(long, value_enum)]
    pub(crate) role: Role,
    /// What it is for
    #[arg(long, short, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// How long it is accepted, for example 12h or 30d (1 min to 366 d) [default: 90d]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) lifetime: Option<Duration>,
}
