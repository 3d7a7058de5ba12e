//! Builds in release and measures how fast an agent decides, with a program of `tests/`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::command::{self, cargo, target_dir};
use crate::packages;

#[derive(Args)]
pub(crate) struct Options {
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

/// Builds, then measures.
///
/// # Errors
/// The build failed, or the laboratory cannot stand here.
pub(crate) fn run(options: &Options) -> Result<()> {
    packages::ensure(&packages::LABORATORY)?;
    packages::ensure(&packages::COMPARED)?;
    let mut build = cargo();
    build.args(["build", "--locked", "--release", "--bins"]);
    build.args([
        "--package",
        "landmark-agent",
        "--package",
        "landmark-server",
        "--package",
        "landmark-tests",
    ]);
    command::run(&mut build)?;

    let folder = target_dir().join("release");
    let mut bench = std::process::Command::new(folder.join("landmark-bench-decision"));
    bench.env("LANDMARK_BIN_DIR", &folder);
    if options.quick {
        bench.arg("--quick");
    }
    if let Some(runs) = options.runs {
        bench.arg("--runs").arg(runs.to_string());
    }
    if let Some(only) = &options.only {
        bench.arg("--only").arg(only);
    }
    if let Some(json) = &options.json {
        bench.arg("--json").arg(json);
    }
    command::run(&mut bench)
}
