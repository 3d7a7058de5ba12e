//! Builds the workspace and photographs the web console, with a program of `tests/`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::command::{self, cargo, target_dir};
use crate::packages;

#[derive(Args)]
pub(crate) struct Options {
    /// Where the pictures go (default: target/screenshots).
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Only pages whose name contains this.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

/// Builds, then takes the pictures.
///
/// # Errors
/// The build failed, a page did not come, or it keeps somebody out.
pub(crate) fn run(options: &Options) -> Result<()> {
    packages::ensure(&packages::BROWSER)?;
    command::run(cargo().args(["build", "--locked", "--workspace", "--bins"]))?;
    let folder = target_dir().join("debug");
    let mut screenshots = std::process::Command::new(folder.join("landmark-screenshots"));
    screenshots.env("LANDMARK_BIN_DIR", &folder);
    screenshots.arg(options.out.clone().unwrap_or_else(|| target_dir().join("screenshots")));
    screenshots.args(&options.only);
    command::run(&mut screenshots)
}
