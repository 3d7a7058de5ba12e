//! One request of someone who was let in.

use std::time::SystemTime;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};

use super::fields::Fields;
use super::problem::Problem;
use crate::access::{Caller, CallerKind, Permission, SessionKey};
use crate::store::drafts::Author;

/// Who asks for what.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    pub(super) caller: Caller,
    /// Without the query.
    pub(super) path: String,
    pub(super) query: Fields,
    pub(super) now: SystemTime,
}

impl Visit {
    /// As records name them.
    pub(super) fn author(&self) -> Author {
        self.caller.author.clone()
    }

    pub(super) fn may(&self, permission: Permission) -> bool {
        self.caller.may(permission)
    }

    /// The session, unless they came with a token.
    pub(super) fn session(&self) -> Option<SessionKey> {
        match &self.caller.kind {
            CallerKind::Session { session, .. } => Some(*session),
            CallerKind::TokenFile | CallerKind::ApiToken { .. } => None,
        }
    }

    /// What their forms must carry; empty where nothing is needed.
    pub(super) fn proof(&self) -> String {
        self.session().map(|session| session.proof()).unwrap_or_default()
    }
}

/// Whether a part of a page is asked for, by a script, rather than a page. A form that a script sends gets a page.
pub(super) fn is_fragment(headers: &HeaderMap) -> bool {
    let is = |name: &str| headers.get(name) == Some(&HeaderValue::from_static("true"));
    is("hx-request") && !is("hx-boosted")
}

/// Whether a page asks by itself, because something has changed, and nobody has done anything.
pub(super) fn is_by_itself(headers: &HeaderMap) -> bool {
    headers.contains_key("x-landmark-by-itself")
        || headers.get("accept") == Some(&HeaderValue::from_static("text/event-stream"))
}

impl<S: Sync> FromRequestParts<S> for Visit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Caller>().cloned().ok_or(Problem::SignedOut)?;
        Ok(Self {
            caller,
            path: parts.uri.path().to_owned(),
            query: Fields::from_bytes(parts.uri.query().unwrap_or_default().as_bytes()),
            now: SystemTime::now(),
        })
    }
}
