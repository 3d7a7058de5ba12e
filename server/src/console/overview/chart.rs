//! Where the fleet was over time, drawn: three areas on top of each other, and gaps where the server did not run. And the
//! same as a table. Decides in plain functions; `now` is a parameter.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use super::before;
use crate::console::format::{Moment, Number};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// Units of the drawing: the axes leave room for their words.
pub(super) const WIDTH: f64 = 720.0;
pub(super) const HEIGHT: f64 = 220.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 8.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 26.0;
/// Columns that can be told apart.
const N_COLUMNS: usize = 240;

/// How far back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    Day,
    Week,
}

impl Span {
    pub(super) fn read(text: &str) -> Self {
        if text == "7d" { Self::Week } else { Self::Day }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Day => "24h",
            Self::Week => "7d",
        }
    }

    pub(super) fn length(self) -> Duration {
        match self {
            Self::Day => DAY,
            Self::Week => 7 * DAY,
        }
    }

    /// Between two lines of the axis, and what each is called.
    fn tick(self) -> (Duration, &'static str, u64) {
        match self {
            Self::Day => (4 * HOUR, "h", 3_600),
            Self::Week => (DAY, "d", 86_400),
        }
    }

    /// Between two rows of the table.
    fn row(self) -> Duration {
        match self {
            Self::Day => HOUR,
            Self::Week => 6 * HOUR,
        }
    }
}

/// How many agents were where from a moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) at: SystemTime,
    /// Internal, external, unknown.
    pub(super) n: [u64; 3],
    pub(super) n_online: u64,
    /// From here on the server did not run.
    pub(super) is_stop: bool,
}

/// Ready to be drawn.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Chart {
    /// Class and path, the lowest first.
    pub(super) areas: Vec<(&'static str, String)>,
    /// Where nothing is known: x and width.
    pub(super) gaps: Vec<(String, String)>,
    /// Of the axis of time: x and word.
    pub(super) times: Vec<(String, String)>,
    /// Of the axis of numbers: y and number.
    pub(super) numbers: Vec<(String, Number)>,
    pub(super) rows: Vec<Row>,
    pub(super) is_empty: bool,
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) at: Moment,
    /// `None` where nothing is known.
    pub(super) numbers: Option<[Number; 4]>,
}

/// Of samples in rising order of time, each of which holds until the next.
pub(super) fn chart(samples: &[Sample], span: Span, now: SystemTime) -> Chart {
    let columns: Vec<Option<[u64; 3]>> = (0..N_COLUMNS)
        .map(|column| known_at(samples, at_column(column, span, now)).map(|sample| sample.n))
        .collect();
    let most = columns.iter().flatten().map(|n| n.iter().sum::<u64>()).max().unwrap_or(0);
    let top = round_up(most);
    Chart {
        areas: ["internal", "external", "unknown"]
            .into_iter()
            .enumerate()
            .map(|(level, class)| (class, area(&columns, level, top)))
            .filter(|(_, path)| !path.is_empty())
            .collect(),
        gaps: gaps(&columns),
        times: times(span),
        numbers: numbers(top),
        rows: rows(samples, span, now),
        is_empty: most == 0,
    }
}

/// The sample that holds at a moment; `None` before the first, and where the server did not run.
fn known_at(samples: &[Sample], at: SystemTime) -> Option<Sample> {
    let n = samples.partition_point(|sample| sample.at <= at);
    let last = n.checked_sub(1).and_then(|last| samples.get(last))?;
    (!last.is_stop).then_some(*last)
}

/// The end of a column.
fn at_column(column: usize, span: Span, now: SystemTime) -> SystemTime {
    let left = u32::try_from(N_COLUMNS - 1 - column).unwrap_or(0);
    before(now, span.length() * left / u32::try_from(N_COLUMNS).unwrap_or(1))
}

#[expect(clippy::cast_precision_loss, reason = "numbers of columns and agents are far below 2^52")]
fn x_of(column: usize) -> f64 {
    LEFT + (WIDTH - LEFT - RIGHT) * column as f64 / N_COLUMNS as f64
}

#[expect(clippy::cast_precision_loss, reason = "numbers of columns and agents are far below 2^52")]
fn y_of(n: u64, top: u64) -> f64 {
    TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - n as f64 / top.max(1) as f64)
}

/// One area: along its upper edge in steps, back along its lower one, anew after each gap.
fn area(columns: &[Option<[u64; 3]>], level: usize, top: u64) -> String {
    let mut path = String::new();
    let mut first = 0;
    while first < columns.len() {
        let run = columns.iter().skip(first).take_while(|column| column.is_some()).count();
        if run == 0 {
            first += 1;
            continue;
        }
        let stacked = |column: usize, levels: usize| -> u64 {
            columns.get(column).copied().flatten().map_or(0, |n| n.iter().take(levels).sum())
        };
        let is_visible =
            (first..first + run).any(|column| stacked(column, level + 1) > stacked(column, level));
        if is_visible {
            write!(path, "M{:.1} {:.1}", x_of(first), y_of(stacked(first, level + 1), top)).ok();
            for column in first..first + run {
                let y = y_of(stacked(column, level + 1), top);
                write!(path, "V{y:.1}H{:.1}", x_of(column + 1)).ok();
            }
            for column in (first..first + run).rev() {
                let y = y_of(stacked(column, level), top);
                write!(path, "V{y:.1}H{:.1}", x_of(column)).ok();
            }
            path.push('Z');
        }
        first += run;
    }
    path
}

