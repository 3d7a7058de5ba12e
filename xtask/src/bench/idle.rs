//! Builds the programs as they are shipped, and watches an idle agent.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::command::{self, cargo, target_dir};

/// Everything else is as it is shipped, and made once.
const KEEP_SYMBOLS: &str = "profile.release.package.landmark-agent.strip=\"none\"";

#[derive(Args)]
pub(crate) struct Options {
    /// How long the agent is watched.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Agents that write a firewall, in a network namespace of their own. Needs root.
    #[arg(long)]
    firewall: bool,
    /// Build the agent once more with its symbols, to say which crates its code comes from.
    #[arg(long)]
    crates: bool,
}

pub(super) fn run(options: &Options) -> Result<()> {
    let shipped = target_dir().join("release");
    let symbols = shipped.join("landmark-agent.symbols");
    // As the README says: with other packages beside it a program gets other features.
    let release = ["build", "--locked", "--release"];
    if options.crates {
        command::run(cargo().args(release).args(["--config", KEEP_SYMBOLS]))?;
        fs::copy(shipped.join("landmark-agent"), &symbols).context("keep the agent with its symbols")?;
    }
    command::run(cargo().args(release))?;
    command::run(cargo().args([
        "build",
        "--locked",
        "-p",
        "landmark-tests",
        "--bin",
        "landmark-bench-idle",
    ]))?;

    let mut bench = Command::new(target_dir().join("debug/landmark-bench-idle"));
    bench.env("LANDMARK_BIN_DIR", &shipped).args(["--seconds", &options.seconds.to_string()]);
    if options.firewall {
        bench.arg("--firewall");
    }
    if options.crates {
        bench.arg("--symbols").arg(&symbols);
    }
    command::run(&mut bench)
}
