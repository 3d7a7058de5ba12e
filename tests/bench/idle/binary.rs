//! What is in a program, by the binutils (a C compiler brings them): its size, its sections, and, where a twin of it kept
//! its symbols, the crates that its code comes from.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// Sections that are smaller are not shown.
const SMALL: u64 = 32 * 1024;
/// How many crates are shown.
const N_CRATES: usize = 25;

/// In bytes.
pub(crate) struct Binary {
    pub(crate) size: u64,
    /// The largest first.
    pub(crate) sections: Vec<(String, u64)>,
    /// The largest first; empty without symbols.
    pub(crate) crates: Vec<(String, u64)>,
}

impl Binary {
    /// Reads it, and the same program with symbols.
    pub(crate) fn read(program: &Path, symbols: Option<&Path>) -> Result<Self> {
        let size = std::fs::metadata(program)?.len();
        let sections = sections(&run(Command::new("size").args(["-A", "-d"]).arg(program))?);
        let crates = match symbols {
            Some(twin) => crates(&run(Command::new("nm").args(["-S", "-C", "--defined-only"]).arg(twin))?),
            None => Vec::new(),
        };
        Ok(Self { size, sections, crates })
    }
}

fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("run {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Of lines `.text  4700000  123456`.
fn sections(size: &str) -> Vec<(String, u64)> {
    let parse = |line: &str| {
        let mut words = line.split_whitespace();
        let (name, size) = (words.next()?, words.next()?.parse().ok()?);
        (name.starts_with('.') && size >= SMALL).then(|| (name.to_owned(), size))
    };
    largest_first(size.lines().filter_map(parse))
}

/// Of lines `address size kind name`; code only.
fn crates(symbols: &str) -> Vec<(String, u64)> {
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for line in symbols.lines() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        if let [_, size, "t" | "T" | "w" | "W", name] = words.as_slice() {
            *sums.entry(origin(name)).or_default() += u64::from_str_radix(size, 16).unwrap_or(0);
        }
    }
    let mut sums = largest_first(sums.into_iter().map(|(name, size)| (name.to_owned(), size)));
    sums.truncate(N_CRATES);
    sums
}

/// The crate of a function: the first that its name names, so that code made for a type counts for the type.
fn origin(name: &str) -> &str {
    let Some((path, _)) = name.split_once("::") else { return "(C and assembly)" };
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    path.rsplit(|letter| !is_word(letter)).next().filter(|word| !word.is_empty()).unwrap_or("(other)")
}

fn largest_first(sums: impl Iterator<Item = (String, u64)>) -> Vec<(String, u64)> {
    let mut sums: Vec<_> = sums.collect();
    sums.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    sums
}
