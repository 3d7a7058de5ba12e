//! Why a call of administration is not answered, in words for people. What becomes of it on the wire stands in
//! `crate::status`.

use landmark_proto::ids::AgentId;
use landmark_proto::revision::Revision;
use landmark_proto::violation::{Path, Violations};
use thiserror::Error;

use crate::access::{
    AccountName, Caller, ManageError, PasswordError, Permission, Role, SignInError, WeakPassword,
};
use crate::fleet::FindError;
use crate::store::StoreError;
use crate::store::accounts::AccountError;
use crate::store::api_tokens::ApiTokenError;
use crate::store::assignments::AssignError;
use crate::store::drafts::{Draft, EditDraftError};

/// A call could not be answered.
#[derive(Debug, Error)]
pub(crate) enum AdminError {
    /// No API token, or a wrong one.
    #[error(
        "a valid API token is needed: sign in (landmarkctl login), or use the file admin-token in the server's state folder"
    )]
    Unauthenticated,
    /// A caller without the permission.
    #[error(
        "{} may not {} (role {}; it takes the permission {permission}, which the role {} has)",
        caller.author, permission.deed(), caller.role, Role::least_with(*permission)
    )]
    NotPermitted {
        /// What it takes.
        permission: Permission,
        /// Who called.
        caller: Caller,
    },
    /// Values break rules.
    #[error("{}", summary(.0))]
    Invalid(#[from] Violations),
    /// Someone else was faster.
    #[error("the draft was changed by someone else in the meantime; nothing was changed by this call")]
    Conflict(Box<Draft>),
    /// There is no such assignment.
    #[error("there is no assignment {0}")]
    NoAssignment(Revision),
    /// The first assignment has yet to be made.
    #[error("nothing has been assigned yet")]
    NothingAssigned,
    /// Nobody is called so.
    #[error("there is no agent {0:?} (an agent id, the beginning of one, or a host name)")]
    NoAgent(String),
    /// More than one is called so.
    #[error("{name:?} names more than one agent; give the id, or more of it: {}", listed(ids))]
    AmbiguousAgent {
        /// As given.
        name: String,
        /// Some of those that match.
        ids: Vec<AgentId>,
    },
    /// There is no such token.
    #[error("there is no join token {0}")]
    NoToken(String),
    /// Nobody was signed in.
    #[error(transparent)]
    SignIn(SignInError),
    /// There is no such account.
    #[error("there is no account {0}")]
    NoAccount(AccountName),
    /// The name is taken.
    #[error("there is an account {0} already")]
    AccountExists(AccountName),
    /// Nobody could administer any more.
    #[error("{0} is the last enabled administrator: it stays as it is until there is another one")]
    LastAdministrator(AccountName),
    /// The caller has no account.
    #[error("the call came without an account ({}), so that there is no password to change", .0.author)]
    NoOwnAccount(Caller),
    /// The caller has shown no API token.
    #[error("there is nothing to sign out of: the call came with the token of the first start")]
    NotSignedIn,
    /// There is no such token, or it is nobody's business.
    #[error("there is no API token {0}")]
    NoApiToken(String),
    /// No token was made.
    #[error(transparent)]
    ApiToken(ApiTokenError),
    /// A password could not be hashed.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The server is about to end.
    #[error("the server is stopping")]
    Stopping,
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AdminError {
    /// One broken rule, for a field at the top of a request.
    pub(crate) fn field(name: &str, message: impl std::fmt::Display) -> Self {
        Self::Invalid(Violations::one(&Path::root().field(name), message))
    }

    /// A new password that will not do.
    pub(crate) fn new_password(weak: &WeakPassword) -> Self {
        Self::field("new_password", weak)
    }
}

impl From<EditDraftError> for AdminError {
    fn from(error: EditDraftError) -> Self {
        match error {
            EditDraftError::Conflict { present } => Self::Conflict(present),
            EditDraftError::Invalid(violations) => Self::Invalid(violations),
            EditDraftError::Store(error) => Self::Store(error),
        }
    }
}

impl From<FindError> for AdminError {
    fn from(error: FindError) -> Self {
        match error {
            FindError::NotFound { text } => Self::NoAgent(text),
            FindError::Ambiguous { text, first } => Self::AmbiguousAgent { name: text, ids: first },
        }
    }
}

impl From<AssignError> for AdminError {
    fn from(error: AssignError) -> Self {
        match error {
            AssignError::Conflict { present } => Self::Conflict(present),
            AssignError::NotFound(revision) => Self::NoAssignment(revision),
            AssignError::Store(error) => Self::Store(error),
        }
    }
}

impl From<SignInError> for AdminError {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::NewPassword(weak) => Self::new_password(&weak),
            SignInError::Store(error) => Self::Store(error),
            SignInError::Refused
            | SignInError::TooManyFailures { .. }
            | SignInError::Busy
            | SignInError::Disabled(_)
            | SignInError::MustChange(_)
            | SignInError::Failed => Self::SignIn(error),
        }
    }
}

impl From<ManageError> for AdminError {
    fn from(error: ManageError) -> Self {
        match error {
            ManageError::Account(AccountError::Exists(name) | AccountError::NotFirst(name)) => {
                Self::AccountExists(name)
            }
            ManageError::Account(AccountError::NotFound(name)) => Self::NoAccount(name),
            ManageError::Account(AccountError::LastAdministrator(name)) => Self::LastAdministrator(name),
            ManageError::Account(AccountError::Store(error)) => Self::Store(error),
            ManageError::Password(error) => Self::Password(error),
        }
    }
}

impl From<ApiTokenError> for AdminError {
    fn from(error: ApiTokenError) -> Self {
        match error {
            ApiTokenError::Store(error) => Self::Store(error),
            ApiTokenError::AccountChanged | ApiTokenError::TooMany => Self::ApiToken(error),
        }
    }
}

/// A single broken rule is told whole; of several, the details have all.
fn summary(violations: &Violations) -> String {
    match violations.as_slice() {
        [one] => one.to_string(),
        [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
        [] => String::new(),
    }
}

fn listed(ids: &[AgentId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
