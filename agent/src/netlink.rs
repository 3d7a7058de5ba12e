//! What any conversation with the kernel over netlink(7) needs: sockets, messages, attributes. It must not know what they
//! mean: that is known where they are asked for ([`crate::network`], [`crate::netfilter`]).

pub(crate) mod message;
pub(crate) mod readable;
pub(crate) mod request;
pub(crate) mod socket;
