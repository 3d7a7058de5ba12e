//! The shapes of single values.

use std::error::Error;
use std::fmt::Display;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::ops::RangeBounds;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::{Complaint, Limits, Shape, complaint, unexpected};
use crate::config::unit::{InvalidQuantity, format_duration, format_size, parse_duration, parse_size};
use crate::config::value::Value;
use crate::error::Chain;

/// Durations such as `500ms` or `5s`.
#[derive(Clone, Copy, Debug)]
pub struct Durations(Limits<Duration>);

/// Sizes such as `64KiB`, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Sizes(Limits<u64>);

/// Whole numbers.
#[derive(Clone, Copy, Debug)]
pub struct Numbers<N> {
    limits: Limits<i128>,
    number: PhantomData<N>,
}

/// Whole numbers that a setting may hold.
pub trait Number: Copy + TryFrom<i128> {
    /// The least and the most.
    const RANGE: (i128, i128);

    /// The same number.
    fn widen(self) -> i128;
}

/// `true` or `false`.
#[derive(Clone, Copy, Debug)]
pub struct Switches;

/// Text, but not the empty one: an optional setting that is not set is left out.
#[derive(Clone, Copy, Debug)]
pub struct Texts;

/// Paths of files and folders.
#[derive(Clone, Copy, Debug)]
pub struct Paths;

/// IP addresses with a port.
#[derive(Clone, Copy, Debug)]
pub struct SocketAddresses;

