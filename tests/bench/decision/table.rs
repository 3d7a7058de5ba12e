//! What was measured, as text that people read and as JSON. Decides only.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cell::{Cell, Target};
use crate::event::Event;
use crate::run::Outcome;
use crate::sample::Times;

/// A row of the main table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) cell: Cell,
    pub(crate) verdict: Times,
    pub(crate) policy: Times,
    /// What the agent itself says, from its trigger on.
    pub(crate) decided_in: Times,
    pub(crate) connect: Times,
    /// Runs in which the expected verdict did not come, and of these the ones that gave the other verdict.
    pub(crate) n_missed: usize,
    pub(crate) n_stayed: usize,
    pub(crate) walk: Walked,
    pub(crate) netcat: Walked,
}

/// A walk of the list of a cell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Walked {
    pub(crate) times: Times,
    /// Not walked in the place of the cell, but where it was waited for while the rest was measured.
    pub(crate) elsewhere: Option<Duration>,
}

impl Walked {
    fn median(&self) -> Option<Duration> {
        self.times.median().or(self.elsewhere)
    }

    fn shown(&self) -> String {
        match (self.times.median(), self.elsewhere) {
            (Some(median), _) => shown(Some(median)),
            (None, Some(time)) => format!("≈{}", shown(Some(time))),
            (None, None) => "–".to_owned(),
        }
    }
}

impl Row {
    pub(crate) fn new(cell: Cell) -> Self {
        Self {
            cell,
            verdict: Times::default(),
            policy: Times::default(),
            decided_in: Times::default(),
            connect: Times::default(),
            n_missed: 0,
            n_stayed: 0,
            walk: Walked::default(),
            netcat: Walked::default(),
        }
    }

    pub(crate) fn add(&mut self, outcome: &Outcome) {
        self.verdict.extend(outcome.verdict);
        self.policy.extend(outcome.policy);
        self.decided_in.extend(outcome.decided_in);
        self.connect.extend(outcome.connect);
        self.n_missed += usize::from(outcome.verdict.is_none());
        self.n_stayed += usize::from(outcome.stayed);
    }

    /// How many times as long as one bare connection.
    fn ratio(&self) -> Option<f64> {
        Some(self.verdict.median()?.as_secs_f64() / self.connect.median()?.as_secs_f64())
    }

    /// How many times as long as the verdict a strict walk takes.
    fn gain(&self) -> Option<f64> {
        Some(self.walk.median()?.as_secs_f64() / self.verdict.median()?.as_secs_f64())
    }

    fn times_of(&self, target: &Target) -> &Times {
        if target.of_policy { &self.policy } else { &self.verdict }
    }

    fn cells(&self) -> Vec<String> {
        let counted = counted(&self.verdict, self.n_missed, self.n_stayed);
        let mut cells = vec![self.cell.path.to_string(), self.cell.to_string(), counted];
        cells.extend(three(&self.verdict));
        cells.extend(three(&self.policy));
        cells.push(shown(self.connect.median()));
        cells.push(self.ratio().map_or_else(dash, |ratio| format!("{ratio:.1}")));
        cells.push(self.walk.shown());
        cells.push(self.netcat.shown());
        cells.push(self.gain().map_or_else(dash, |gain| format!("{gain:.1}")));
        cells
    }

    fn to_json(&self) -> Value {
        json!({
            "path": self.cell.path.to_string(),
            "row": self.cell.to_string(),
            "n": self.verdict.n(),
            "n_missed": self.n_missed,
            "n_stayed": self.n_stayed,
            "verdict_ms": figures(&self.verdict),
            "policy_ms": figures(&self.policy),
            "decided_in_ms": figures(&self.decided_in),
            "connect_ms": figures(&self.connect),
            "walk_ms": self.walk.median().map(milliseconds),
            "walk_is_from_elsewhere": self.walk.times.n() == 0,
            "netcat_walk_ms": self.netcat.median().map(milliseconds),
        })
    }
}

const HEAD: [&str; 14] = [
    "path",
    "first entries",
    "n",
    "verdict min",
    "median",
    "p99",
    "policy min",
    "median",
    "p99",
    "connect",
    "×",
    "walk",
    "nc walk",
    "walk ×",
];
const EVENT_HEAD: [&str; 11] = [
    "cause",
    "n",
    "verdict min",
    "median",
    "p99",
    "policy min",
    "median",
    "p99",
    "begins min",
    "median",
    "p99",
];

/// The whole report.
pub(crate) fn text(rows: &[Row], events: &[Event]) -> String {
    let mut text = String::new();
    let head = HEAD.map(str::to_owned).to_vec();
    text.push_str(&aligned(std::iter::once(head).chain(rows.iter().map(Row::cells)), 2));
    if !events.is_empty() {
        let head = EVENT_HEAD.map(str::to_owned).to_vec();
        text.push('\n');
        text.push_str(&aligned(std::iter::once(head).chain(events.iter().map(of_event)), 1));
    }
    text.push('\n');
    text.push_str(&aligned(targets(rows, events).into_iter(), 3));
    text
}

