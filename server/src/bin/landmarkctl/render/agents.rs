//! Agents: their table, the sheet of one, and the lines of a watch.

use jiff::Timestamp;

use super::assignments::counts;
use super::names::{Names, named};
use super::table::{Cell, Table, Tone, facts};
use super::violations::violation;
use super::{NOTHING, Paper, plain, time};
use crate::view::agent::{
    Agent, AgentDetail, AgentEvent, AssignmentState, Connection, Enforcement, EnforcementState,
    HistoryRecord, Rejection,
};
use crate::view::basis::Location;
use crate::view::progress::Progress;

const CLONED: &str = "two machines seem to share this identity (a cloned disk?)";

/// A page of agents.
pub(crate) fn table(rows: &[Agent], names: &Names, paper: &Paper) -> Table {
    // Beginnings of ids are there to be copied.
    let name = if names.is_empty() { "NAME" } else { "!NAME" };
    let mut table =
        Table::new(&[name, "CONNECTION", "LOCATION", "REASON", "SINCE", ">HOLDS", "ASSIGNMENT", "FIREWALL"]);
    for agent in rows {
        table.row(vec![
            Cell::new(names.of(&agent.host_name, &agent.agent_id)),
            connection(agent, paper),
            present_location(agent),
            Cell::optional(agent.basis.as_ref()),
            Cell::new(agent.location_since.map_or_else(|| NOTHING.to_owned(), |since| paper.age(since))),
            Cell::optional(agent.held_revision),
            assignment_state(agent),
            enforcement(agent.enforcement.as_ref()),
        ]);
    }
    table
}

fn connection(agent: &Agent, paper: &Paper) -> Cell {
    let since = agent.connection_since.map(|since| paper.age(since));
    match (agent.connection, since) {
        (Some(Connection::Online), _) => Cell::toned("online", Tone::Good),
        (Some(Connection::Offline), Some(since)) => {
            Cell::toned(format!("offline since {}", gone(&since)), Tone::Warning)
        }
        (Some(Connection::Offline), None) => Cell::toned("never connected", Tone::Warning),
        (None, _) => Cell::optional(None::<String>),
    }
}

/// "since 3 min" instead of "since 3 min ago".
fn gone(age: &str) -> &str {
    age.strip_suffix(" ago").unwrap_or(age)
}

/// Of an agent that is away only the last word is known.
fn present_location(agent: &Agent) -> Cell {
    match agent.location {
        Some(word @ (Location::Internal | Location::External)) if is_away(agent) => {
            Cell::toned(format!("was {word}"), Tone::Faint)
        }
        word => location(word),
    }
}

fn is_away(agent: &Agent) -> bool {
    agent.connection == Some(Connection::Offline)
}

fn location(location: Option<Location>) -> Cell {
    match location {
        Some(Location::Internal) => Cell::toned("internal", Tone::Good),
        Some(Location::External) => Cell::toned("external", Tone::Warning),
        Some(Location::Unknown) => Cell::toned("unknown", Tone::Faint),
        None => Cell::optional(None::<String>),
    }
}

fn assignment_state(agent: &Agent) -> Cell {
    let tone = match agent.assignment_state {
        Some(AssignmentState::Current) => Tone::Good,
        Some(AssignmentState::Behind) => Tone::Warning,
        Some(AssignmentState::Rejected) => Tone::Bad,
        Some(AssignmentState::None) | None => Tone::Faint,
    };
    let word = agent.assignment_state.map_or_else(|| NOTHING.to_owned(), |state| state.to_string());
    if agent.cloned { Cell::toned(format!("{word}, cloned?"), Tone::Bad) } else { Cell::toned(word, tone) }
}

