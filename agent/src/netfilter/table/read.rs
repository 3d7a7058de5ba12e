//! Makes a ruleset of what the kernel says stands in our table. It must know no socket.

use std::collections::HashMap;

use super::elements::{Bound, Kind, elements};
use super::expression::Expression;
use super::rule::recognise;
use super::words::{
    CHAIN_FLAGS, CHAIN_HOOK, CHAIN_NAME, CHAIN_POLICY, CHAIN_TYPE, DATA_VALUE, ELEMENT_FLAGS, ELEMENT_KEY,
    ELEMENTS_LIST, HOOK_NUMBER, HOOK_PRIORITY, INTERVAL_END, LIST_ELEMENT, LOCAL_IN, LOCAL_OUT, NEWCHAIN,
    NEWRULE, NEWSET, NEWSETELEM, NEWTABLE, NF_ACCEPT, NF_DROP, NFPROTO_INET, RULE_CHAIN, RULE_EXPRESSIONS,
    RULE_USERDATA, SET_FLAGS, SET_KEY_LENGTH, SET_KEY_TYPE, SET_NAME, SET_OF_INTERVALS, TABLE_FLAGS,
    TABLE_USE, USERDATA_COMMENT,
};
use crate::enforce::firewall::ruleset::{
    Base, Chain, Count, Hook, Present, Rule, Ruleset, Set, TABLE, Verdict,
};
use crate::netfilter::attribute::{be32, find, find_be32};
use crate::netfilter::message::{HEADER, is_about};
use crate::netlink::message::{Attributes, Message, text};

/// `NFT_CHAIN_BASE`, which says nothing that the hook does not.
const CHAIN_IS_BASE: u32 = 1;

/// What stands there, as far as it was told.
#[derive(Debug, Default)]
pub(super) struct Reading {
    table: Option<Table>,
    chains: Vec<(String, Option<Base>)>,
    rules: HashMap<String, Vec<(Rule, Count)>>,
    sets: Vec<(String, Kind)>,
    bounds: HashMap<String, Vec<Bound>>,
    /// The first thing that no ruleset can say.
    strange: Option<String>,
}

#[derive(Clone, Copy, Debug)]
struct Table {
    flags: u32,
    /// How many things stand in it.
    n_things: u32,
}

impl Reading {
    /// Takes in what the kernel says of the table itself.
    pub(super) fn take_table(&mut self, message: &Message<'_>) {
        if message.kind != NEWTABLE {
            return;
        }
        let body = message.body.get(HEADER..).unwrap_or_default();
        self.table = Some(Table {
            flags: find_be32(body, TABLE_FLAGS).unwrap_or_default(),
            n_things: find_be32(body, TABLE_USE).unwrap_or_default(),
        });
    }

    /// Takes in one of the things that stand in it; those of other tables are passed over.
    pub(super) fn take(&mut self, message: &Message<'_>) {
        if !is_about(message, TABLE, NFPROTO_INET) {
            return;
        }
        let body = message.body.get(HEADER..).unwrap_or_default();
        let taken = match message.kind {
            NEWCHAIN => chain(body).map(|chain| self.chains.push(chain)),
            NEWRULE => {
                let chain = name(body, RULE_CHAIN);
                let rule = rule(body).map_err(|strange| format!("{strange}, in the chain {chain}"));
                rule.map(|rule| self.rules.entry(chain).or_default().push(rule))
            }
            NEWSET => set(body).map(|set| self.sets.push(set)),
            _ => Ok(()),
        };
        self.note(taken);
    }

    /// Takes in elements of one of its sets.
    pub(super) fn take_elements(&mut self, of: &str, kind: Kind, message: &Message<'_>) {
        let body = message.body.get(HEADER..).unwrap_or_default();
        if message.kind != NEWSETELEM {
            return;
        }
        let list = Attributes::new(find(body, ELEMENTS_LIST).unwrap_or_default());
        let found: Result<Vec<Bound>, String> = list
            .filter(|(each, _)| *each == LIST_ELEMENT)
            .map(|(_, element)| bound(kind, element).ok_or_else(|| format!("an element of the set {of}")))
            .collect();
        let taken = found.map(|found| self.bounds.entry(of.to_owned()).or_default().extend(found));
        self.note(taken);
    }

    /// The sets that were told of.
    pub(super) fn sets(&self) -> Vec<(String, Kind)> {
        self.sets.clone()
    }

