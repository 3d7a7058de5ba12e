//! The ledger file: its own versioned header, then the settings exactly as they were offered.
//!
//! ```text
//!  0  magic "LMLEDGER"          8 bytes
//!  8  format version            u32   (all numbers big-endian)
//! 12  revision held             u64
//! 20  digest of the settings    32 bytes (SHA-256)
//! 52  highest revision accepted u64
//! 60  its digest                32 bytes
//! 92  length of the settings    u32
//! 96  SHA-256 of bytes 0 to 95  32 bytes
//! 128 settings
//! ```
//!
//! The header has its own checksum and names the digest of the settings: no byte of the file is unguarded. This file
//! knows neither disks nor what settings mean.

use bytes::Bytes;
use landmark_proto::revision::{Digest, Held, Revision};
use landmark_proto::settings::MAX_SETTINGS_BYTES;
use thiserror::Error;

const MAGIC: &[u8; 8] = b"LMLEDGER";
const VERSION: u32 = 1;
const CHECKED_BYTES: usize = 96;
const HEADER_BYTES: usize = 128;

/// The longest file that can be one.
pub const FILE_LIMIT: u64 = (HEADER_BYTES + MAX_SETTINGS_BYTES) as u64;

/// What a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The assignment in it.
    pub held: Held,
    /// The highest one that was accepted when the file was written.
    pub highest: Held,
    /// The bytes of its settings; decoding does not compare them with the digest.
    pub settings: Bytes,
}

/// Not a file of the ledger, or a damaged one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidRecord {
    /// Cut short.
    #[error("it has {n_bytes} bytes, fewer than its header needs")]
    Short {
        /// Its length.
        n_bytes: usize,
    },
    /// Something else.
    #[error("it is not a ledger")]
    Magic,
    /// Written by another version of the agent.
    #[error("it has format version {0}, of which this agent knows nothing")]
    Version(u32),
    /// Bytes changed.
    #[error("its header is damaged")]
    Header,
    /// Cut short, or with something behind it.
    #[error("it should have {expected} bytes and has {n_bytes}")]
    Length {
        /// According to its header.
        expected: usize,
        /// Its length.
        n_bytes: usize,
    },
}

impl Record {
    /// As a file.
    pub fn encode(&self) -> Vec<u8> {
        let mut file = Vec::with_capacity(HEADER_BYTES + self.settings.len());
        file.extend_from_slice(MAGIC);
        file.extend_from_slice(&VERSION.to_be_bytes());
        for held in [self.held, self.highest] {
            file.extend_from_slice(&held.revision.get().to_be_bytes());
            file.extend_from_slice(held.digest.as_bytes());
        }
        // Settings are at most 255 KiB, or they would not have been accepted.
        let length = u32::try_from(self.settings.len()).unwrap_or(u32::MAX);
        file.extend_from_slice(&length.to_be_bytes());
        let check = Digest::of(&file);
        file.extend_from_slice(check.as_bytes());
        file.extend_from_slice(&self.settings);
        file
    }

    /// Reads a file.
    ///
    /// # Errors
    /// It is damaged, or something else.
    pub fn decode(file: &[u8]) -> Result<Self, InvalidRecord> {
        let short = InvalidRecord::Short { n_bytes: file.len() };
        let (header, settings) = file.split_at_checked(HEADER_BYTES).ok_or(short.clone())?;
        let (checked, check) = header.split_at(CHECKED_BYTES);
        let mut fields = Fields(checked);
        if fields.array::<8>() != Some(*MAGIC) {
            return Err(InvalidRecord::Magic);
        }
        let version = fields.array().map(u32::from_be_bytes).ok_or(short.clone())?;
        if version != VERSION {
            return Err(InvalidRecord::Version(version));
        }
        if Digest::of(checked).as_bytes() != check {
            return Err(InvalidRecord::Header);
        }
        let held = fields.held().ok_or(InvalidRecord::Header)?;
        let highest = fields.held().ok_or(InvalidRecord::Header)?;
        let length = fields.array().map(u32::from_be_bytes).ok_or(short)?;
        if u32::try_from(settings.len()) != Ok(length) {
            let expected = HEADER_BYTES.saturating_add(length as usize);
            return Err(InvalidRecord::Length { expected, n_bytes: file.len() });
        }
        Ok(Self { held, highest, settings: Bytes::copy_from_slice(settings) })
    }
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }

    fn held(&mut self) -> Option<Held> {
        let revision = Revision::new(u64::from_be_bytes(self.array()?))?;
        let digest = Digest::try_from(&self.array::<32>()?[..]).ok()?;
        Some(Held { revision, digest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let held = Held { revision: Revision::new(6).unwrap(), digest: Digest::of(b"settings") };
        let highest = Held { revision: Revision::new(7).unwrap(), digest: Digest::of(b"later") };
        Record { held, highest, settings: Bytes::from_static(b"settings") }
    }

    #[test]
    fn a_file_gives_its_record_back() {
        assert_eq!(Record::decode(&record().encode()), Ok(record()));
    }

    #[test]
    fn a_file_cut_anywhere_is_refused() {
        let file = record().encode();
        for length in 0..file.len() {
            assert!(Record::decode(&file[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn a_changed_bit_of_the_header_is_noticed() {
        let file = record().encode();
        for bit in 0..HEADER_BYTES * 8 {
            let mut changed = file.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(Record::decode(&changed).is_err(), "{bit}");
        }
    }

    #[test]
    fn a_file_of_a_later_version_is_told_apart_from_a_damaged_one() {
        let mut file = record().encode();
        file[11] = 2;
        assert_eq!(Record::decode(&file), Err(InvalidRecord::Version(2)));
    }
}
