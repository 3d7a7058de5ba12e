//! Accounts: one each person who administers.

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use thiserror::Error;

use super::caller::Caller;
use super::permission::Role;
use crate::store::drafts::Author;

/// What a person is called, here and in every record of what they did.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct AccountName(String);

impl AccountName {
    /// Characters, at most: a mail address mostly has fewer.
    pub(crate) const MAX_CHARS: usize = 64;

    /// As text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// As records name them.
    pub(crate) fn author(&self) -> Author {
        Author::from(self.0.clone())
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Nobody can be called so.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum InvalidAccountName {
    /// Characters, length or beginning.
    #[error(
        "{0:?} is not a name for an account (1 to {max} of a-z 0-9 . _ - @, the first a letter or digit)",
        max = AccountName::MAX_CHARS
    )]
    Form(String),
    /// Records name the token of the first start so.
    #[error("{0:?} is the name of the token of the first start; choose another one")]
    Reserved(String),
}

impl FromStr for AccountName {
    type Err = InvalidAccountName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-@".contains(&byte);
        let begins_well =
            text.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit());
        if !begins_well || text.len() > Self::MAX_CHARS || !text.bytes().all(allowed) {
            return Err(InvalidAccountName::Form(text.chars().take(Self::MAX_CHARS + 1).collect()));
        }
        if text == Caller::TOKEN_FILE {
            return Err(InvalidAccountName::Reserved(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

/// One person, apart from the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    /// Names it.
    pub(crate) name: AccountName,
    /// What they may.
    pub(crate) role: Role,
    /// Cannot sign in, and its tokens are refused.
    pub(crate) disabled: bool,
    /// When it was made.
    pub(crate) created_at: SystemTime,
    /// Who made it.
    pub(crate) created_by: Author,
    /// `None` before the first time.
    pub(crate) last_signed_in_at: Option<SystemTime>,
    /// The password was made by someone else.
    pub(crate) must_change_password: bool,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_plain_and_one_is_taken() {
        for name in ["a", "7", "mia.lang", "mia@example.com", "a_b-c", &"a".repeat(64)] {
            assert_eq!(name.parse::<AccountName>().map(|name| name.to_string()), Ok(name.to_owned()));
        }
        for name in ["", "Mia", "-a", ".a", "@a", "a b", "mïa", "a/b", "a\n", &"a".repeat(65)] {
            assert!(matches!(name.parse::<AccountName>(), Err(InvalidAccountName::Form(_))), "{name}");
        }
        assert_eq!(
            "admin-token".parse::<AccountName>().unwrap_err().to_string(),
            "\"admin-token\" is the name of the token of the first start; choose another one"
        );
    }

    #[test]
    fn a_refused_name_is_told_in_bounded_length() {
        let error = "A".repeat(100_000).parse::<AccountName>().unwrap_err().to_string();
        assert!(error.len() < 200, "{error}");
    }

    proptest! {
        #[test]
        fn what_is_a_name_stays_as_it_is(text in "\\PC{0,70}|[a-z0-9][a-z0-9._@-]{0,70}") {
            if let Ok(name) = text.parse::<AccountName>() {
                prop_assert_eq!(name.as_str(), text.as_str());
                prop_assert!(name.as_str().len() <= AccountName::MAX_CHARS);
                prop_assert!(name.author().as_str() != Caller::TOKEN_FILE);
            }
        }
    }
}