/// One of some names, each with its meaning.
#[derive(Clone, Debug)]
pub struct Choices<T>(Vec<(&'static str, T)>);

/// Text that a type of the program parses; its error is the message and shall name the text.
#[derive(Clone, Copy, Debug)]
pub struct Parsed<T>(PhantomData<T>);

impl Durations {
    /// Those within a range, such as `Duration::from_secs(5)..`.
    pub fn within(range: impl RangeBounds<Duration>) -> Self {
        Self(Limits::new(&range))
    }
}

impl Shape for Durations {
    type Value = Duration;

    fn read(&self, value: &Value) -> Result<Duration, Vec<Complaint>> {
        let duration = quantity(value, "a duration such as \"5s\"", parse_duration)?;
        self.0.check(duration, format_duration, ("too short", "too long"))
    }

    fn write(&self, value: &Duration) -> toml::Value {
        toml::Value::String(format_duration(*value))
    }

    fn hint(&self) -> Option<String> {
        self.0.hint(format_duration)
    }
}

impl Sizes {
    /// Those within a range in bytes, such as `64 * KIB..=GIB`.
    pub fn within(range: impl RangeBounds<u64>) -> Self {
        Self(Limits::new(&range))
    }
}

impl Shape for Sizes {
    type Value = u64;

    fn read(&self, value: &Value) -> Result<u64, Vec<Complaint>> {
        let bytes = quantity(value, "a size such as \"64KiB\"", parse_size)?;
        self.0.check(bytes, format_size, ("too small", "too large"))
    }

    fn write(&self, value: &u64) -> toml::Value {
        toml::Value::String(format_size(*value))
    }

    fn hint(&self) -> Option<String> {
        self.0.hint(format_size)
    }
}

impl<N: Number> Numbers<N> {
    /// Those within a range, such as `1..=320`; what its ends leave open is bounded by the type.
    pub fn within(range: impl RangeBounds<N>) -> Self {
        let widen = |bound: std::ops::Bound<&N>| bound.map(|number| number.widen());
        Self {
            limits: Limits::new(&(widen(range.start_bound()), widen(range.end_bound()))),
            number: PhantomData,
        }
    }
}

impl<N: Number> Shape for Numbers<N> {
    type Value = N;

    fn read(&self, value: &Value) -> Result<N, Vec<Complaint>> {
        let number = match value {
            Value::Integer(number) => *number,
            Value::Untyped(text) => {
                text.trim().parse().map_err(|_| complaint(format!("{text:?} is not a whole number")))?
            }
            Value::String(_) | Value::Boolean(_) | Value::List(_) | Value::Other(_) => {
                return Err(unexpected("a whole number", value));
            }
        };
        let too = ("too small", "too large");
        self.limits.check(number, |number| number, too)?;
        let (least, most) = N::RANGE;
        Limits::new(&(least..=most)).check(number, |number| number, too)?;
        N::try_from(number).map_err(|_| complaint(format!("{number} is out of range")))
    }

    fn write(&self, value: &N) -> toml::Value {
        // TOML integers have 64 bits; what is longer is written as text, which reading it refuses by name.
        let wide = value.widen();
        i64::try_from(wide).map_or_else(|_| toml::Value::String(wide.to_string()), toml::Value::Integer)
    }

    fn hint(&self) -> Option<String> {
        self.limits.hint(|number| number)
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {
        $(impl Number for $number {
            const RANGE: (i128, i128) = (<$number>::MIN as i128, <$number>::MAX as i128);

            fn widen(self) -> i128 {
                self as i128
            }
        })*
    };
}

numbers!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);

impl Shape for Switches {
    type Value = bool;

    fn read(&self, value: &Value) -> Result<bool, Vec<Complaint>> {
        match value {
            Value::Boolean(switch) => Ok(*switch),
            Value::Untyped(text) => {
                text.trim().parse().map_err(|_| complaint(format!("{text:?} is neither true nor false")))
            }
            Value::String(_) | Value::Integer(_) | Value::List(_) | Value::Other(_) => {
                Err(unexpected("true or false", value))
            }
        }
    }

    fn write(&self, value: &bool) -> toml::Value {
        toml::Value::Boolean(*value)
    }

    fn hint(&self) -> Option<String> {
        None
    }
}

impl Shape for Texts {
    type Value = String;

    fn read(&self, value: &Value) -> Result<String, Vec<Complaint>> {
        text(value, "a string").map(str::to_owned)
    }

    fn write(&self, value: &String) -> toml::Value {
        toml::Value::String(value.clone())
    }

    fn hint(&self) -> Option<String> {
        None
    }
}

impl Shape for Paths {
    type Value = PathBuf;

    fn read(&self, value: &Value) -> Result<PathBuf, Vec<Complaint>> {
        text(value, "a path").map(PathBuf::from)
    }

    fn write(&self, value: &PathBuf) -> toml::Value {
        toml::Value::String(value.to_string_lossy().into_owned())
    }

    fn hint(&self) -> Option<String> {
        None
    }
}

impl Shape for SocketAddresses {
    type Value = SocketAddr;

    fn read(&self, value: &Value) -> Result<SocketAddr, Vec<Complaint>> {
        let text = text(value, "an IP address and port")?;
        text.parse().map_err(|_| {
            complaint(format!("{text} is not an IP address and port (such as 127.0.0.1:7446 or [::1]:7446)"))
        })
    }

    fn write(&self, value: &SocketAddr) -> toml::Value {
        toml::Value::String(value.to_string())
    }

    fn hint(&self) -> Option<String> {
        None
    }
}

impl<T: Copy + PartialEq> Choices<T> {
    /// The names and what they mean.
    pub fn of(choices: &[(&'static str, T)]) -> Self {
        Self(choices.to_vec())
    }

    fn names(&self) -> String {
        self.0.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}

impl<T: Copy + PartialEq> Shape for Choices<T> {
    type Value = T;

    fn read(&self, value: &Value) -> Result<T, Vec<Complaint>> {
        let text = text(value, "a string")?;
        let found = self.0.iter().find(|(name, _)| *name == text);
        found
            .map(|(_, meaning)| *meaning)
            .ok_or_else(|| complaint(format!("{text} is not one of {}", self.names())))
    }

    fn write(&self, value: &T) -> toml::Value {
        // A value without a name is the mistake of a declaration; the empty text makes reading it complain.
        let name = self.0.iter().find(|(_, meaning)| meaning == value).map_or("", |(name, _)| name);
        toml::Value::String(name.to_owned())
    }

    fn hint(&self) -> Option<String> {
        Some(format!("one of {}", self.names()))
    }
}

impl<T> Parsed<T> {
    /// Those that `T` parses.
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Default for Parsed<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: FromStr<Err: Error> + Display> Shape for Parsed<T> {
    type Value = T;

    fn read(&self, value: &Value) -> Result<T, Vec<Complaint>> {
        text(value, "a string")?.parse().map_err(|error| complaint(Chain(&error).to_string()))
    }

    fn write(&self, value: &T) -> toml::Value {
        toml::Value::String(value.to_string())
    }

    fn hint(&self) -> Option<String> {
        None
    }
}

fn text<'a>(value: &'a Value, expected: &str) -> Result<&'a str, Vec<Complaint>> {
    let text = value.as_text().ok_or_else(|| unexpected(expected, value))?;
    if text.is_empty() { Err(complaint("is empty")) } else { Ok(text) }
}

fn quantity<T>(
    value: &Value,
    expected: &str,
    parse: impl Fn(&str) -> Result<T, InvalidQuantity>,
) -> Result<T, Vec<Complaint>> {
    let text = value.as_quantity().ok_or_else(|| unexpected(expected, value))?;
    parse(&text).map_err(|error| complaint(error.to_string()))
}
