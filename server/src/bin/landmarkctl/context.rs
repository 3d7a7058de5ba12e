//! Which server is meant, how it is verified and with which token: from flags, variables, contexts, or the state folder of
//! a server on this machine.
//!
//! Decides; the files that it names are read in `context/credentials.rs`.

mod address;
mod credentials;
mod file;
mod place;

use std::path::{Path, PathBuf};

use landmark_proto::pin::SpkiPin;

pub(crate) use address::{Address, InvalidAddress};
pub(crate) use credentials::{Credentials, CredentialsError, load_authority, read_token};
pub(crate) use file::{Context, ContextFileError, Contexts, Folder};
pub(crate) use place::{Place, PlaceError};

/// What the command line and the environment say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) context: Option<String>,
    pub(crate) server: Option<Address>,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) token_file: Option<PathBuf>,
    pub(crate) state_dir: Option<PathBuf>,
}

/// The server that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) address: Address,
    pub(crate) authority: Authority,
    pub(crate) token: TokenSource,
    pub(crate) origin: Origin,
}

/// How its authority is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Authority {
    File(PathBuf),
    Pin(SpkiPin),
}

/// Where the API token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenSource {
    File(PathBuf),
    Stdin,
}

/// Who named the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Context(String),
    /// The state folder of a server on this machine.
    StateDir(PathBuf),
}

/// No server can be made of what is wanted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResolveError {
    #[error("both a context ({context}) and a state folder ({}) are given", state_dir.display())]
    Both { context: String, state_dir: PathBuf },
    #[error("there is no context {name:?} in {}", path.display())]
    Unknown { name: String, known: Vec<String>, path: PathBuf },
    #[error("context {name:?} in {} is incomplete: {missing}", path.display())]
    Incomplete { name: String, missing: &'static str, path: PathBuf },
}

/// Decides which server is meant. What is given outright wins over a context, a context over the state folder.
pub(crate) fn resolve(
    wanted: &Wanted,
    contexts: &Contexts,
    default_state_dir: impl FnOnce() -> PathBuf,
) -> Result<Target, ResolveError> {
    let base = match (&wanted.context, &wanted.state_dir) {
        (Some(context), Some(state_dir)) => {
            return Err(ResolveError::Both { context: context.clone(), state_dir: state_dir.clone() });
        }
        (Some(name), None) => from_context(name, contexts)?,
        (None, Some(state_dir)) => from_state_dir(state_dir),
        // A server named outright is not the one of the current context: its token must not be sent there.
        (None, None) if wanted.server.is_some() || wanted.ca.is_some() => {
            from_state_dir(&default_state_dir())
        }
        (None, None) => match &contexts.current {
            Some(name) => from_context(name, contexts)?,
            None => from_state_dir(&default_state_dir()),
        },
    };
    Ok(Target {
        address: wanted.server.clone().unwrap_or(base.address),
        authority: wanted.ca.clone().map_or(base.authority, Authority::File),
        token: wanted.token_file.as_deref().map_or(base.token, TokenSource::from_path),
        origin: base.origin,
    })
}

fn from_context(name: &str, contexts: &Contexts) -> Result<Target, ResolveError> {
    let Some(context) = contexts.contexts.get(name) else {
        return Err(ResolveError::Unknown {
            name: name.to_owned(),
            known: contexts.contexts.keys().cloned().collect(),
            path: contexts.path.clone(),
        });
    };
    let incomplete =
        |missing| ResolveError::Incomplete { name: name.to_owned(), missing, path: contexts.path.clone() };
    let Context { server, ca, pin, token_file } = context;
    let authority = match (ca, pin) {
        (Some(file), None) => Authority::File(file.clone()),
        (None, Some(pin)) => Authority::Pin(*pin),
        (None, None) => return Err(incomplete("it needs \"ca\" (a file) or \"pin\"")),
        (Some(_), Some(_)) => {
            return Err(incomplete("it has both \"ca\" and \"pin\"; one of them is enough"));
        }
    };
    Ok(Target {
        address: server.clone(),
        authority,
        token: TokenSource::File(token_file.clone()),
        origin: Origin::Context(name.to_owned()),
    })
}

/// The files that a server writes at its first start.
fn from_state_dir(folder: &Path) -> Target {
    Target {
        address: Address::local(),
        authority: Authority::File(folder.join("authority.pem")),
        token: TokenSource::File(folder.join("admin-token")),
        origin: Origin::StateDir(folder.to_owned()),
    }
}

impl TokenSource {
    fn from_path(path: &Path) -> Self {
        if path == Path::new("-") { Self::Stdin } else { Self::File(path.to_owned()) }
    }
}

#[cfg(test)]
mod tests;
