//! What names an assignment: its revision (which one) and its digest (what is in it).

use std::fmt;
use std::num::NonZeroU64;

use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// The number of an assignment: gapless, fleet-wide, rising in the order of commits. The first is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Revision(NonZeroU64);

impl Revision {
    /// The first assignment.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// `None` for 0, which on the wire means "no assignment".
    pub fn new(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }

    /// The number.
    pub fn get(self) -> u64 {
        self.0.get()
    }

    /// The one after it; `None` after 2^64 - 1.
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The SHA-256 of an assignment's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of exactly these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl TryFrom<&[u8]> for Digest {
    type Error = InvalidDigest;

    fn try_from(bytes: &[u8]) -> Result<Self, InvalidDigest> {
        <[u8; 32]>::try_from(bytes).map(Self).map_err(|_| InvalidDigest(bytes.len()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// Not a SHA-256.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("a digest of {0} bytes (a SHA-256 has 32)")]
pub struct InvalidDigest(usize);

/// A revision and what is in it: what an agent holds, or is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Held {
    /// Which assignment.
    pub revision: Revision,
    /// Of its bytes.
    pub digest: Digest,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.revision.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_start_at_one_and_rise_by_one() {
        assert_eq!(Revision::new(0), None);
        assert_eq!(Revision::FIRST.next().unwrap().get(), 2);
        assert_eq!(Revision::new(u64::MAX).unwrap().next(), None);
    }

    #[test]
    fn the_digest_is_sha_256() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").to_string(), empty);
        assert!(Digest::try_from(&[0_u8; 31][..]).is_err());
    }
}