fn enforcement(enforcement: Option<&Enforcement>) -> Cell {
    let Some((status, state)) = enforcement.and_then(|status| Some((status, status.state?))) else {
        return Cell::optional(None::<String>);
    };
    let tone = match state {
        EnforcementState::Applied | EnforcementState::Repaired => Tone::Good,
        EnforcementState::Observed => Tone::Plain,
        EnforcementState::Failed | EnforcementState::Unavailable => Tone::Bad,
        EnforcementState::Nothing => Tone::Faint,
    };
    let words = in_words(state, status.reason.as_deref());
    Cell::toned(
        status.policy.as_ref().map_or_else(|| words.clone(), |policy| format!("{policy} ({words})")),
        tone,
    )
}

/// "applied", "failed: no space left", "not available: this system has no nftables".
fn in_words(state: EnforcementState, reason: Option<&str>) -> String {
    match (state, reason) {
        (EnforcementState::Failed | EnforcementState::Unavailable, Some(reason)) => {
            format!("{state}: {reason}")
        }
        _ => state.to_string(),
    }
}

/// All that is known of one.
pub(crate) fn sheet(detail: &AgentDetail, paper: &Paper) -> String {
    let AgentDetail {
        agent,
        facts: machine,
        peer_address,
        rejection,
        certificate_expires_at,
        history,
        n_history_lost,
        n_flips_last_hour,
    } = detail;
    let since = |time: Option<Timestamp>| time.map(|time| format!(", since {}", paper.moment(Some(time))));
    let with_since =
        |word: Option<String>, time| word.map(|word| format!("{word}{}", since(time).unwrap_or_default()));
    let mut text = facts(&[
        ("name", Some(agent.host_name.clone())),
        ("id", Some(agent.agent_id.clone())),
        ("warning", agent.cloned.then(|| CLONED.to_owned())),
        ("connection", with_since(agent.connection.map(|word| word.to_string()), agent.connection_since)),
        ("address", peer_address.clone()),
        (
            if is_away(agent) { "last location" } else { "location" },
            with_since(agent.location.map(|word| word.to_string()), agent.location_since),
        ),
        ("reason", agent.basis.as_ref().map(ToString::to_string)),
        (
            "flapping",
            (*n_flips_last_hour > 1).then(|| format!("{n_flips_last_hour} changes in the last hour")),
        ),
        ("reported", agent.location_reported_at.map(|time| paper.moment(Some(time)))),
        ("assignment", Some(holds(agent))),
        ("profile", agent.enforcement.as_ref().and_then(|status| status.profile.clone())),
        ("policy", agent.enforcement.as_ref().and_then(|status| status.policy.clone())),
        ("firewall", agent.enforcement.as_ref().map(|status| firewall(status, paper))),
        (
            "machine",
            machine.as_ref().map(|machine| {
                format!("{}, {}, {}", machine.operating_system, machine.kernel, machine.architecture)
            }),
        ),
        (
            "platform",
            machine.as_ref().and_then(|machine| machine.platform).map(|platform| platform.to_string()),
        ),
        (
            "labels",
            machine
                .as_ref()
                .filter(|machine| !machine.labels.is_empty())
                .map(|machine| machine.labels.join(", ")),
        ),
        ("version", agent.agent_version.clone()),
        ("enrolled", agent.enrolled_at.map(|time| paper.moment(Some(time)))),
        ("certificate", certificate_expires_at.map(|time| format!("expires {}", paper.moment(Some(time))))),
    ]);
    if let Some(rejection) = rejection {
        text.push('\n');
        text.push_str(&rejection_text(rejection));
    }
    text.push('\n');
    if history.is_empty() {
        text.push_str("history: none yet\n");
    } else {
        text.push_str(&history_table(history, paper));
    }
    if *n_history_lost > 0 {
        text.push_str(&format!(
            "{n_history_lost} older records were lost: the agent's outbox overflowed while it was away\n"
        ));
    }
    text
}

fn holds(agent: &Agent) -> String {
    let held =
        agent.held_revision.map_or_else(|| "holds none".to_owned(), |revision| format!("holds {revision}"));
    match agent.assignment_state {
        Some(AssignmentState::None) => format!("{held} (nothing was assigned yet)"),
        Some(AssignmentState::Rejected) => format!("{held} (refused the present one, see below)"),
        Some(state) => format!("{held} ({state})"),
        None => held,
    }
}

