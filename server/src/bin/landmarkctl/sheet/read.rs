//! Reads a sheet from text.

use landmark_proto::host::Host;
use landmark_proto::port::Port;

use super::{Collector, LineProblem, Sheet};

/// Excel's line that names the separator.
const SEPARATOR_LINE: &str = "sep=";

/// Reads the whole text, or tells everything that is wrong with it.
pub(crate) fn parse(text: &str) -> Result<Sheet, Vec<LineProblem>> {
    let separator = separator(text);
    let mut collector = Collector::default();
    let mut problems = Vec::new();
    let mut header_possible = true;
    for (line, content) in (1..).zip(text.lines()) {
        if is_empty_or_comment(content) || content.starts_with(SEPARATOR_LINE) {
            continue;
        }
        let cells = match cells(content, separator) {
            Ok(cells) => cells,
            Err(message) => {
                problems.push(LineProblem { line, message });
                continue;
            }
        };
        // Excel writes lines of nothing but separators.
        if cells.iter().all(String::is_empty) {
            continue;
        }
        let is_first = std::mem::take(&mut header_possible);
        if is_first && is_header(&cells) {
            continue;
        }
        let n_before = problems.len();
        read_line(&cells, line, &mut collector, &mut problems);
        let is_words = !content.bytes().any(|byte| byte.is_ascii_digit());
        if let Some(problem) =
            problems.get_mut(n_before..).and_then(<[_]>::last_mut).filter(|_| is_first && is_words)
        {
            problem.message.push_str("; if this line is a header, it must be host,port");
        }
    }
    if problems.is_empty() { Ok(collector.sheet) } else { Err(problems) }
}

fn read_line(cells: &[String], line: usize, collector: &mut Collector, problems: &mut Vec<LineProblem>) {
    let mut problem = |message: String| problems.push(LineProblem { line, message });
    let Some((first, rest)) = cells.split_first() else { return };
    let (host, own_port) = host_and_port(first, rest);
    let host = match host.parse::<Host>() {
        Ok(host) => Some(host),
        Err(error) => {
            problem(error.to_string());
            None
        }
    };
    let mut n_ports = 0;
    for cell in own_port.into_iter().chain(rest.iter().map(String::as_str)).filter(|cell| !cell.is_empty()) {
        n_ports += 1;
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
    if n_ports == 0 {
        problem(format!("{first}: the port is missing (host,port)"));
    }
}

/// A cell that stands alone may be `HOST:PORT`.
fn host_and_port<'a>(first: &'a str, rest: &[String]) -> (&'a str, Option<&'a str>) {
    if rest.iter().any(|cell| !cell.is_empty()) {
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

fn is_empty_or_comment(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

/// The first line with content is one when its second cell says "port", or its only one "host".
fn is_header(cells: &[String]) -> bool {
    match cells {
        [first] => first.eq_ignore_ascii_case("host"),
        [_, second, ..] => second.to_ascii_lowercase().contains("port"),
        [] => false,
    }
}

/// What `sep=` names, else the candidate that stands most often on the first line with content.
fn separator(text: &str) -> u8 {
    let mut lines = text.lines().filter(|line| !is_empty_or_comment(line));
    let Some(first) = lines.next() else { return b',' };
    if let Some(named) = first.strip_prefix(SEPARATOR_LINE) {
        return named.bytes().next().unwrap_or(b'\t');
    }
    // Of equals the last wins, which is the comma.
    [b'\t', b';', b',']
        .into_iter()
        .max_by_key(|candidate| first.bytes().filter(|byte| byte == candidate).count())
        .unwrap_or(b',')
}

/// One line at a time, so that an unclosed quote cannot swallow the lines after it.
fn cells(line: &str, separator: u8) -> Result<Vec<String>, String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .trim(csv::Trim::All)
        .from_reader(line.as_bytes());
    match reader.records().next() {
        None => Ok(Vec::new()),
        Some(Ok(record)) => Ok(record.iter().map(|cell| cell.trim().to_owned()).collect()),
        Some(Err(error)) => Err(error.to_string()),
    }
}