    /// All in all: sets and chains by their names.
    pub(super) fn whole(mut self) -> Present {
        let Some(table) = self.table else { return Present::Nothing };
        if table.flags != 0 {
            return Present::Strange(format!("the table has flags (0x{:x})", table.flags));
        }
        if let Some(strange) = self.strange {
            return Present::Strange(strange);
        }
        let mut sets = Vec::with_capacity(self.sets.len());
        for (name, kind) in self.sets {
            match elements(kind, self.bounds.remove(&name).unwrap_or_default()) {
                Ok(elements) => sets.push(Set { name, elements }),
                Err(strange) => return Present::Strange(format!("{strange}: {name}")),
            }
        }
        // What else may stand there (a quota, a flow table) is not asked for.
        if usize::try_from(table.n_things) != Ok(sets.len() + self.chains.len()) {
            return Present::Strange("something that is neither a chain nor a set".to_owned());
        }
        sets.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        self.chains.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let (mut chains, mut counts) = (Vec::new(), Vec::new());
        for (name, base) in self.chains {
            let (rules, counted) = self.rules.remove(&name).unwrap_or_default().into_iter().unzip();
            chains.push(Chain { name, base, rules });
            counts.push(counted);
        }
        Present::Ruleset(Ruleset { sets, chains }, counts)
    }

    fn note(&mut self, taken: Result<(), String>) {
        if let Err(strange) = taken {
            self.strange.get_or_insert(strange);
        }
    }
}

fn chain(body: &[u8]) -> Result<(String, Option<Base>), String> {
    let name = name(body, CHAIN_NAME);
    let Some(hook) = find(body, CHAIN_HOOK) else { return Ok((name, None)) };
    match base(body, hook) {
        Some(base) => Ok((name, Some(base))),
        None => Err(format!("a base chain with another type, hook or priority: {name}")),
    }
}

fn base(body: &[u8], hook: &[u8]) -> Option<Base> {
    let is_plain = find(body, CHAIN_TYPE).map(text).as_deref() == Some("filter")
        && find_be32(hook, HOOK_PRIORITY)? == 0
        && find_be32(body, CHAIN_FLAGS).unwrap_or_default() & !CHAIN_IS_BASE == 0;
    let hook = match find_be32(hook, HOOK_NUMBER)? {
        LOCAL_IN => Hook::Input,
        LOCAL_OUT => Hook::Output,
        _ => return None,
    };
    let policy = match find_be32(body, CHAIN_POLICY)? {
        NF_ACCEPT => Verdict::Accept,
        NF_DROP => Verdict::Drop,
        _ => return None,
    };
    is_plain.then_some(Base { hook, policy })
}

fn rule(body: &[u8]) -> Result<(Rule, Count), String> {
    let comment = comment(find(body, RULE_USERDATA).unwrap_or_default());
    let steps = Attributes::new(find(body, RULE_EXPRESSIONS).unwrap_or_default())
        .filter(|(each, _)| *each == LIST_ELEMENT)
        .map(|(_, step)| Expression::read(step))
        .collect::<Result<Vec<_>, _>>()?;
    recognise(steps, comment)
}

/// Of a rule's user data: types and lengths of one byte each, and values.
fn comment(mut userdata: &[u8]) -> String {
    while let [kind, length, rest @ ..] = userdata {
        let Some((value, behind)) = rest.split_at_checked(usize::from(*length)) else { break };
        if *kind == USERDATA_COMMENT {
            return text(value);
        }
        userdata = behind;
    }
    String::new()
}

fn set(body: &[u8]) -> Result<(String, Kind), String> {
    let name = name(body, SET_NAME);
    let number = |attribute| find_be32(body, attribute).unwrap_or_default();
    let kind = Kind::from_numbers(number(SET_KEY_TYPE), number(SET_KEY_LENGTH));
    let kind = kind.filter(|_| number(SET_FLAGS) == SET_OF_INTERVALS);
    kind.map(|kind| (name.clone(), kind)).ok_or_else(|| format!("a set of another kind: {name}"))
}

fn bound(kind: Kind, element: &[u8]) -> Option<Bound> {
    let mut bound = None;
    let mut is_end = false;
    for (attribute, value) in Attributes::new(element) {
        match attribute {
            ELEMENT_KEY => bound = find(value, DATA_VALUE).and_then(|key| kind.number_of(key)),
            ELEMENT_FLAGS => match be32(value)? {
                0 => {}
                INTERVAL_END => is_end = true,
                _ => return None,
            },
            // Notes of user space's own. What else there may be needs flags of the set.
            _ => {}
        }
    }
    bound.map(|key| Bound { key, is_end })
}

fn name(body: &[u8], attribute: u16) -> String {
    find(body, attribute).map(text).unwrap_or_default()
}

#[cfg(test)]
mod tests;
