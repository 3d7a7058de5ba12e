//! Writes messages of nfnetlink (the kernel's include/uapi/linux/netfilter/nfnetlink.h), one by one or as a transaction. It
//! must not know what they mean.

use super::attribute::{Writer, find};
use crate::netlink::message::{HEADER as NLMSG_HEADER, Message};
use crate::netlink::request::{NLM_F_ACK, NLM_F_REQUEST};

/// Connection tracking.
pub(super) const CTNETLINK: u16 = 1;
/// The packet filter.
pub(super) const NFTABLES: u16 = 10;

const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;

/// Bytes of `struct nfgenmsg`.
pub(super) const HEADER: usize = 4;

/// The kind of a message of a subsystem.
pub(super) const fn kind(subsystem: u16, message: u16) -> u16 {
    subsystem << 8 | message
}

/// `struct nfgenmsg`: family, version 0, and a number that only transactions have.
pub(super) const fn header(family: u8) -> [u8; HEADER] {
    [family, 0, 0, 0]
}

/// Whether a message of the packet filter is about a table of this name and family, or about what stands in it. It looks no
/// further than it must.
pub(super) fn is_about(message: &Message<'_>, table: &str, family: u8) -> bool {
    /// The table's name in every kind of message.
    const NAME: u16 = 1;
    let body = message.body;
    body.first() == Some(&family)
        && find(body.get(HEADER..).unwrap_or_default(), NAME).and_then(|name| name.strip_suffix(&[0]))
            == Some(table.as_bytes())
}

/// A transaction of the packet filter: the kernel does all of it or nothing.
#[derive(Debug)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    last: Option<usize>,
}

impl Batch {
    pub(super) fn new() -> Self {
        let mut batch = Self { bytes: Vec::new(), last: None };
        batch.frame(BATCH_BEGIN);
        batch
    }

    /// Adds a message. What the kernel says of it carries the sequence number; several may have the same.
    pub(super) fn message(
        &mut self,
        sequence: u32,
        kind: u16,
        flags: u16,
        header: [u8; HEADER],
        write: impl FnOnce(&mut Writer<'_>),
    ) {
        let begin = self.begin(sequence, kind, flags, header);
        write(&mut Writer::new(&mut self.bytes));
        self.end(begin);
        self.last = Some(begin);
    }

    /// All of it. The last message is the one that the kernel confirms, so that silence is not taken for success.
    pub(super) fn finish(mut self) -> Vec<u8> {
        if let Some(last) = self.last {
            let flags = u16::from_ne_bytes([self.bytes[last + 6], self.bytes[last + 7]]);
            self.bytes[last + 6..last + 8].copy_from_slice(&(flags | NLM_F_ACK).to_ne_bytes());
        }
        self.frame(BATCH_END);
        self.bytes
    }

    fn frame(&mut self, kind: u16) {
        let [high, low] = NFTABLES.to_be_bytes();
        let begin = self.begin(0, kind, 0, [0, 0, high, low]);
        self.end(begin);
    }

    fn begin(&mut self, sequence: u32, kind: u16, flags: u16, header: [u8; HEADER]) -> usize {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(&[0; NLMSG_HEADER]);
        self.bytes[begin + 4..begin + 6].copy_from_slice(&kind.to_ne_bytes());
        self.bytes[begin + 6..begin + 8].copy_from_slice(&(flags | NLM_F_REQUEST).to_ne_bytes());
        self.bytes[begin + 8..begin + 12].copy_from_slice(&sequence.to_ne_bytes());
        self.bytes.extend_from_slice(&header);
        begin
    }

    fn end(&mut self, begin: usize) {
        let length = u32::try_from(self.bytes.len() - begin).unwrap_or_default();
        self.bytes[begin..begin + 4].copy_from_slice(&length.to_ne_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::message::Messages;

    #[test]
    fn a_transaction_is_framed_and_its_last_message_confirmed() {
        let mut batch = Batch::new();
        batch.message(1, kind(NFTABLES, 0), 0x400, header(1), |writer| writer.text(1, "t"));
        batch.message(2, kind(NFTABLES, 3), 0, header(1), |writer| writer.be32(1, 7));
        let bytes = batch.finish();
        let messages: Vec<_> = Messages::new(&bytes).collect();
        let of = |each: fn(&Message<'_>) -> u32| messages.iter().map(each).collect::<Vec<_>>();
        assert_eq!(of(|message| u32::from(message.kind)), [16, 0x0a00, 0x0a03, 17]);
        assert_eq!(of(|message| u32::from(message.flags)), [1, 0x401, 5, 1]);
        assert_eq!(of(|message| message.sequence), [0, 1, 2, 0]);
        assert_eq!(messages[0].body, [0, 0, 0, 10]);
        assert_eq!(messages[1].body, [1, 0, 0, 0, 6, 0, 1, 0, b't', 0, 0, 0]);
    }
    #[test]
    fn a_message_is_about_the_table_that_it_names() {
        let is_ours = |family: u8, name: &[u8]| {
            let mut body = header(family).to_vec();
            Writer::new(&mut body).bytes(1, name);
            let message = Message { kind: kind(NFTABLES, 6), flags: 0, sequence: 0, port: 0, body: &body };
            is_about(&message, "landmark", 1)
        };
        assert!(is_ours(1, b"landmark\0"));
        assert!(!is_ours(2, b"landmark\0"), "of IPv4");
        assert!(!is_ours(1, b"landmark2\0"));
        assert!(!is_ours(1, b"landmark"));
        assert!(!is_ours(1, &[0, 0, 0, 1]), "a generation");
    }
}
