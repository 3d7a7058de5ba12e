//! `landmarkctl completion` and `landmarkctl man`: made of the same definitions as the command line.

use std::fs;
use std::io;
use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::cli::Cli;
use crate::errors::{Exit, Failure};
use crate::output::Output;

/// Prints a completion script.
pub(super) fn completion(out: &Output, shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "landmarkctl", &mut script);
    out.data(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}

/// Prints the manual page, or writes all of them.
pub(super) fn man(out: &Output, folder: Option<&Path>) -> Result<Exit, Failure> {
    let Some(folder) = folder else {
        let mut page = Vec::new();
        Man::new(Cli::command())
            .render(&mut page)
            .map_err(|error| cannot_write(Path::new("the page"), &error))?;
        out.data(&String::from_utf8_lossy(&page))?;
        return Ok(Exit::Done);
    };
    fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), folder))
        .map_err(|error| cannot_write(folder, &error))?;
    out.remark(format!("manual pages written to {}", folder.display()));
    Ok(Exit::Done)
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::File, format!("cannot write {}: {error}", path.display()))
}
