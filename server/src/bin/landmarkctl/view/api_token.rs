//! API tokens.

use std::fmt;

use jiff::Timestamp;
use landmark_proto::wire;
use serde::Serialize;

use super::account::Role;

/// An API token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ApiToken {
    pub(crate) token_id: String,
    pub(crate) description: Option<String>,
    pub(crate) role: Option<Role>,
    /// Absent: made with the token of the first start.
    pub(crate) account: Option<String>,
    pub(crate) created_at: Option<Timestamp>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) last_used_at: Option<Timestamp>,
    pub(crate) revoked: bool,
}

/// A new API token: the only time its secret is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct NewApiToken {
    pub(crate) token: ApiToken,
    pub(crate) secret: String,
}

/// Whether a token is still accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ApiTokenState {
    Usable,
    Expired,
    Revoked,
}

impl ApiToken {
    pub(crate) fn state(&self, now: Timestamp) -> ApiTokenState {
        if self.revoked {
            ApiTokenState::Revoked
        } else if self.expires_at.is_some_and(|expiry| expiry <= now) {
            ApiTokenState::Expired
        } else {
            ApiTokenState::Usable
        }
    }
}

impl fmt::Display for ApiTokenState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Usable => "usable",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        })
    }
}

impl From<wire::ApiToken> for ApiToken {
    fn from(token: wire::ApiToken) -> Self {
        let role = Role::read(token.role());
        let wire::ApiToken {
            token_id,
            description,
            role: _,
            account,
            created_at,
            expires_at,
            last_used_at,
            revoked,
        } = token;
        Self {
            token_id,
            description: super::text(description),
            role,
            account: super::text(account),
            created_at: super::time(created_at),
            expires_at: super::time(expires_at),
            last_used_at: super::time(last_used_at),
            revoked,
        }
    }
}

impl From<wire::CreateApiTokenResponse> for NewApiToken {
    fn from(response: wire::CreateApiTokenResponse) -> Self {
        let wire::CreateApiTokenResponse { token, secret } = response;
        Self { token: token.unwrap_or_default().into(), secret }
    }
}

impl From<wire::SignInResponse> for NewApiToken {
    fn from(response: wire::SignInResponse) -> Self {
        let wire::SignInResponse { token, secret } = response;
        Self { token: token.unwrap_or_default().into(), secret }
    }
}
