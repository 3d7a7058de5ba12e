//! Writes and reads attributes of nfnetlink: numbers in network byte order, nested lists. It must not know what they mean.

use crate::netlink::message::Attributes;
use crate::netlink::request::put;

/// Above the type of an attribute that holds attributes.
const NLA_F_NESTED: u16 = 0x8000;

/// Adds attributes to a message.
#[derive(Debug)]
pub(super) struct Writer<'a>(&'a mut Vec<u8>);

impl<'a> Writer<'a> {
    /// Adds them to the end of these bytes.
    pub(super) fn new(bytes: &'a mut Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(&mut self, kind: u16, value: &[u8]) {
        put(self.0, kind, value);
    }

    pub(super) fn be16(&mut self, kind: u16, value: u16) {
        put(self.0, kind, &value.to_be_bytes());
    }

    pub(super) fn be32(&mut self, kind: u16, value: u32) {
        put(self.0, kind, &value.to_be_bytes());
    }

    pub(super) fn be64(&mut self, kind: u16, value: u64) {
        put(self.0, kind, &value.to_be_bytes());
    }

    /// A text, with the zero byte that ends it.
    pub(super) fn text(&mut self, kind: u16, value: &str) {
        let bytes: Vec<u8> = value.bytes().chain([0]).collect();
        put(self.0, kind, &bytes);
    }

    /// An attribute of attributes, of less than 64 KiB in all: the kernel refuses the message if it is longer.
    pub(super) fn nest(&mut self, kind: u16, write: impl FnOnce(&mut Writer<'_>)) {
        let begin = self.0.len();
        put(self.0, kind | NLA_F_NESTED, &[]);
        write(&mut Writer(self.0));
        let length = u16::try_from(self.0.len() - begin).unwrap_or_default();
        self.0[begin..begin + 2].copy_from_slice(&length.to_ne_bytes());
    }
}

/// The value of the first attribute of this kind.
pub(super) fn find(value: &[u8], kind: u16) -> Option<&[u8]> {
    Attributes::new(value).find(|(found, _)| *found == kind).map(|(_, value)| value)
}

/// The same, if it is a number.
pub(super) fn find_be32(value: &[u8], kind: u16) -> Option<u32> {
    find(value, kind).and_then(be32)
}

pub(super) fn be16(value: &[u8]) -> Option<u16> {
    value.try_into().ok().map(u16::from_be_bytes)
}

pub(super) fn be32(value: &[u8]) -> Option<u32> {
    value.try_into().ok().map(u32::from_be_bytes)
}

pub(super) fn be64(value: &[u8]) -> Option<u64> {
    value.try_into().ok().map(u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_nested_is_found_again() {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes);
        writer.text(1, "abc");
        writer.nest(2, |inner| {
            inner.be32(1, 7);
            inner.nest(3, |innermost| innermost.be64(1, 9));
        });
        writer.be32(4, 5);
        assert_eq!(find(&bytes, 1), Some(&b"abc\0"[..]));
        let inner = find(&bytes, 2).unwrap();
        assert_eq!(find_be32(inner, 1), Some(7));
        assert_eq!(find(find(inner, 3).unwrap(), 1).and_then(be64), Some(9));
        assert_eq!(find_be32(&bytes, 4), Some(5));
        assert_eq!(find(&bytes, 5), None);
        assert_eq!(bytes[8..12], [28, 0, 2, 0x80], "the length and the flag of what is nested");
    }

    #[test]
    fn a_number_of_another_width_is_none() {
        assert_eq!(be32(&[0; 3]), None);
        assert_eq!(be32(&[0; 8]), None);
        assert_eq!(be64(&[0; 4]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange_to_look_into(bytes in proptest::collection::vec(any::<u8>(), 0..200), kind: u16) {
            if let Some(value) = find(&bytes, kind) {
                prop_assert!(value.len() + 4 <= bytes.len());
            }
        }
    }
}
