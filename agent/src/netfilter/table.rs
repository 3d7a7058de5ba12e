//! Our table in the packet filter: what is written to it, and what stands in it.
//!
//! ```text
//! Command ─► write ─► rule, elements ─► expression ─┐
//!                                                   ├ bytes ─ kernel
//! Present ◄─ read ◄── rule, elements ◄─ expression ◄┘
//! ```
//!
//! Only this file speaks to the kernel; the others are pure.

mod elements;
mod expression;
mod read;
mod rule;
mod words;
mod write;

use std::io;

use rustix::io::Errno;

use self::read::Reading;
use self::words::{
    ELEMENTS_SET, GENERATION_ID, GETCHAIN, GETGEN, GETRULE, GETSET, GETSETELEM, GETTABLE, NEWGEN,
    NFPROTO_INET, TABLE_NAME,
};
use super::attribute::find_be32;
use super::message::{HEADER, header};
use super::socket::{Failure, transact};
use crate::enforce::firewall::ruleset::{Command, Present, TABLE};
use crate::netlink::request::{NLM_F_ACK, NLM_F_DUMP, Request};
use crate::netlink::socket::{Asker, Protocol};

/// Of our table: `inet`.
pub(super) const FAMILY: u8 = NFPROTO_INET;

/// How often the table is read anew that a change disturbed.
const MAX_TRIES: u32 = 8;

/// Why a transaction did not happen. Then nothing of it has, unless it is [`CommitError::Unheard`].
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The kernel would not do one of the commands.
    #[error("the packet filter refused to {command}")]
    Refused {
        /// The first that it refused, in words.
        command: String,
        /// Why.
        source: io::Error,
    },
    /// The kernel would not do it as a whole.
    #[error("the packet filter refused the transaction")]
    RefusedWhole(#[source] io::Error),
    /// It could not be sent, or what the kernel said of it was lost.
    #[error("speak to the packet filter")]
    Unheard(#[source] io::Error),
}

/// Why the packet filter cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// Only who may administrate the network can use it.
    #[error("no permission to use the packet filter: the agent needs root or CAP_NET_ADMIN")]
    NoPermission,
    /// The kernel, or this container's, has none.
    #[error("this kernel has no nf_tables: its module nf_tables is not there or cannot be loaded")]
    NotInKernel,
    /// Something else.
    #[error("the packet filter cannot be used")]
    Other(#[source] io::Error),
}

/// Does all of this or nothing, in one transaction: no packet meets a half of it. It blocks until it is done.
///
/// # Errors
/// The kernel refuses.
pub fn commit(commands: &[Command<'_>]) -> Result<(), CommitError> {
    if commands.is_empty() {
        return Ok(());
    }
    transact(&write::transaction(commands)).map_err(|failure| match failure {
        Failure::Unheard(source) => CommitError::Unheard(source),
        Failure::Refused(number, source) => {
            let command =
                usize::try_from(number).ok().and_then(|number| commands.get(number.checked_sub(1)?));
            match command {
                Some(command) => CommitError::Refused { command: write::words(command), source },
                None => CommitError::RefusedWhole(source),
            }
        }
    })
}

/// What stands in the table, all of one moment: sets and chains ascending by their names, rules in their order. It blocks.
///
/// # Errors
/// The kernel refuses or does not answer, or what stands there changes faster than it can be read.
pub fn read() -> io::Result<Present> {
    let mut asker = Asker::open(Protocol::Netfilter)?;
    for _ in 0..MAX_TRIES {
        let before = generation(&mut asker)?;
        // What fails because it has gone meanwhile is no failure.
        let read = read_once(&mut asker).transpose();
        let is_same = generation(&mut asker)? == before;
        if let Some(present) = read.filter(|_| is_same) {
            return present;
        }
    }
    Err(io::Error::other("the packet filter changes faster than it can be read"))
}

/// Whether the packet filter can be used by this process; asking changes nothing.
///
/// # Errors
/// It cannot, and why.
pub fn is_available() -> Result<(), Unavailable> {
    let answer = Asker::open(Protocol::Netfilter).and_then(|mut asker| generation(&mut asker));
    answer.map(drop).map_err(unavailable)
}

fn unavailable(error: io::Error) -> Unavailable {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::PERM | Errno::ACCESS) => Unavailable::NoPermission,
        // No such protocol; no such subsystem of it.
        Some(Errno::PROTONOSUPPORT | Errno::AFNOSUPPORT | Errno::INVAL | Errno::NOENT | Errno::OPNOTSUPP) => {
            Unavailable::NotInKernel
        }
        _ => Unavailable::Other(error),
    }
}

/// A number that is another after every change of any table.
fn generation(asker: &mut Asker) -> io::Result<u32> {
    let request = Request::new(GETGEN, NLM_F_ACK, &header(0));
    let number = asker.ask(&request, |number: &mut Option<u32>, message| {
        if message.kind == NEWGEN {
            *number = message.body.get(HEADER..).and_then(|body| find_be32(body, GENERATION_ID));
        }
    })?;
    number.ok_or_else(|| io::Error::other("the packet filter does not tell its generation"))
}

/// `None`: a change disturbed it.
fn read_once(asker: &mut Asker) -> io::Result<Option<Present>> {
    let mut reading = Reading::default();
    let request = of_our_table(GETTABLE, NLM_F_ACK);
    match asker.exchange(request, &mut |message| reading.take_table(message)) {
        Ok(_) => {}
        Err(error) if error.raw_os_error() == Some(Errno::NOENT.raw_os_error()) => {
            return Ok(Some(Present::Nothing));
        }
        Err(error) => return Err(error),
    }
    for kind in [GETCHAIN, GETRULE, GETSET] {
        if !asker.exchange(of_our_table(kind, NLM_F_DUMP), &mut |message| reading.take(message))? {
            return Ok(None);
        }
    }
    for (set, kind) in reading.sets() {
        let mut request = of_our_table(GETSETELEM, NLM_F_DUMP);
        request = request.with(ELEMENTS_SET, &zero_ended(&set));
        if !asker.exchange(request, &mut |message| reading.take_elements(&set, kind, message))? {
            return Ok(None);
        }
    }
    Ok(Some(reading.whole()))
}

/// A question about our table. Chains are told of all tables whatever is asked.
fn of_our_table(kind: u16, flags: u16) -> Request {
    Request::new(kind, flags, &header(NFPROTO_INET)).with(TABLE_NAME, &zero_ended(TABLE))
}

fn zero_ended(text: &str) -> Vec<u8> {
    text.bytes().chain([0]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_it_cannot_be_used_is_said_in_words() {
        let said = |errno: Errno| unavailable(errno.into()).to_string();
        assert!(said(Errno::PERM).contains("CAP_NET_ADMIN"));
        for errno in [Errno::PROTONOSUPPORT, Errno::INVAL, Errno::NOENT] {
            assert!(said(errno).contains("this kernel has no nf_tables"), "{errno:?}");
        }
        assert_eq!(said(Errno::NOBUFS), "the packet filter cannot be used");
        assert!(matches!(unavailable(io::Error::other("odd")), Unavailable::Other(_)));
    }

    #[test]
    fn nothing_to_do_asks_nobody() {
        assert!(commit(&[]).is_ok());
    }
}
