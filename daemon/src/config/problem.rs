//! What is wrong with a configuration, as the text that an operator reads.

use std::fmt;

use super::origin::Origin;

/// One thing that is wrong: where, with which setting, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    origin: Origin,
    key: Option<String>,
    message: String,
}

/// A configuration that cannot be used. Displays all problems, one a line, in the order of the file and then of the
/// layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidConfig {
    problems: Vec<Problem>,
}

impl Problem {
    pub(super) fn of_key(origin: Origin, key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { origin, key: Some(key.into()), message: message.into() }
    }

    /// What is wrong with a file or variable before any setting is known.
    pub(super) fn of_layer(origin: Origin, message: impl Into<String>) -> Self {
        Self { origin, key: None, message: message.into() }
    }

    /// Where it was written.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The setting, if the problem is with one.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// What is wrong with it.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.origin, &self.key) {
            // A built-in value has no place that an operator could look at.
            (Origin::Default, Some(key)) => write!(f, "{key}: ")?,
            (Origin::Override(set), Some(key)) if set == key => write!(f, "{}: ", self.origin)?,
            (origin, Some(key)) => write!(f, "{origin}: {key}: ")?,
            (origin, None) => write!(f, "{origin}: ")?,
        }
        f.write_str(&self.message)
    }
}

impl InvalidConfig {
    pub(super) fn new(mut problems: Vec<Problem>) -> Self {
        // Stable: problems of one place stay in the order in which they were found.
        problems.sort_by(|a, b| a.origin.cmp(&b.origin));
        Self { problems }
    }

    /// All problems, at least one.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.problems.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for InvalidConfig {}
