//! Builds in release and measures the web console, with a program of `tests/`.

use anyhow::Result;
use clap::Args;

use crate::command::{self, cargo, target_dir};

#[derive(Args)]
pub(crate) struct Options {
    /// One minute instead of four: a tenth of the agents, fewer runs.
    #[arg(long)]
    quick: bool,
    /// Only this part: pages, live or push.
    #[arg(long, value_name = "PART")]
    only: Option<String>,
}

/// Builds, then measures.
///
/// # Errors
/// The build failed, or a figure misses its goal.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut build = cargo();
    build.args(["build", "--locked", "--release"]);
    for package in ["landmark-server", "landmark-tests"] {
        build.args(["--package", package]);
    }
    for program in ["landmark-server", "landmarkctl", "landmark-bench-console"] {
        build.args(["--bin", program]);
    }
    command::run(&mut build)?;

    let folder = target_dir().join("release");
    let mut bench = std::process::Command::new(folder.join("landmark-bench-console"));
    bench.env("LANDMARK_BIN_DIR", &folder);
    if options.quick {
        bench.arg("--quick");
    }
    if let Some(only) = &options.only {
        bench.args(["--only", only]);
    }
    command::run(&mut bench)
}
