//! Join tokens: what a machine shows to become an agent, once or a number of times, until it expires.
//!
//! The secret has 256 random bits and is shown once; the store keeps its SHA-256. With so many bits nobody finds a token
//! by guessing, so that the answers to a bad one may say plainly what is wrong with it.

use std::fmt;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use landmark_proto::ids::TokenId;
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::store::{Store, StoreError};

const SECRET_BYTES: usize = 32;

/// A token, apart from its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinToken {
    /// Names it; not secret.
    pub token_id: TokenId,
    /// For people.
    pub description: String,
    /// When it was made.
    pub created_at: SystemTime,
    /// Who made it.
    pub created_by: String,
    /// From when on it is refused.
    pub expires_at: SystemTime,
    /// How many agents it makes.
    pub max_uses: u32,
    /// How many it has made.
    pub n_uses: u32,
    /// Whether it was called back.
    pub revoked: bool,
}

impl JoinToken {
    /// Whether another agent can still enrol with it.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, now: SystemTime) -> Result<(), RefusedToken> {
        if self.revoked {
            Err(RefusedToken::Revoked)
        } else if now >= self.expires_at {
            Err(RefusedToken::Expired)
        } else if self.n_uses >= self.max_uses {
            Err(RefusedToken::UsedUp { max_uses: self.max_uses })
        } else {
            Ok(())
        }
    }
}

/// Why a token was refused, with the way out; its owner may know.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RefusedToken {
    /// No token has this secret.
    #[error(
        "the join token is unknown here: it belongs to another server, or was not copied whole{MAKE_ANOTHER}"
    )]
    Unknown,
    /// Its time is over.
    #[error("the join token has expired{MAKE_ANOTHER}")]
    Expired,
    /// It made as many agents as it may.
    #[error("the join token is used up (it was for {max_uses} agents at most){MAKE_ANOTHER}")]
    UsedUp {
        /// How many.
        max_uses: u32,
    },
    /// An administrator called it back.
    #[error("the join token was revoked{MAKE_ANOTHER}")]
    Revoked,
}

const MAKE_ANOTHER: &str = "; make another one with: landmarkctl tokens create";

/// What a new token shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    description: String,
    max_uses: u32,
    lifetime: Duration,
}

impl NewToken {
    /// Characters of a description, at most.
    pub const MAX_DESCRIPTION: usize = 200;
    /// Uses, at most.
    pub const MAX_USES: u32 = 100_000;
    /// The shortest life.
    pub const MIN_LIFETIME: Duration = Duration::from_secs(60);
    /// The longest life.
    pub const MAX_LIFETIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    /// The life of a token whose maker names none.
    pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

    /// Checks all ranges.
    ///
    /// # Errors
    /// The first value that is out of its range.
    pub fn new(description: &str, max_uses: u32, lifetime: Duration) -> Result<Self, InvalidToken> {
        let description = description.trim().to_owned();
        let n_chars = description.chars().count();
        if n_chars > Self::MAX_DESCRIPTION {
            return Err(InvalidToken::Description { n_chars });
        }
        if !(1..=Self::MAX_USES).contains(&max_uses) {
            return Err(InvalidToken::MaxUses(max_uses));
        }
        if !(Self::MIN_LIFETIME..=Self::MAX_LIFETIME).contains(&lifetime) {
            return Err(InvalidToken::Lifetime(lifetime));
        }
        Ok(Self { description, max_uses, lifetime })
    }
}

/// Not what a token can be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidToken {
    /// Too long.
    #[error("a description of {n_chars} characters is too long (at most {})", NewToken::MAX_DESCRIPTION)]
    Description {
        /// As given.
        n_chars: usize,
    },
    /// Out of range.
    #[error("{0} uses are out of range (1 to {max})", max = NewToken::MAX_USES)]
    MaxUses(u32),
    /// Out of range.
    #[error("a lifetime of {0:?} is out of range (1 min to 365 d)")]
    Lifetime(Duration),
}

/// What a machine shows. Wiped from memory when dropped, and never shown by `Debug`.
#[derive(Clone)]
pub struct TokenSecret(Zeroizing<String>);

