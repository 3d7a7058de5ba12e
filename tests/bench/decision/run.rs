//! One run of a cell: everything in its place, then the cause, then what is heard of it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::cell::{Cell, List, N_ENTRIES, Path, entry, port};
use crate::ears::{Heard, What};
use crate::stage::{End, Stage};
use crate::subject::Subject;
use crate::walk;

/// Longer than any evaluation of the list: what has not come by then has not come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(7);

/// What one run gave, from the cause on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// Until the verdict was told by the agent's log.
    pub(crate) verdict: Option<Duration>,
    /// What the agent itself says: from its first trigger to its verdict.
    pub(crate) decided_in: Option<Duration>,
    /// Without the expected verdict: whether it looked because of the cause, and found that it stays where it was. Then it
    /// has nothing to log.
    pub(crate) stayed: bool,
    /// Until the operator's program had been told the policy.
    pub(crate) policy: Option<Duration>,
    /// The verdict, and what it rests on.
    pub(crate) decided: Option<(bool, String)>,
    /// One bare connection to the entry that answers, just before.
    pub(crate) connect: Option<Duration>,
}

/// Measures a cell once.
///
/// # Errors
/// The agent cannot be brought where it must be; a verdict that does not come is no error.
pub(crate) fn once(stage: &mut Stage, cell: &Cell) -> Result<Outcome> {
    let shake = (stage.pinned.address(), stage.pinned.known_by().0, stage.pinned.known_by().1.clone());
    let (end, obstacles) = stage.end(cell.path)?;
    let End { machine, gate, subjects, .. } = end;
    let subject = subjects.iter_mut().min_by_key(|subject| subject.ready_at()).context("no agent")?;
    let is_internal = cell.is_internal();
    if subject.must_remember(cell.remembered(), !is_internal) {
        obstacles.clear()?;
    }
    subject.prepare(gate, cell.list, cell.remembered(), !is_internal)?;
    obstacles.set(cell)?;
    gate.open()?;
    let place = machine.place();
    let connect = match (cell.list, cell.answering()) {
        (List::Pinned, _) => walk::shake_hands(&place, shake.0, (shake.1, &shake.2)).ok(),
        (List::Plain, Some(answering)) => walk::connect(&place, address(cell.list, answering)).ok(),
        (List::Plain, None) => {
            (cell.walk_waits().is_zero()).then(|| walk::connect(&place, address(cell.list, 0)).ok()).flatten()
        }
    };
    subject.settle();
    subject.ears.forget();
    let at = subject.relay.as_mut().context("no relay")?.cut();
    let outcome = Outcome { connect, ..listen(subject, at, is_internal, PATIENCE) };
    let stayed = outcome.verdict.is_none() && stayed(&subject.control.explain()?, !is_internal);
    let outcome = Outcome { stayed, ..outcome };
    if outcome.decided.as_ref().is_none_or(|(is_internal, _)| !is_internal) {
        obstacles.clear()?;
    }
    let decided = outcome.decided.as_ref().map(|(is_internal, basis)| (*is_internal, basis.as_str()));
    subject.come_back(gate, cell.list, decided)?;
    Ok(outcome)
}

/// Hears what becomes of a cause: the verdict, and the policy that follows from it.
pub(crate) fn listen(subject: &Subject, at: Instant, is_internal: bool, patience: Duration) -> Outcome {
    let expected = if is_internal { "internal" } else { "external" };
    let mut outcome = Outcome::default();
    while let Some(Heard { at: heard_at, what }) = subject.ears.next(at + patience) {
        match what {
            What::Decided { location, basis, decided_in } if location == expected => {
                outcome.verdict.get_or_insert(heard_at - at);
                outcome.decided_in = outcome.decided_in.or(decided_in);
                outcome.decided.get_or_insert((location == "internal", basis));
            }
            What::Told { policy } if policy == expected => {
                outcome.policy.get_or_insert(heard_at - at);
            }
            What::Decided { .. } | What::Told { .. } => {}
        }
        if outcome.verdict.is_some() && outcome.policy.is_some() {
            break;
        }
    }
    outcome
}

/// Whether this was looked for because the link was lost, and found on that side.
fn stayed(evidence: &Value, is_internal: bool) -> bool {
    let of_the_loss =
        evidence["triggers"].as_array().is_some_and(|triggers| triggers.iter().any(|it| it == "link_lost"));
    of_the_loss && evidence["location"] == if is_internal { "internal" } else { "external" }
}

/// Walks the list of a cell once, strictly and by `nc`; only where that does not take long.
///
/// # Errors
/// The obstacles cannot be set.
pub(crate) fn walks(stage: &mut Stage, cell: &Cell) -> Result<(Duration, Option<Duration>)> {
    let (end, obstacles) = stage.end(cell.path)?;
    obstacles.set(cell)?;
    end.gate.open()?;
    let place = end.machine.place();
    let entries: Vec<SocketAddr> = (0..N_ENTRIES).map(|index| address(cell.list, index)).collect();
    let strictly = walk::strictly(&place, &entries)?;
    let hosts: Vec<_> = (0..N_ENTRIES).map(|index| entry(cell.list, index)).collect();
    let by_netcat = if walk::has_netcat() && cell.list == List::Plain {
        Some(walk::by_netcat(&place, &hosts, crate::cell::PORT)?)
    } else {
        None
    };
    // Whoever looks for a reason of its own stays where it is.
    end.gate.close()?;
    obstacles.clear()?;
    Ok((strictly, by_netcat))
}

/// Whether a lossy path may have made the verdict another one.
pub(crate) fn may_fail(cell: &Cell) -> bool {
    cell.path == Path::Lossy
}

fn address(list: List, index: usize) -> SocketAddr {
    SocketAddr::from((entry(list, index), port(list, index)))
}
