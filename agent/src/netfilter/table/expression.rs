//! What a rule is made of in the kernel: small steps that work on a register. This reads and writes the bytes of those that
//! our rules need; it must not know what a rule means.

use super::words::{DATA_VALUE, LIST_ELEMENT, NF_ACCEPT, NF_DROP};
use crate::enforce::firewall::ruleset::{Count, Hook, Verdict};
use crate::netfilter::attribute::{Writer, be32, be64, find, find_be32};
use crate::netlink::message::text;

/// `NFT_REG_1`: the only one that is needed.
const REGISTER: u32 = 1;
/// `NFT_REG_VERDICT`.
const VERDICT_REGISTER: u32 = 0;
const NFT_JUMP: u32 = (-3_i32).cast_unsigned();
const NFT_GOTO: u32 = (-4_i32).cast_unsigned();

const NAME: u16 = 1;
const DATA: u16 = 2;

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    /// Takes this into the register.
    Load(Field),
    /// Goes on only if the register is so to this value.
    Compare(Relation, Vec<u8>),
    /// Leaves only these bits in the register.
    Mask(Vec<u8>),
    /// Goes on only if the register is in the set of this name.
    Lookup(String),
    /// Counts the packet.
    Count(Count),
    /// Makes the register the mark of the connection.
    MarkConnection,
    /// Ends the rule.
    Decide(Decision),
}

/// Of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    State,
    ConnectionMark,
    Mark,
    /// Of the interface that it came from, or goes to.
    InterfaceType(Hook),
    Family,
    Protocol,
    Payload(Slice),
}

/// Some bytes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) layer: Layer,
    pub(super) offset: u32,
    pub(super) length: u32,
}

/// Behind whose beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    Network,
    Transport,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    Equal,
    NotEqual,
    AtMost,
    AtLeast,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Verdict(Verdict),
    Jump(String),
    Goto(String),
}

impl Expression {
    /// Adds it to a rule's list.
    pub(super) fn write(&self, list: &mut Writer<'_>) {
        list.nest(LIST_ELEMENT, |element| {
            element.text(NAME, self.name());
            element.nest(DATA, |data| self.write_data(data));
        });
    }

    /// Reads an element of a rule's list. An attribute that is not known is passed over, for newer kernels say more.
    ///
    /// # Errors
    /// It is none of ours: what it is.
    pub(super) fn read(element: &[u8]) -> Result<Self, String> {
        let name = find(element, NAME).map(text).unwrap_or_default();
        let data = find(element, DATA).unwrap_or_default();
        let read = match name.as_str() {
            "meta" => read_meta(data),
            "ct" => read_ct(data),
            "payload" => read_payload(data),
            "cmp" => read_compare(data),
            "bitwise" => read_mask(data),
            "lookup" => read_lookup(data),
            "counter" => read_counter(data),
            "immediate" => read_decision(data),
            _ => None,
        };
        read.ok_or_else(|| format!("an expression `{name}` of a kind that Landmark does not write"))
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Load(Field::State | Field::ConnectionMark) | Self::MarkConnection => "ct",
            Self::Load(Field::Payload(_)) => "payload",
            Self::Load(Field::Mark | Field::InterfaceType(_) | Field::Family | Field::Protocol) => "meta",
            Self::Compare(..) => "cmp",
            Self::Mask(_) => "bitwise",
            Self::Lookup(_) => "lookup",
            Self::Count(_) => "counter",
            Self::Decide(_) => "immediate",
        }
    }

    fn write_data(&self, data: &mut Writer<'_>) {
        match self {
            Self::Load(Field::Payload(slice)) => {
                data.be32(payload::TO, REGISTER);
                data.be32(payload::LAYER, slice.layer.number());
                data.be32(payload::OFFSET, slice.offset);
                data.be32(payload::LENGTH, slice.length);
            }
            Self::Load(field) => {
                // `ct` and `meta` have their keys alike.
                data.be32(meta::TO, REGISTER);
                data.be32(meta::KEY, field.key());
            }
            Self::MarkConnection => {
                data.be32(ct::KEY, ct::MARK);
                data.be32(ct::FROM, REGISTER);
            }
            Self::Compare(relation, value) => {
                data.be32(compare::FROM, REGISTER);
                data.be32(compare::RELATION, relation.number());
                data.nest(compare::VALUE, |inner| inner.bytes(DATA_VALUE, value));
            }
            Self::Mask(mask) => {
                data.be32(bitwise::FROM, REGISTER);
                data.be32(bitwise::TO, REGISTER);
                data.be32(bitwise::LENGTH, u32::try_from(mask.len()).unwrap_or_default());
                data.nest(bitwise::MASK, |inner| inner.bytes(DATA_VALUE, mask));
                data.nest(bitwise::XOR, |inner| inner.bytes(DATA_VALUE, &vec![0; mask.len()]));
            }
            Self::Lookup(set) => {
                data.text(lookup::SET, set);
                data.be32(lookup::FROM, REGISTER);
            }
            Self::Count(count) => {
                data.be64(counter::BYTES, count.n_bytes);
                data.be64(counter::PACKETS, count.n_packets);
            }
            Self::Decide(decision) => {
                data.be32(immediate::TO, VERDICT_REGISTER);
                data.nest(immediate::VALUE, |value| {
                    value.nest(immediate::VERDICT, |verdict| decision.write(verdict));
                });
            }
        }
    }
}

