//! The contexts file: named servers, and which of them is meant when nobody says otherwise.
//!
//! `$XDG_CONFIG_HOME/landmark/contexts.toml`, else `~/.config/landmark/contexts.toml` (XDG Base Directory Specification).
//! Tokens that are given on standard input are kept beside it, readable by the user alone; never in the file itself.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use landmark_daemon::durable::{self, DurableError, Mode};
use landmark_proto::pin::SpkiPin;
use serde::{Deserialize, Serialize};

use super::Address;

const HEADER: &str = "# Written by landmarkctl context; may be edited by hand.\n";

/// The folder that contexts are kept in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Folder(PathBuf);

/// All contexts.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Contexts {
    pub(crate) current: Option<String>,
    pub(crate) contexts: BTreeMap<String, Context>,
    /// Where they were read, or will be written.
    pub(crate) path: PathBuf,
}

/// One named server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Context {
    pub(crate) server: Address,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) pin: Option<SpkiPin>,
    pub(crate) token_file: PathBuf,
}

/// The contexts file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContextFileError {
    #[error("there is no folder for contexts: neither XDG_CONFIG_HOME nor HOME is set")]
    NoHome,
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is not a valid contexts file", path.display())]
    Syntax { path: PathBuf, source: Box<toml::de::Error> },
    #[error("cannot save the contexts")]
    Save(#[source] DurableError),
    #[error("cannot write {}", path.display())]
    Encode { path: PathBuf, source: toml::ser::Error },
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawContexts {
    current: Option<String>,
    #[serde(default)]
    contexts: BTreeMap<String, RawContext>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawContext {
    server: Address,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca: Option<PathBuf>,
    #[serde(default, with = "pin_text", skip_serializing_if = "Option::is_none")]
    pin: Option<SpkiPin>,
    token_file: PathBuf,
}

mod pin_text {
    use super::SpkiPin;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(pin: &Option<SpkiPin>, serializer: S) -> Result<S::Ok, S::Error> {
        match pin {
            Some(pin) => serializer.collect_str(pin),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(source: D) -> Result<Option<SpkiPin>, D::Error> {
        let text = Option::<String>::deserialize(source)?;
        text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
    }
}

impl Folder {
    /// From the variables `XDG_CONFIG_HOME` and `HOME`.
    pub(crate) fn of_user(
        xdg_config_home: Option<OsString>,
        home: Option<OsString>,
    ) -> Result<Self, ContextFileError> {
        // The specification says to ignore a relative path, and an empty variable is one.
        let absolute =
            |variable: Option<OsString>| variable.map(PathBuf::from).filter(|path| path.is_absolute());
        absolute(xdg_config_home)
            .or_else(|| absolute(home).map(|home| home.join(".config")))
            .map(|config| Self(config.join("landmark")))
            .ok_or(ContextFileError::NoHome)
    }

    /// Where the contexts are.
    pub(crate) fn contexts_file(&self) -> PathBuf {
        self.0.join("contexts.toml")
    }

    /// Where a token is kept that was given on standard input.
    pub(crate) fn token_file(&self, context: &str) -> PathBuf {
        self.0.join("tokens").join(context)
    }

    /// Reads the contexts; a missing file is none.
    pub(crate) fn load(&self) -> Result<Contexts, ContextFileError> {
        let path = self.contexts_file();
        match fs::read_to_string(&path) {
            Ok(text) => Contexts::parse(&text, &path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(Contexts { path, ..Contexts::default() })
            }
            Err(source) => Err(ContextFileError::Read { path, source }),
        }
    }

    /// Replaces the contexts.
    pub(crate) fn save(&self, contexts: &Contexts) -> Result<(), ContextFileError> {
        durable::create_dir_private(&self.0).map_err(ContextFileError::Save)?;
        let text = contexts.to_text()?;
        durable::write(&contexts.path, text.as_bytes(), Mode::Private).map_err(ContextFileError::Save)
    }

    /// Keeps a token for a context.
    pub(crate) fn save_token(&self, context: &str, token: &str) -> Result<PathBuf, ContextFileError> {
        let path = self.token_file(context);
        let folder = path.parent().unwrap_or(&self.0);
        durable::create_dir_private(folder).map_err(ContextFileError::Save)?;
        durable::write(&path, format!("{token}\n").as_bytes(), Mode::Private)
            .map_err(ContextFileError::Save)?;
        Ok(path)
    }
}

impl Contexts {
    /// Those of a user. One without a home folder, as a service has none, has no contexts.
    pub(crate) fn of_user(folder: Result<Folder, ContextFileError>) -> Result<Self, ContextFileError> {
        match folder {
            Ok(folder) => folder.load(),
            Err(ContextFileError::NoHome) => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    fn parse(text: &str, path: &Path) -> Result<Self, ContextFileError> {
        let raw: RawContexts = toml::from_str(text)
            .map_err(|source| ContextFileError::Syntax { path: path.to_owned(), source: Box::new(source) })?;
        let contexts = raw.contexts.into_iter().map(|(name, raw)| (name, raw.into())).collect();
        Ok(Self { current: raw.current, contexts, path: path.to_owned() })
    }

    fn to_text(&self) -> Result<String, ContextFileError> {
        let contexts = self.contexts.iter().map(|(name, context)| (name.clone(), context.clone().into()));
        let raw = RawContexts { current: self.current.clone(), contexts: contexts.collect() };
        let text = toml::to_string(&raw)
            .map_err(|source| ContextFileError::Encode { path: self.path.clone(), source })?;
        Ok(format!("{HEADER}{text}"))
    }
}

impl From<RawContext> for Context {
    fn from(raw: RawContext) -> Self {
        let RawContext { server, ca, pin, token_file } = raw;
        Self { server, ca, pin, token_file }
    }
}

impl From<Context> for RawContext {
    fn from(context: Context) -> Self {
        let Context { server, ca, pin, token_file } = context;
        Self { server, ca, pin, token_file }
    }
}

#[cfg(test)]
mod tests {
    use landmark_daemon::error::Chain;

    use super::*;

    fn parse(text: &str) -> Result<Contexts, ContextFileError> {
        Contexts::parse(text, Path::new("contexts.toml"))
    }

    #[test]
    fn what_is_saved_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Folder(folder.path().join("landmark"));
        let mut contexts = folder.load().unwrap();
        assert!(contexts.contexts.is_empty());
        contexts.contexts.insert(
            "prod".into(),
            Context {
                server: "landmark.example".parse().unwrap(),
                ca: None,
                pin: Some(SpkiPin::of(b"key")),
                token_file: folder.save_token("prod", "secret").unwrap(),
            },
        );
        contexts.current = Some("prod".into());
        folder.save(&contexts).unwrap();
        assert_eq!(folder.load().unwrap(), contexts);
        assert_eq!(fs::read_to_string(folder.token_file("prod")).unwrap(), "secret\n");
    }

    #[test]
    fn the_file_is_written_for_people() {
        let context = Context {
            server: "landmark.example".parse().unwrap(),
            ca: Some("/etc/landmark/authority.pem".into()),
            pin: None,
            token_file: "/home/mia/token".into(),
        };
        let contexts = [("prod".to_owned(), context)].into();
        let contexts = Contexts { current: Some("prod".into()), contexts, path: PathBuf::new() };
        insta::assert_snapshot!(contexts.to_text().unwrap(), @r#"
        # Written by landmarkctl context; may be edited by hand.
        current = "prod"

        [contexts.prod]
        server = "landmark.example:7445"
        ca = "/etc/landmark/authority.pem"
        token-file = "/home/mia/token"
        "#);
    }

    #[test]
    fn a_mistake_is_shown_with_its_line() {
        let error = parse("[contexts.prod]\nserver = \"a\"\ntokenfile = \"x\"\n").unwrap_err();
        let text = Chain(&error).to_string();
        assert!(
            text.starts_with("contexts.toml is not a valid contexts file: TOML parse error at line 3"),
            "{text}"
        );
        assert!(text.contains("unknown field `tokenfile`"), "{text}");
    }

    #[test]
    fn the_folder_is_that_of_the_specification() {
        let folder = |xdg: Option<&str>, home: Option<&str>| {
            Folder::of_user(xdg.map(OsString::from), home.map(OsString::from)).map(|folder| folder.0).ok()
        };
        assert_eq!(folder(Some("/x"), Some("/home/u")), Some("/x/landmark".into()));
        assert_eq!(folder(Some("x"), Some("/home/u")), Some("/home/u/.config/landmark".into()));
        assert_eq!(folder(None, None), None);
    }

    #[test]
    fn a_user_without_a_home_has_no_contexts() {
        assert_eq!(Contexts::of_user(Folder::of_user(None, None)).unwrap(), Contexts::default());
        let folder = tempfile::tempdir().unwrap();
        durable::write(&folder.path().join("contexts.toml"), b"no contexts", Mode::Private).unwrap();
        assert!(Contexts::of_user(Ok(Folder(folder.path().to_owned()))).is_err());
    }
}