impl TokenSecret {
    /// A new one.
    fn random() -> Self {
        let bytes: Zeroizing<[u8; SECRET_BYTES]> = Zeroizing::new(rand::random());
        Self(Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice())))
    }

    /// As a machine shows it.
    pub fn from_text(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// For the join string, which is the one place where it is shown.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What the store knows it by.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0.as_bytes()).into())
    }
}

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSecret")
    }
}

/// The SHA-256 of a secret. A secret of 256 random bits needs no slow hash, and a look-up by its hash tells an attacker's
/// clock nothing about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Makes a token; its secret is returned this once.
///
/// # Errors
/// The store failed: there is no token.
pub async fn create(
    store: &Store,
    new: NewToken,
    created_by: &str,
    now: SystemTime,
) -> Result<(JoinToken, TokenSecret), StoreError> {
    let secret = TokenSecret::random();
    let token = JoinToken {
        token_id: TokenId::from_uuid(Uuid::now_v7()),
        description: new.description,
        created_at: now,
        created_by: created_by.to_owned(),
        expires_at: now + new.lifetime,
        max_uses: new.max_uses,
        n_uses: 0,
        revoked: false,
    };
    store.insert_token(&token, &secret.hash()).await?;
    Ok((token, secret))
}

/// All tokens, newest first; without `include_dead` only those that still make agents.
///
/// # Errors
/// The store cannot be read.
pub async fn list(store: &Store, include_dead: bool, now: SystemTime) -> Result<Vec<JoinToken>, StoreError> {
    let mut tokens = store.tokens().await?;
    tokens.retain(|token| include_dead || token.check(now).is_ok());
    Ok(tokens)
}

/// Calls a token back; `None` if there is none of that name. A token that was revoked before stays so.
///
/// # Errors
/// The store failed: nothing was changed.
pub async fn revoke(
    store: &Store,
    token_id: TokenId,
    now: SystemTime,
) -> Result<Option<JoinToken>, StoreError> {
    store.revoke_token(token_id, now).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn token() -> JoinToken {
        JoinToken {
            token_id: TokenId::from_uuid(Uuid::from_u128(1)),
            description: String::new(),
            created_at: at(0),
            created_by: "test".to_owned(),
            expires_at: at(100),
            max_uses: 2,
            n_uses: 0,
            revoked: false,
        }
    }

    #[test]
    fn a_token_is_refused_for_the_reason_that_helps_most() {
        assert_eq!(token().check(at(99)), Ok(()));
        assert_eq!(token().check(at(100)), Err(RefusedToken::Expired));
        let used_up = JoinToken { n_uses: 2, ..token() };
        assert_eq!(used_up.check(at(0)), Err(RefusedToken::UsedUp { max_uses: 2 }));
        let revoked = JoinToken { revoked: true, ..used_up };
        assert_eq!(revoked.check(at(200)), Err(RefusedToken::Revoked));
    }

    #[test]
    fn every_refusal_says_the_way_out() {
        for refused in [
            RefusedToken::Unknown,
            RefusedToken::Expired,
            RefusedToken::UsedUp { max_uses: 1 },
            RefusedToken::Revoked,
        ] {
            assert!(refused.to_string().ends_with("landmarkctl tokens create"), "{refused}");
        }
    }

    #[test]
    fn a_secret_is_long_and_not_shown() {
        let (one, other) = (TokenSecret::random(), TokenSecret::random());
        assert_eq!(one.reveal().len(), 43);
        assert_ne!(one.hash(), other.hash());
        assert_eq!(TokenSecret::from_text(one.reveal().to_owned()).hash(), one.hash());
        assert!(!format!("{one:?}").contains(one.reveal()));
    }

    #[test]
    fn values_out_of_range_are_named() {
        let day = NewToken::DEFAULT_LIFETIME;
        assert!(
            NewToken::new(&"x".repeat(201), 1, day)
                .unwrap_err()
                .to_string()
                .starts_with("a description of 201")
        );
        assert_eq!(
            NewToken::new("", 0, day).unwrap_err().to_string(),
            "0 uses are out of range (1 to 100000)"
        );
        let error = NewToken::new("", 1, Duration::from_secs(59)).unwrap_err();
        assert_eq!(error.to_string(), "a lifetime of 59s is out of range (1 min to 365 d)");
    }
}
