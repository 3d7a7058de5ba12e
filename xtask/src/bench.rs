//! Benchmarks: builds what they need, then starts a program of `tests/bench/`. What is measured is told there.

mod idle;

use anyhow::Result;
use clap::{Args, Subcommand};

#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// What an agent costs a machine on which nothing happens: size, memory, wake-ups, each beside its limit.
    Idle(idle::Options),
}

/// Builds, then measures.
///
/// # Errors
/// The build failed, nothing could be measured, or a figure is over its limit.
pub(crate) fn run(options: &Options) -> Result<()> {
    match &options.what {
        What::Idle(options) => idle::run(options),
    }
}
