//! The kernel's packet filter and connection tracking, as the firewall uses them.

use std::io;

use super::flows::{Flow, Treatment, Tuple};
use super::ruleset::{CUT_MARK, Command, Present};
pub use crate::netfilter::events::{Change, Events};
use crate::netfilter::flows::{self, Ends};
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
/// The kernel does not tell of its flows, or lets one not be marked; the others are treated all the same.
pub fn treat_flows(treatment: impl Fn(&Flow) -> Treatment) -> io::Result<(u64, u64)> {
    let (mut n_cut, mut n_restored) = (0, 0);
    let mut failed = None;
    let mut marker = flows::Marker::open()?;
    flows::each_flow(|flow| {
        let (mark, n) = match treatment(&plain(flow)) {
            Treatment::Leave => return,
            Treatment::Cut => (CUT_MARK, &mut n_cut),
            Treatment::Restore => (0, &mut n_restored),
        };
        match marker.mark(flow, mark) {
            // One that has gone meanwhile needs no treatment.
            Ok(was_there) => *n += u64::from(was_there),
            Err(error) => failed = Some(error),
        }
    })?;
    failed.map_or(Ok((n_cut, n_restored)), Err)
}

fn plain(flow: &flows::Flow) -> Flow {
    Flow { original: tuple(&flow.original), reply: tuple(&flow.reply), mark: flow.mark }
}

fn tuple(tuple: &flows::Tuple) -> Tuple {
    let flows::Tuple { source, destination, protocol, ends } = *tuple;
    let (source_port, destination_port) = match ends {
        Ends::Ports { source, destination } => (source, destination),
        Ends::Icmp { .. } | Ends::None => (0, 0),
    };
    Tuple { source, destination, protocol, source_port, destination_port }
}
