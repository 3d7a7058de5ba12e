//! `landmarkctl login` and what belongs to it.

use std::time::Duration;

use clap::Args;
use landmark_proto::pin::SpkiPin;

use crate::render::time::parse_duration;

pub(crate) const EXAMPLES: &str = "\
Examples:
  landmarkctl login                                  at the server that is used
  landmarkctl login --server landmark.example.com --pin sha256:… --account mia
  landmarkctl login --context prod < password-file

The password is asked for, or read from standard input: one line, and the new one
in a second line where it has to be replaced. The token of signing in is kept with
a context, which becomes the current one; `landmarkctl logout` ends it. On the
server, `landmarkctl server info` prints the pin.";

/// `login`.
#[derive(Debug, Args)]
pub(crate) struct Login {
    /// Whose account; asked for unless given
    #[arg(long, short, value_name = "NAME")]
    pub(crate) account: Option<String>,
    /// How long it lasts, for example 8h or 7d (1 min to 30 d) [default: 12h]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) lifetime: Option<Duration>,
    /// The pin of the authority instead of its certificate
    #[arg(long, value_name = "PIN", conflicts_with = "ca")]
    pub(crate) pin: Option<SpkiPin>,
}
