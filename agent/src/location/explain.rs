//! Evidence in plain words: one sentence that says why, and a timeline that says how it came to that.
//!
//! Pure: it reads a record and knows nothing else.

use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use landmark_proto::evidence::{Attempt, Evidence, Outcome};
use landmark_proto::location::{Basis, LinkState, Location, Verdict};
use landmark_proto::port::Port;
use landmark_proto::settings::Settings;

use super::probe::address::{Reason, never_tried};
use crate::address::place;

/// Servers that a sentence names one by one; of more it gives the numbers.
const MAX_NAMED: usize = 3;
/// Characters of a digest that tell assignments apart at a glance.
const DIGEST_CHARS: usize = 12;

/// One sentence without a full stop: the location, and why.
pub fn sentence(evidence: &Evidence) -> String {
    let Verdict { location, basis } = &evidence.verdict;
    match basis {
        Basis::ManagementServer => {
            format!("{location}, because the link to the management server is connected")
        }
        Basis::ReferenceServer { host, port, position } => {
            let by = format!("reference server {} ({})", position + 1, place(host, &[*port]));
            let took =
                deciding(evidence).map_or(String::new(), |attempt| format!(" after {}", short(attempt.took)));
            let rest = failures(evidence);
            format!(
                "{location}, because {by} answered{took}{}{rest}",
                if rest.is_empty() { "" } else { "; " }
            )
        }
        Basis::NoneReachable { n_attempts } => {
            let none = match n_attempts {
                1 => "the only attempt was not answered".to_owned(),
                n => format!("none of {n} attempts was answered"),
            };
            format!("{location}, because {none}: {}", failures(evidence))
        }
        Basis::ListDisabled => format!("{location}, because {}", no_list(evidence)),
        Basis::NoAssignment => format!(
            "{location}, because no assignment is held and the link to the management server is {}",
            evidence.link
        ),
    }
}

/// The whole record for a person, with times of day in this time zone; ends with a line break.
pub fn timeline(evidence: &Evidence, time_zone: &TimeZone) -> String {
    let mut lines = vec![
        format!("Evaluation {}, {}", evidence.evaluation, time_of_day(evidence, time_zone)),
        format!("  triggered by  {}", joined(&evidence.triggers)),
        format!("  link          {}", evidence.link),
        format!("  assignment    {}", assignment(evidence)),
        format!("  rule          {}", rule(evidence)),
    ];
    if !evidence.attempts.is_empty() {
        lines.push(String::new());
        lines.extend(table(evidence));
    }
    lines.push(String::new());
    lines.push(format!("  verdict       {}", sentence(evidence)));
    lines.push(format!("  decided       {}", timing(evidence)));
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

/// The attempt that the verdict rests on.
fn deciding(evidence: &Evidence) -> Option<&Attempt> {
    let Basis::ReferenceServer { host, port, position } = &evidence.verdict.basis else { return None };
    evidence.attempts.iter().find(|attempt| {
        (attempt.position, &attempt.host, attempt.port) == (*position, host, *port)
            && attempt.outcome == Outcome::Answered
    })
}

/// What became of those before the deciding attempt, or of all.
fn failures(evidence: &Evidence) -> String {
    let decided_at = deciding(evidence).map(|deciding| (deciding.position, deciding.port));
    let before: Vec<&Attempt> = evidence
        .attempts
        .iter()
        .take_while(|attempt| decided_at != Some((attempt.position, attempt.port)))
        .collect();
    let servers: Vec<&[&Attempt]> = before.chunk_by(|one, next| one.position == next.position).collect();
    if servers.len() <= MAX_NAMED {
        return servers.into_iter().map(server_failed).collect::<Vec<_>>().join("; ");
    }
    let mut counts: Vec<(Outcome, usize)> = Vec::new();
    for attempt in &before {
        match counts.iter_mut().find(|(outcome, _)| *outcome == attempt.outcome) {
            Some((_, n)) => *n += 1,
            None => counts.push((attempt.outcome, 1)),
        }
    }
    let counts = listed(counts.into_iter().map(|(outcome, n)| format!("{n} {}", verb(outcome))));
    match decided_at {
        Some(_) => format!("of {} earlier attempts {counts}", before.len()),
        None => counts,
    }
}

/// For example `reference server 1 (10.1.1.5:80, 443) refused`.
fn server_failed(attempts: &[&Attempt]) -> String {
    let mut text = String::new();
    for (index, alike) in attempts.chunk_by(|one, next| one.outcome == next.outcome).enumerate() {
        let Some(first) = alike.first() else { continue };
        let ports: Vec<Port> = alike.iter().map(|attempt| attempt.port).collect();
        if index == 0 {
            let place = place(&first.host, &ports);
            let _infallible =
                write!(text, "reference server {} ({place}) {}", first.position + 1, verb(first.outcome));
        } else {
            let (s, ports) = (if ports.len() == 1 { "" } else { "s" }, joined(&ports));
            let _infallible = write!(text, ", port{s} {ports} {}", verb(first.outcome));
        }
    }
    text
}

/// For one and for many.
fn verb(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Answered => "answered",
        Outcome::Refused => "refused",
        Outcome::Timeout => "did not answer in time",
        Outcome::Unreachable => "could not be reached",
        Outcome::NameNotFound => "had a name that was not found",
        Outcome::ResolverFailed => "had a name that could not be resolved",
        Outcome::NotNeeded => "did not need to be tried to the end",
        Outcome::LocalError => "could not be tried",
    }
}

fn no_list(evidence: &Evidence) -> String {
    let list = match &evidence.held {
        Some((_, settings)) if settings.reference_servers.is_enabled() => "empty",
        Some(_) | None => "disabled",
    };
    let link = match evidence.link {
        LinkState::Lost => "the link to the management server is lost",
        LinkState::Connected => "the link to the management server says nothing about the place",
    };
    format!("{link} and the reference server list is {list}")
}

