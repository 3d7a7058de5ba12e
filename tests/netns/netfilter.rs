//! The agent's own codec of the packet filter against a real kernel: in a network namespace that is connected to nothing.

mod rulesets;

mod events;
mod flows;
mod large;
mod whole;

use anyhow::{Context as _, Result, bail};
use landmark_agent::enforce::firewall::ruleset::{Command, Count, Present, Ruleset};
use landmark_agent::netfilter::table::{commit, read};
use landmark_tests::lab::{Island, Namespace};

/// Runs the body of a test in such a namespace.
fn test(body: impl FnOnce(&Namespace) -> Result<()>) -> Result<()> {
    match Island::make()? {
        Some(island) => body(island.namespace()),
        None => Ok(()),
    }
}

/// What makes this ruleset stand there alone, whatever stood there before.
fn replacement(ruleset: &Ruleset) -> Vec<Command<'_>> {
    let mut commands = vec![Command::AddTable, Command::DeleteTable, Command::AddTable];
    commands.extend(ruleset.sets.iter().map(Command::AddSet));
    commands.extend(ruleset.chains.iter().map(Command::AddChain));
    for chain in &ruleset.chains {
        commands.extend(chain.rules.iter().map(|rule| Command::AddRule(&chain.name, rule)));
    }
    commands
}

fn replace(namespace: &Namespace, ruleset: &Ruleset) -> Result<()> {
    namespace.place().within(|| commit(&replacement(ruleset)).context("commit"))
}

fn read_in(namespace: &Namespace) -> Result<(Ruleset, Vec<Vec<Count>>)> {
    match namespace.place().within(|| read().context("read"))? {
        Present::Ruleset(ruleset, counts) => Ok((ruleset, counts)),
        other @ (Present::Nothing | Present::Strange(_)) => bail!("no ruleset: {other:?}"),
    }
}
