//! Asks for the whole of what the kernel otherwise tells in pieces. It must not know when.

use std::io;

use super::gateways::Gateways;
use super::routes::{Way, hardware_addresses, ways};
use super::snapshot::Snapshot;
use crate::netlink::request::Request;
use crate::netlink::socket::{Asker, Protocol};

/// All links, addresses and routes. It blocks.
///
/// # Errors
/// The kernel refuses, does not answer, or its lists change faster than they can be read.
pub(super) fn take_snapshot() -> io::Result<Snapshot> {
    let mut asker = Asker::open(Protocol::Route)?;
    let mut whole = Snapshot::default();
    for request in [Request::links(), Request::addresses(), Request::routes(false), Request::routes(true)] {
        whole.absorb(asker.ask(&request, |part: &mut Snapshot, message| {
            if let Some(event) = message.event() {
                part.apply(&event);
            }
        })?);
    }
    Ok(whole)
}

/// All default routes' gateways. It blocks.
///
/// # Errors
/// As above.
pub(super) fn take_gateways() -> io::Result<Gateways> {
    let mut asker = Asker::open(Protocol::Route)?;
    let gateways = ways(&mut asker)?.iter().filter_map(Way::gateway).collect();
    let macs = hardware_addresses(&mut asker, &gateways)?;
    Ok(Gateways::new(gateways, &macs))
}
