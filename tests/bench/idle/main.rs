//! What an agent costs a machine on which nothing happens. `cargo xtask bench idle` builds and starts it.
//!
//! ```text
//! stage (a server, two agents) ─► reading (/proc, before and after) ─┐
//!                                 trace (strace, the second agent) ──┼─► told, each figure beside its limit
//!                                 binary (size, sections, crates) ───┘
//! ```
//!
//! Two agents, for whoever is traced does not run as it would: the first is counted, of the second each system call is
//! shown.

#![expect(clippy::print_stdout, reason = "a program for people at a terminal")]

mod binary;
mod reading;
mod stage;
mod told;
mod trace;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use landmark_tests::binaries;
use landmark_tests::scratch::Scratch;

use crate::binary::Binary;
use crate::reading::Reading;
use crate::stage::Stage;
use crate::trace::Trace;

const USAGE: &str = "usage: landmark-bench-idle [--seconds N] [--firewall] [--symbols FILE]

  --seconds N     how long the agents are watched (60)
  --firewall      they write a firewall, in a network namespace of their own; needs root
  --symbols FILE  the same landmark-agent with its symbols";

struct Options {
    period: Duration,
    with_firewall: bool,
    symbols: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(options) = arguments() else {
        println!("{USAGE}");
        return ExitCode::from(64);
    };
    let measured = tokio::select! {
        biased;
        result = tokio::signal::ctrl_c() => result.map(|()| false).map_err(anyhow::Error::from),
        result = measure(&options) => result,
    };
    match measured {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("cannot measure: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether everything is within its limits.
async fn measure(Options { period, with_firewall, symbols }: &Options) -> Result<bool> {
    let period = *period;
    let scratch = Scratch::new()?;
    let binary = Binary::read(&binaries::find("landmark-agent")?, symbols.as_deref())?;
    let told = watch(&scratch, period, *with_firewall).await.inspect_err(|_| println!("{}", scratch.logs()));
    let (before, after, trace) = told?;
    let fits = told::binary(&binary) & told::memory(&after) & told::wake_ups(&before, &after, period);
    told::calls(&trace);
    Ok(fits)
}

async fn watch(
    scratch: &Scratch,
    period: Duration,
    with_firewall: bool,
) -> Result<(Reading, Reading, Option<Trace>)> {
    let stage = Stage::set(scratch, with_firewall).await?;
    println!(
        "A server and two agents are connected, a list is assigned and enforced; nothing happens from here."
    );
    stage.settle().await?;
    let tracer = trace::Tracer::attach(scratch, stage.traced.pid()?).await;
    println!("Watching them for {} s …\n", period.as_secs());
    let counted = stage.counted.pid()?;
    let before = Reading::take(counted)?;
    tokio::time::sleep(period).await;
    let after = Reading::take(counted)?;
    let trace = match tracer {
        Some(tracer) => Some(tracer.detach().await?),
        None => None,
    };
    Ok((before, after, trace))
}

fn arguments() -> Option<Options> {
    let (mut seconds, mut with_firewall, mut symbols) = (60, false, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--seconds" => seconds = arguments.next()?.parse().ok().filter(|seconds| *seconds > 0)?,
            "--firewall" => with_firewall = true,
            "--symbols" => symbols = Some(arguments.next()?.into()),
            _ => return None,
        }
    }
    Some(Options { period: Duration::from_secs(seconds), with_firewall, symbols })
}
