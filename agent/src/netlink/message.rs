//! Reads messages and attributes, of any kind (netlink(7), and the kernel's include/uapi/linux/netlink.h). It must know no
//! socket.
//!
//! What is cut or malformed ends the reading; nothing is read beyond it.

pub(crate) const NLMSG_ERROR: u16 = 2;
pub(crate) const NLMSG_DONE: u16 = 3;
pub(crate) const NLMSG_OVERRUN: u16 = 4;

/// The dump was disturbed by a change and must be made again.
pub(crate) const NLM_F_DUMP_INTR: u16 = 0x10;

/// Bytes of `struct nlmsghdr`.
pub(crate) const HEADER: usize = 16;

/// One message of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) sequence: u32,
    /// Of the socket that asked, or, for an event, that brought it about.
    pub(crate) port: u32,
    pub(crate) body: &'a [u8],
}

/// The messages of a datagram, as far as they are whole.
#[derive(Clone, Debug)]
pub(crate) struct Messages<'a>(&'a [u8]);

impl<'a> Messages<'a> {
    pub(crate) fn new(datagram: &'a [u8]) -> Self {
        Self(datagram)
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        let length = usize::try_from(u32_at(self.0, 0)?).ok()?;
        let message = self.0.get(..length)?;
        let body = message.get(HEADER..)?;
        self.0 = self.0.get(aligned(length)..).unwrap_or_default();
        Some(Message {
            kind: u16_at(message, 4)?,
            flags: u16_at(message, 6)?,
            sequence: u32_at(message, 8)?,
            port: u32_at(message, 12)?,
            body,
        })
    }
}

impl Message<'_> {
    /// The error number of `NLMSG_ERROR` or `NLMSG_DONE`; zero is success.
    pub(crate) fn error_number(&self) -> i32 {
        u32_at(self.body, 0).map_or(0, |number| number.cast_signed().saturating_neg())
    }
}

/// `struct nlattr`: types and values, as far as they are whole.
#[derive(Clone, Debug)]
pub(crate) struct Attributes<'a>(&'a [u8]);

impl<'a> Attributes<'a> {
    /// Those within an attribute.
    pub(crate) fn new(value: &'a [u8]) -> Self {
        Self(value)
    }

    /// Those behind a header of `skip` bytes.
    pub(crate) fn behind(body: &'a [u8], skip: usize) -> Self {
        Self(body.get(skip..).unwrap_or_default())
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<(u16, &'a [u8])> {
        let length = usize::from(u16_at(self.0, 0)?);
        // Two flags are above the type: nested, and in network byte order.
        let kind = u16_at(self.0, 2)? & 0x3fff;
        let value = self.0.get(..length)?.get(4..)?;
        self.0 = self.0.get(aligned(length)..).unwrap_or_default();
        Some((kind, value))
    }
}

/// A text that ends with a zero byte. The kernel allows nearly all bytes in a name; people's terminals do not.
pub(crate) fn text(value: &[u8]) -> String {
    let text = value.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

pub(crate) fn u8_at(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

/// Messages and attributes begin at multiples of four bytes.
pub(crate) fn aligned(length: usize) -> usize {
    length.saturating_add(3) & !3
}
