//! Join tokens.

use std::fmt;

use jiff::Timestamp;
use landmark_proto::wire;
use serde::Serialize;

/// A join token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Token {
    pub(crate) token_id: String,
    pub(crate) description: Option<String>,
    pub(crate) created_at: Option<Timestamp>,
    pub(crate) created_by: Option<String>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) max_uses: u32,
    pub(crate) n_uses: u32,
    pub(crate) revoked: bool,
}

/// A new join token: the only time its secret is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct NewToken {
    pub(crate) token: Token,
    pub(crate) join_string: String,
    /// Ready to paste on the machine that shall join.
    pub(crate) join_command: String,
}

/// Whether a token still lets a machine in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenState {
    Usable,
    UsedUp,
    Expired,
    Revoked,
}

impl Token {
    pub(crate) fn state(&self, now: Timestamp) -> TokenState {
        if self.revoked {
            TokenState::Revoked
        } else if self.n_uses >= self.max_uses {
            TokenState::UsedUp
        } else if self.expires_at.is_some_and(|expiry| expiry <= now) {
            TokenState::Expired
        } else {
            TokenState::Usable
        }
    }
}

impl fmt::Display for TokenState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Usable => "usable",
            Self::UsedUp => "used up",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        })
    }
}

impl From<wire::JoinToken> for Token {
    fn from(token: wire::JoinToken) -> Self {
        let wire::JoinToken {
            token_id,
            description,
            created_at,
            created_by,
            expires_at,
            max_uses,
            n_uses,
            revoked,
        } = token;
        Self {
            token_id,
            description: super::text(description),
            created_at: super::time(created_at),
            created_by: super::text(created_by),
            expires_at: super::time(expires_at),
            max_uses,
            n_uses,
            revoked,
        }
    }
}

impl From<wire::CreateJoinTokenResponse> for NewToken {
    fn from(response: wire::CreateJoinTokenResponse) -> Self {
        let wire::CreateJoinTokenResponse { token, join_string } = response;
        Self {
            token: token.unwrap_or_default().into(),
            join_command: format!("landmark-agent enroll {join_string}"),
            join_string,
        }
    }
}
