//! Builds in release and measures what the firewall costs, with a program of `tests/`.

use anyhow::Result;
use clap::Args;

use crate::command::{self, cargo, target_dir};
use crate::packages;

#[derive(Args)]
pub(crate) struct Options {
    /// One minute instead of five: fewer runs.
    #[arg(long)]
    quick: bool,
    /// Only this part: transaction, switch or packets.
    #[arg(long, value_name = "PART")]
    only: Option<String>,
    /// Of the policy that packets meet, up to 1000; the goals are for 100.
    #[arg(long, value_name = "N")]
    exceptions: Option<usize>,
}

/// Builds, then measures.
///
/// # Errors
/// The build failed, the laboratory cannot stand here, or a figure misses its goal.
pub(crate) fn run(options: &Options) -> Result<()> {
    packages::ensure(&packages::LABORATORY)?;
    let mut build = cargo();
    build.args(["build", "--locked", "--release"]);
    for package in ["landmark-agent", "landmark-server", "landmark-tests"] {
        build.args(["--package", package]);
    }
    // Of the programs of `tests/` only this one.
    for program in ["landmark-agent", "landmark-server", "landmarkctl", "landmark-bench-enforce"] {
        build.args(["--bin", program]);
    }
    command::run(&mut build)?;

    let folder = target_dir().join("release");
    let mut bench = std::process::Command::new(folder.join("landmark-bench-enforce"));
    bench.env("LANDMARK_BIN_DIR", &folder);
    if options.quick {
        bench.arg("--quick");
    }
    if let Some(only) = &options.only {
        bench.arg("--only").arg(only);
    }
    if let Some(exceptions) = options.exceptions {
        bench.arg("--exceptions").arg(exceptions.to_string());
    }
    command::run(&mut bench)
}
