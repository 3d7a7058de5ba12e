//! Makes a transaction of commands. It must know no socket, and nothing of what stands in the kernel.

use super::elements::{self, Kind};
use super::rule::steps;
use super::words::{
    CHAIN_HOOK, CHAIN_NAME, CHAIN_POLICY, CHAIN_TYPE, DATA_VALUE, DELTABLE, ELEMENT_FLAGS, ELEMENT_KEY,
    ELEMENT_USERDATA, ELEMENTS_LIST, ELEMENTS_SET, HOOK_NUMBER, HOOK_PRIORITY, INTERVAL_END, LIST_ELEMENT,
    LOCAL_IN, LOCAL_OUT, NEWCHAIN, NEWRULE, NEWSET, NEWSETELEM, NEWTABLE, NF_ACCEPT, NF_DROP, NFPROTO_INET,
    RULE_CHAIN, RULE_EXPRESSIONS, RULE_USERDATA, SET_FLAGS, SET_ID, SET_KEY_LENGTH, SET_KEY_TYPE, SET_NAME,
    SET_OF_INTERVALS, SET_USERDATA, TABLE_NAME, USERDATA_COMMENT,
};
use crate::enforce::firewall::ruleset::{Base, Chain, Command, Hook, Rule, Set, TABLE, Verdict};
use crate::netfilter::attribute::Writer;
use crate::netfilter::message::{Batch, header};
use crate::netlink::request::NLM_F_CREATE;

/// What is made must not be there.
const NLM_F_EXCL: u16 = 0x200;
/// At the end of its chain.
const NLM_F_APPEND: u16 = 0x800;

/// Of an element each: one message's list of them must stay below 64 KiB.
const MAX_ELEMENTS: usize = 512;

/// How `nft` notes for itself that keys are in network byte order, which it needs to list ranges: type, length, and
/// `BYTEORDER_BIG_ENDIAN`.
const BIG_ENDIAN: [u8; 6] = note(0, 2);
/// How it notes that no end follows, and that this is no single key (`NFTNL_SET_ELEM_F_INTERVAL_OPEN`).
const OPEN: [u8; 6] = note(1, 1);

const fn note(kind: u8, value: u32) -> [u8; 6] {
    let [a, b, c, d] = value.to_ne_bytes();
    [kind, 4, a, b, c, d]
}

/// The whole transaction. What the kernel says of a command carries its place among them, counted from 1.
pub(super) fn transaction(commands: &[Command<'_>]) -> Vec<u8> {
    let mut batch = Batch::new();
    for (number, command) in (1..).zip(commands) {
        match command {
            Command::AddTable => add(&mut batch, number, NEWTABLE, NLM_F_CREATE, |_| {}),
            Command::DeleteTable => add(&mut batch, number, DELTABLE, 0, |_| {}),
            Command::AddSet(set) => add_set(&mut batch, number, set),
            Command::AddChain(chain) => {
                add(&mut batch, number, NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL, |writer| {
                    write_chain(writer, chain);
                });
            }
            Command::AddRule(chain, rule) => {
                add(&mut batch, number, NEWRULE, NLM_F_CREATE | NLM_F_APPEND, |writer| {
                    write_rule(writer, chain, rule);
                });
            }
        }
    }
    batch.finish()
}

/// Everything is of our table.
fn add(batch: &mut Batch, number: u32, kind: u16, flags: u16, write: impl FnOnce(&mut Writer<'_>)) {
    batch.message(number, kind, flags, header(NFPROTO_INET), |writer| {
        writer.text(TABLE_NAME, TABLE);
        write(writer);
    });
}

fn add_set(batch: &mut Batch, number: u32, set: &Set) {
    let kind = Kind::of(&set.elements);
    add(batch, number, NEWSET, NLM_F_CREATE | NLM_F_EXCL, |writer| {
        writer.text(SET_NAME, &set.name);
        writer.be32(SET_FLAGS, SET_OF_INTERVALS);
        writer.be32(SET_KEY_TYPE, kind.number());
        writer.be32(SET_KEY_LENGTH, kind.length());
        // Needed, though it is found by its name.
        writer.be32(SET_ID, number);
        writer.bytes(SET_USERDATA, &BIG_ENDIAN);
    });
    let bounds = elements::bounds(&set.elements);
    let n_bounds = bounds.len();
    for (n_before, some) in (0..).step_by(MAX_ELEMENTS).zip(bounds.chunks(MAX_ELEMENTS)) {
        add(batch, number, NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, |writer| {
            writer.text(ELEMENTS_SET, &set.name);
            writer.nest(ELEMENTS_LIST, |list| {
                for (place, bound) in (n_before..).zip(some) {
                    let is_open = !bound.is_end && place + 1 == n_bounds;
                    list.nest(LIST_ELEMENT, |element| {
                        element.nest(ELEMENT_KEY, |key| key.bytes(DATA_VALUE, &kind.key(bound.key)));
                        if bound.is_end {
                            element.be32(ELEMENT_FLAGS, INTERVAL_END);
                        }
                        if is_open {
                            element.bytes(ELEMENT_USERDATA, &OPEN);
                        }
                    });
                }
            });
        });
    }
}

fn write_chain(writer: &mut Writer<'_>, chain: &Chain) {
    writer.text(CHAIN_NAME, &chain.name);
    let Some(Base { hook, policy }) = chain.base else { return };
    writer.nest(CHAIN_HOOK, |inner| {
        inner.be32(
            HOOK_NUMBER,
            match hook {
                Hook::Input => LOCAL_IN,
                Hook::Output => LOCAL_OUT,
            },
        );
        inner.be32(HOOK_PRIORITY, 0);
    });
    writer.be32(
        CHAIN_POLICY,
        match policy {
            Verdict::Accept => NF_ACCEPT,
            Verdict::Drop => NF_DROP,
        },
    );
    writer.text(CHAIN_TYPE, "filter");
}

fn write_rule(writer: &mut Writer<'_>, chain: &str, rule: &Rule) {
    writer.text(RULE_CHAIN, chain);
    writer.nest(RULE_EXPRESSIONS, |list| {
        for step in steps(rule) {
            step.write(list);
        }
    });
    if let Some(userdata) = comment(&rule.comment) {
        writer.bytes(RULE_USERDATA, &userdata);
    }
}

/// A comment as `nft` writes it, with a zero byte at its end.
fn comment(text: &str) -> Option<Vec<u8>> {
    let length = u8::try_from(text.len() + 1).ok().filter(|_| !text.is_empty())?;
    Some([USERDATA_COMMENT, length].into_iter().chain(text.bytes()).chain([0]).collect())
}

/// What a command does, for people.
pub(super) fn words(command: &Command<'_>) -> String {
    match command {
        Command::AddTable => format!("add the table {TABLE}"),
        Command::DeleteTable => format!("delete the table {TABLE}"),
        Command::AddSet(set) => format!("add the set {}", set.name),
        Command::AddChain(chain) => format!("add the chain {}", chain.name),
        Command::AddRule(chain, rule) => format!("add a rule to the chain {chain} ({})", rule.comment),
    }
}

#[cfg(test)]
mod tests;
