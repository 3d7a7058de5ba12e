//! What the rules cost each packet: the same traffic in alternation over machines that differ in nothing but their rules.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use landmark_agent::enforce::firewall::ground::Ground;
use landmark_agent::enforce::firewall::plan::plan;
use landmark_agent::enforce::firewall::render::render;
use landmark_agent::enforce::firewall::ruleset::Present;
use landmark_agent::netfilter::table::commit;
use landmark_proto::firewall::{Level, Policy};
use landmark_tests::lab::{Lab, Laptop, Namespace};

use crate::expert;
use crate::figures::Figures;
use crate::policies::mixed;
use crate::table::{Goal, Row, Unit};
use crate::traffic::{Ends, Kind};

/// So many exceptions have the goal.
pub(crate) const N_EXCEPTIONS: usize = 100;
/// Landmark's to the expert's.
const GOAL: f64 = 1.1;
/// Connections that were reset leave connection tracking after so many seconds, or it would fill up.
const FORGET_CLOSED: (&str, &str) = ("net/netfilter/nf_conntrack_tcp_timeout_close", "1");

/// What stands on a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rules {
    None,
    ByHand,
    /// The same once more: as much as the two differ, nothing is said by this bench.
    ByHandToo,
    Landmark,
}

const ALL: [Rules; 4] = [Rules::None, Rules::ByHand, Rules::ByHandToo, Rules::Landmark];

struct Machine {
    ends: Ends,
    // Its namespace.
    _laptop: Laptop,
}

/// Measures.
///
/// # Errors
/// The rules are not accepted, or something that shall pass does not.
pub(crate) fn measure(lab: &Lab, n_exceptions: usize, is_quick: bool) -> Result<Vec<Row>> {
    let policy = mixed("Outside", n_exceptions, Level::High)?;
    let neighbour = lab.laptop("neighbour")?;
    let mut machines = Vec::new();
    for (number, rules) in (1..).zip(ALL) {
        machines.push(Machine::set(lab, neighbour.namespace(), number, rules, &policy)?);
    }
    let until = Instant::now() + Duration::from_secs(if is_quick { 15 } else { 120 });
    let mut figures: Vec<[Figures; 4]> = Kind::ALL.iter().map(|_| [const { Figures::empty() }; 4]).collect();
    // The first round warms up.
    let mut round = 0;
    while Instant::now() < until {
        for (kind, figures) in Kind::ALL.into_iter().zip(&mut figures) {
            for turn in 0..machines.len() {
                let place = (turn + round) % machines.len();
                let (Some(machine), Some(figures)) = (machines.get_mut(place), figures.get_mut(place)) else {
                    continue;
                };
                let seconds = machine
                    .ends
                    .measure(kind)
                    .with_context(|| format!("{}, rules: {:?}", kind.name(), ALL.get(place)))?;
                if round > 0 {
                    figures.add(seconds * 1e6);
                }
            }
        }
        round += 1;
    }
    Ok(Kind::ALL
        .into_iter()
        .zip(&figures)
        .flat_map(|(kind, figures)| rows(kind, n_exceptions, figures))
        .collect())
}

fn rows(kind: Kind, n_exceptions: usize, [none, by_hand, by_hand_too, landmark]: &[Figures; 4]) -> Vec<Row> {
    let row = |what: &str, unit, figures, goal| Row {
        name: format!("{}: {what}", kind.name()),
        unit,
        figures,
        goal,
    };
    let has_goal = kind.has_goal() && n_exceptions <= N_EXCEPTIONS;
    let goal = has_goal.then_some(Goal::MedianAtMost(GOAL));
    vec![
        row("no rules", Unit::Microseconds, none.clone(), None),
        row("by hand", Unit::Microseconds, by_hand.clone(), None),
        row("Landmark", Unit::Microseconds, landmark.clone(), None),
        row("by hand twice", Unit::Ratio, by_hand_too.over(by_hand), None),
        row("Landmark / by hand", Unit::Ratio, landmark.over(by_hand), goal),
    ]
}

impl Machine {
    fn set(lab: &Lab, neighbour: &Namespace, number: u8, rules: Rules, policy: &Policy) -> Result<Self> {
        let laptop = lab.laptop(&format!("packets{number}"))?;
        let machine = laptop.namespace();
        let [machine_host, neighbour_host] = [2, 1].map(|last| Ipv4Addr::new(10, 77, number, last));
        neighbour.ip(&format!(
            "link add to{number} type veth peer name wire netns {there}\n\
             link set to{number} up\n\
             addr add {neighbour_host}/24 dev to{number}",
            there = machine.name()
        ))?;
        machine.ip(&format!("link set wire up\naddr add {machine_host}/24 dev wire"))?;
        match rules {
            Rules::None => {}
            Rules::ByHand | Rules::ByHandToo => machine.nft(&expert::ruleset(policy))?,
            Rules::Landmark => machine.place().within(|| {
                let rendered = render(policy, &Ground::default());
                commit(&plan(&Present::Nothing, Some(&rendered.ruleset)).commands()).context("commit")
            })?,
        }
        // Without the module there is nothing to forget.
        machine.set(FORGET_CLOSED.0, FORGET_CLOSED.1).unwrap_or_default();
        let ends = Ends::open(
            policy.exceptions.as_slice().len(),
            (machine.place(), machine_host),
            (neighbour.place(), neighbour_host),
        )
        .with_context(|| format!("with the rules {rules:?}"))?;
        Ok(Self { ends, _laptop: laptop })
    }
}
