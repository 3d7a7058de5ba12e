//! A plan brings about what is wanted, in a kernel of a few lines.

use std::collections::{BTreeMap, HashSet};

use landmark_proto::firewall::{Action as PolicyAction, Direction, Level, Mode, Traffic};
use proptest::prelude::*;

use super::*;
use crate::enforce::firewall::ground::Ground;
use crate::enforce::firewall::render::{base, render};
use crate::enforce::firewall::ruleset::{Action, Count, Rule, TABLE, Test};
use crate::enforce::firewall::testing::{exception, ground, policy, policy_of};

/// Tables by name, as the kernel holds them: ours, and those of others.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Kernel(BTreeMap<String, Ruleset>);

impl Kernel {
    fn with(present: &Present) -> Self {
        let mut tables = BTreeMap::from([("docker".to_owned(), base())]);
        match present {
            Present::Nothing => {}
            Present::Ruleset(ruleset, _) => {
                tables.insert(TABLE.to_owned(), ruleset.clone());
            }
            Present::Strange(_) => {
                let strange = Chain { name: "strange".to_owned(), base: None, rules: Vec::new() };
                tables.insert(TABLE.to_owned(), Ruleset { sets: Vec::new(), chains: vec![strange] });
            }
        }
        Self(tables)
    }

    /// All of the commands, or none of them.
    fn apply(&mut self, commands: &[Command<'_>]) -> Result<(), String> {
        let mut tables = self.0.clone();
        for command in commands {
            step(&mut tables, command).map_err(|reason| format!("{command:?}: {reason}"))?;
        }
        self.0 = tables;
        Ok(())
    }

    fn ours(&self) -> Present {
        let sorted = |ruleset: &Ruleset| {
            let (sets, chains) = (sets(ruleset), chains(ruleset));
            Ruleset {
                sets: sets.into_iter().cloned().collect(),
                chains: chains.into_iter().cloned().collect(),
            }
        };
        self.0.get(TABLE).map_or(Present::Nothing, |table| Present::Ruleset(sorted(table), counts(table, 0)))
    }
}

/// As many packets counted by every rule.
fn counts(ruleset: &Ruleset, n_packets: u64) -> Vec<Vec<Count>> {
    let count = Count { n_packets, n_bytes: 0 };
    ruleset.chains.iter().map(|chain| vec![count; chain.rules.len()]).collect()
}

fn step(tables: &mut BTreeMap<String, Ruleset>, command: &Command<'_>) -> Result<(), String> {
    if let Command::AddTable = command {
        tables.entry(TABLE.to_owned()).or_default();
        return Ok(());
    }
    if let Command::DeleteTable = command {
        return tables.remove(TABLE).map(drop).ok_or_else(|| "no table".to_owned());
    }
    let table = tables.get_mut(TABLE).ok_or("no table")?;
    match *command {
        Command::AddTable | Command::DeleteTable => {}
        Command::AddSet(set) => {
            if table.sets.iter().any(|other| other.name == set.name) {
                return Err("it is there".to_owned());
            }
            table.sets.push(set.clone());
        }
        Command::AddChain(chain) => {
            if table.chains.iter().any(|other| other.name == chain.name) {
                return Err("it is there".to_owned());
            }
            table.chains.push(Chain { rules: Vec::new(), ..chain.clone() });
        }
        Command::AddRule(name, rule) => {
            refers_to_what_is_there(table, rule)?;
            let chain = table.chains.iter_mut().find(|chain| chain.name == name).ok_or("no chain")?;
            chain.rules.push(rule.clone());
        }
    }
    Ok(())
}

fn refers_to_what_is_there(table: &Ruleset, rule: &Rule) -> Result<(), String> {
    let sets: HashSet<&str> = table.sets.iter().map(|set| set.name.as_str()).collect();
    for test in &rule.tests {
        if let Test::PortIn(_, name) | Test::AddressIn(_, _, name) = test
            && !sets.contains(name.as_str())
        {
            return Err(format!("no set {name}"));
        }
    }
    if let Action::Jump(name) | Action::Goto(name) = &rule.action {
        // Only the kernel's hooks go to a base chain.
        let is_target = |chain: &Chain| chain.name == *name && chain.base.is_none();
        return table.chains.iter().any(is_target).then_some(()).ok_or(format!("no chain {name}"));
    }
    Ok(())
}

fn ruleset() -> impl Strategy<Value = Ruleset> {
    let rendered = (policy(), ground()).prop_map(|(policy, ground)| render(&policy, &ground).ruleset);
    prop_oneof![5 => rendered, 1 => Just(base())]
}

fn present() -> impl Strategy<Value = Present> {
    let counted = ruleset().prop_map(|ruleset| {
        let counts = counts(&ruleset, 7);
        Present::Ruleset(ruleset, counts)
    });
    prop_oneof![1 => Just(Present::Nothing), 1 => Just(Present::Strange("a map".to_owned())), 5 => counted]
}

/// The lines of one side of a difference.
fn side<'a>(difference: &'a [Line], is_before: bool) -> Vec<&'a str> {
    let shown = |line: &'a Line| match line {
        Line::Kept(text) => Some(text.as_str()),
        Line::Removed(text) => is_before.then_some(text.as_str()),
        Line::Added(text) => (!is_before).then_some(text.as_str()),
    };
    difference.iter().filter_map(shown).collect()
}

