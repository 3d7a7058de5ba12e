//! `landmarkctl tokens`.

use std::time::Duration;

use clap::{Args, Subcommand};

use crate::render::time::parse_duration;

pub(crate) const EXAMPLES: &str = "\
Examples:
  landmarkctl tokens create --uses 50 --lifetime 7d --description \"branch office\"
  landmarkctl tokens create --address landmark.example.com:7444
  landmarkctl tokens revoke 0190f5a6-7c1e-7b1a-9f30-0c2b6f1f9a77

`create` prints the command to run on the machine that shall join. Whoever has
it can join until the token is used up, expired or revoked: it is a password.";

/// Join tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum Tokens {
    /// Make a token and print the join command, this once
    Create(Create),
    /// Tokens that still let machines in
    List {
        /// Also those that are used up, expired or revoked
        #[arg(long)]
        all: bool,
    },
    /// Let nobody in with this token any more; agents that joined with it stay
    Revoke {
        /// As `tokens list` shows it, or its beginning
        #[arg(value_name = "TOKEN")]
        token_id: String,
    },
}

/// `tokens create`.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// What it is for
    #[arg(long, short, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// How many machines may join with it [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) uses: Option<u32>,
    /// How long it lets machines in, for example 12h or 7d (1 min to 365 d) [default: 1d]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) lifetime: Option<Duration>,
    /// Where the machine reaches enrolment, instead of the server's configured addresses; may be repeated
    #[arg(long = "address", value_name = "HOST:PORT")]
    pub(crate) addresses: Vec<String>,
}
