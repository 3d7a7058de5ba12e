//! Tells when somebody else has changed our table. It must not know what stands there: who wants to, reads it.

use std::io;

use super::message::is_about;
use super::socket::is_own;
use super::table::FAMILY;
use crate::enforce::firewall::ruleset::TABLE;
use crate::netlink::message::Message;
use crate::netlink::socket::{Listener, Protocol, Told};

/// `NFNLGRP_NFTABLES`, as the bit of it.
const GROUP: u32 = 1 << (7 - 1);
/// The kernel tells all that a transaction changes in one go, be it our own. Half of this is enough for the replacement of
/// 1,000 exceptions with 2,000 sets; it is used only while it is not yet read.
const ROOM: usize = 8 * 1024 * 1024;

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Somebody else has changed our table: made it, something in it, or taken it away.
    Foreign,
    /// More happened in the packet filter than could be told; our table may have been changed.
    Perhaps,
}

/// Listens to the changes of the packet filter.
pub struct Events {
    listener: Listener,
}

impl Events {
    /// Begins to listen: what happens from now on is told. Must be called within a runtime.
    ///
    /// # Errors
    /// There is no packet filter, or no permission to listen to it.
    pub fn open() -> io::Result<Self> {
        let listener = Listener::open(Protocol::Netfilter, GROUP)?;
        listener.make_room(ROOM);
        Ok(Self { listener })
    }

    /// Waits until our table was changed, but not by this process ([`super::table::commit`]), or may have been. All that is
    /// there to be told is told at once. May be cancelled.
    ///
    /// # Errors
    /// The socket is of no use any more.
    pub async fn next(&mut self) -> io::Result<Change> {
        loop {
            let mut is_changed = false;
            let told = self.listener.listen(|message| is_changed = is_changed || is_foreign(message)).await?;
            if is_changed {
                return Ok(Change::Foreign);
            }
            if told == Told::NotAll {
                return Ok(Change::Perhaps);
            }
        }
    }
}

/// Whether it is about our table, and another's doing. Every message of a transaction names the port that it came through.
fn is_foreign(message: &Message<'_>) -> bool {
    !is_own(message.port) && is_about(message, TABLE, FAMILY)
}
