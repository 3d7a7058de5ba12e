//! The kernel's packet filter and connection tracking, as the firewall uses them.

use std::io;

use super::flows::{Flow, Treatment};
use super::ruleset::{Command, Present};
use crate::netfilter::table::{self, CommitError, Unavailable};

/// Whether the packet filter can be used by this process.
///
/// # Errors
/// It cannot, and why.
pub fn is_available() -> Result<(), Unavailable> {
    table::is_available()
}

/// Whether our table stands there, whoever wrote it; false if nobody can say.
pub fn stands() -> bool {
    read().is_ok_and(|present| present != Present::Nothing)
}

/// What stands in our table.
///
/// # Errors
/// The kernel refuses.
pub fn read() -> io::Result<Present> {
    table::read()
}

/// Does all of it, or nothing.
///
/// # Errors
/// The kernel refuses a command.
pub fn commit(commands: &[Command<'_>]) -> Result<(), CommitError> {
    table::commit(commands)
}

/// Treats every flow that the kernel follows; how many were cut, and how many are so no longer.
///
/// # Errors
/// The kernel does not tell of its flows, or lets none be marked.
pub fn treat_flows(_treatment: impl Fn(&Flow) -> Treatment) -> io::Result<(u64, u64)> {
    Ok((0, 0))
}

/// Changes of our table by others.
pub struct Events;
impl Events {
    pub fn open() -> io::Result<Self> {
        Ok(Self)
    }
    pub async fn touched(&mut self) -> io::Result<()> {
        std::future::pending().await
    }
}
