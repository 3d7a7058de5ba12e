//! `landmarkctl`: the command line of a Landmark server. A thin client of its admin API: it repeats no rule of the server.
//!
//! ```text
//! cli ─► command ─► context (which server) ─► client ─► wire
//!           │                                    │
//!           ├── peer (seen from here)            │
//!           └── target, sheet (what is given)    └─► view (documents) ─► render ─► output
//!                                                └─► errors (words, exit code) ─► output
//! ```

mod cli;
mod client;
mod command;
mod context;
mod difference;
mod errors;
mod output;
mod peer;
mod prompt;
mod render;
mod sheet;
mod target;
mod view;

use std::process::ExitCode;

fn main() -> ExitCode {
    command::main(std::env::args_os()).into()
}