impl Field {
    fn key(self) -> u32 {
        match self {
            Self::State => ct::STATE,
            Self::ConnectionMark => ct::MARK,
            Self::Mark => meta::MARK,
            Self::InterfaceType(Hook::Input) => meta::IIFTYPE,
            Self::InterfaceType(Hook::Output) => meta::OIFTYPE,
            Self::Family => meta::NFPROTO,
            Self::Protocol => meta::L4PROTO,
            // It has no key.
            Self::Payload(_) => 0,
        }
    }
}

impl Layer {
    fn number(self) -> u32 {
        match self {
            Self::Network => 1,
            Self::Transport => 2,
        }
    }
}

impl Relation {
    fn number(self) -> u32 {
        match self {
            Self::Equal => 0,
            Self::NotEqual => 1,
            Self::AtMost => 3,
            Self::AtLeast => 5,
        }
    }
}

impl Decision {
    fn write(&self, verdict: &mut Writer<'_>) {
        match self {
            Self::Verdict(Verdict::Accept) => verdict.be32(immediate::CODE, NF_ACCEPT),
            Self::Verdict(Verdict::Drop) => verdict.be32(immediate::CODE, NF_DROP),
            Self::Jump(chain) => {
                verdict.be32(immediate::CODE, NFT_JUMP);
                verdict.text(immediate::CHAIN, chain);
            }
            Self::Goto(chain) => {
                verdict.be32(immediate::CODE, NFT_GOTO);
                verdict.text(immediate::CHAIN, chain);
            }
        }
    }
}

fn read_meta(data: &[u8]) -> Option<Expression> {
    is_register(data, meta::TO)?;
    let field = match find_be32(data, meta::KEY)? {
        meta::MARK => Field::Mark,
        meta::IIFTYPE => Field::InterfaceType(Hook::Input),
        meta::OIFTYPE => Field::InterfaceType(Hook::Output),
        meta::NFPROTO => Field::Family,
        meta::L4PROTO => Field::Protocol,
        _ => return None,
    };
    Some(Expression::Load(field))
}

fn read_ct(data: &[u8]) -> Option<Expression> {
    if find(data, ct::FROM).is_some() {
        is_register(data, ct::FROM)?;
        return (find_be32(data, ct::KEY)? == ct::MARK).then_some(Expression::MarkConnection);
    }
    is_register(data, ct::TO)?;
    match find_be32(data, ct::KEY)? {
        ct::STATE => Some(Expression::Load(Field::State)),
        ct::MARK => Some(Expression::Load(Field::ConnectionMark)),
        _ => None,
    }
}

fn read_payload(data: &[u8]) -> Option<Expression> {
    is_register(data, payload::TO)?;
    let layer = match find_be32(data, payload::LAYER)? {
        1 => Layer::Network,
        2 => Layer::Transport,
        _ => return None,
    };
    let (offset, length) = (find_be32(data, payload::OFFSET)?, find_be32(data, payload::LENGTH)?);
    Some(Expression::Load(Field::Payload(Slice { layer, offset, length })))
}

fn read_compare(data: &[u8]) -> Option<Expression> {
    is_register(data, compare::FROM)?;
    let relation = match find_be32(data, compare::RELATION)? {
        0 => Relation::Equal,
        1 => Relation::NotEqual,
        3 => Relation::AtMost,
        5 => Relation::AtLeast,
        _ => return None,
    };
    Some(Expression::Compare(relation, value(data, compare::VALUE)?))
}

