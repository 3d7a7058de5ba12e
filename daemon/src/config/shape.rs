//! What a setting may hold: how its value is read, limited, and written.
//!
//! A [`Reader`](super::Reader) has a method for each of them; a shape is named only for an optional setting, a list, or a
//! shape of one's own.

mod scalar;

use std::fmt::Display;
use std::ops::{Bound, RangeBounds};

use super::value::Value;

pub use self::scalar::{
    Choices, Durations, Number, Numbers, Parsed, Paths, Sizes, SocketAddresses, Switches, Texts,
};

/// What a setting may hold.
pub trait Shape {
    /// What the program gets.
    type Value;

    /// Reads a value as it was found.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, as text that follows the key: `0s is too short (at least 5s)`.
    fn read(&self, value: &Value) -> Result<Self::Value, Vec<Complaint>>;

    /// Writes a value as it would stand in a file.
    fn write(&self, value: &Self::Value) -> toml::Value;

    /// What may be written, for the documentation: `5s to 1h`. `None` if there is nothing to say.
    fn hint(&self) -> Option<String>;
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Which item of a list, counted from 0; `None` if it is about the whole value.
    pub item: Option<usize>,
    /// The text.
    pub message: String,
}

/// A list of values of another shape.
#[derive(Clone, Debug)]
pub struct ListOf<S>(pub S);

impl<S: Shape> Shape for ListOf<S> {
    type Value = Vec<S::Value>;

    fn read(&self, value: &Value) -> Result<Self::Value, Vec<Complaint>> {
        let items = value.as_list().ok_or_else(|| unexpected("a list", value))?;
        let mut values = Vec::with_capacity(items.len());
        let mut complaints = Vec::new();
        for (n, item) in items.iter().enumerate() {
            match self.0.read(&item.value) {
                Ok(value) => values.push(value),
                Err(wrong) => complaints
                    .extend(wrong.into_iter().map(|complaint| Complaint { item: Some(n), ..complaint })),
            }
        }
        if complaints.is_empty() { Ok(values) } else { Err(complaints) }
    }

    fn write(&self, value: &Self::Value) -> toml::Value {
        toml::Value::Array(value.iter().map(|item| self.0.write(item)).collect())
    }

    fn hint(&self) -> Option<String> {
        Some(self.0.hint().map_or_else(|| "a list".to_owned(), |hint| format!("a list; each {hint}")))
    }
}

/// The least and the most that a quantity may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits<T> {
    low: Bound<T>,
    high: Bound<T>,
}

impl<T: PartialOrd + Copy> Limits<T> {
    pub(super) fn new(range: &impl RangeBounds<T>) -> Self {
        Self { low: range.start_bound().cloned(), high: range.end_bound().cloned() }
    }

    /// Complains in the words of `too`, such as `("too short", "too long")`.
    pub(super) fn check<D: Display>(
        &self,
        value: T,
        write: impl Fn(T) -> D,
        too: (&str, &str),
    ) -> Result<T, Vec<Complaint>> {
        let is_low = match self.low {
            Bound::Included(least) => value < least,
            Bound::Excluded(least) => value <= least,
            Bound::Unbounded => false,
        };
        let is_high = match self.high {
            Bound::Included(most) => value > most,
            Bound::Excluded(most) => value >= most,
            Bound::Unbounded => false,
        };
        let (too, limit) = match (is_low, is_high) {
            (true, _) => (too.0, self.low_text(&write)),
            (false, true) => (too.1, self.high_text(&write)),
            (false, false) => return Ok(value),
        };
        Err(complaint(format!("{} is {too} ({})", write(value), limit.unwrap_or_default())))
    }

    pub(super) fn hint<D: Display>(&self, write: impl Fn(T) -> D) -> Option<String> {
        if let (Bound::Included(least), Bound::Included(most)) = (self.low, self.high) {
            return Some(format!("{} to {}", write(least), write(most)));
        }
        let texts: Vec<String> =
            [self.low_text(&write), self.high_text(&write)].into_iter().flatten().collect();
        (!texts.is_empty()).then(|| texts.join(", "))
    }

    fn low_text<D: Display>(&self, write: impl Fn(T) -> D) -> Option<String> {
        match self.low {
            Bound::Included(least) => Some(format!("at least {}", write(least))),
            Bound::Excluded(least) => Some(format!("more than {}", write(least))),
            Bound::Unbounded => None,
        }
    }

    fn high_text<D: Display>(&self, write: impl Fn(T) -> D) -> Option<String> {
        match self.high {
            Bound::Included(most) => Some(format!("at most {}", write(most))),
            Bound::Excluded(most) => Some(format!("less than {}", write(most))),
            Bound::Unbounded => None,
        }
    }
}

/// A complaint about a whole value.
pub(super) fn complaint(message: impl Into<String>) -> Vec<Complaint> {
    vec![Complaint { item: None, message: message.into() }]
}

/// The complaint that a value is of another type than `expected`, which carries its article.
pub(super) fn unexpected(expected: &str, found: &Value) -> Vec<Complaint> {
    complaint(format!("must be {expected}, not {}", found.kind()))
}

#[cfg(test)]
mod tests;
