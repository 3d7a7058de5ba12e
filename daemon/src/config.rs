//! Layered configuration: built-in default < TOML file < environment < flags.
//!
//! A program declares each setting once, by reading it: key, default, limits and one line of documentation. The same
//! declarations check the values, report **all** problems at once, each with the place where it was written, find unknown
//! keys, and print a complete commented default configuration. Nothing here knows any setting of any program.
//!
//! ```text
//! file ────────┐
//! environment ─┼─► Layers ─► Reader ─► value (a shape checks it) ─► finish: Ok(config) or InvalidConfig
//! flags ───────┘                └────► default_config, effective
//! ```
//!
//! ```
//! use std::time::Duration;
//! use landmark_daemon::config::{InvalidConfig, Layers, Reader};
//!
//! struct Config {
//!     idle_timeout: Duration,
//!     hosts: Vec<String>,
//! }
//!
//! fn declare(r: &mut Reader) -> Config {
//!     Config {
//!         idle_timeout: r.duration(
//!             "link.idle-timeout",
//!             Duration::from_secs(120),
//!             Duration::from_secs(5)..=Duration::from_secs(3600),
//!             "How long the server may be silent before the link counts as lost.",
//!         ),
//!         hosts: r.strings("link.hosts", &[], "The servers to dial, in this order."),
//!     }
//! }
//!
//! fn load(set: Vec<(String, String)>) -> Result<Config, InvalidConfig> {
//!     let mut reader = Layers::new("LANDMARK_AGENT")
//!         .reserve("LANDMARK_AGENT_CONFIG")
//!         .file_if_present("/etc/landmark/agent.toml")
//!         .environment(std::env::vars_os())
//!         .overrides(set)
//!         .reader();
//!     let config = declare(&mut reader);
//!     reader.finish(config)
//! }
//!
//! fn default_config() -> String {
//!     let mut reader = Layers::new("LANDMARK_AGENT").reader();
//!     declare(&mut reader);
//!     reader.default_config()
//! }
//!
//! # let error = load(vec![("link.idle-timeout".to_owned(), "0s".to_owned())]).err().unwrap();
//! # assert_eq!(error.to_string(), "--set link.idle-timeout: 0s is too short (at least 5s)");
//! # assert!(default_config().contains("#idle-timeout = \"2m\""));
//! ```

mod document;
mod environment;
mod file;
mod origin;
mod problem;
mod reader;
pub mod shape;
mod suggestion;
pub mod unit;
mod value;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::durable;
use crate::error::Chain;

pub use self::origin::{Origin, Position};
pub use self::problem::{InvalidConfig, Problem};
pub use self::reader::{Effective, Reader};
pub use self::value::{Item, Value};

/// The longest configuration file that is read, in bytes: a hundred times what a full one needs.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Where values are found, before anyone says which settings there are.
///
/// The layers may be added in any order: a flag wins over a variable, a variable over the file, and within a layer the
/// later value wins. What is wrong with a layer as a whole (an unreadable file, a syntax error) is reported by
/// [`Reader::finish`] together with all other problems.
#[derive(Debug)]
pub struct Layers {
    prefix: String,
    reserved: Vec<String>,
    entries: Vec<Entry>,
    problems: Vec<Problem>,
}

/// A `--set` that is not `KEY=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not KEY=VALUE (such as log.format=json)")]
pub struct InvalidOverride {
    text: String,
}

/// A value as it was found in a layer.
#[derive(Debug)]
struct Entry {
    name: Name,
    value: Value,
    origin: Origin,
    /// Whether a setting was declared that this is a value of.
    known: bool,
}

/// What an entry calls itself.
#[derive(Debug, PartialEq, Eq)]
enum Name {
    /// A key such as `link.idle-timeout`.
    Key(String),
    /// A variable: which key it means is known only from the keys that are declared.
    Variable(String),
}

