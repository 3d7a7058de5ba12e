//! Lines of a CSV file, taken apart into cells.

/// Excel's line that names the separator.
const SEPARATOR_LINE: &str = "sep=";

/// Every line with content, its number from 1, and its cells or why it has none.
pub(super) fn read(text: &str) -> impl Iterator<Item = (usize, &str, Result<Vec<String>, String>)> {
    let separator = separator(text);
    (1..)
        .zip(text.lines())
        .filter(|(_, content)| !is_empty_or_comment(content) && !content.starts_with(SEPARATOR_LINE))
        .map(move |(line, content)| (line, content, cells(content, separator)))
        // Excel writes lines of nothing but separators.
        .filter(|(.., cells)| !cells.as_ref().is_ok_and(|cells| cells.iter().all(String::is_empty)))
}

fn is_empty_or_comment(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
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