pub(crate) fn json(rows: &[Row], events: &[Event]) -> Value {
    let event = |event: &Event| {
        json!({
            "cause": event.name,
            "n": event.verdict.n(),
            "n_missed": event.n_missed,
            "verdict_ms": figures(&event.verdict),
            "policy_ms": figures(&event.policy),
            "begins_ms": figures(&event.began),
        })
    };
    json!({
        "rows": rows.iter().map(Row::to_json).collect::<Vec<_>>(),
        "events": events.iter().map(event).collect::<Vec<_>>(),
        "targets": targets(rows, events).into_iter().skip(1).collect::<Vec<_>>(),
    })
}

fn of_event(event: &Event) -> Vec<String> {
    let mut cells = vec![event.name.to_owned(), counted(&event.verdict, event.n_missed, 0)];
    for times in [&event.verdict, &event.policy, &event.began] {
        cells.extend(three(times));
    }
    cells
}

/// Every target that was measured: met where 99 of 100 runs were in time.
fn targets(rows: &[Row], events: &[Event]) -> Vec<Vec<String>> {
    let mut lines = vec![["", "target", "of", "median", "p99", "at most", ""].map(str::to_owned).to_vec()];
    let mut add = |name: String, of: &str, times: &Times, limit: Duration, why: &str| {
        let (Some(median), Some(p99)) = (times.median(), times.p99()) else { return };
        let sign = if p99 <= limit { "✔" } else { "✘" };
        let note = match (p99 <= limit, median <= limit) {
            (true, _) => "met",
            (false, true) => "met by the median only",
            (false, false) => "not met",
        };
        let note = if why.is_empty() { note.to_owned() } else { format!("{note} ({why})") };
        let cells = [
            sign.to_owned(),
            name,
            of.to_owned(),
            shown(Some(median)),
            shown(Some(p99)),
            shown(Some(limit)),
            note,
        ];
        lines.push(cells.to_vec());
    };
    for row in rows {
        for target in row.cell.targets() {
            let of = if target.of_policy { "policy" } else { "verdict" };
            let name = format!("{}, {}", row.cell.path, row.cell);
            add(name, of, row.times_of(&target), target.limit, target.why);
        }
    }
    for event in events {
        let times = match event.limit_of {
            "policy" => &event.policy,
            "verdict" => &event.verdict,
            _ => &event.began,
        };
        add(event.name.to_owned(), event.limit_of, times, event.limit, "");
    }
    lines
}

/// How many there were, in how many runs the other verdict came, and in how many none.
fn counted(times: &Times, n_missed: usize, n_stayed: usize) -> String {
    let parts = [(n_stayed, "other"), (n_missed.saturating_sub(n_stayed), "none")];
    let parts: Vec<_> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    if parts.is_empty() { times.n().to_string() } else { format!("{} ({})", times.n(), parts.join(", ")) }
}

fn three(times: &Times) -> [String; 3] {
    [times.min(), times.median(), times.p99()].map(shown)
}

fn figures(times: &Times) -> Value {
    let of = |time: Option<Duration>| time.map(milliseconds);
    json!({ "n": times.n(), "min": of(times.min()), "median": of(times.median()), "p99": of(times.p99()) })
}

fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// In milliseconds, with three figures that count.
fn shown(time: Option<Duration>) -> String {
    let Some(time) = time else { return dash() };
    let ms = time.as_secs_f64() * 1e3;
    match ms {
        _ if ms < 10.0 => format!("{ms:.2}"),
        _ if ms < 100.0 => format!("{ms:.1}"),
        _ => format!("{ms:.0}"),
    }
}

fn dash() -> String {
    "–".to_owned()
}

/// Columns as wide as their widest cell; the first so many to the left, numbers to the right.
fn aligned(lines: impl Iterator<Item = Vec<String>>, n_left: usize) -> String {
    let lines: Vec<Vec<String>> = lines.collect();
    let n_columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..n_columns).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let padded = line.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if column < n_left { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        text.push_str(padded.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::List;

    #[test]
    fn a_row_tells_its_figures_and_whether_its_targets_are_met() {
        let cell = *Cell::all(List::Plain).first().unwrap();
        let mut row = Row::new(cell);
        for ms in [4, 6, 5] {
            row.add(&Outcome {
                verdict: Some(Duration::from_millis(ms)),
                policy: Some(Duration::from_millis(ms + 2)),
                connect: Some(Duration::from_micros(100)),
                ..Outcome::default()
            });
        }
        row.add(&Outcome::default());
        row.add(&Outcome { stayed: true, ..Outcome::default() });
        row.walk.elsewhere = Some(Duration::from_secs(62));
        let text = text(&[row], &[]);
        for part in
            ["3 (1 other, 1 none)", "50.0", "≈62000", "✔  LAN, first answers", "met by the median only"]
        {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
