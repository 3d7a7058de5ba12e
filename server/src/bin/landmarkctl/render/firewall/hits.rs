//! What the firewalls of the fleet have counted.

use crate::render::table::{Cell, Table, Tone};
use crate::render::{NOTHING, Paper};
use crate::view::firewall::{Action, Hits, RuleHits};

/// One row for each exception and direction, then the level; in the order of the policies.
pub(crate) fn table(hits: &Hits, paper: &Paper) -> String {
    let mut table =
        Table::new(&["POLICY", "EXCEPTION", "DIRECTION", "ACTION", ">AGENTS", ">PACKETS", ">BYTES"]);
    for rule in &hits.hits {
        let RuleHits { policy, exception, direction, n_agents, n_packets, n_bytes, .. } = rule;
        table.row(vec![
            Cell::new(policy),
            match exception {
                Some(exception) => Cell::new(exception),
                None => Cell::toned("none (the level)", Tone::Faint),
            },
            Cell::optional(*direction),
            action(rule),
            Cell::new(n_agents.to_string()),
            Cell::new(n_packets.to_string()),
            Cell::new(bytes(*n_bytes)),
        ]);
    }
    table.render(paper)
}

fn action(rule: &RuleHits) -> Cell {
    match (rule.action, rule.observing) {
        (Some(Action::Allow), _) => Cell::new("allow"),
        (Some(Action::Block), false) => Cell::toned("block", Tone::Bad),
        (Some(Action::Block), true) => Cell::toned("would have been blocked", Tone::Warning),
        (None, _) => Cell::optional(None::<String>),
    }
}

/// "0 B", "1023 B", "1.4 KiB", "17 GiB": two digits at least, rounded down.
fn bytes(n_bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if n_bytes < 1024 {
        return format!("{n_bytes} B");
    }
    // In tenths of KiB, so that no step loses more than it may.
    let (mut whole, mut tenths, mut unit) = (n_bytes / 1024, n_bytes % 1024 * 10 / 1024, 0);
    while whole >= 1024 && unit + 1 < UNITS.len() {
        (whole, tenths, unit) = (whole / 1024, whole % 1024 * 10 / 1024, unit + 1);
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    if whole < 10 { format!("{whole}.{tenths} {name}") } else { format!("{whole} {name}") }
}

/// How much the table is worth.
pub(crate) fn basis(hits: &Hits, paper: &Paper) -> String {
    let Hits { n_agents, n_enrolled, oldest_report_at, newest_report_at, revision, .. } = hits;
    let age = |time: &Option<_>| time.map_or_else(|| NOTHING.to_owned(), |time| paper.age(time));
    let (oldest, newest) = (age(oldest_report_at), age(newest_report_at));
    let ages = if oldest == newest {
        format!("made {newest}")
    } else {
        format!("the newest made {newest}, the oldest {oldest}")
    };
    let noun = if *n_enrolled == 1 { "agent" } else { "agents" };
    let revision = revision.map_or_else(String::new, |revision| format!(" under assignment {revision}"));
    format!("this rests on the reports of {n_agents} of {n_enrolled} {noun}{revision}, {ages}")
}

/// Why there is nothing to show, if so.
pub(crate) fn empty(hits: &Hits) -> Option<String> {
    if hits.revision.is_none() {
        return Some(
            "nothing was assigned yet: landmarkctl firewall show, then landmarkctl assign".to_owned(),
        );
    }
    if hits.n_enrolled == 0 {
        return Some(
            "there are no agents yet: landmarkctl tokens create prints the command that makes a machine one"
                .to_owned(),
        );
    }
    if hits.n_agents == 0 {
        return Some(format!(
            "none of {} has reported yet what its firewall counted under the present assignment; an agent does from time \
             to time while a profile matches it (landmarkctl firewall which) and its backend can count (landmarkctl agents \
             show)",
            match hits.n_enrolled {
                1 => "1 agent".to_owned(),
                n => format!("{n} agents"),
            }
        ));
    }
    hits.hits.is_empty().then(|| {
        format!(
            "{} of {} agents have reported, and nothing was counted: no connection since the policies are in force, or \
             none of that policy",
            hits.n_agents, hits.n_enrolled
        )
    })
}
