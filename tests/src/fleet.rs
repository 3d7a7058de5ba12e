//! A fleet on this machine, made of the real programs: a server, its agents, and landmarkctl.
//!
//! What differs from a real fleet is said in configuration only: ports of 127.0.0.1 or of a namespace, state folders of the
//! test.

pub mod agent;
pub mod crowd;
pub mod ctl;
pub mod facts;
pub mod server;
pub mod simulated;

use std::path::Path;
use std::process::Command;

use anyhow::Result;

pub use agent::Agent;
pub use crowd::Crowd;
pub use ctl::Ctl;
pub use server::Server;

use crate::binaries;
use crate::place::Place;

/// One of our programs, untouched by the configuration of whoever runs the tests.
fn program(name: &str, home: &Path, place: &Place) -> Result<Command> {
    program_under(&[], name, home, place)
}

/// The same, run by another program with these arguments, such as `setpriv`.
fn program_under(wrapper: &[String], name: &str, home: &Path, place: &Place) -> Result<Command> {
    let path = binaries::find(name)?;
    let mut command = match wrapper {
        [] => place.command(path),
        [program, arguments @ ..] => {
            let mut command = place.command(program);
            command.args(arguments).arg(path);
            command
        }
    };
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("LANDMARK_") {
            command.env_remove(variable);
        }
    }
    // No context, no state folder and no configuration file of theirs is found from here.
    command.env("HOME", home).env_remove("XDG_CONFIG_HOME").env_remove("XDG_STATE_HOME");
    command.env("NO_COLOR", "1");
    Ok(command)
}
