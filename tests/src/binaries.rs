//! Where the programs of this workspace were built to.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// Names the folder with the programs, where they are not beside the program that asks.
pub const FOLDER_VARIABLE: &str = "LANDMARK_BIN_DIR";

/// The path of a program such as `landmark-server`.
///
/// # Errors
/// It was not built.
pub fn find(program: &str) -> Result<PathBuf> {
    let folders: Vec<PathBuf> = match std::env::var_os(FOLDER_VARIABLE) {
        Some(folder) => vec![folder.into()],
        None => {
            let own = std::env::current_exe().context("find the folder of this program")?;
            // A test lies one folder below the programs: target/debug/deps.
            own.ancestors().skip(1).take(2).map(Path::to_owned).collect()
        }
    };
    for folder in &folders {
        let path = folder.join(program);
        if path.is_file() {
            return Ok(path);
        }
    }
    let folders: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
    bail!("no {program} in {}; build it first: cargo build --workspace --bins", folders.join(" or "))
}
