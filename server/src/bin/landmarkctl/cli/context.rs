//! `landmarkctl context`.

use clap::{Args, Subcommand};
use landmark_proto::pin::SpkiPin;

pub(crate) const EXAMPLES: &str = "\
Examples:
  landmarkctl context add prod --server landmark.example.com \\
      --ca authority.pem --token-file ~/landmark-token
  landmarkctl context add test --server 10.0.0.7 --pin sha256:… --token-file -
  landmarkctl context use prod
  landmarkctl --context test agents list

On the server, `landmarkctl server info` prints the pin; authority.pem and
admin-token lie in its state folder. A token on standard input (-) is kept with
the context. Contexts are kept in $XDG_CONFIG_HOME/landmark/contexts.toml, else
in ~/.config/landmark/contexts.toml.";

/// Named servers.
#[derive(Debug, Subcommand)]
pub(crate) enum ContextCommand {
    /// Name a server, with --server, --ca or --pin, and --token-file; the first one becomes the current one
    Add(Add),
    /// All contexts; the current one is marked
    List,
    /// Use this context when none is named
    Use {
        /// Which one
        name: String,
    },
    /// Use no context when none is named: the server on this machine
    Unuse,
    /// Forget a context, and the token that was kept for it
    Remove {
        /// Which one
        name: String,
    },
    /// Which server would be used, and by which files
    Show {
        /// This context instead of the one that would be used
        name: Option<String>,
    },
}

/// `context add`.
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// Letters, digits, dots, hyphens and underscores
    pub(crate) name: String,
    /// The pin of the authority instead of its certificate
    #[arg(long, value_name = "PIN", conflicts_with = "ca")]
    pub(crate) pin: Option<SpkiPin>,
    /// Change the context if it is there
    #[arg(long)]
    pub(crate) force: bool,
}
