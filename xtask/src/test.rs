//! Runs the test levels in rising order of cost.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::command::{self, cargo, succeeds, target_dir, workspace_root};
use crate::{codegen, packages, tidy};

#[derive(Args)]
pub(crate) struct Options {
    /// Run only these levels (default: all).
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Level>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Level {
    /// Formatting, house rules, freshness of generated code, lints as errors.
    Static,
    /// Unit and property tests of every crate.
    Unit,
    /// Server and agents in one process, over loopback.
    Inproc,
    /// The real binaries with real reference servers.
    E2e,
    /// The real binaries in network namespaces; needs root.
    Netns,
    /// People at the web console, in Chromium.
    Browser,
}

/// The version that the rules of proto/buf.yaml were written for.
const BUF: &str = "@bufbuild/buf@1.75.0";

const ALL: [Level; 6] = [Level::Static, Level::Unit, Level::Inproc, Level::E2e, Level::Netns, Level::Browser];

/// Runs them all, or those asked for; stops at the first level that fails.
///
/// # Errors
/// A level failed.
pub(crate) fn run(options: &Options) -> Result<()> {
    let levels = if options.only.is_empty() { &ALL[..] } else { &options.only };
    for level in levels {
        match level {
            Level::Static => check_statically()?,
            Level::Unit => tests(&["--workspace", "--exclude", "landmark-tests"])?,
            Level::Inproc => tests(&["--package", "landmark-tests", "--lib", "--bins", "--test", "inproc"])?,
            Level::E2e => {
                packages::ensure(&packages::REFERENCE_SERVERS)?;
                with_binaries("e2e")?;
            }
            Level::Netns => {
                packages::ensure(&packages::REFERENCE_SERVERS)?;
                packages::ensure(&packages::LABORATORY)?;
                with_binaries("netns")?;
            }
            Level::Browser => {
                packages::ensure(&packages::BROWSER)?;
                with_binaries("browser")?;
            }
        }
    }
    eprintln!("\nAll {} levels passed.", levels.len());
    Ok(())
}

/// Builds what the tests start, then runs them; tells at the end which of them were skipped.
fn with_binaries(level: &str) -> Result<()> {
    command::run(cargo().args(["build", "--locked", "--workspace", "--bins"]))?;
    // Test runners hide what a passing test prints; a skip must be seen.
    let skips = target_dir().join("skipped-tests.txt");
    fs::remove_file(&skips).ok();
    let done =
        tests_with(&["--package", "landmark-tests", "--test", level], &[("LANDMARK_SKIP_FILE", &skips)]);
    if let Ok(skipped) = fs::read_to_string(&skips) {
        eprintln!("\n{}", skipped.trim_end());
    }
    done
}

fn check_statically() -> Result<()> {
    tidy::run()?;
    codegen::run(true)?;
    lint_contract()?;
    if has_component("fmt") {
        command::run(cargo().args(["fmt", "--all", "--check"]))?;
    }
    if has_component("clippy") {
        let mut clippy = cargo();
        clippy.args(["clippy", "--locked", "--workspace", "--all-targets", "--", "--deny", "warnings"]);
        command::run(&mut clippy)?;
    }
    Ok(())
}

/// Lints the contract with buf, whose npm package carries the binary.
fn lint_contract() -> Result<()> {
    if succeeds(Command::new("buf").arg("--version")) {
        return command::run(Command::new("buf").args(["lint", "proto"]).current_dir(workspace_root()));
    }
    let mut npx = Command::new("npx");
    npx.args(["--yes", BUF]).current_dir(workspace_root());
    if succeeds(npx.arg("--version")) {
        let mut lint = Command::new("npx");
        return command::run(lint.args(["--yes", BUF, "lint", "proto"]).current_dir(workspace_root()));
    }
    eprintln!("SKIP buf lint: neither buf nor npx with the package registry is there");
    Ok(())
}

/// `rustfmt` and `clippy` are parts of a toolchain that a minimal installation lacks.
fn has_component(name: &str) -> bool {
    let there = succeeds(cargo().args([name, "--version"]));
    if !there {
        eprintln!("SKIP cargo {name}: not installed (rustup component add {})", component(name));
    }
    there
}

fn component(name: &str) -> &str {
    if name == "fmt" { "rustfmt" } else { name }
}

/// With cargo-nextest where it is installed, which runs tests of one binary in parallel processes.
fn tests(selection: &[&str]) -> Result<()> {
    tests_with(selection, &[])
}

fn tests_with(selection: &[&str], environment: &[(&str, &Path)]) -> Result<()> {
    let mut command = cargo();
    command.envs(environment.iter().copied());
    if succeeds(cargo().args(["nextest", "--version"])) {
        command.args(["nextest", "run", "--locked", "--no-fail-fast"]);
    } else {
        command.args(["test", "--locked", "--no-fail-fast"]);
    }
    command.args(selection);
    command::run(&mut command)
}