fn firewall(status: &Enforcement, paper: &Paper) -> String {
    let Enforcement { state, backend, reason, location, revision, since, profile: _, policy: _ } = status;
    let mut text = state.map_or_else(|| NOTHING.to_owned(), |state| state.to_string());
    if let Some(location) = location {
        text.push_str(&format!(", of location {location}"));
    }
    if let Some(revision) = revision {
        text.push_str(&format!(", assignment {revision}"));
    }
    if let Some(backend) = backend {
        text.push_str(&format!(", by {backend}"));
    }
    if let Some(since) = since {
        text.push_str(&format!(", since {}", paper.moment(Some(*since))));
    }
    if let Some(reason) = reason {
        text.push_str(&format!(": {reason}"));
    }
    text
}

fn rejection_text(rejection: &Rejection) -> String {
    let Rejection { code, violations, still_held_revision } = rejection;
    let code = code.map_or_else(|| NOTHING.to_owned(), |code| code.to_string());
    let held =
        still_held_revision.map_or_else(|| "nothing".to_owned(), |revision| format!("assignment {revision}"));
    let mut text = format!("rejected the present assignment, still holds {held}: {code}\n");
    for broken in violations {
        text.push_str(&format!("  {}\n", violation(broken)));
    }
    text
}

fn history_table(history: &[HistoryRecord], paper: &Paper) -> String {
    let mut table =
        Table::new(&["LOCATION", "SINCE", "REASON", "LOOKED BECAUSE OF", ">DECIDED IN", ">HELD", "REPORTED"]);
    for record in history {
        let triggers = record.triggers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        table.row(vec![
            location(record.location),
            Cell::new(paper.moment(record.at)),
            Cell::optional(record.basis.as_ref()),
            Cell::new(triggers),
            Cell::optional(record.decided_in_ms.map(time::measured)),
            Cell::optional(record.revision),
            Cell::new(late(record)),
        ]);
    }
    table.render(paper)
}

/// Records that were replayed show how late they came.
fn late(record: &HistoryRecord) -> String {
    let (Some(at), Some(received)) = (record.at, record.received_at) else { return NOTHING.to_owned() };
    match received.duration_since(at).as_secs() {
        ..5 => "at once".to_owned(),
        _ => format!("{} later", time::age(at, received).trim_end_matches(" ago")),
    }
}

/// One line of a watch.
pub(crate) fn event_line(event: &AgentEvent, gone_name: Option<&str>, paper: &Paper) -> String {
    let clock = time::clock(paper.now, &paper.zone);
    match event {
        AgentEvent::Synced => format!("{clock}  that is all for now; changes follow (Ctrl-C ends)"),
        AgentEvent::Gone { agent_id } => {
            let name = gone_name.map_or_else(|| agent_id.clone(), |name| named(name, agent_id));
            format!("{clock}  {}  gone (removed, or not of the filter any more)", plain::one_line(&name))
        }
        AgentEvent::Changed { agent } => {
            let word = |word: Option<String>| word.unwrap_or_else(|| NOTHING.to_owned());
            let held = agent.held_revision.map_or_else(|| "none".to_owned(), |revision| revision.to_string());
            plain::printable(&format!(
                "{clock}  {:20}  {:8}  {:9} {}  [assignment {held}, {}]{}",
                plain::one_line(&agent.host_name),
                word(agent.connection.map(|word| word.to_string())),
                word(agent.location.map(|word| word.to_string())),
                word(agent.basis.as_ref().map(ToString::to_string)),
                word(agent.assignment_state.map(|word| word.to_string())),
                if agent.cloned { " cloned?" } else { "" },
            ))
            .into_owned()
        }
    }
}

/// One line of `assign --wait` without a terminal.
pub(crate) fn progress_line(progress: &Progress) -> String {
    format!("assignment {}: {}", progress.revision, counts(progress))
}

#[cfg(test)]
mod tests;
