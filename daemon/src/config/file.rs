//! Takes a TOML file apart into keys, values and their places.

use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::origin::{Origin, Position};
use super::problem::Problem;
use super::value::{Item, Value};
use super::{Entry, Name};

/// The values of a file; or all its syntax errors, and then no value: after a syntax error it is a guess which table a
/// line belongs to.
pub(super) fn parse(path: &Arc<Path>, text: &str) -> Result<Vec<Entry>, Vec<Problem>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        let mut walk = Walk { path, text, entries: Vec::new() };
        walk.table("", table.get_ref());
        return Ok(walk.entries);
    }
    let problem = |error: &toml::de::Error| {
        let origin = match error.span() {
            Some(span) => Origin::File(Arc::clone(path), position(text, span.start)),
            None => Origin::WholeFile(Arc::clone(path)),
        };
        Problem::of_layer(origin, error.message().replace('\n', " "))
    };
    Err(errors.iter().map(problem).collect())
}

struct Walk<'a> {
    path: &'a Arc<Path>,
    text: &'a str,
    entries: Vec<Entry>,
}

impl Walk<'_> {
    /// Flattens a table: `[link]` and `idle-timeout` become `link.idle-timeout`.
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (name, value) in table.iter() {
            let name_text = quoted(name.get_ref());
            let key = if prefix.is_empty() { name_text } else { format!("{prefix}.{name_text}") };
            match value.get_ref().as_table() {
                Some(inner) if !inner.is_empty() => self.table(&key, inner),
                // An empty table is kept, since its name may be wrong.
                Some(_) => self.push(key, Value::Other("an empty table"), name.span().start),
                None => {
                    // A wrong value is shown at its own place.
                    let start = value.span().start;
                    self.push(key, self.value(value), start);
                }
            }
        }
    }

    fn push(&mut self, key: String, value: Value, offset: usize) {
        let origin = Origin::File(Arc::clone(self.path), position(self.text, offset));
        self.entries.push(Entry { name: Name::Key(key), value, origin, known: false });
    }

    fn value(&self, value: &Spanned<DeValue<'_>>) -> Value {
        match value.get_ref() {
            DeValue::String(text) => Value::String(text.clone().into_owned()),
            DeValue::Integer(integer) => integer_value(integer),
            DeValue::Boolean(boolean) => Value::Boolean(*boolean),
            DeValue::Float(_) => Value::Other("a float"),
            DeValue::Datetime(_) => Value::Other("a date or time"),
            DeValue::Table(_) => Value::Other("a table"),
            DeValue::Array(items) => Value::List(
                items
                    .iter()
                    .map(|item| Item {
                        value: self.value(item),
                        position: Some(position(self.text, item.span().start)),
                    })
                    .collect(),
            ),
        }
    }
}

fn integer_value(integer: &DeInteger<'_>) -> Value {
    i128::from_str_radix(integer.as_str(), integer.radix())
        .map_or(Value::Other("an integer of more than 128 bits"), Value::Integer)
}

/// A key that is not bare keeps its quotes, so that `"a.b"` is not taken for `b` in `[a]`.
fn quoted(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !name.is_empty() && name.chars().all(is_bare) { name.to_owned() } else { format!("{name:?}") }
}

fn position(text: &str, offset: usize) -> Position {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
    Position { line, column }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let path: Arc<Path> = Arc::from(Path::new("agent.toml"));
        match parse(&path, text) {
            Ok(entries) => entries
                .iter()
                .map(|entry| format!("{} {:?} {:?}", entry.origin, entry.name, entry.value))
                .collect(),
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn flattens_tables_and_keeps_places() {
        assert_eq!(
            read("debug = true\n[link]\nidle-timeout = \"5s\"\nretry.limit = 0x10\n"),
            [
                "agent.toml:1:9 Key(\"debug\") Boolean(true)",
                "agent.toml:3:16 Key(\"link.idle-timeout\") String(\"5s\")",
                "agent.toml:4:15 Key(\"link.retry.limit\") Integer(16)",
            ]
        );
    }

    #[test]
    fn counts_columns_in_characters() {
        assert_eq!(
            read("a = { \"größe\" = 1 }"),
            [format!("agent.toml:1:17 {:?} Integer(1)", Name::Key("a.\"größe\"".to_owned()))]
        );
    }

    #[test]
    fn a_quoted_key_with_a_dot_is_not_a_table() {
        assert_eq!(read("\"a.b\" = 1"), ["agent.toml:1:9 Key(\"\\\"a.b\\\"\") Integer(1)"]);
    }

    #[test]
    fn keeps_an_empty_table() {
        assert_eq!(read("\n[lnik]\n"), ["agent.toml:2:2 Key(\"lnik\") Other(\"an empty table\")"]);
    }

    #[test]
    fn reports_all_syntax_errors_with_their_places() {
        assert_eq!(
            read("a = \nb = 1\nb = 2\nc = 'x\n"),
            [
                "agent.toml:1:5: string values must be quoted, expected literal string",
                "agent.toml:3:1: duplicate key",
                "agent.toml:4:7: invalid literal string, expected `'`",
            ]
        );
    }
}
