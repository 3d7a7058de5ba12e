//! The tables of a timeline: what was tried, and which way the machine goes.

use std::fmt::Write as _;
use std::io;

use jiff::Timestamp;

use crate::evidence::{Attempt, Evidence, Outcome, finding};
use crate::host;
use crate::network::DefaultRoute;
use crate::reference_server::place;

use super::{deciding, is_counted, short};

/// The column that is left out where nothing stands in it.
const WAY_OUT: usize = 5;

/// A row for each default route, the preferred ones of a family first.
pub(super) fn routes(routes: &[DefaultRoute]) -> Vec<String> {
    let dash = || "–".to_owned();
    let mut rows = vec![["gateway", "hardware", "way out", "metric"].map(str::to_owned).to_vec()];
    for route in routes {
        rows.push(vec![
            route.gateway.map_or_else(dash, |gateway| gateway.to_string()),
            route.mac.map_or_else(dash, |mac| mac.to_string()),
            route.interface.to_string(),
            route.metric.to_string(),
        ]);
    }
    aligned(rows, &[false, false, false, true])
}

/// Columns under each other; those marked are aligned to the right.
fn aligned(rows: Vec<Vec<String>>, right: &[bool]) -> Vec<String> {
    let mut widths = vec![0; right.len()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: Vec<String>| {
        let mut text = String::new();
        for ((cell, width), right) in row.iter().zip(&widths).zip(right) {
            let _infallible =
                if *right { write!(text, "  {cell:>width$}") } else { write!(text, "  {cell:<width$}") };
        }
        text.trim_end().to_owned()
    };
    rows.into_iter().map(line).collect()
}

/// A row for each attempt: place, entry, address, way out, start, duration, outcome.
pub(super) fn attempts(evidence: &Evidence) -> Vec<String> {
    let found = finding(evidence);
    let deciding = deciding(evidence, &found);
    let titles = ["#", "entry", "address", "start", "took", "way out", "outcome"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    for attempt in &evidence.attempts {
        let decides = deciding.is_some_and(|deciding| std::ptr::eq(deciding, attempt));
        rows.push(row(attempt, decides, is_counted(attempt, evidence)).to_vec());
    }
    let mut right = vec![true, false, false, true, true, false, false];
    if evidence.attempts.iter().all(|attempt| attempt.interface.is_none()) {
        rows.iter_mut().for_each(|row| drop(row.remove(WAY_OUT)));
        right.remove(WAY_OUT);
    }
    let mut lines = aligned(rows, &right);
    let settings = evidence.held.as_ref().map(|(_, settings)| settings);
    let n_targets = settings.map_or(0, |settings| settings.reference_servers.targets().count());
    match n_targets.saturating_sub(evidence.attempts.len()) {
        0 => {}
        1 => lines.push("  1 more attempt was not needed".to_owned()),
        n => lines.push(format!("  {n} more attempts were not needed")),
    }
    lines
}

fn row(attempt: &Attempt, decides: bool, counted: bool) -> [String; 7] {
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
        attempt.interface.as_ref().map_or_else(|| "–".to_owned(), ToString::to_string),
        outcome(attempt, decides, counted),
    ]
}

fn was_never_started(attempt: &Attempt) -> bool {
    attempt.outcome == Outcome::NotNeeded && attempt.took.is_zero()
}

fn outcome(attempt: &Attempt, decides: bool, counted: bool) -> String {
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
        let forbidden = attempt.address.and_then(host::forbidden);
        let reason = forbidden.unwrap_or_else(|| match attempt.address {
            Some(address) if address.to_canonical().is_loopback() => {
                "a loopback address, which location.allow-loopback does not allow"
            }
            Some(address) if attempt.local_address == Some(address) => {
                "an address of this machine itself, which location.allow-loopback does not allow"
            }
            Some(_) | None => "no reason was recorded",
        });
        let _infallible = write!(text, ": {reason}");
    }
    if let Some(error) = &attempt.tls_error {
        let _infallible = write!(text, ": {error}");
    }
    if let Some(certificate) = &attempt.certificate {
        if attempt.outcome == Outcome::PinMismatch {
            let _infallible = write!(text, ": {}", certificate.pin);
        }
        if let Some(until) = certificate.not_after.and_then(|at| Timestamp::try_from(at).ok()) {
            let _infallible = write!(text, ", certificate until {}", until.strftime("%Y-%m-%d"));
        }
    }
    if attempt.outcome == Outcome::Answered && !counted {
        text.push_str(", does not count");
    }
    if decides {
        text.push_str(" ◄ decides");
    }
    text
}
