//! The project's own tools, run as `cargo xtask …`. Small on purpose: heavy tools are binaries of `tests/`.

mod codegen;

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
    /// Make the Rust code of the wire contract from proto/landmark/v1/*.proto (no protoc needed).
    Codegen {
        /// Change nothing; fail if the committed code is not what would be made.
        #[arg(long)]
        check: bool,
    },
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Codegen { check } => codegen::run(check),
    }
}
