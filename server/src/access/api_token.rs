//! API tokens: what programs show, and landmarkctl after signing in.

use std::time::{Duration, SystemTime};

use landmark_proto::ids::ApiTokenId;
use thiserror::Error;
use uuid::Uuid;

use super::account::AccountName;
use super::caller::{Caller, CallerKind};
use super::permission::Role;
use super::secret::{SECRET_CHARS, Secret};
use crate::store::drafts::Author;

const PREFIX: &str = "landmark_api_";
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// An API token, apart from its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiToken {
    /// Names it; not secret.
    pub(crate) token_id: ApiTokenId,
    /// For people.
    pub(crate) description: String,
    /// What it may at most.
    pub(crate) role: Role,
    /// Whose it is; `None` for one that was made with the token of the first start.
    pub(crate) account: Option<AccountName>,
    /// Made by signing in rather than by hand: ends when the password changes, as sessions do.
    pub(crate) by_sign_in: bool,
    /// When it was made.
    pub(crate) created_at: SystemTime,
    /// From when on it is refused.
    pub(crate) expires_at: SystemTime,
    /// To the hour; `None` before the first use.
    pub(crate) last_used_at: Option<SystemTime>,
    /// Whether it was called back.
    pub(crate) revoked: bool,
}

/// The account of a token, as it is at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    /// What it may.
    pub(crate) role: Role,
    /// Whether it is refused, and its tokens with it.
    pub(crate) disabled: bool,
}

impl ApiToken {
    /// Whether it is neither over nor called back.
    pub(crate) fn is_alive(&self, now: SystemTime) -> bool {
        !self.revoked && now < self.expires_at
    }

    /// Who shows it: may what both the token and its account may. `None` when it is refused.
    pub(super) fn caller(&self, holder: Option<Holder>, now: SystemTime) -> Option<Caller> {
        if !self.is_alive(now) {
            return None;
        }
        let (author, role) = match (&self.account, holder) {
            (None, _) => (Author::from(Caller::TOKEN_FILE.to_owned()), self.role),
            (Some(name), Some(Holder { role, disabled: false })) => (name.author(), self.role.min(role)),
            (Some(_), Some(Holder { disabled: true, .. }) | None) => return None,
        };
        let kind = CallerKind::ApiToken { token_id: self.token_id.to_string(), expires_at: self.expires_at };
        Some(Caller { author, role, kind })
    }
}

/// What a new token shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewApiToken {
    pub(super) description: String,
    pub(super) role: Role,
    pub(super) lifetime: Duration,
    pub(super) by_sign_in: bool,
}

impl NewApiToken {
    /// Characters of a description, at most.
    pub(crate) const MAX_DESCRIPTION: usize = 200;
    /// The life of a token whose maker names none.
    pub(crate) const DEFAULT_LIFETIME: Duration = DAY.saturating_mul(90);
    /// The life of one that is made by signing in: a working day.
    pub(crate) const DEFAULT_SIGN_IN_LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);
    const MAX_DAYS: u32 = 366;
    const MAX_SIGN_IN_DAYS: u32 = 30;

    /// One made by hand.
    ///
    /// # Errors
    /// The first value that is out of its range.
    pub(crate) fn by_hand(
        description: &str,
        role: Role,
        lifetime: Duration,
    ) -> Result<Self, InvalidApiToken> {
        let (description, lifetime) = checked(description, lifetime, Self::MAX_DAYS)?;
        Ok(Self { description, role, lifetime, by_sign_in: false })
    }

    /// One made by signing in, which gets the role of its account.
    ///
    /// # Errors
    /// The first value that is out of its range.
    pub(crate) fn by_sign_in(description: &str, lifetime: Duration) -> Result<Self, InvalidApiToken> {
        let (description, lifetime) = checked(description, lifetime, Self::MAX_SIGN_IN_DAYS)?;
        // The least, until the account is known.
        Ok(Self { description, role: Role::Viewer, lifetime, by_sign_in: true })
    }

    /// The token, for an account or for whoever has the token of the first start, and its secret.
    pub(crate) fn make(self, account: Option<AccountName>, now: SystemTime) -> (ApiToken, Secret) {
        let Self { description, role, lifetime, by_sign_in } = self;
        let token = ApiToken {
            token_id: ApiTokenId::from_uuid(Uuid::now_v7()),
            description,
            role,
            account,
            by_sign_in,
            created_at: now,
            expires_at: now + lifetime,
            last_used_at: None,
            revoked: false,
        };
        (token, Secret::random(PREFIX))
    }
}

