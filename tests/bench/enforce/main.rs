//! What enforcement by the firewall costs: `cargo xtask bench enforce` builds and starts it.
//!
//! - *transaction*: how long 100 and 1,000 exceptions take to become rules, by the agent's own code;
//! - *switch*: how long after a verdict its rules are in force, by a real agent, and as somebody else sees it;
//! - *packets*: what the rules cost each packet, beside rules that an expert has written by hand, and none at all.
//!
//! All of it in network namespaces of its own; the machine's own rules are not touched. It takes less than five minutes.

#![expect(clippy::print_stdout, reason = "a program for people at a terminal")]

mod expert;
mod figures;
mod packets;
mod policies;
mod prober;
mod switch;
mod table;
mod traffic;
mod transaction;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::{Parser, ValueEnum};
use landmark_tests::lab::Lab;
use landmark_tests::scratch::Scratch;
use tokio::signal::unix::{SignalKind, signal};

use crate::table::Row;

/// What enforcement by the firewall costs. Needs root; makes network namespaces of its own and removes them.
#[derive(Debug, Parser)]
#[command(name = "landmark-bench-enforce")]
struct Options {
    /// One minute instead of five: fewer runs.
    #[arg(long)]
    quick: bool,
    /// Only this part.
    #[arg(long, value_name = "PART")]
    only: Option<Part>,
    /// Of the policy that packets meet, up to 1000; the goals are for 100.
    #[arg(long, value_name = "N", default_value_t = packets::N_EXCEPTIONS)]
    exceptions: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    Transaction,
    Switch,
    Packets,
}

#[tokio::main]
async fn main() -> ExitCode {
    match bench(&Options::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("cannot measure: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn bench(options: &Options) -> Result<bool> {
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

/// Whether every goal is met.
async fn measure(options: &Options, scratch: &Scratch) -> Result<bool> {
    let began = Instant::now();
    let wants = |part| options.only.is_none_or(|only| only == part);
    let Some(lab) = Lab::build(scratch)? else { bail!("there can be no laboratory here") };
    println!("{}", machine()?);
    let mut all = Vec::new();
    let mut tell = |title: &str, rows: Vec<Row>| {
        println!("\n{}", table::text(title, &rows));
        all.extend(rows);
    };
    if wants(Part::Transaction) {
        let alone = lab.laptop("alone")?;
        let rows = transaction::measure(alone.namespace(), options.quick)?;
        tell("one transaction", rows);
    }
    if wants(Part::Switch) {
        tell("switch, 100 exceptions each side", switch::measure(scratch, &lab, options.quick).await?);
    }
    if wants(Part::Packets) {
        // It blocks, and nothing else is to do meanwhile but to hear Ctrl-C.
        let rows = tokio::task::block_in_place(|| packets::measure(&lab, options.exceptions, options.quick))?;
        tell(&format!("packets, {} exceptions", options.exceptions), rows);
    }
    println!("{}; {:.0} s in all", machine()?, began.elapsed().as_secs_f64());
    let missed: Vec<&str> = all.iter().filter(|row| !row.is_good()).map(|row| row.name.as_str()).collect();
    if missed.is_empty() {
        println!("every goal is met");
    } else {
        println!("missed: {}", missed.join("; "));
    }
    Ok(missed.is_empty())
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
