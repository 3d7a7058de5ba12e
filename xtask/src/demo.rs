//! Builds the workspace and plays the demo, a program of `tests/`.

use anyhow::Result;
use clap::Args;

use crate::command::{self, cargo, target_dir};

#[derive(Args)]
pub(crate) struct Options {
    /// Leave everything running at the end, and say how to reach it; Ctrl-C ends it.
    #[arg(long)]
    keep: bool,
    /// Build with optimisation, as for real use. Takes longer.
    #[arg(long)]
    release: bool,
}

/// Builds, then plays.
///
/// # Errors
/// The build failed, or the story did not go as told.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut build = cargo();
    build.args(["build", "--locked", "--workspace", "--bins"]);
    if options.release {
        build.arg("--release");
    }
    command::run(&mut build)?;

    let folder = target_dir().join(if options.release { "release" } else { "debug" });
    let mut demo = std::process::Command::new(folder.join("landmark-demo"));
    demo.env("LANDMARK_BIN_DIR", &folder);
    if options.keep {
        demo.arg("--keep");
    }
    command::run(&mut demo)
}