fn read_mask(data: &[u8]) -> Option<Expression> {
    is_register(data, bitwise::FROM)?;
    is_register(data, bitwise::TO)?;
    let is_plain = find_be32(data, bitwise::OPERATION).unwrap_or_default() == 0
        && value(data, bitwise::XOR)?.iter().all(|byte| *byte == 0);
    value(data, bitwise::MASK).filter(|_| is_plain).map(Expression::Mask)
}

fn read_lookup(data: &[u8]) -> Option<Expression> {
    is_register(data, lookup::FROM)?;
    // Neither a map, nor what is not in the set.
    let is_plain =
        find(data, lookup::TO).is_none() && find_be32(data, lookup::FLAGS).unwrap_or_default() == 0;
    find(data, lookup::SET).filter(|_| is_plain).map(|set| Expression::Lookup(text(set)))
}

fn read_counter(data: &[u8]) -> Option<Expression> {
    let n_bytes = find(data, counter::BYTES).and_then(be64)?;
    let n_packets = find(data, counter::PACKETS).and_then(be64)?;
    Some(Expression::Count(Count { n_packets, n_bytes }))
}

fn read_decision(data: &[u8]) -> Option<Expression> {
    if find_be32(data, immediate::TO)? != VERDICT_REGISTER {
        return None;
    }
    let verdict = find(find(data, immediate::VALUE)?, immediate::VERDICT)?;
    let chain = || find(verdict, immediate::CHAIN).map(text);
    Some(Expression::Decide(match find(verdict, immediate::CODE).and_then(be32)? {
        NF_ACCEPT => Decision::Verdict(Verdict::Accept),
        NF_DROP => Decision::Verdict(Verdict::Drop),
        NFT_JUMP => Decision::Jump(chain()?),
        NFT_GOTO => Decision::Goto(chain()?),
        _ => return None,
    }))
}

fn is_register(data: &[u8], kind: u16) -> Option<()> {
    (find_be32(data, kind)? == REGISTER).then_some(())
}

fn value(data: &[u8], kind: u16) -> Option<Vec<u8>> {
    find(find(data, kind)?, DATA_VALUE).map(<[u8]>::to_vec)
}

mod meta {
    pub(super) const TO: u16 = 1;
    pub(super) const KEY: u16 = 2;
    pub(super) const MARK: u32 = 3;
    pub(super) const IIFTYPE: u32 = 8;
    pub(super) const OIFTYPE: u32 = 9;
    pub(super) const NFPROTO: u32 = 15;
    pub(super) const L4PROTO: u32 = 16;
}

mod ct {
    pub(super) const TO: u16 = 1;
    pub(super) const KEY: u16 = 2;
    pub(super) const FROM: u16 = 4;
    pub(super) const STATE: u32 = 0;
    pub(super) const MARK: u32 = 3;
}

mod payload {
    pub(super) const TO: u16 = 1;
    pub(super) const LAYER: u16 = 2;
    pub(super) const OFFSET: u16 = 3;
    pub(super) const LENGTH: u16 = 4;
}

mod compare {
    pub(super) const FROM: u16 = 1;
    pub(super) const RELATION: u16 = 2;
    pub(super) const VALUE: u16 = 3;
}

mod bitwise {
    pub(super) const FROM: u16 = 1;
    pub(super) const TO: u16 = 2;
    pub(super) const LENGTH: u16 = 3;
    pub(super) const MASK: u16 = 4;
    pub(super) const XOR: u16 = 5;
    pub(super) const OPERATION: u16 = 6;
}

mod lookup {
    pub(super) const SET: u16 = 1;
    pub(super) const FROM: u16 = 2;
    pub(super) const TO: u16 = 3;
    pub(super) const FLAGS: u16 = 5;
}

mod counter {
    pub(super) const BYTES: u16 = 1;
    pub(super) const PACKETS: u16 = 2;
}

mod immediate {
    pub(super) const TO: u16 = 1;
    pub(super) const VALUE: u16 = 2;
    /// `NFTA_DATA_VERDICT`.
    pub(super) const VERDICT: u16 = 2;
    pub(super) const CODE: u16 = 1;
    pub(super) const CHAIN: u16 = 2;
}
