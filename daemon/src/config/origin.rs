//! Where a value was written, so that a person finds it again.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Where a value comes from. The order is that in which problems are reported.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A file as a whole; displayed as `agent.toml`.
    WholeFile(Arc<Path>),
    /// A place in a file; displayed as `agent.toml:12:9`.
    File(Arc<Path>, Position),
    /// An environment variable; displayed as its name.
    Variable(String),
    /// The argument of `--set`, with the key it sets; displayed as `--set link.idle-timeout`.
    Override(String),
    /// A flag of its own, with its dashes; displayed as `--listen`.
    Flag(String),
    /// Built into the program.
    Default,
}

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
}

/// The layers, in rising precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Default,
    File,
    Environment,
    Flags,
}

impl Origin {
    pub(super) fn rank(&self) -> Rank {
        match self {
            Self::Default => Rank::Default,
            Self::WholeFile(_) | Self::File(..) => Rank::File,
            Self::Variable(_) => Rank::Environment,
            Self::Override(_) | Self::Flag(_) => Rank::Flags,
        }
    }

    /// The place of an item of a list, if it has one of its own.
    pub(super) fn at(&self, position: Option<Position>) -> Self {
        match (self, position) {
            (Self::File(path, _), Some(position)) => Self::File(Arc::clone(path), position),
            _ => self.clone(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WholeFile(path) => write!(f, "{}", path.display()),
            Self::File(path, Position { line, column }) => write!(f, "{}:{line}:{column}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Override(key) => write!(f, "--set {key}"),
            Self::Flag(flag) => f.write_str(flag),
            Self::Default => f.write_str("default"),
        }
    }
}
