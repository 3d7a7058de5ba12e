//! Writes messages and attributes, of any kind. It must know no socket, and nothing of the answers.

use super::message::{HEADER, aligned};

pub(crate) const NLM_F_REQUEST: u16 = 0x1;
pub(crate) const NLM_F_ACK: u16 = 0x4;
pub(crate) const NLM_F_DUMP: u16 = 0x300;
pub(crate) const NLM_F_CREATE: u16 = 0x400;

/// A message to the kernel; its sequence number is set when it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request(Vec<u8>);

impl Request {
    /// One with the header of its family.
    pub(crate) fn new(kind: u16, flags: u16, header: &[u8]) -> Self {
        let mut bytes = vec![0; HEADER];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&(flags | NLM_F_REQUEST).to_ne_bytes());
        bytes.extend_from_slice(header);
        Self(bytes)
    }

    /// With one more attribute, of less than 64 KiB.
    pub(crate) fn with(mut self, attribute: u16, value: &[u8]) -> Self {
        put(&mut self.0, attribute, value);
        self
    }

    /// The whole message.
    pub(crate) fn numbered(mut self, sequence: u32) -> Vec<u8> {
        let length = u32::try_from(self.0.len()).unwrap_or_default();
        self.0[0..4].copy_from_slice(&length.to_ne_bytes());
        self.0[8..12].copy_from_slice(&sequence.to_ne_bytes());
        self.0
    }
}

/// Adds an attribute, of less than 64 KiB.
pub(crate) fn put(bytes: &mut Vec<u8>, attribute: u16, value: &[u8]) {
    let length = u16::try_from(value.len() + 4).unwrap_or_default();
    bytes.extend_from_slice(&length.to_ne_bytes());
    bytes.extend_from_slice(&attribute.to_ne_bytes());
    bytes.extend_from_slice(value);
    bytes.resize(aligned(bytes.len()), 0);
}
