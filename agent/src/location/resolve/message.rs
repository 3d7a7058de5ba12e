//! Questions to a name server and what its answers say (RFC 1035). It must not know how they travel.
//!
//! Questions go without EDNS: what fits into 512 bytes is more than is tried, the rest comes over TCP, and every name
//! server understands it. Of an answer only the records that matter are decoded: what else a server sends can neither
//! spoil it nor needs the code for every type of record in the agent.

use std::net::IpAddr;

use hickory_proto::ProtoError;
use hickory_proto::op::{Header, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use hickory_proto::serialize::binary::{BinDecodable as _, BinDecoder, BinEncodable as _, DecodeError};

/// Addresses that are kept of one answer: more than are ever tried of a name.
pub(super) const MAX_ADDRESSES: usize = 32;
/// Aliases in a row that are followed within one answer.
const MAX_ALIASES: usize = 16;
/// Bytes of a message before its questions.
const HEADER: usize = 12;
/// Of the header, the flag with which a resolver is asked to ask others.
const RECURSION_DESIRED: u8 = 0x01;

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

/// For the addresses of one family that a name has.
#[derive(Clone, Debug)]
pub(super) struct Question(Query);

/// What a name server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// At least one, at most [`MAX_ADDRESSES`].
    Addresses(Vec<IpAddr>),
    /// The name exists, without an address of this family.
    NoAddress,
    /// The name does not exist, in no family.
    NoName,
    /// It failed, refuses, does not know and asks nobody, or talks nonsense.
    NoHelp,
    /// There is more than fits; these came.
    Truncated(Vec<IpAddr>),
}

impl Question {
    /// # Errors
    /// The name is longer than DNS can carry.
    pub(super) fn new(name: &str, family: Family) -> Result<Self, ProtoError> {
        let kind = match family {
            Family::V4 => RecordType::A,
            Family::V6 => RecordType::AAAA,
        };
        Ok(Self(Query::query(Name::from_ascii(name)?, kind)))
    }

    /// A message, and the random number that its answer bears.
    ///
    /// # Errors
    /// It cannot be encoded.
    pub(super) fn message(&self) -> Result<(u16, Vec<u8>), ProtoError> {
        let id: u16 = rand::random();
        let [first, second] = id.to_be_bytes();
        // One question, and nothing in the other sections.
        let header: [u8; HEADER] = [first, second, RECURSION_DESIRED, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        Ok((id, [&header[..], &self.0.to_bytes()?].concat()))
    }

    /// `None`: this is no answer to the message with this number, whoever sent it.
    pub(super) fn answer(&self, id: u16, bytes: &[u8]) -> Option<Answer> {
        let ([first, second, flags, ..], true) = (bytes, bytes.len() >= HEADER) else { return None };
        let (is_response, truncated) = (flags & 0x80 != 0, flags & 0x02 != 0);
        if u16::from_be_bytes([*first, *second]) != id || !is_response {
            return None;
        }
        let Ok(response) = Response::read(bytes) else {
            // What is cut need not be a message.
            return Some(if truncated { Answer::Truncated(Vec::new()) } else { Answer::NoHelp });
        };
        match response.questions.as_slice() {
            [asked] if *asked == self.0 => {}
            // Servers that refuse may leave the question out.
            [] if response.header.response_code != ResponseCode::NoError => return Some(Answer::NoHelp),
            _ => return None,
        }
        Some(self.said(&response))
    }

    fn said(&self, response: &Response) -> Answer {
        let about = response.header.metadata;
        if about.response_code == ResponseCode::NXDomain {
            return Answer::NoName;
        }
        if about.response_code != ResponseCode::NoError {
            return Answer::NoHelp;
        }
        let found = self.addresses(response);
        if about.truncation {
            Answer::Truncated(found)
        } else if !found.is_empty() {
            Answer::Addresses(found)
        } else if about.authoritative || about.recursion_available {
            Answer::NoAddress
        } else {
            // It has not the zone and asks nobody else, so it cannot know.
            Answer::NoHelp
        }
    }

    /// Of the name, or of what it is an alias for.
    fn addresses(&self, response: &Response) -> Vec<IpAddr> {
        let mut owner = self.0.name();
        for _ in 0..=MAX_ALIASES {
            let (mut found, mut alias) = (Vec::new(), None);
            for (_, said) in response.records.iter().filter(|(name, _)| name == owner) {
                match said {
                    Record::Alias(target) => alias = Some(target),
                    Record::Address(address) => {
                        let wanted = address.is_ipv6() == (self.0.query_type() == RecordType::AAAA);
                        if wanted && found.len() < MAX_ADDRESSES && !found.contains(address) {
                            found.push(*address);
                        }
                    }
                }
            }
            match alias {
                Some(target) if found.is_empty() => owner = target,
                _ => return found,
            }
        }
        Vec::new()
    }
}

/// What is read of an answer.
struct Response {
    header: Header,
    questions: Vec<Query>,
    /// Those of the answer section that matter, with the names that they belong to.
    records: Vec<(Name, Record)>,
}

enum Record {
    Address(IpAddr),
    Alias(Name),
}

impl Response {
    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut decoder = BinDecoder::new(bytes);
        let header = Header::read(&mut decoder)?;
        let questions =
            (0..header.counts.queries).map(|_| Query::read(&mut decoder)).collect::<Result<_, _>>()?;
        let mut records = Vec::new();
        for _ in 0..header.counts.answers {
            let owner = Name::read(&mut decoder)?;
            records.extend(Record::read(&mut decoder)?.map(|record| (owner, record)));
        }
        Ok(Self { header, questions, records })
    }
}

impl Record {
    /// What is behind its owner (RFC 1035, section 4.1.3); `None` for a type that does not matter.
    fn read(decoder: &mut BinDecoder<'_>) -> Result<Option<Self>, DecodeError> {
        let kind = RecordType::read(decoder)?;
        let _class = decoder.read_u16()?;
        let _time_to_live = decoder.read_u32()?;
        let length = usize::from(decoder.read_u16()?.unverified(/* the slice is checked */));
        let at = u16::try_from(decoder.index());
        let data = decoder.read_slice(length)?.unverified(/* only as an address */);
        if kind == RecordType::CNAME {
            // It may point to any name before it.
            let at = at.map_err(|_| DecodeError::InsufficientBytes)?;
            return Ok(Some(Self::Alias(Name::read(&mut decoder.clone(at))?)));
        }
        let address = if kind == RecordType::A {
            <[u8; 4]>::try_from(data).ok().map(IpAddr::from)
        } else if kind == RecordType::AAAA {
            <[u8; 16]>::try_from(data).ok().map(IpAddr::from)
        } else {
            return Ok(None);
        };
        address.map(|it| Some(Self::Address(it))).ok_or(DecodeError::InsufficientBytes)
    }
}

#[cfg(test)]
mod tests;