impl Layers {
    /// No layer yet. Variables begin with `prefix` and an underscore: with the prefix `LANDMARK_AGENT`, the key
    /// `link.idle-timeout` is `LANDMARK_AGENT_LINK_IDLE_TIMEOUT`.
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), reserved: Vec::new(), entries: Vec::new(), problems: Vec::new() }
    }

    /// Says that a variable with our prefix is not a setting, such as the one that names the configuration file.
    #[must_use]
    pub fn reserve(mut self, variable: &str) -> Self {
        self.reserved.push(variable.to_owned());
        self
    }

    /// Adds a TOML file of at most 1 MiB, which must exist. Its path appears in messages as it is given here.
    #[must_use]
    pub fn file(self, path: impl AsRef<Path>) -> Self {
        self.read_file(path.as_ref(), true)
    }

    /// Adds a TOML file, if there is one.
    #[must_use]
    pub fn file_if_present(self, path: impl AsRef<Path>) -> Self {
        self.read_file(path.as_ref(), false)
    }

    /// Adds the text of a TOML file that was read elsewhere; `path` appears in messages.
    #[must_use]
    pub fn toml(mut self, path: impl Into<PathBuf>, text: &str) -> Self {
        let path: Arc<Path> = Arc::from(path.into());
        match file::parse(&path, text) {
            Ok(entries) => self.entries.extend(entries),
            Err(problems) => self.problems.extend(problems),
        }
        self
    }

    /// Adds the variables that begin with our prefix. Lists are separated by commas.
    ///
    /// Variables by which Kubernetes and Docker announce a service of our own name (`…_SERVICE_HOST`,
    /// `…_PORT_7443_TCP`) are left out, unless a setting is called so.
    #[must_use]
    pub fn environment(mut self, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        for (name, value) in variables {
            let Some(name) = name.to_str().filter(|name| environment::is_ours(&self.prefix, name)) else {
                continue;
            };
            let origin = Origin::Variable(name.to_owned());
            match value.into_string() {
                Ok(text) => self.entries.push(Entry {
                    name: Name::Variable(name.to_owned()),
                    value: Value::Untyped(text),
                    origin,
                    known: false,
                }),
                Err(_) => self.problems.push(Problem::of_layer(origin, "is not valid UTF-8")),
            }
        }
        self
    }

    /// Adds the pairs of key and value that were given by `--set KEY=VALUE`. Lists are separated by commas.
    #[must_use]
    pub fn overrides<K: Into<String>, V: Into<String>>(
        mut self,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        for (key, value) in pairs {
            let key = key.into();
            self.push_flag(Origin::Override(key.clone()), key, value.into());
        }
        self
    }

    /// Adds the value of a flag of its own, such as `--listen`, for the setting `key`; nothing if the flag was not given.
    #[must_use]
    pub fn flag(mut self, flag: &str, key: &str, value: Option<impl Into<String>>) -> Self {
        if let Some(value) = value {
            self.push_flag(Origin::Flag(flag.to_owned()), key.to_owned(), value.into());
        }
        self
    }

    /// Begins to read settings out of the layers.
    pub fn reader(self) -> Reader {
        Reader::new(self)
    }

    fn push_flag(&mut self, origin: Origin, key: String, text: String) {
        self.entries.push(Entry { name: Name::Key(key), value: Value::Untyped(text), origin, known: false });
    }

    fn read_file(mut self, path: &Path, must_exist: bool) -> Self {
        let problem = |message| Problem::of_layer(Origin::WholeFile(Arc::from(path)), message);
        match durable::read_bounded(path, MAX_FILE_BYTES) {
            Ok(Some(bytes)) => match String::from_utf8(bytes) {
                Ok(text) => return self.toml(path, &text),
                Err(_) => self.problems.push(problem("is not valid UTF-8".to_owned())),
            },
            Ok(None) if must_exist => self.problems.push(problem("there is no such file".to_owned())),
            Ok(None) => {}
            Err(error) => self.problems.push(problem(Chain(&error).to_string())),
        }
        self
    }
}

/// Splits the argument of `--set`, for the command line to call; spaces around key and value are dropped.
///
/// # Errors
///
/// If there is no `=`, or nothing before it.
pub fn parse_override(text: &str) -> Result<(String, String), InvalidOverride> {
    text.split_once('=')
        .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
        .filter(|(key, _)| !key.is_empty())
        .ok_or_else(|| InvalidOverride { text: text.to_owned() })
}

#[cfg(test)]
mod tests;
