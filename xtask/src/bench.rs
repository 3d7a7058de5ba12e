//! Benchmarks: builds what they need, then starts a program of `tests/bench/`. What is measured is told there.

mod console;
mod decision;
mod enforce;
mod idle;

use anyhow::Result;
use clap::Subcommand;

/// What is measured.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// How fast the web console answers over 100,000 agents, and what open pages cost the fleet.
    Console(console::Options),
    /// How fast an agent decides where it is, beside walks of the same list. Needs root.
    Decision(decision::Options),
    /// What the firewall costs: how long rules take to come into force, and what each packet pays. Needs root.
    Enforce(enforce::Options),
    /// What an agent costs a machine on which nothing happens: size, memory, wake-ups, each beside its limit.
    Idle(idle::Options),
}

/// Builds, then measures.
///
/// # Errors
/// The build failed, nothing could be measured, or a figure is over its limit.
pub(crate) fn run(bench: &Bench) -> Result<()> {
    match bench {
        Bench::Console(options) => console::run(options),
        Bench::Decision(options) => decision::run(options),
        Bench::Enforce(options) => enforce::run(options),
        Bench::Idle(options) => idle::run(options),
    }
}
