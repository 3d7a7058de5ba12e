//! Reads a list of reference servers from text.

use landmark_proto::host::Host;
use landmark_proto::pin::SpkiPin;
use landmark_proto::port::Port;

use super::{Collector, LineProblem, Sheet, lines};

/// How every way to write a pin begins that is no bare number.
const PIN_MARK: &str = "sha256";

/// Reads the whole text, or tells everything that is wrong with it.
pub(crate) fn parse(text: &str) -> Result<Sheet, Vec<LineProblem>> {
    let mut collector = Collector::default();
    let mut problems = Vec::new();
    let mut header_possible = true;
    let mut pins_column = None;
    for (line, content, cells) in lines::read(text) {
        let cells = match cells {
            Ok(cells) => cells,
            Err(message) => {
                problems.push(LineProblem { line, message });
                continue;
            }
        };
        let is_first = std::mem::take(&mut header_possible);
        if is_first && is_header(&cells) {
            pins_column = cells.iter().position(|cell| cell.to_ascii_lowercase().contains("pin"));
            continue;
        }
        let n_before = problems.len();
        Line { cells: &cells, number: line, pins_column }.read(&mut collector, &mut problems);
        let is_words = !content.bytes().any(|byte| byte.is_ascii_digit());
        if let Some(problem) =
            problems.get_mut(n_before..).and_then(<[_]>::last_mut).filter(|_| is_first && is_words)
        {
            problem.message.push_str("; if this line is a header, it must be host,port");
        }
    }
    if problems.is_empty() { Ok(collector.sheet) } else { Err(problems) }
}

struct Line<'a> {
    cells: &'a [String],
    number: usize,
    /// Where the header says that pins stand.
    pins_column: Option<usize>,
}

impl Line<'_> {
    fn read(&self, collector: &mut Collector, problems: &mut Vec<LineProblem>) {
        let line = self.number;
        let mut problem = |message: String| problems.push(LineProblem { line, message });
        let Some((first, rest)) = self.cells.split_first() else { return };
        let (pins, ports): (Vec<_>, Vec<_>) = (1..)
            .zip(rest)
            .filter(|(_, cell)| !cell.is_empty())
            .partition(|(column, cell)| Some(*column) == self.pins_column || cell.starts_with(PIN_MARK));
        let ports: Vec<&str> = ports.into_iter().map(|(_, cell)| cell.as_str()).collect();
        let (host, own_port) = host_and_port(first, &ports);
        let host = match host.parse::<Host>() {
            Ok(host) => Some(host),
            Err(error) => {
                problem(error.to_string());
                None
            }
        };
        if own_port.is_none() && ports.is_empty() {
            problem(format!("{first}: the port is missing (host,port)"));
        }
        for cell in own_port.into_iter().chain(ports) {
            match (cell.parse::<Port>(), &host) {
                (Ok(port), Some(host)) => {
                    if let Err(message) = collector.add(host, port.get().into(), line) {
                        problem(message);
                    }
                }
                (Ok(_), None) => {}
                (Err(error), _) => problem(error.to_string()),
            }
        }
        for word in pins.into_iter().flat_map(|(_, cell)| cell.split_whitespace()) {
            match (word.parse::<SpkiPin>(), &host) {
                (Ok(pin), Some(host)) => collector.add_pin(host, pin, line),
                (Ok(_), None) => {}
                (Err(error), _) => problem(format!("{word:?} is {error}")),
            }
        }
    }
}

/// A cell that stands alone may be `HOST:PORT`.
fn host_and_port<'a>(first: &'a str, ports: &[&str]) -> (&'a str, Option<&'a str>) {
    if !ports.is_empty() {
        return (first, None);
    }
    if let Some((host, port)) = first.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
        return (host, Some(port));
    }
    match first.split_once(':') {
        Some((host, port)) if !port.contains(':') && !host.is_empty() => (host, Some(port)),
        _ => (first, None),
    }
}

/// The first line with content is one when its second cell says "port", or its only one "host".
fn is_header(cells: &[String]) -> bool {
    match cells {
        [first] => first.eq_ignore_ascii_case("host"),
        [_, second, ..] => second.to_ascii_lowercase().contains("port"),
        [] => false,
    }
}