/// Not what a token can be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum InvalidApiToken {
    /// Too long.
    #[error("a description of {n_chars} characters is too long (at most {})", NewApiToken::MAX_DESCRIPTION)]
    Description {
        /// As given.
        n_chars: usize,
    },
    /// Out of range.
    #[error("a lifetime of {lifetime:?} is out of range (1 min to {max_days} d)")]
    Lifetime {
        /// As given.
        lifetime: Duration,
        /// The longest.
        max_days: u32,
    },
}

fn checked(
    description: &str,
    lifetime: Duration,
    max_days: u32,
) -> Result<(String, Duration), InvalidApiToken> {
    let description = description.trim().to_owned();
    let n_chars = description.chars().count();
    if n_chars > NewApiToken::MAX_DESCRIPTION {
        return Err(InvalidApiToken::Description { n_chars });
    }
    if !(MINUTE..=DAY * max_days).contains(&lifetime) {
        return Err(InvalidApiToken::Lifetime { lifetime, max_days });
    }
    Ok((description, lifetime))
}

/// Whether it can be the secret of a token at all: what cannot is not worth a look into the store.
pub(super) fn may_be_secret(presented: &[u8]) -> bool {
    presented.len() == PREFIX.len() + SECRET_CHARS && presented.starts_with(PREFIX.as_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + DAY * 20_000
    }

    fn token(role: Role, account: Option<&str>) -> ApiToken {
        let account = account.map(|name| name.parse().unwrap());
        NewApiToken::by_hand("backup", role, DAY).unwrap().make(account, now()).0
    }

    #[test]
    fn a_token_may_what_its_account_may_at_the_moment_and_no_more() {
        let active = |role| Some(Holder { role, disabled: false });
        let operator = token(Role::Operator, Some("mia"));
        let role = |holder| operator.caller(holder, now()).map(|caller| caller.role);
        assert_eq!(role(active(Role::Administrator)), Some(Role::Operator));
        assert_eq!(role(active(Role::Operator)), Some(Role::Operator));
        assert_eq!(role(active(Role::Viewer)), Some(Role::Viewer));
        assert_eq!(role(Some(Holder { role: Role::Administrator, disabled: true })), None);
        assert_eq!(role(None), None, "an account that is gone");
        let caller = operator.caller(active(Role::Viewer), now()).unwrap();
        assert_eq!(caller.author.as_str(), "mia");
    }

    #[test]
    fn a_token_without_an_account_acts_for_the_token_file() {
        let caller = token(Role::Viewer, None).caller(None, now()).unwrap();
        assert_eq!((caller.author.as_str(), caller.role), (Caller::TOKEN_FILE, Role::Viewer));
    }

    #[test]
    fn a_token_that_is_over_or_called_back_is_refused() {
        let token = token(Role::Viewer, None);
        assert!(token.caller(None, now() + DAY - MINUTE).is_some());
        assert!(token.caller(None, now() + DAY).is_none());
        assert!(ApiToken { revoked: true, ..token }.caller(None, now()).is_none());
    }

    #[test]
    fn a_secret_is_known_by_its_form() {
        let (_, secret) = NewApiToken::by_hand("", Role::Viewer, DAY).unwrap().make(None, now());
        assert!(may_be_secret(secret.reveal().as_bytes()));
        for other in ["", "landmark_api_", "landmark_admin_0123456789abcdef0123456789abcdef"] {
            assert!(!may_be_secret(other.as_bytes()), "{other}");
        }
    }

    proptest! {
        #[test]
        fn a_lifetime_is_from_a_minute_to_its_limit(seconds in 0_u64..40_000_000) {
            let lifetime = Duration::from_secs(seconds);
            let by_hand = NewApiToken::by_hand("", Role::Viewer, lifetime);
            prop_assert_eq!(by_hand.is_ok(), (60..=366 * 86_400).contains(&seconds));
            let by_sign_in = NewApiToken::by_sign_in("", lifetime);
            prop_assert_eq!(by_sign_in.is_ok(), (60..=30 * 86_400).contains(&seconds));
        }
    }

    #[test]
    fn values_out_of_range_are_named() {
        let error = NewApiToken::by_hand(&"x".repeat(201), Role::Viewer, DAY).unwrap_err();
        assert_eq!(error.to_string(), "a description of 201 characters is too long (at most 200)");
        let error = NewApiToken::by_sign_in("", DAY * 31).unwrap_err();
        assert_eq!(error.to_string(), "a lifetime of 2678400s is out of range (1 min to 30 d)");
    }
}
