//! How fast an agent decides, beside what else could be done: `cargo xtask bench decision` builds and starts it.
//!
//! In the laboratory of network namespaces a real agent loses its server, and 32 reference servers of which some are silent,
//! refuse or are late decide, near and far and over a path that loses packets. Everything is measured from outside, in one
//! run, by the monotonic clock of this process:
//!
//! - *cause*: the moment just before the agent's connection is closed (see `relay.rs`), the process killed, the route removed;
//! - *verdict*: the line of the agent's log that tells it has been read;
//! - *policy in force*: the operator's program (enforcement by a command) has read the policy and done its work. Each run
//!   begins on the other side of its verdict, so that a policy always has to change;
//! - *connect*: one bare connection to the entry that answers, just before, from the same machine: below it nobody can be;
//! - *walk*: a strict walk of the same list with a time-out of two seconds, and the same by `nc -z -w 2`.
//!
//! The runs of all rows alternate, so that a busy moment of the machine meets all of them; the first of each is dropped.

#![expect(clippy::print_stdout, reason = "a program for people at a terminal")]

mod cell;
mod control;
mod ears;
mod event;
mod pinned;
mod relay;
mod rules;
mod run;
mod sample;
mod stage;
mod subject;
mod table;
mod walk;

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use landmark_tests::lab::Lab;
use landmark_tests::scratch::Scratch;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::cell::{Cell, List, Path};
use crate::event::{Event, Lone};
use crate::stage::Stage;
use crate::table::Row;

/// Of the cheap rows.
const RUNS: usize = 200;
const QUICK_RUNS: usize = 10;
/// After this time no more runs are begun; events and walks come after it.
const LIMIT: Duration = Duration::from_secs(12 * 60);
const QUICK_LIMIT: Duration = Duration::from_secs(70);
/// Walks of a row, where they are short.
const WALKS: usize = 5;
/// A walk that takes longer is not repeated.
const SHORT_WALK: Duration = Duration::from_millis(1500);