fn rule(evidence: &Evidence) -> String {
    let link = match evidence.link {
        LinkState::Lost => "link lost",
        LinkState::Connected => "link connected, which says nothing here",
    };
    match evidence.verdict.basis {
        Basis::ManagementServer => "link connected: internal".to_owned(),
        Basis::ReferenceServer { .. } => {
            format!("{link}: the first reference server in list order that answers")
        }
        Basis::NoneReachable { .. } => format!("{link}, and no reference server answers: external"),
        Basis::ListDisabled => format!("{link}, and no reference server to ask: external"),
        Basis::NoAssignment => format!("{link}, and no assignment: {}", Location::Unknown),
    }
}

fn assignment(evidence: &Evidence) -> String {
    let Some((held, settings)) = &evidence.held else { return "none".to_owned() };
    let digest: String = held.digest.to_string().chars().take(DIGEST_CHARS).collect();
    format!("revision {} ({digest}…), {}", held.revision, list(settings))
}

fn list(settings: &Settings) -> String {
    let list = &settings.reference_servers;
    let n = list.servers().len();
    let state = if list.is_enabled() { "enabled" } else { "disabled" };
    format!("{n} reference server{}, {state}", if n == 1 { "" } else { "s" })
}

fn time_of_day(evidence: &Evidence, time_zone: &TimeZone) -> String {
    match Timestamp::try_from(evidence.started_at) {
        Ok(at) => at.to_zoned_datetime(time_zone.clone()).strftime("%Y-%m-%d %H:%M:%S%.3f %Z").to_string(),
        Err(_) => "at a time that no calendar has".to_owned(),
    }
}

fn timing(evidence: &Evidence) -> String {
    let decided = short(evidence.decided_in);
    if evidence.settled_in > evidence.decided_in {
        let settled = short(evidence.settled_in);
        format!("{decided} after the first trigger; the last attempt ended after {settled}")
    } else {
        format!("{decided} after the first trigger")
    }
}

/// A row for each attempt: place, entry, address, start, duration, outcome.
fn table(evidence: &Evidence) -> Vec<String> {
    let deciding = deciding(evidence);
    let mut rows = vec![["#", "entry", "address", "start", "took", "outcome"].map(str::to_owned)];
    for attempt in &evidence.attempts {
        let decides = deciding.is_some_and(|deciding| std::ptr::eq(deciding, attempt));
        rows.push(row(attempt, decides));
    }
    let mut widths = [0; 6];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let [w0, w1, w2, w3, w4, _] = widths;
    let mut lines: Vec<String> = rows
        .into_iter()
        .map(|[place, entry, address, start, took, outcome]| {
            format!("  {place:>w0$}  {entry:<w1$}  {address:<w2$}  {start:>w3$}  {took:>w4$}  {outcome}")
        })
        .collect();
    let settings = evidence.held.as_ref().map(|(_, settings)| settings);
    let n_targets = settings.map_or(0, |settings| settings.reference_servers.targets().count());
    match n_targets.saturating_sub(evidence.attempts.len()) {
        0 => {}
        1 => lines.push("  1 more attempt was not needed".to_owned()),
        n => lines.push(format!("  {n} more attempts were not needed")),
    }
    lines
}

fn row(attempt: &Attempt, decides: bool) -> [String; 6] {
    let never_started = was_never_started(attempt);
    let time = |text: String| if never_started { "–".to_owned() } else { text };
    let address = match (attempt.address, attempt.n_addresses) {
        (None, _) => "–".to_owned(),
        (Some(address), 0 | 1) => address.to_string(),
        (Some(address), n) => format!("{address} (1 of {n})"),
    };
    [
        (attempt.position + 1).to_string(),
        place(&attempt.host, &[attempt.port]),
        address,
        time(format!("+{}", short(attempt.started_after))),
        time(short(attempt.took)),
        outcome(attempt, decides),
    ]
}

fn was_never_started(attempt: &Attempt) -> bool {
    attempt.outcome == Outcome::NotNeeded && attempt.took.is_zero()
}

fn outcome(attempt: &Attempt, decides: bool) -> String {
    if was_never_started(attempt) {
        return "not started, not needed".to_owned();
    }
    if attempt.outcome == Outcome::NotNeeded {
        return "dropped, not needed any more".to_owned();
    }
    let mut text = attempt.outcome.to_string();
    if let Some(local) = attempt.local_address {
        let _infallible = write!(text, " (from {local})");
    }
    if let Some(number) = attempt.os_error {
        let _infallible = write!(text, ": {}", io::Error::from_raw_os_error(number));
    } else if attempt.outcome == Outcome::LocalError {
        let reason = match attempt.address.and_then(never_tried) {
            Some(Reason::Forbidden(reason)) => reason,
            Some(Reason::Loopback) => "a loopback address, which location.allow-loopback does not allow",
            None => "no reason was recorded",
        };
        let _infallible = write!(text, ": {reason}");
    }
    if decides {
        text.push_str(" ◄ decides");
    }
    text
}

fn joined<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn listed(items: impl IntoIterator<Item = String>) -> String {
    let mut items: Vec<String> = items.into_iter().collect();
    let last = items.pop().unwrap_or_default();
    if items.is_empty() { last } else { format!("{} and {last}", items.join(", ")) }
}

/// Three digits are all that a person compares.
fn short(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1000.0;
    match ms {
        ..10.0 => format!("{ms:.1} ms"),
        ..1000.0 => format!("{ms:.0} ms"),
        _ => format!("{:.2} s", ms / 1000.0),
    }
}

#[cfg(test)]
mod tests;
