//! Who calls, once it is proved.

use std::time::SystemTime;

use super::account::AccountName;
use super::permission::{Permission, Role};
use crate::store::drafts::Author;

/// Someone who is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The account, as records name it.
    pub(crate) author: Author,
    /// What they may.
    pub(crate) role: Role,
    /// How they proved who they are.
    pub(crate) kind: CallerKind,
}

/// How a caller proved who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CallerKind {
    /// Has the token of the first start, and so the server's own files.
    TokenFile,
    /// Has an API token.
    ApiToken {
        /// Which.
        token_id: String,
        /// Until when.
        expires_at: SystemTime,
    },
    /// Has signed in to the console.
    Session {
        /// Names the session, also for the protection of its forms: a secret.
        session: SessionKey,
        /// Until when, however busy it is.
        expires_at: SystemTime,
    },
}

impl CallerKind {
    /// After which it is refused; `None` for the token of the first start, which stays good.
    pub(crate) fn expires_at(&self) -> Option<SystemTime> {
        match self {
            Self::TokenFile => None,
            Self::ApiToken { expires_at, .. } | Self::Session { expires_at, .. } => Some(*expires_at),
        }
    }
}

/// The SHA-256 of a session's cookie.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SessionKey(pub(crate) [u8; 32]);

impl std::fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionKey(..)")
    }
}

impl Caller {
    /// As records name whoever has the token of the first start: by the name of its file, which no account may have.
    pub(crate) const TOKEN_FILE: &str = "admin-token";

    /// Whoever has the token of the first start.
    pub(crate) fn with_token_file() -> Self {
        Self {
            author: Author::from(Self::TOKEN_FILE.to_owned()),
            role: Role::Administrator,
            kind: CallerKind::TokenFile,
        }
    }

    /// The account they act for; `None` for the token of the first start, and for API tokens that were made with it.
    pub(crate) fn account(&self) -> Option<AccountName> {
        self.author.as_str().parse().ok()
    }

    /// Whether they may do it.
    pub(crate) fn may(&self, permission: Permission) -> bool {
        self.role.may(permission)
    }
}