fn all_lines(ruleset: &Ruleset) -> Vec<String> {
    blocks(ruleset).into_iter().flat_map(|(_, lines)| lines).collect()
}

proptest! {
    #[test]
    fn a_plan_brings_about_what_is_wanted_and_touches_nothing_else(
        present in present(), wanted in proptest::option::of(ruleset()),
    ) {
        let mut kernel = Kernel::with(&present);
        let planned = plan(&present, wanted.as_ref());
        kernel.apply(&planned.commands()).unwrap();
        let expected = wanted.clone().map_or(Present::Nothing, |wanted| {
            let counts = counts(&wanted, 0);
            Present::Ruleset(wanted, counts)
        });
        if !planned.is_empty() {
            prop_assert_eq!(kernel.ours(), expected);
        }
        let stands = kernel.ours();
        let again = plan(&stands, wanted.as_ref());
        prop_assert!(again.is_empty() && again.commands().is_empty() && again.difference().is_empty());
        prop_assert_eq!(kernel.0.get("docker"), Some(&base()));
    }

    #[test]
    fn a_difference_tells_all_of_what_stands_and_of_what_shall(before in ruleset(), after in ruleset()) {
        let present = Present::Ruleset(before.clone(), counts(&before, 0));
        let planned = plan(&present, Some(&after));
        let difference = planned.difference();
        if !planned.is_empty() {
            prop_assert_eq!(side(&difference, true), all_lines(&before));
            prop_assert_eq!(side(&difference, false), all_lines(&after));
        }
    }
}

#[test]
fn neither_counters_nor_the_order_of_chains_make_a_difference() {
    let wanted = base();
    let mut turned = wanted.clone();
    turned.chains.reverse();
    let present = Present::Ruleset(turned.clone(), counts(&turned, 9));
    assert_eq!(plan(&present, Some(&wanted)), Plan::Unchanged);
}

#[test]
fn a_table_that_went_meanwhile_is_no_hindrance() {
    let wanted = base();
    let present = Present::Ruleset(wanted.clone(), Vec::new());
    let mut gone = Kernel::with(&Present::Nothing);
    gone.apply(&plan(&present, None).commands()).unwrap();
    assert_eq!(gone.ours(), Present::Nothing);
    let strange = Present::Strange("a chain of another hook".to_owned());
    gone.apply(&plan(&strange, Some(&wanted)).commands()).unwrap();
    assert!(plan(&gone.ours(), Some(&wanted)).is_empty());
}

#[test]
fn a_difference_shows_the_rule_that_came() {
    let http = || Traffic::Tcp("80".parse().unwrap());
    let allow = |name: &str, traffic| exception(name, PolicyAction::Allow, Direction::Inbound, traffic);
    let ruleset =
        |exceptions| render(&policy_of(Level::High, Mode::Enforce, exceptions), &Ground::default()).ruleset;
    let before = ruleset(vec![allow("web", http())]);
    let after = ruleset(vec![allow("ping", Traffic::Icmp), allow("web", http())]);
    let present = Present::Ruleset(before.clone(), Vec::new());
    let changed = |line: &Line| !matches!(line, Line::Kept(_));
    let difference = plan(&present, Some(&after)).difference();
    assert_eq!(
        difference.into_iter().filter(changed).collect::<Vec<_>>(),
        [Line::Added("    meta l4proto icmp meta nfproto ipv4 counter accept comment \"ping\"".to_owned())]
    );
    let strange = Present::Strange("a map".to_owned());
    assert_eq!(plan(&strange, None).difference(), [Line::Removed("a map".to_owned())]);
}

#[test]
fn thousands_of_rules_are_compared_and_too_many_told_as_gone_and_come() {
    let ruleset = |step: usize| {
        let allow = |index: usize| {
            let traffic = Traffic::Tcp((index * step + 1).to_string().parse().unwrap());
            exception(&format!("E{index}"), PolicyAction::Allow, Direction::Inbound, traffic)
        };
        let one = render(
            &policy_of(Level::High, Mode::Enforce, (0..1000).map(allow).collect()),
            &Ground::default(),
        );
        let mut ruleset = one.ruleset;
        // Three times as many rules as a chain can have of plain exceptions.
        for chain in &mut ruleset.chains {
            chain.rules = [chain.rules.clone(), chain.rules.clone(), chain.rules.clone()].concat();
        }
        ruleset
    };
    let (before, after) = (ruleset(1), ruleset(2));
    let present = Present::Ruleset(before.clone(), Vec::new());
    let difference = plan(&present, Some(&after)).difference();
    assert_eq!(side(&difference, true), all_lines(&before));
    assert_eq!(side(&difference, false), all_lines(&after));
    assert!(difference.iter().any(|line| matches!(line, Line::Removed(_))));
}