fn gaps(columns: &[Option<[u64; 3]>]) -> Vec<(String, String)> {
    let mut gaps = Vec::new();
    let mut first = 0;
    for run in columns.chunk_by(|one, next| one.is_some() == next.is_some()) {
        if run.first().is_some_and(Option::is_none) {
            let (from, to) = (x_of(first), x_of(first + run.len()));
            gaps.push((format!("{from:.1}"), format!("{:.1}", to - from)));
        }
        first += run.len();
    }
    gaps
}

fn times(span: Span) -> Vec<(String, String)> {
    let (tick, unit, seconds) = span.tick();
    let n = span.length().as_secs() / tick.as_secs();
    (0..=n)
        .map(|index| {
            let back = tick.as_secs() * (n - index);
            let share = Duration::from_secs(span.length().as_secs() - back).as_secs_f64()
                / span.length().as_secs_f64();
            let x = LEFT + (WIDTH - LEFT - RIGHT) * share;
            let word = if back == 0 { "now".to_owned() } else { format!("−{} {unit}", back / seconds) };
            (format!("{x:.1}"), word)
        })
        .collect()
}

fn numbers(top: u64) -> Vec<(String, Number)> {
    let n_lines = if top.is_multiple_of(4) { 4 } else { 1 };
    (0..=n_lines)
        .map(|line| top / n_lines * line)
        .map(|n| (format!("{:.1}", y_of(n, top)), Number(n)))
        .collect()
}

/// The next number of which a quarter is round.
fn round_up(n: u64) -> u64 {
    let quarter = n.div_ceil(4).max(1);
    if quarter <= 10 {
        return quarter * 4;
    }
    let mut unit = 1_u64;
    loop {
        for factor in [12, 15, 20, 25, 30, 40, 50, 60, 80, 100] {
            if quarter <= unit.saturating_mul(factor) {
                return unit.saturating_mul(factor).saturating_mul(4);
            }
        }
        unit = unit.saturating_mul(10);
    }
}

fn rows(samples: &[Sample], span: Span, now: SystemTime) -> Vec<Row> {
    let n = u32::try_from(span.length().as_secs() / span.row().as_secs()).unwrap_or(0);
    (0..=n)
        .map(|back| {
            let at = before(now, span.row() * back);
            let numbers =
                known_at(samples, at).map(|Sample { n: [internal, external, unknown], n_online, .. }| {
                    [internal, external, unknown, n_online].map(Number)
                });
            Row { at: Moment::new(at, now), numbers }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + 1_000 * DAY
    }

    fn sample(hours_ago: u32, n: [u64; 3]) -> Sample {
        Sample { at: now() - HOUR * hours_ago, n, n_online: n.iter().sum(), is_stop: false }
    }

    #[test]
    fn what_is_known_holds_until_the_next_sample_and_not_over_a_stop() {
        let stop = Sample { is_stop: true, ..sample(10, [3, 0, 0]) };
        let samples = [sample(20, [3, 0, 0]), stop, sample(5, [2, 1, 0])];
        let known = |hours_ago: u32| known_at(&samples, now() - HOUR * hours_ago).map(|sample| sample.n);
        assert_eq!(
            [known(21), known(15), known(7), known(5), known(0)],
            [None, Some([3, 0, 0]), None, Some([2, 1, 0]), Some([2, 1, 0])]
        );
        let chart = chart(&samples, Span::Day, now());
        assert_eq!(chart.gaps.len(), 2, "before the first, and while it did not run");
        assert_eq!(chart.areas.iter().map(|(class, _)| *class).collect::<Vec<_>>(), ["internal", "external"]);
        assert_eq!(chart.rows.len(), 25);
        assert_eq!(chart.rows[0].numbers, Some([2, 1, 0, 3].map(Number)));
        assert_eq!(chart.rows[7].numbers, None);
    }

    #[test]
    fn areas_stand_on_each_other_and_fill_what_the_numbers_say() {
        let chart = chart(&[sample(25, [4, 4, 0])], Span::Day, now());
        let (_, internal) = &chart.areas[0];
        let (_, external) = &chart.areas[1];
        assert!(internal.starts_with("M46.0 102.0V102.0H"), "{internal}");
        assert!(external.starts_with("M46.0 10.0V10.0H"), "{external}");
        assert!(internal.ends_with("V194.0H46.0Z") && external.ends_with("V102.0H46.0Z"));
    }

    #[test]
    fn without_agents_there_is_nothing_to_draw() {
        let chart = chart(&[sample(1, [0, 0, 0])], Span::Week, now());
        assert!(chart.is_empty && chart.areas.is_empty());
        assert_eq!(chart.times.first().unwrap().1, "−7 d");
        assert_eq!(chart.times.last().unwrap().1, "now");
    }

    #[test]
    fn the_axis_of_numbers_has_even_parts() {
        assert_eq!([0, 1, 5, 9, 42, 100, 425, 99_999].map(round_up), [4, 4, 8, 12, 48, 100, 480, 100_000]);
        assert!((0..5_000).all(|n| round_up(n) >= n && round_up(n).is_multiple_of(4)));
        let told: Vec<u64> = numbers(12).into_iter().map(|(_, Number(n))| n).collect();
        assert_eq!(told, [0, 3, 6, 9, 12]);
    }
}
