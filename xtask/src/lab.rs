//! Builds the workspace and opens the laboratory, a program of `tests/`.

use anyhow::Result;
use clap::Args;

use crate::command::{self, cargo, target_dir};
use crate::packages;

#[derive(Args)]
pub(crate) struct Options {
    /// Build with optimisation, as for real use. Takes longer.
    #[arg(long)]
    release: bool,
}

/// Builds, then opens it.
///
/// # Errors
/// The build failed, or the laboratory cannot stand here.
pub(crate) fn run(options: &Options) -> Result<()> {
    packages::ensure(&packages::REFERENCE_SERVERS)?;
    packages::ensure(&packages::LABORATORY)?;
    let mut build = cargo();
    build.args(["build", "--locked", "--workspace", "--bins"]);
    if options.release {
        build.arg("--release");
    }
    command::run(&mut build)?;

    let folder = target_dir().join(if options.release { "release" } else { "debug" });
    let mut lab = std::process::Command::new(folder.join("landmark-lab"));
    command::run(lab.env("LANDMARK_BIN_DIR", &folder))
}