/// How fast an agent decides. Needs root; makes network namespaces of its own and removes them.
#[derive(Debug, Parser)]
#[command(name = "landmark-bench-decision")]
struct Options {
    /// Two minutes instead of fifteen: few runs, no walk over many silent entries.
    #[arg(long)]
    quick: bool,
    /// Runs of a row that is cheap; rows that take seconds have fewer.
    #[arg(long, value_name = "N")]
    runs: Option<usize>,
    /// Only rows whose path and name contain this, such as "31 silent", "150 ms" or "default route".
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Write the figures to this file, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Options {
    fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only.as_str()))
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let name = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    if name.file_name().is_some_and(|name| name == subject::PROGRAM) {
        return if ears::pass_on(&name).is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    match bench(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn bench(options: &Options) -> Result<()> {
    let scratch = Scratch::new()?;
    let mut terminate = signal(SignalKind::terminate()).context("listen for signals")?;
    let ended = tokio::select! {
        biased;
        ended = tokio::signal::ctrl_c() => ended.map_err(anyhow::Error::from).and_then(|()| bail!("interrupted")),
        _ = terminate.recv() => bail!("ended"),
        ended = measure(options, &scratch) => ended,
    };
    if ended.is_err() {
        println!("{}", scratch.logs());
    }
    ended
}

async fn measure(options: &Options, scratch: &Scratch) -> Result<()> {
    let began = Instant::now();
    let wanted = options.runs.unwrap_or(if options.quick { QUICK_RUNS } else { RUNS });
    let is_wanted = |cell: &Cell| options.wants(&format!("{} {cell}", cell.path));
    let is_wanted =
        |cell: &Cell| is_wanted(cell) && (!options.quick || options.only.is_some() || cell.is_quick());
    let plain: Vec<Cell> = Cell::all(List::Plain).into_iter().filter(is_wanted).collect();
    let pinned: Vec<Cell> = Cell::all(List::Pinned).into_iter().filter(is_wanted).collect();
    let Some(lab) = Lab::build(scratch)? else { bail!("there can be no laboratory here") };
    println!("{}", machine()?);
    let paths: Vec<Path> =
        Path::ALL.into_iter().filter(|path| plain.iter().any(|cell| cell.path == *path)).collect();
    let mut stage = Stage::set(scratch, lab, &paths).await?;
    println!("the stage is set after {:.1} s", began.elapsed().as_secs_f64());
    let long_walks = if options.quick { Vec::new() } else { begin_long_walks(&stage, &plain) };

    let until = began + if options.quick { QUICK_LIMIT } else { LIMIT };
    stage.assign(List::Plain).await?;
    let mut rows = runs(&mut stage, &plain, wanted, until).await?;
    if !pinned.is_empty() {
        stage.assign(List::Pinned).await?;
        rows.extend(runs(&mut stage, &pinned, wanted, until + Duration::from_secs(60)).await?);
    }
    end_long_walks(long_walks, &mut rows)?;
    let events = events(scratch, &mut stage, options).await?;

    println!("\nTimes in milliseconds.\n\n{}", table::text(&rows, &events));
    println!("{}; {:.0} s in all", machine()?, began.elapsed().as_secs_f64());
    if let Some(path) = &options.json {
        let mut figures = table::json(&rows, &events);
        figures["machine"] = json!(machine()?);
        let text = serde_json::to_vec_pretty(&figures)?;
        let written = File::create(path).and_then(|mut file| file.write_all(&text));
        written.with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

/// All runs of all rows, in turn.
async fn runs(stage: &mut Stage, cells: &[Cell], wanted: usize, until: Instant) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = cells.iter().copied().map(Row::new).collect();
    let counts: Vec<usize> = cells.iter().map(|cell| cell.runs(wanted)).collect();
    let order: Vec<usize> = (0..cells.len()).chain(in_turn(&counts)).collect();
    let mut n_begun = vec![0_usize; cells.len()];
    let n_runs = order.len();
    for (n_done, index) in order.into_iter().enumerate() {
        // Where Ctrl-C is heard.
        tokio::task::yield_now().await;
        if Instant::now() > until {
            println!("the time is over: {} of {n_runs} runs were made", n_done);
            break;
        }
        let (Some(row), Some(n)) = (rows.get_mut(index), n_begun.get_mut(index)) else { continue };
        let cell = row.cell;
        let outcome = run::once(stage, &cell).with_context(|| format!("{} {cell}, run {n}", cell.path))?;
        if outcome.verdict.is_none() && !run::may_fail(&cell) {
            println!("no verdict in time: {} {cell}, run {n}", cell.path);
        }
        // The first warms up.
        if *n > 0 {
            row.add(&outcome);
        }
        let is_short =
            row.walk.times.n() == 0 || row.walk.times.median().is_some_and(|time| time < SHORT_WALK);
        let is_due = *n * WALKS >= row.walk.times.n() * wanted;
        if cell.walk_is_short() && row.walk.times.n() < WALKS && is_short && is_due {
            let (strictly, by_netcat) = run::walks(stage, &cell)?;
            row.walk.times.add(strictly);
            row.netcat.times.extend(by_netcat);
        }
        *n += 1;
    }
    Ok(rows)
}

/// The places of rows in the order of their runs, each spread evenly over all of them.
fn in_turn(counts: &[usize]) -> Vec<usize> {
    let mut order: Vec<(usize, usize, usize)> = Vec::new();
    for (index, count) in counts.iter().enumerate() {
        // In millionths of the way, from the middle of each share.
        order.extend((0..*count).map(|run| ((2 * run + 1) * 1_000_000 / (2 * count), run, index)));
    }
    order.sort_unstable();
    order.into_iter().map(|(.., index)| index).collect()
}

type LongWalk = JoinHandle<Result<(usize, Duration, Option<Duration>)>>;

/// Over one, 31 and 32 silent entries, where they disturb nobody: they only wait.
fn begin_long_walks(stage: &Stage, cells: &[Cell]) -> Vec<LongWalk> {
    let mut counts: Vec<usize> =
        cells.iter().filter(|cell| !cell.walk_waits().is_zero()).map(|cell| cell.n).collect();
    counts.sort_unstable();
    counts.dedup();
    let begin = |n: usize| {
        let (place, hosts) = stage.walk(u8::try_from(n).unwrap_or(u8::MAX), n < cell::N_ENTRIES);
        std::thread::spawn(move || {
            let entries: Vec<_> = hosts.iter().map(|host| (*host, cell::PORT).into()).collect();
            let netcat = walk::has_netcat().then(|| {
                let place = place.clone();
                std::thread::spawn(move || walk::by_netcat(&place, &hosts, cell::PORT))
            });
            let strictly = walk::strictly(&place, &entries)?;
            let by_netcat = match netcat {
                None => None,
                Some(walking) => Some(walking.join().unwrap_or_else(|_| bail!("the walk by nc panicked"))?),
            };
            Ok((n, strictly, by_netcat))
        })
    };
    counts.into_iter().map(begin).collect()
}

fn end_long_walks(walks: Vec<LongWalk>, rows: &mut [Row]) -> Result<()> {
    for walk in walks {
        let (n, strictly, by_netcat) = walk.join().unwrap_or_else(|_| bail!("a long walk panicked"))?;
        for row in rows.iter_mut().filter(|row| row.cell.n == n && !row.cell.walk_waits().is_zero()) {
            let way = row.cell.path.round_trip();
            row.walk.elsewhere = Some(strictly + way);
            row.netcat.elsewhere = by_netcat.map(|time| time + way);
        }
    }
    Ok(())
}

/// What else can happen, when all other agents have gone.
async fn events(scratch: &Scratch, stage: &mut Stage, options: &Options) -> Result<Vec<Event>> {
    let is_wanted = |names: &[&str]| names.iter().any(|name| options.wants(name));
    let mut events = Vec::new();
    if !is_wanted(&[event::GONE, event::BACK, event::KILLED, event::SILENT]) {
        return Ok(events);
    }
    stage.obstacles.clear()?;
    stage.assign(List::Plain).await?;
    stage.ends.clear();
    if is_wanted(&[event::GONE, event::BACK]) {
        let mut lone = Lone::start(scratch, stage, "lone", true).await?;
        events.extend(event::route(&mut lone, if options.quick { 5 } else { 50 })?);
    }
    if is_wanted(&[event::KILLED, event::SILENT]) {
        let mut direct = Lone::start(scratch, stage, "direct", false).await?;
        if options.wants(event::KILLED) {
            events.push(event::killed(stage, &mut direct, if options.quick { 2 } else { 10 }).await?);
        }
        if options.wants(event::SILENT) && !options.quick {
            events.push(event::silent(stage, &mut direct)?);
        }
    }
    Ok(events)
}

/// What the figures are of.
fn machine() -> Result<String> {
    let load = std::fs::read_to_string("/proc/loadavg").context("read the load")?;
    let load: Vec<&str> = load.split(' ').take(3).collect();
    let kernel =
        std::fs::read_to_string("/proc/sys/kernel/osrelease").context("read the kernel's release")?;
    let cores = std::thread::available_parallelism()?;
    let agent = landmark_tests::binaries::find("landmark-agent")?;
    let build =
        if agent.components().any(|part| part.as_os_str() == "release") { "release" } else { "debug" };
    Ok(format!("{cores} cores, Linux {}, load {}, agent: {build} build", kernel.trim(), load.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_all_rows_alternate() {
        assert_eq!(in_turn(&[4, 2, 1]), [0, 1, 0, 2, 0, 1, 0]);
    }
}
