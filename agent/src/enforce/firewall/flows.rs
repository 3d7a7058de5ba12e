//! What becomes of connections that were there before a policy came into force: the rules let them go on as established
//! ones, and so those that the policy forbids are cut. Pure.
//!
//! A flow is cut exactly if its first packet would be dropped by the rules that [`super::render`] gives.

use std::collections::BTreeSet;
use std::net::IpAddr;

use landmark_proto::firewall::ruling::{self, Connection, rule};
use landmark_proto::firewall::{Action, Mode, Policy};

use super::ground::Ground;
use super::protocol::transport;
use super::render::always::{self, First};
use super::ruleset::{CUT_MARK, OWN_MARK};

/// A connection, as connection tracking knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// Its packets as the side that began it sends them, before any NAT.
    pub original: Tuple,
    /// The packets that answer, as the other side sends them: the original turned round, after NAT.
    pub reply: Tuple,
    /// Its mark (`ct mark`).
    pub mark: u32,
}

/// Packets of a connection in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tuple {
    /// Where they come from.
    pub source: IpAddr,
    /// Where they go to.
    pub destination: IpAddr,
    /// Transport protocol (IANA).
    pub protocol: u8,
    /// 0 where the protocol has no ports.
    pub source_port: u16,
    /// 0 where the protocol has no ports.
    pub destination_port: u16,
}

/// What becomes of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Treatment {
    /// Nothing; it is as it should be, or none of the policy's business.
    Leave,
    /// It gets [`CUT_MARK`].
    Cut,
    /// It loses [`CUT_MARK`]: it is allowed again.
    Restore,
}

/// Decides. `own`: the addresses of this machine, canonical; loopback ones need not be among them.
pub fn treat(policy: &Policy, ground: &Ground, own: &BTreeSet<IpAddr>, flow: &Flow) -> Treatment {
    let Some(first) = first_packet(own, flow) else { return Treatment::Leave };
    let is_forbidden = policy.mode == Mode::Enforce
        && flow.mark != OWN_MARK
        && !always::passes(&first, ground)
        && is_blocked(policy, ground, &first);
    match (is_forbidden, flow.mark == CUT_MARK) {
        (true, false) => Treatment::Cut,
        (false, true) => Treatment::Restore,
        (true, true) | (false, false) => Treatment::Leave,
    }
}

/// The packet that began a flow, as the rules saw it; `None` if it was forwarded, or never left this machine.
///
/// They stand behind NAT of the destination and before NAT of the source, in both directions: the source is that of the
/// original packets, the destination is who answers.
fn first_packet(own: &BTreeSet<IpAddr>, flow: &Flow) -> Option<First> {
    let Flow { original, reply, mark: _ } = flow;
    let is_own = |address: IpAddr| address.is_loopback() || own.contains(&address);
    let direction = match (is_own(original.source), is_own(reply.source)) {
        (true, false) => ruling::Flow::Outbound,
        (false, true) => ruling::Flow::Inbound,
        (true, true) | (false, false) => return None,
    };
    Some(First {
        flow: direction,
        protocol: original.protocol,
        source: original.source,
        source_port: original.source_port,
        destination: reply.source,
        destination_port: reply.source_port,
    })
}

fn is_blocked(policy: &Policy, ground: &Ground, first: &First) -> bool {
    let remote = match first.flow {
        ruling::Flow::Inbound => first.source,
        ruling::Flow::Outbound => first.destination,
    };
    let transport = transport(first.protocol, remote, first.destination_port);
    let connection = Connection { flow: first.flow, transport, remote };
    rule(policy, &connection, |name| ground.addresses(name)).action == Action::Block
}

#[cfg(test)]
mod tests;
