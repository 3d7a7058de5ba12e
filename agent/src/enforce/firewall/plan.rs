//! What to change so that what stands in our table becomes what shall stand there. Pure.
//!
//! The table is replaced as a whole, in one transaction: no packet meets half a ruleset, and nothing that somebody else
//! wrote into it stays.

mod difference;

use super::ruleset::{Chain, Command, Present, Ruleset, Set};
use super::text;

/// What to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan<'a> {
    /// Nothing.
    Unchanged,
    /// The table gives way to another one.
    Replace {
        /// What stands there.
        present: &'a Present,
        /// What shall.
        wanted: &'a Ruleset,
    },
    /// The table goes.
    Remove {
        /// What stands there.
        present: &'a Present,
    },
}

/// A line of a difference, in the words of [`text`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// It stands there and will.
    Kept(String),
    /// It will stand there.
    Added(String),
    /// It will be gone.
    Removed(String),
}

/// Plans. `wanted`: `None` if our table shall not be there. What rules have counted makes no difference.
pub fn plan<'a>(present: &'a Present, wanted: Option<&'a Ruleset>) -> Plan<'a> {
    match (present, wanted) {
        (Present::Nothing, None) => Plan::Unchanged,
        (Present::Ruleset(ruleset, _), Some(wanted)) if is_same(ruleset, wanted) => Plan::Unchanged,
        (Present::Nothing | Present::Ruleset(..) | Present::Strange(_), Some(wanted)) => {
            Plan::Replace { present, wanted }
        }
        (Present::Ruleset(..) | Present::Strange(_), None) => Plan::Remove { present },
    }
}

impl<'a> Plan<'a> {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Unchanged)
    }

    /// One transaction; nothing if there is nothing to do.
    pub fn commands(&self) -> Vec<Command<'a>> {
        match self {
            Self::Unchanged => Vec::new(),
            // The table may be gone since it was read: adding it first makes the deletion safe.
            Self::Remove { present: _ } => vec![Command::AddTable, Command::DeleteTable],
            Self::Replace { present: _, wanted } => {
                let rules = |chain: &'a Chain| {
                    chain.rules.iter().map(|rule| Command::AddRule(chain.name.as_str(), rule))
                };
                [Command::AddTable, Command::DeleteTable, Command::AddTable]
                    .into_iter()
                    .chain(wanted.sets.iter().map(Command::AddSet))
                    .chain(wanted.chains.iter().map(Command::AddChain))
                    .chain(wanted.chains.iter().flat_map(rules))
                    .collect()
            }
        }
    }

    /// What changes, for people: sets first, then chain by chain.
    pub fn difference(&self) -> Vec<Line> {
        let none = Ruleset::default();
        let (present, wanted) = match self {
            Self::Unchanged => return Vec::new(),
            Self::Replace { present, wanted } => (*present, *wanted),
            Self::Remove { present } => (*present, &none),
        };
        let (strange, present) = match present {
            Present::Nothing => (None, &none),
            Present::Ruleset(ruleset, _) => (None, ruleset),
            Present::Strange(what) => (Some(Line::Removed(what.clone())), &none),
        };
        let blocks = difference::between(&blocks(present), &blocks(wanted));
        strange.into_iter().chain(blocks).collect()
    }
}

/// Whether both do the same: the order of sets and of chains says nothing.
fn is_same(one: &Ruleset, other: &Ruleset) -> bool {
    sets(one) == sets(other) && chains(one) == chains(other)
}

fn sets(ruleset: &Ruleset) -> Vec<&Set> {
    let mut sets: Vec<&Set> = ruleset.sets.iter().collect();
    sets.sort_by_key(|set| set.name.as_str());
    sets
}

fn chains(ruleset: &Ruleset) -> Vec<&Chain> {
    let mut chains: Vec<&Chain> = ruleset.chains.iter().collect();
    chains.sort_by_key(|chain| chain.name.as_str());
    chains
}

/// Lines that are compared with those of the same name only: all sets, then each chain.
fn blocks(ruleset: &Ruleset) -> Vec<(&str, Vec<String>)> {
    let sets = ("", sets(ruleset).into_iter().map(text::set).collect());
    let chains = chains(ruleset).into_iter().map(|chain| (chain.name.as_str(), text::chain(chain)));
    std::iter::once(sets).chain(chains).collect()
}

#[cfg(test)]
mod tests;
