//! Reads the settings that a program declares out of the layers, and collects what is wrong.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::ops::RangeBounds;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use super::document::{self, Declaration, Standing};
use super::environment::{is_service_link, variable};
use super::origin::Origin;
use super::problem::{InvalidConfig, Problem};
use super::shape::{
    Choices, Durations, ListOf, Number, Numbers, Parsed, Paths, Shape, Sizes, SocketAddresses, Switches,
    Texts,
};
use super::suggestion::nearest;
use super::value::Value;
use super::{Entry, Layers, Name};

/// Reads settings, each by its key, which declares it at the same time.
///
/// A method returns the value out of the highest layer that has one, else the default. Where that value is wrong, the
/// problem is noted and the default is returned, so that reading goes on; [`Reader::finish`] then refuses the whole.
///
/// Keys are dotted, in kebab-case (`link.idle-timeout`); documentation is one or more lines of prose.
#[derive(Debug)]
pub struct Reader {
    prefix: String,
    reserved: Vec<String>,
    entries: Vec<Entry>,
    problems: Vec<Problem>,
    declarations: Vec<Declaration>,
    effective: BTreeMap<String, Effective>,
}

/// A setting in force, and where it comes from. Displays as `link.idle-timeout = "5s" (agent.toml:12:16)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// The key.
    pub key: String,
    /// The value as it would stand in a file.
    pub value: String,
    /// Where it was written.
    pub origin: Origin,
}

impl Reader {
    pub(super) fn new(layers: Layers) -> Self {
        let Layers { prefix, reserved, entries, problems } = layers;
        Self { prefix, reserved, entries, problems, declarations: Vec::new(), effective: BTreeMap::new() }
    }

    /// Reads a duration, such as `500ms`, `5s`, `2m`, `1h` or `30d`.
    pub fn duration(
        &mut self,
        key: &str,
        default: Duration,
        range: impl RangeBounds<Duration>,
        doc: &str,
    ) -> Duration {
        self.value(key, default, &Durations::within(range), doc)
    }

    /// Reads a size in bytes, such as `512B`, `64KiB` or `16MiB`.
    pub fn size(&mut self, key: &str, default: u64, range: impl RangeBounds<u64>, doc: &str) -> u64 {
        self.value(key, default, &Sizes::within(range), doc)
    }

    /// Reads a whole number.
    pub fn number<N: Number>(&mut self, key: &str, default: N, range: impl RangeBounds<N>, doc: &str) -> N {
        self.value(key, default, &Numbers::within(range), doc)
    }

    /// Reads `true` or `false`.
    pub fn bool(&mut self, key: &str, default: bool, doc: &str) -> bool {
        self.value(key, default, &Switches, doc)
    }

    /// Reads text, which must not be empty.
    pub fn string(&mut self, key: &str, default: &str, doc: &str) -> String {
        self.value(key, default.to_owned(), &Texts, doc)
    }

