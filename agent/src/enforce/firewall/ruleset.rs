//! A ruleset: what stands, or shall stand, in our own table of the kernel's packet filter (nf_tables), as plain data. It
//! says in one way what nf_tables can say in many, so that two rulesets that do the same are equal.
//!
//! What renders one ([`super::render`]), what compares two ([`super::plan`]), what says one in words ([`super::text`]), what
//! the tests evaluate packets with, and what speaks to the kernel (`crate::netfilter`) all go by this.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Of the family `inet`: IPv4 and IPv6. Everything of ours stands in it, and nothing else does.
pub const TABLE: &str = "landmark";

pub use crate::own::OWN_MARK;

/// Mark in the connection tracking of a flow that was there when a policy came into force which forbids it.
pub const CUT_MARK: u32 = 0x4c4d_4358;

/// All that stands in the table. Sets come before the rules that use them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ruleset {
    /// In any order; names unique.
    pub sets: Vec<Set>,
    /// In any order; names unique.
    pub chains: Vec<Chain>,
}

impl Ruleset {
    /// Whether any packet could be dropped by it.
    pub fn can_drop(&self) -> bool {
        self.chains.iter().any(|chain| {
            chain.base.is_some_and(|base| base.policy == Verdict::Drop)
                || chain.rules.iter().any(|rule| rule.action == Action::Verdict(Verdict::Drop))
        })
    }
}

/// A named set of ports or addresses, which any number of rules may use.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Set {
    /// Letters, digits and `-`, at most 31 bytes.
    pub name: String,
    /// May be none.
    pub elements: Elements,
}

/// Ranges (first and last, both included), ascending, apart from each other (not even touching).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Elements {
    /// `inet_service`.
    Ports(Vec<(u16, u16)>),
    /// `ipv4_addr`.
    V4(Vec<(Ipv4Addr, Ipv4Addr)>),
    /// `ipv6_addr`.
    V6(Vec<(Ipv6Addr, Ipv6Addr)>),
}

/// Rules in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Letters, digits and `-`, at most 31 bytes.
    pub name: String,
    /// Where packets come from; `None`: only from rules that jump or go to it.
    pub base: Option<Base>,
    /// The first whose tests all pass acts.
    pub rules: Vec<Rule>,
}

/// A chain that the kernel sends packets through, at priority `filter` (0).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Base {
    /// Which packets.
    pub hook: Hook,
    /// What becomes of a packet that no rule has decided on.
    pub policy: Verdict,
}

/// Which packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hook {
    /// To this machine.
    Input,
    /// From this machine.
    Output,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It passes this table.
    Accept,
    /// It is gone.
    Drop,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    /// All must pass.
    pub tests: Vec<Test>,
    /// Whether packets that pass them are counted.
    pub is_counted: bool,
    /// What happens then.
    pub action: Action,
    /// For people who list the table; at most 120 bytes.
    pub comment: String,
}

/// What a packet is tested for. A test on a port, an ICMP type or TCP flags needs a test of the protocol before it, and a
/// test on an address one of its family.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Test {
    /// It belongs to a connection that is in one of these states.
    State(States),
    /// Its connection carries this mark.
    ConnectionMark(u32),
    /// It came from, or goes to, an interface that is a loopback, as the hook is input or output.
    Loopback(Hook),
    /// Its socket carries this mark.
    Mark(u32),
    /// It is IPv4, or IPv6.
    Family(Family),
    /// Its transport protocol has this number (IANA).
    Protocol(u8),
    /// The port of one side is from the first to the last.
    Port(Side, u16, u16),
    /// The port of one side is in the set of this name.
    PortIn(Side, String),
    /// The address of one side is from the first to the last.
    V4(Side, Ipv4Addr, Ipv4Addr),
    /// The same for IPv6.
    V6(Side, Ipv6Addr, Ipv6Addr),
    /// The address of one side is in the set of this name, which is of this family.
    AddressIn(Side, Family, String),
    /// Its ICMP or ICMPv6 type is from the first to the last.
    IcmpType(u8, u8),
}

/// States of a connection, at least one (`ct state`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct States {
    /// Packets were seen both ways.
    pub established: bool,
    /// It belongs to another one, as an ICMP error does.
    pub related: bool,
    /// Its first packet.
    pub new: bool,
    /// No connection can be made out.
    pub invalid: bool,
}

/// Of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Where it comes from.
    Source,
    /// Where it goes to.
    Destination,
}

/// Of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// Version 4.
    V4,
    /// Version 6.
    V6,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Decides.
    Verdict(Verdict),
    /// Writes the mark of the packet into its connection, and lets it pass.
    AcceptMarked,
    /// Goes through the chain of this name, and on behind this rule if nothing was decided there.
    Jump(String),
    /// Goes through the chain of this name, and no further: the policy of the base chain decides then.
    Goto(String),
}

/// One step of a transaction. None can name anything outside our table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// Makes the table; nothing happens if it is there.
    AddTable,
    /// Takes the table away with all that stands in it; it must be there.
    DeleteTable,
    /// Makes a set with its elements.
    AddSet(&'a Set),
    /// Makes a chain without its rules.
    AddChain(&'a Chain),
    /// Adds a rule at the end of the chain of this name.
    AddRule(&'a str, &'a Rule),
}

/// What was counted by one rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Packets.
    pub n_packets: u64,
    /// Their bytes, headers of the network layer included.
    pub n_bytes: u64,
}

/// What stands in our table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Present {
    /// There is no such table.
    Nothing,
    /// This, with what its rules have counted: by chain and rule in the order of the ruleset, 0 for those that do not count.
    Ruleset(Ruleset, Vec<Vec<Count>>),
    /// Something that no ruleset can say: what it is, for people. Somebody else has written it.
    Strange(String),
}
