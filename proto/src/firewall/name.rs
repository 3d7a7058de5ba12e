//! Names that administrators give: to policies, profiles and exceptions.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A name, 1 to [`ItemName::MAX_CHARS`] characters, without control characters and without blanks at its ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemName(String);

impl ItemName {
    /// Characters, at most.
    pub const MAX_CHARS: usize = 64;

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name that is known to be one.
    pub(crate) fn constant(text: &'static str) -> Self {
        Self(text.to_owned())
    }
}

impl FromStr for ItemName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidName::Empty);
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidName::Control(text.chars().take(Self::MAX_CHARS).collect()));
        }
        let n_chars = text.chars().count();
        if n_chars > Self::MAX_CHARS {
            let shown = text.chars().take(Self::MAX_CHARS).collect();
            return Err(InvalidName::TooLong { shown, n_chars });
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ItemName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Not a name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidName {
    /// Nothing but blanks.
    #[error("a name is missing (1 to {} characters)", ItemName::MAX_CHARS)]
    Empty,
    /// A line break or the like.
    #[error("the name {0:?} has control characters")]
    Control(String),
    /// More than [`ItemName::MAX_CHARS`].
    #[error("the name \"{shown}…\" has {n_chars} characters (at most {})", ItemName::MAX_CHARS)]
    TooLong {
        /// Its beginning.
        shown: String,
        /// Characters.
        n_chars: usize,
    },
}
