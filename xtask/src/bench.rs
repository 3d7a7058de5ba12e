//! Benchmarks: each is a program of `tests/bench/`, built and started in release.

mod decision;

use anyhow::Result;
use clap::Subcommand;

/// What is measured.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// How fast an agent decides where it is, beside walks of the same list. Needs root.
    Decision(decision::Options),
}

/// Builds, then measures.
///
/// # Errors
/// The build failed, or nothing could be measured.
pub(crate) fn run(bench: &Bench) -> Result<()> {
    match bench {
        Bench::Decision(options) => decision::run(options),
    }
}
