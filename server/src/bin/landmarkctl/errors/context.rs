//! Words for: no server is known, a context or a file that it names is wrong.

use std::io;
use std::path::Path;

use landmark_daemon::error::Chain;

use super::{Exit, Failure};
use crate::context::{
    ContextFileError, CredentialsError, InvalidAddress, Origin, PlaceError, ResolveError, Target,
};

impl From<ContextFileError> for Failure {
    fn from(error: ContextFileError) -> Self {
        let failure = Self::new(Exit::Context, Chain(&error).to_string().trim_end());
        match error {
            ContextFileError::Syntax { path, .. } => {
                failure.hint(format!("mend it, or start anew: rm {}", path.display()))
            }
            ContextFileError::NoHome => failure.hint("set XDG_CONFIG_HOME"),
            ContextFileError::Read { .. } | ContextFileError::Save(_) | ContextFileError::Encode { .. } => {
                failure
            }
        }
    }
}

impl From<InvalidAddress> for Failure {
    fn from(error: InvalidAddress) -> Self {
        Self::usage(error.to_string()).hint("it is given by --server or LANDMARK_SERVER")
    }
}

impl From<ResolveError> for Failure {
    fn from(error: ResolveError) -> Self {
        let message = error.to_string();
        match error {
            ResolveError::Both { .. } => Self::usage(message).hint(
                "give one of --context (LANDMARK_CONTEXT) and --state-dir (LANDMARK_SERVER_STATE_DIR), not both",
            ),
            ResolveError::Unknown { known, .. } if known.is_empty() => Self::new(Exit::Context, message)
                .detail("there is none at all")
                .hint(HOW_TO_ADD),
            ResolveError::Unknown { known, .. } => {
                Self::new(Exit::Context, message).detail(format!("known: {}", known.join(", ")))
            }
            ResolveError::Incomplete { .. } => Self::new(Exit::Context, message).hint(HOW_TO_ADD),
        }
    }
}

impl From<PlaceError> for Failure {
    fn from(error: PlaceError) -> Self {
        let message = error.to_string();
        match error {
            PlaceError::Resolve(error) => error.into(),
            PlaceError::Taken { .. } => Self::usage(message).hint("give yours another name: --context NAME"),
            PlaceError::NoServer { .. } => {
                Self::usage(message).hint("give --server HOST:7445, and --pin PIN or --ca FILE")
            }
        }
    }
}

const HOW_TO_ADD: &str =
    "landmarkctl context add NAME --server HOST:7445 --ca authority.pem --token-file FILE";

/// A file that the target names cannot be used.
pub(crate) fn credentials(error: &CredentialsError, target: &Target) -> Failure {
    if let Origin::StateDir(folder) = &target.origin
        && let Some(missing) = missing_in(error, folder)
    {
        return no_server(folder, missing, &target.address.to_string());
    }
    let failure = Failure::new(Exit::Context, Chain(error).to_string());
    match (error, &target.origin) {
        (CredentialsError::TokenFile { source, .. }, Origin::StateDir(_))
            if source.kind() == io::ErrorKind::PermissionDenied =>
        {
            failure.hint("only the user that the server runs as may read it: use sudo, or a context with your own token")
        }
        (CredentialsError::TokenFile { source, .. }, Origin::Context(name))
            if source.kind() == io::ErrorKind::NotFound =>
        {
            failure.hint(format!("sign in: landmarkctl login --context {name}"))
        }
        (_, Origin::Context(name)) => failure.hint(format!("it is named by context {name:?}: landmarkctl context show {name}")),
        (_, Origin::StateDir(_)) => failure,
    }
}

/// A file that a server's first start would have written there.
fn missing_in<'a>(error: &'a CredentialsError, folder: &Path) -> Option<&'a io::Error> {
    let (path, source) = match error {
        CredentialsError::AuthorityFile { path, source } => (path.as_path(), source),
        CredentialsError::TokenFile { place, source } => (Path::new(place), source),
        CredentialsError::Authority { .. } | CredentialsError::Token { .. } => return None,
    };
    (path.starts_with(folder) && source.kind() == io::ErrorKind::NotFound).then_some(source)
}

/// Nothing was given, and there is no server here either.
fn no_server(folder: &Path, missing: &io::Error, address: &str) -> Failure {
    let folder = folder.display();
    Failure::new(Exit::Context, format!("no way to sign in to a server at {address} is known"))
        .detail(format!("looked for authority.pem and admin-token in {folder}: {missing}"))
        .detail("no context was chosen (landmarkctl context list)")
        .hint("on the server's machine: start it once (landmark-server run), or name its folder with --state-dir DIR")
        .hint(format!("from elsewhere: {HOW_TO_ADD}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{Contexts, Credentials, Wanted, resolve};

    #[test]
    fn a_newcomer_without_a_server_learns_both_ways() {
        let wanted = Wanted { state_dir: Some("/nonexistent/landmark-server".into()), ..Wanted::default() };
        let target = resolve(&wanted, &Contexts::default(), || "/".into()).unwrap();
        let error = Credentials::load(&target).unwrap_err();
        insta::assert_snapshot!(credentials(&error, &target), @r"
        landmarkctl: no way to sign in to a server at 127.0.0.1:7445 is known
          looked for authority.pem and admin-token in /nonexistent/landmark-server: No such file or directory (os error 2)
          no context was chosen (landmarkctl context list)
        hint: on the server's machine: start it once (landmark-server run), or name its folder with --state-dir DIR
        hint: from elsewhere: landmarkctl context add NAME --server HOST:7445 --ca authority.pem --token-file FILE
        ");
    }

    #[test]
    fn a_file_that_was_named_is_the_one_that_is_missed() {
        let wanted = Wanted {
            ca: Some("/nonexistent/ca.pem".into()),
            state_dir: Some("/nonexistent/state".into()),
            ..Wanted::default()
        };
        let target = resolve(&wanted, &Contexts::default(), || "/".into()).unwrap();
        let error = Credentials::load(&target).unwrap_err();
        insta::assert_snapshot!(
            credentials(&error, &target),
            @"landmarkctl: cannot read the authority's certificate /nonexistent/ca.pem: No such file or directory (os error 2)"
        );
    }

    #[test]
    fn an_unknown_context_is_answered_with_the_known_ones() {
        let error = ResolveError::Unknown {
            name: "prd".into(),
            known: vec!["prod".into(), "test".into()],
            path: "contexts.toml".into(),
        };
        insta::assert_snapshot!(Failure::from(error), @r#"
        landmarkctl: there is no context "prd" in contexts.toml
          known: prod, test
        "#);
    }
}
