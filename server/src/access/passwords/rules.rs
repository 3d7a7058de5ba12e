//! Which passwords will do: long ones, of any characters, that are not among the first that anyone would try (NIST SP
//! 800-63B: length counts, composition rules do not).

use thiserror::Error;
use zeroize::Zeroizing;

use crate::access::account::AccountName;

/// Characters, at least.
const MIN_CHARS: usize = 12;
/// Characters, at most: longer than any sentence that is typed, and bounded.
pub(super) const MAX_CHARS: usize = 200;

/// Of published lists of leaked passwords those with 12 characters or more, and what suggests itself here. In lower case.
const COMMONEST: [&str; 44] = [
    "000000000000",
    "0123456789012",
    "111111111111",
    "112233445566",
    "121212121212",
    "123123123123",
    "123456123456",
    "1234567890ab",
    "123456789012",
    "1234567890123",
    "12345678901234",
    "123456789012345",
    "1234567890qwerty",
    "123456789abc",
    "123456789abcd",
    "1q2w3e4r5t6y",
    "1qaz2wsx3edc",
    "987654321012",
    "aaaaaaaaaaaa",
    "abcabcabcabc",
    "abcdefghijkl",
    "abcdefghijklm",
    "administrator",
    "administrator1",
    "adminadminadmin",
    "changemechangeme",
    "changeme1234",
    "correcthorsebatterystaple",
    "iloveyou1234",
    "landmark1234",
    "landmarklandmark",
    "landmark-server",
    "letmeinletmein",
    "passw0rd1234",
    "password1234",
    "password12345",
    "password123456",
    "passwordpassword",
    "q1w2e3r4t5y6",
    "qazwsxedcrfv",
    "qwerty123456",
    "qwertyqwerty",
    "qwertyuiop12",
    "qwertyuiop123",
];

/// Without those that are taken for each other: 31, and so 79 bits in 16 of them.
const ALPHABET: [u8; 31] = *b"abcdefghjkmnpqrstuvwxyz23456789";
const ONE_TIME_CHARS: usize = 16;
const GROUP: usize = 4;

/// A password that will not do.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum WeakPassword {
    /// Too short.
    #[error("a password of {n_chars} characters is too short (at least {MIN_CHARS})")]
    Short {
        /// As given.
        n_chars: usize,
    },
    /// Too long.
    #[error("a password of {n_chars} characters is too long (at most {MAX_CHARS})")]
    Long {
        /// As given.
        n_chars: usize,
    },
    /// Everybody knows it.
    #[error("the password is the name of the account")]
    Name,
    /// Tried first by everybody.
    #[error(
        "the password is among the commonest, which are tried first; several words that do not belong together are good"
    )]
    Common,
    /// Known to whoever made it.
    #[error("the new password is the present one")]
    Same,
}

/// Whether an account may have it.
pub(super) fn check(password: &str, account: &AccountName) -> Result<(), WeakPassword> {
    let n_chars = password.chars().count();
    if n_chars < MIN_CHARS {
        return Err(WeakPassword::Short { n_chars });
    }
    if n_chars > MAX_CHARS {
        return Err(WeakPassword::Long { n_chars });
    }
    let lower = Zeroizing::new(password.to_lowercase());
    if lower.trim() == account.as_str() {
        return Err(WeakPassword::Name);
    }
    let mut characters = lower.chars();
    let first = characters.next();
    let is_one_character = characters.all(|character| Some(character) == first);
    if is_one_character || COMMONEST.contains(&lower.trim()) {
        return Err(WeakPassword::Common);
    }
    Ok(())
}

/// For example `k7mq-x2fd-9hnw-4tzc`.
pub(super) fn one_time() -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(ONE_TIME_CHARS + ONE_TIME_CHARS / GROUP));
    let mut n_chars = 0;
    while n_chars < ONE_TIME_CHARS {
        let byte: u8 = rand::random();
        // The 8 values above the last whole round would make some characters likelier.
        let Some(character) = ALPHABET.get(usize::from(byte % 31)).filter(|_| byte < 31 * 8) else {
            continue;
        };
        if n_chars > 0 && n_chars % GROUP == 0 {
            text.push('-');
        }
        text.push(char::from(*character));
        n_chars += 1;
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn checked(password: &str) -> Result<(), WeakPassword> {
        check(password, &"mia.lang@example.com".parse().unwrap())
    }

    #[test]
    fn length_counts_and_composition_does_not() {
        assert_eq!(checked("elevenchars"), Err(WeakPassword::Short { n_chars: 11 }));
        assert_eq!(checked("twelve chars"), Ok(()));
        assert_eq!(checked("schöne Grüße"), Ok(()));
        assert_eq!(checked(&"ab".repeat(100)), Ok(()));
        assert_eq!(checked(&"ab".repeat(101)), Err(WeakPassword::Long { n_chars: 202 }));
    }

    #[test]
    fn what_anyone_would_try_first_is_refused() {
        assert_eq!(checked("mia.lang@example.com"), Err(WeakPassword::Name));
        assert_eq!(checked("Mia.Lang@Example.COM "), Err(WeakPassword::Name));
        for common in ["Password1234", "administrator", "zzzzzzzzzzzz", "            ", "123456789012"] {
            assert_eq!(checked(common), Err(WeakPassword::Common), "{common}");
        }
        for common in COMMONEST {
            assert!(common.chars().count() >= MIN_CHARS, "{common} is refused for its length anyway");
            assert_eq!(common.to_lowercase(), common);
        }
    }

    #[test]
    fn one_time_passwords_are_good_ones_and_all_different() {
        let made: HashSet<String> = (0..200).map(|_| one_time().to_string()).collect();
        assert_eq!(made.len(), 200);
        for password in made {
            assert_eq!(password.len(), 19, "{password}");
            assert_eq!(checked(&password), Ok(()));
            assert!(password.bytes().all(|byte| byte == b'-' || ALPHABET.contains(&byte)), "{password}");
        }
    }

    proptest! {
        #[test]
        fn any_long_text_that_is_not_listed_will_do(password in "[a-z ]{13,190}x1") {
            prop_assert_eq!(checked(&password), Ok(()));
        }
    }
}
