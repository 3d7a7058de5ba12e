//! The project's own tools, run as `cargo xtask …`. Small on purpose: heavy tools are binaries of `tests/`.

#![expect(clippy::print_stderr, reason = "a tool for people at a terminal")]
#![expect(clippy::disallowed_methods, reason = "writes only what can be made again")]

mod bench;
mod codegen;
mod command;
mod demo;
mod lab;
mod packages;
mod screenshots;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's own tools.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build everything and play the whole story on this machine: a server, three agents, three reference servers.
    Demo(demo::Options),
    /// Build everything and open the laboratory: an office, a home and a café of network namespaces, and a machine to carry
    /// between them. Needs root.
    Lab(lab::Options),
    /// Take a picture of every page of the web console, wide and narrow, light and dark, and look for what keeps people out.
    Screenshots(screenshots::Options),
    /// Measure, in a release build and on an otherwise quiet machine.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Run every test level that this machine allows; install what they need when root on Debian.
    Test(test::Options),
    /// Make the Rust code of the wire contract from proto/landmark/v1/*.proto (no protoc needed).
    Codegen {
        /// Change nothing; fail if the committed code is not what would be made.
        #[arg(long)]
        check: bool,
    },
    /// Check the rules of the house that neither rustc nor clippy knows.
    Tidy,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Demo(options) => demo::run(&options),
        Command::Lab(options) => lab::run(&options),
        Command::Screenshots(options) => screenshots::run(&options),
        Command::Bench(bench) => bench::run(&bench),
        Command::Test(options) => test::run(&options),
        Command::Codegen { check } => codegen::run(check),
        Command::Tidy => tidy::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
