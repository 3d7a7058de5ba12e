//! The file of the outbox: a header, then what happened, one entry an append.
//!
//! ```text
//! header   magic "LMOUTBOX" · format version u32 · outbox id 16 bytes · first sequence u64 · dropped u64 · check
//! entry    kind u8 · payload length u32 · check · payload            (all numbers big-endian)
//! report   kind 1, payload: landmark.v1.LocationReport; its sequence is its place
//! committed kind 2, payload: u64, every record below it is at the server
//! check    the first 8 bytes of the SHA-256 of what it guards; an entry's covers the sequence it stands at
//! ```
//!
//! The ring is what remains when the entries are gone through in order, limits included, so that a restart finds
//! exactly what was in memory. Every append is forced to disk before the next, therefore at most the last entry can be
//! incomplete. This file knows no disk.

use landmark_proto::convert::location::{report_from_wire, report_to_wire};
use landmark_proto::ids::{OutboxId, Sequence};
use landmark_proto::location::LocationReport;
use landmark_proto::violation::Path;
use landmark_proto::wire;
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::ring::{Limits, Ring};

const MAGIC: &[u8; 8] = b"LMOUTBOX";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 44;
const CHECK_BYTES: usize = 8;
const ENTRY_HEADER_BYTES: usize = 1 + 4 + CHECK_BYTES;
/// A record has at most a name of 253 characters and a few numbers.
const MAX_PAYLOAD_BYTES: usize = 4 * 1024;
const REPORT: u8 = 1;
const COMMITTED: u8 = 2;

/// The longest file that is read: twice what a full ring needs, with the slack of a file that is not yet rewritten.
pub const FILE_LIMIT: u64 = 4 * 1024 * 1024;

/// What was in a file.
#[derive(Debug)]
pub struct Loaded {
    /// `None` without a readable header.
    pub ring: Option<Ring>,
    /// How the file ends.
    pub tail: Tail,
}

/// How a file ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// With a whole entry.
    Whole,
    /// In the middle of its last entry: an append was interrupted.
    Torn,
    /// In a way that no interrupted append explains.
    Damaged,
}

/// Reads a file.
pub fn load(file: &[u8], limits: Limits) -> Loaded {
    let Some((mut ring, mut rest)) = read_header(file, limits) else {
        return Loaded { ring: None, tail: Tail::Damaged };
    };
    while !rest.is_empty() {
        let (kind, payload, after) = match read_entry(rest, ring.range().next) {
            Ok(entry) => entry,
            Err(tail) => return Loaded { ring: Some(ring), tail },
        };
        let n_bytes = rest.len() - after.len();
        let known = match kind {
            REPORT => read_report(payload).map(|report| ring.push(report, n_bytes)),
            COMMITTED => payload.try_into().ok().map(u64::from_be_bytes).map(|next| {
                ring.forget_below(Sequence::new(next));
            }),
            _ => None,
        };
        if known.is_none() {
            return Loaded { ring: Some(ring), tail: Tail::Damaged };
        }
        rest = after;
    }
    Loaded { ring: Some(ring), tail: Tail::Whole }
}

/// A file that gives this ring and nothing else.
pub fn image(ring: &Ring) -> Vec<u8> {
    let range = ring.range();
    let mut file = Vec::with_capacity(HEADER_BYTES + CHECK_BYTES + ring.n_bytes());
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&VERSION.to_be_bytes());
    file.extend_from_slice(range.outbox_id.as_uuid().as_bytes());
    file.extend_from_slice(&range.first.get().to_be_bytes());
    file.extend_from_slice(&ring.n_dropped().to_be_bytes());
    let check = check(&[&file]);
    file.extend_from_slice(&check);
    for (index, report) in ring.records().enumerate() {
        file.extend_from_slice(&report_entry(range.first.plus(index as u64), report));
    }
    file
}

/// The record that gets this number.
pub fn report_entry(sequence: Sequence, report: &LocationReport) -> Vec<u8> {
    entry(REPORT, sequence, &report_to_wire(report).encode_to_vec())
}

/// Every record below `next` is at the server. Written after the ring has forgotten them, with the number that the
/// following record will have.
pub fn committed_entry(at: Sequence, next: Sequence) -> Vec<u8> {
    entry(COMMITTED, at, &next.get().to_be_bytes())
}

fn entry(kind: u8, sequence: Sequence, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut entry = Vec::with_capacity(ENTRY_HEADER_BYTES + payload.len());
    entry.push(kind);
    entry.extend_from_slice(&length);
    entry.extend_from_slice(&check(&[&[kind], &length, &sequence.get().to_be_bytes(), payload]));
    entry.extend_from_slice(payload);
    entry
}

fn read_header(file: &[u8], limits: Limits) -> Option<(Ring, &[u8])> {
    let (header, rest) = file.split_at_checked(HEADER_BYTES)?;
    let (sum, rest) = rest.split_at_checked(CHECK_BYTES)?;
    if check(&[header]) != sum {
        return None;
    }
    let (magic, fields) = header.split_first_chunk::<8>()?;
    let (version, fields) = fields.split_first_chunk()?;
    let (id, fields) = fields.split_first_chunk()?;
    let (first, fields) = fields.split_first_chunk()?;
    let (n_dropped, _) = fields.split_first_chunk()?;
    if magic != MAGIC || u32::from_be_bytes(*version) != VERSION {
        return None;
    }
    let first = Sequence::new(u64::from_be_bytes(*first));
    let id = OutboxId::from_uuid(Uuid::from_bytes(*id));
    Some((Ring::starting_at(id, first, u64::from_be_bytes(*n_dropped), limits), rest))
}

fn read_entry(rest: &[u8], sequence: Sequence) -> Result<(u8, &[u8], &[u8]), Tail> {
    let torn_if = |torn: bool| if torn { Tail::Torn } else { Tail::Damaged };
    let Some((header, after)) = rest.split_at_checked(ENTRY_HEADER_BYTES) else { return Err(Tail::Torn) };
    let [kind, l0, l1, l2, l3, sum @ ..] = header else { return Err(Tail::Damaged) };
    let length = [*l0, *l1, *l2, *l3];
    let n_payload = u32::from_be_bytes(length) as usize;
    if n_payload == 0 || n_payload > MAX_PAYLOAD_BYTES {
        // A file system may have made the file longer and not have written into it.
        return Err(torn_if(rest.iter().all(|byte| *byte == 0)));
    }
    let Some((payload, after)) = after.split_at_checked(n_payload) else { return Err(Tail::Torn) };
    if check(&[&[*kind], &length, &sequence.get().to_be_bytes(), payload]) == sum {
        Ok((*kind, payload, after))
    } else {
        Err(torn_if(after.is_empty()))
    }
}

fn read_report(payload: &[u8]) -> Option<LocationReport> {
    let report = wire::LocationReport::decode(payload).ok()?;
    report_from_wire(report, &Path::root()).ok()
}

fn check(parts: &[&[u8]]) -> [u8; CHECK_BYTES] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(hash.finalize());
    [a, b, c, d, e, f, g, h]
}
