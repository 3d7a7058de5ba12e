//! Broken rules, each named by its path, all of them at once.

use std::error::Error;
use std::fmt;

/// At most this many are kept; a peer that breaks more rules than this learns the number of the rest.
const MAX_KEPT: usize = 100;

/// Where a value stands, for example `reference_servers.servers[3].ports[0]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Path(String);

impl Path {
    /// The whole message.
    pub fn root() -> Self {
        Self::default()
    }

    /// A field of the value at this path.
    #[must_use]
    pub fn field(&self, name: &str) -> Self {
        if self.0.is_empty() { Self(name.to_owned()) } else { Self(format!("{}.{name}", self.0)) }
    }

    /// An element of the list at this path.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    /// The path as text; empty for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which value, in the field names of the wire.
    pub path: String,
    /// What is wrong with it: the value, and what would be right.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

/// At least one broken rule, in the order of the values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// Exactly one.
    pub fn one(path: &Path, message: impl fmt::Display) -> Self {
        Self(vec![Violation { path: path.as_str().to_owned(), message: message.to_string() }])
    }

    /// `None` for an empty list.
    pub fn from_vec(violations: Vec<Violation>) -> Option<Self> {
        (!violations.is_empty()).then_some(Self(violations))
    }

    /// All of them.
    pub fn as_slice(&self) -> &[Violation] {
        &self.0
    }

    /// All of them, owned.
    pub fn into_vec(self) -> Vec<Violation> {
        self.0
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, violation) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            violation.fmt(f)?;
        }
        Ok(())
    }
}

impl Error for Violations {}

/// Collects violations while a value is read.
#[derive(Debug, Default)]
pub struct Findings {
    kept: Vec<Violation>,
    n_more: usize,
}

impl Findings {
    /// Notes a broken rule.
    pub fn push(&mut self, path: &Path, message: impl fmt::Display) {
        if self.kept.len() < MAX_KEPT {
            self.kept.push(Violation { path: path.as_str().to_owned(), message: message.to_string() });
        } else {
            self.n_more += 1;
        }
    }

    /// The value, or `None` with its violations noted.
    pub fn keep<T>(&mut self, result: Result<T, Violations>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(violations) => {
                let room = MAX_KEPT.saturating_sub(self.kept.len());
                self.n_more += violations.0.len().saturating_sub(room);
                self.kept.extend(violations.0.into_iter().take(room));
                None
            }
        }
    }

    /// Like [`Findings::keep`], for an error that does not know its path.
    pub fn keep_at<T, E: fmt::Display>(&mut self, path: &Path, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.push(path, error);
                None
            }
        }
    }

    /// Whether nothing was noted.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The value, when it is there and nothing was noted.
    ///
    /// # Errors
    /// All that was noted.
    pub fn finish<T>(mut self, value: Option<T>) -> Result<T, Violations> {
        if self.n_more > 0 {
            let message = format!("and {} more problems", self.n_more);
            self.kept.push(Violation { path: String::new(), message });
        }
        match value {
            Some(value) if self.kept.is_empty() => Ok(value),
            Some(_) => Err(Violations(self.kept)),
            None if self.kept.is_empty() => Err(Violations::one(&Path::root(), "incomplete")),
            None => Err(Violations(self.kept)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_like_the_wire() {
        let path = Path::root().field("reference_servers").field("servers").index(3).field("ports").index(0);
        assert_eq!(path.as_str(), "reference_servers.servers[3].ports[0]");
    }

    #[test]
    fn all_violations_are_reported_at_once() {
        let mut findings = Findings::default();
        findings.push(&Path::root().field("a"), "is bad");
        let nested: Option<()> = findings.keep(Err(Violations::one(&Path::root().field("b"), "is worse")));
        assert_eq!(nested, None);
        let violations = findings.finish(Some(1)).unwrap_err();
        assert_eq!(violations.to_string(), "a: is bad; b: is worse");
    }

    #[test]
    fn a_flood_of_violations_is_cut_and_counted() {
        let mut findings = Findings::default();
        for index in 0..250 {
            findings.push(&Path::root().index(index), "is bad");
        }
        let violations = findings.finish(Some(())).unwrap_err();
        assert_eq!(violations.as_slice().len(), MAX_KEPT + 1);
        assert!(violations.to_string().ends_with("and 150 more problems"));
    }
}