    /// Reads one of some names, each with its meaning.
    pub fn choice<T: Copy + PartialEq>(
        &mut self,
        key: &str,
        default: T,
        choices: &[(&'static str, T)],
        doc: &str,
    ) -> T {
        self.value(key, default, &Choices::of(choices), doc)
    }

    /// Reads an IP address with a port.
    pub fn socket_addr(&mut self, key: &str, default: SocketAddr, doc: &str) -> SocketAddr {
        self.value(key, default, &SocketAddresses, doc)
    }

    /// Reads text that a type of the program parses. Its error is the message, and shall name the text.
    pub fn parsed<T: FromStr<Err: Error> + Display>(&mut self, key: &str, default: T, doc: &str) -> T {
        self.value(key, default, &Parsed::new(), doc)
    }

    /// Reads a list of text.
    pub fn strings(&mut self, key: &str, default: &[&str], doc: &str) -> Vec<String> {
        let default = default.iter().map(|&item| item.to_owned()).collect();
        self.value(key, default, &ListOf(Texts), doc)
    }

    /// Reads a path. In a file, a relative path starts at the file's folder; elsewhere, at the working directory.
    pub fn path(&mut self, key: &str, default: impl AsRef<Path>, doc: &str) -> PathBuf {
        let path = self.value(key, default.as_ref().to_owned(), &Paths, doc);
        self.beside_file(key, path)
    }

    /// Reads a path like [`Reader::path`], if there is one.
    pub fn optional_path(&mut self, key: &str, example: impl AsRef<Path>, doc: &str) -> Option<PathBuf> {
        let path = self.optional(key, &example.as_ref().to_owned(), &Paths, doc)?;
        Some(self.beside_file(key, path))
    }

    /// Reads text, if there is some.
    pub fn optional_string(&mut self, key: &str, example: &str, doc: &str) -> Option<String> {
        self.optional(key, &example.to_owned(), &Texts, doc)
    }

    /// Reads a value of any shape.
    pub fn value<S: Shape>(&mut self, key: &str, default: S::Value, shape: &S, doc: &str) -> S::Value {
        let written = shape.write(&default);
        self.check_built_in(key, &written, shape);
        self.declare(key, &written, Standing::Default, shape.hint(), doc);
        if let Some(value) = self.read(key, shape) {
            return value;
        }
        self.put_in_force(key, &written, Origin::Default);
        default
    }

    /// Reads a value of any shape, if there is one; `example` shows in the default configuration what it looks like.
    pub fn optional<S: Shape>(
        &mut self,
        key: &str,
        example: &S::Value,
        shape: &S,
        doc: &str,
    ) -> Option<S::Value> {
        let written = shape.write(example);
        self.check_built_in(key, &written, shape);
        self.declare(key, &written, Standing::Example, shape.hint(), doc);
        self.read(key, shape)
    }

    /// Notes what is wrong with a setting in the light of others, such as `is shorter than link.dial-timeout (5s)`.
    pub fn problem(&mut self, key: &str, message: impl Into<String>) {
        let origin = self.effective.get(key).map_or(Origin::Default, |effective| effective.origin.clone());
        self.problems.push(Problem::of_key(origin, key, message));
    }

    /// Hides the value of a setting from [`Reader::effective`]. There should be no secret in a configuration, but the
    /// path of one; an address may contain a password all the same.
    pub fn redact(&mut self, key: &str) {
        if let Some(effective) = self.effective.get_mut(key) {
            "(redacted)".clone_into(&mut effective.value);
        }
    }

    /// The settings in force, in the order of their keys, for the log.
    pub fn effective(&self) -> Vec<Effective> {
        self.effective.values().cloned().collect()
    }

    /// Everything declared so far as a TOML file with comments, in which each setting is commented out.
    pub fn default_config(&self) -> String {
        document::render(&self.prefix, &self.declarations)
    }

    /// Ends reading: `config` is valid unless there was a problem, unknown keys included.
    ///
    /// # Errors
    ///
    /// All problems there are.
    pub fn finish<T>(mut self, config: T) -> Result<T, InvalidConfig> {
        self.note_unknown();
        if self.problems.is_empty() { Ok(config) } else { Err(InvalidConfig::new(self.problems)) }
    }

    fn declare(
        &mut self,
        key: &str,
        written: &toml::Value,
        standing: Standing,
        hint: Option<String>,
        doc: &str,
    ) {
        debug_assert!(self.declarations.iter().all(|other| other.key != key), "{key} is declared twice");
        self.declarations.push(Declaration {
            key: key.to_owned(),
            written: written.to_string(),
            standing,
            hint,
            doc: doc.to_owned(),
        });
    }

    /// A default or example outside its own limits is a mistake in the program, which its tests find this way.
    fn check_built_in<S: Shape>(&mut self, key: &str, written: &toml::Value, shape: &S) {
        let complaints = shape.read(&Value::from(written)).err().unwrap_or_default();
        for complaint in complaints {
            let message = format!("the built-in value {}", complaint.message);
            self.problems.push(Problem::of_key(Origin::Default, key, message));
        }
    }

    /// The value out of the highest layer that has one; `None` if no layer has one, or if it is wrong.
    fn read<S: Shape>(&mut self, key: &str, shape: &S) -> Option<S::Value> {
        let variable = variable(&self.prefix, key);
        let mut highest: Option<&Entry> = None;
        for entry in &mut self.entries {
            let is_meant = match &entry.name {
                Name::Key(name) => name == key,
                Name::Variable(name) => *name == variable,
            };
            if is_meant {
                entry.known = true;
                if highest.is_none_or(|held| held.origin.rank() <= entry.origin.rank()) {
                    highest = Some(entry);
                }
            }
        }
        let Entry { value, origin, .. } = highest?;
        match shape.read(value) {
            Ok(read) => {
                let origin = origin.clone();
                self.put_in_force(key, &shape.write(&read), origin);
                Some(read)
            }
            Err(complaints) => {
                let items = value.as_list().unwrap_or_default();
                for complaint in complaints {
                    let (key, position) = match complaint.item {
                        Some(n) => (format!("{key}[{n}]"), items.get(n).and_then(|item| item.position)),
                        None => (key.to_owned(), None),
                    };
                    self.problems.push(Problem::of_key(origin.at(position), key, complaint.message));
                }
                None
            }
        }
    }

    fn put_in_force(&mut self, key: &str, written: &toml::Value, origin: Origin) {
        let effective = Effective { key: key.to_owned(), value: written.to_string(), origin };
        self.effective.insert(key.to_owned(), effective);
    }

    fn beside_file(&self, key: &str, path: PathBuf) -> PathBuf {
        let origin = self.effective.get(key).map(|effective| &effective.origin);
        match origin {
            Some(Origin::File(file, _)) => file.parent().unwrap_or(Path::new("")).join(path),
            _ => path,
        }
    }

    fn note_unknown(&mut self) {
        for entry in self.entries.iter().filter(|entry| !entry.known) {
            let problem = match &entry.name {
                Name::Key(key) => self.unknown_key(key, entry),
                Name::Variable(name) => self.unknown_variable(name, entry),
            };
            self.problems.extend(problem);
        }
    }

    fn unknown_key(&self, key: &str, entry: &Entry) -> Option<Problem> {
        let keys = || self.declarations.iter().map(|declaration| declaration.key.as_str());
        let is_table =
            keys().any(|declared| declared.strip_prefix(key).is_some_and(|rest| rest.starts_with('.')));
        let message = match (is_table, &entry.value) {
            (true, Value::Other("an empty table")) => return None,
            (true, _) => "is a table of settings, not a setting".to_owned(),
            (false, _) => format!("unknown key{}", suggestion(nearest(key, keys()))),
        };
        Some(Problem::of_key(entry.origin.clone(), key, message))
    }

    fn unknown_variable(&self, name: &str, entry: &Entry) -> Option<Problem> {
        if self.reserved.iter().any(|reserved| reserved == name) || is_service_link(&self.prefix, name) {
            return None;
        }
        let variables: Vec<String> =
            self.declarations.iter().map(|declaration| variable(&self.prefix, &declaration.key)).collect();
        let meant = nearest(name, variables.iter().map(String::as_str));
        Some(Problem::of_layer(entry.origin.clone(), format!("unknown variable{}", suggestion(meant))))
    }
}

fn suggestion(meant: Option<&str>) -> String {
    meant.map_or_else(String::new, |meant| format!(" (did you mean {meant}?)"))
}

impl Display for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {} ({})", self.key, self.value, self.origin)
    }
}
