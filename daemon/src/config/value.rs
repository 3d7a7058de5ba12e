//! A value as it was found, before a shape says what it should be.

use std::borrow::Cow;

use super::origin::Position;

/// A value of a setting, as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Text out of a variable or flag, which may mean anything.
    Untyped(String),
    /// A TOML string.
    String(String),
    /// A TOML integer.
    Integer(i128),
    /// A TOML boolean.
    Boolean(bool),
    /// A TOML array.
    List(Vec<Item>),
    /// A TOML value that no setting has, with its article: `a float`.
    Other(&'static str),
}

/// An item of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The item itself.
    pub value: Value,
    /// Where in the file it stands; `None` outside of a file.
    pub position: Option<Position>,
}

impl Value {
    /// What it is, with its article, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Untyped(_) => "text",
            Self::String(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Boolean(_) => "a boolean",
            Self::List(_) => "a list",
            Self::Other(kind) => kind,
        }
    }

    /// Its text, if it is a string or untyped.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Untyped(text) | Self::String(text) => Some(text),
            Self::Integer(_) | Self::Boolean(_) | Self::List(_) | Self::Other(_) => None,
        }
    }

    /// Its text, or the digits of an integer: for quantities, whose reader then asks for a unit.
    pub fn as_quantity(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Integer(integer) => Some(Cow::Owned(integer.to_string())),
            Self::Untyped(_) | Self::String(_) | Self::Boolean(_) | Self::List(_) | Self::Other(_) => {
                self.as_text().map(Cow::Borrowed)
            }
        }
    }

    /// Its items, if it is a list. Untyped text is a list separated by commas; empty text is the empty list.
    pub fn as_list(&self) -> Option<Cow<'_, [Item]>> {
        match self {
            Self::List(items) => Some(Cow::Borrowed(items)),
            Self::Untyped(text) if text.trim().is_empty() => Some(Cow::Borrowed(&[])),
            Self::Untyped(text) => Some(Cow::Owned(
                text.split(',')
                    .map(|item| Item { value: Self::Untyped(item.trim().to_owned()), position: None })
                    .collect(),
            )),
            Self::String(_) | Self::Integer(_) | Self::Boolean(_) | Self::Other(_) => None,
        }
    }
}

impl From<&toml::Value> for Value {
    fn from(value: &toml::Value) -> Self {
        match value {
            toml::Value::String(text) => Self::String(text.clone()),
            toml::Value::Integer(integer) => Self::Integer((*integer).into()),
            toml::Value::Boolean(boolean) => Self::Boolean(*boolean),
            toml::Value::Float(_) => Self::Other("a float"),
            toml::Value::Datetime(_) => Self::Other("a date or time"),
            toml::Value::Table(_) => Self::Other("a table"),
            toml::Value::Array(items) => Self::List(
                items.iter().map(|item| Item { value: Self::from(item), position: None }).collect(),
            ),
        }
    }
}
