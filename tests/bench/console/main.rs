//! How fast the web console answers, and what it costs. `cargo xtask bench console` builds and starts it.
//!
//! ```text
//! pages  100,000 agents in the database, a program with the token file on one connection: each page 200 times
//! live   200 connected agents: one changes, the stream of events says so, the page asks for its table again
//! push   200 connected agents: an assignment reaches them while no page, and while 100 pages follow, by turns
//! ```
//!
//! Client and server share this machine, so that a figure is an upper bound; what is compared is measured by turns.

#![expect(clippy::print_stdout, reason = "a program for people at a terminal")]

mod client;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "shared with the firewall's benchmark, which needs more of it")
)]
#[path = "../enforce/figures.rs"]
mod figures;
mod live;
mod pages;
mod push;
#[expect(dead_code, reason = "shared with the firewall's benchmark, which needs more of it")]
#[path = "../enforce/table.rs"]
mod table;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Error, Result, anyhow};
use landmark_tests::scratch::Scratch;
use tokio::signal::unix::{SignalKind, signal};

use crate::table::Row;

const USAGE: &str = "usage: landmark-bench-console [--quick] [--only PART]

  --quick      a tenth of the agents, fewer runs
  --only PART  pages, live or push";

#[derive(Clone, Copy, Default)]
struct Options {
    quick: bool,
    only: Option<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Pages,
    Live,
    Push,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(options) = arguments() else {
        println!("{USAGE}");
        return ExitCode::from(64);
    };
    match bench(options).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("cannot measure: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn bench(options: Options) -> Result<bool> {
    let scratch = Scratch::new()?;
    let mut terminate = signal(SignalKind::terminate()).context("listen for signals")?;
    let ended = tokio::select! {
        biased;
        ended = tokio::signal::ctrl_c() => ended.map_err(Error::from).and(Err(anyhow!("interrupted"))),
        _ = terminate.recv() => Err(anyhow!("ended")),
        ended = measure(options, &scratch) => ended,
    };
    if ended.is_err() {
        println!("{}", scratch.logs());
    }
    ended
}

/// Whether every goal is met.
async fn measure(Options { quick, only }: Options, scratch: &Scratch) -> Result<bool> {
    let began = Instant::now();
    let wants = |part| only.is_none_or(|only| only == part);
    println!("{}", machine()?);
    let mut all = Vec::new();
    let mut tell = |title: &str, rows: Vec<Row>| {
        println!("\n{}", table::text(title, &rows));
        all.extend(rows);
    };
    if wants(Part::Pages) {
        let (n_agents, n) = if quick { (10_000, 50) } else { (100_000, 200) };
        tell(&format!("{n_agents} agents"), pages::measure(scratch, n_agents, n).await?);
    }
    if wants(Part::Live) {
        tell("an open page", live::measure(scratch, if quick { 10 } else { 30 }).await?);
    }
    if wants(Part::Push) {
        tell("open pages and the fleet", push::measure(scratch, if quick { 8 } else { 20 }).await?);
    }
    println!("{}; {:.0} s in all", machine()?, began.elapsed().as_secs_f64());
    let missed: Vec<&str> = all.iter().filter(|row| !row.is_good()).map(|row| row.name.as_str()).collect();
    match missed.is_empty() {
        true => println!("no goal is missed"),
        false => println!("missed: {}", missed.join("; ")),
    }
    Ok(missed.is_empty())
}

/// What the figures are of.
fn machine() -> Result<String> {
    let load = std::fs::read_to_string("/proc/loadavg").context("read the load")?;
    let load: Vec<&str> = load.split(' ').take(3).collect();
    let cores = std::thread::available_parallelism()?;
    let server = landmark_tests::binaries::find("landmark-server")?;
    let is_release = server.components().any(|part| part.as_os_str() == "release");
    let build = if is_release { "release" } else { "debug" };
    Ok(format!("{cores} cores, load {}, server: {build} build", load.join(" ")))
}

fn arguments() -> Option<Options> {
    let mut options = Options::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => options.quick = true,
            "--only" => {
                options.only = Some(match arguments.next()?.as_str() {
                    "pages" => Part::Pages,
                    "live" => Part::Live,
                    "push" => Part::Push,
                    _ => return None,
                });
            }
            _ => return None,
        }
    }
    Some(options)
}
