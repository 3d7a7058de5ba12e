//! The rules of the house that neither rustc nor clippy knows. Each is a plain function from a source file to findings.

mod rules;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::command::workspace_root;

/// One `.rs` file of ours.
struct Source {
    /// From the workspace's root, with `/`.
    path: String,
    text: String,
}

/// Checks everything; prints every finding as `file:line: what is wrong`.
///
/// # Errors
/// There are findings.
pub(crate) fn run() -> Result<()> {
    let root = workspace_root();
    let sources = sources(&root)?;
    let mut findings: Vec<String> = Vec::new();
    for source in &sources {
        findings.extend(rules::in_source(source));
    }
    findings.extend(rules::every_file_is_declared(&sources));
    findings.extend(rules::exceptions_still_needed(&sources));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).context("read Cargo.toml")?;
    findings.extend(rules::dependencies_have_reasons(&manifest));
    for finding in &findings {
        eprintln!("{finding}");
    }
    if findings.is_empty() {
        eprintln!("tidy: {} files keep the rules", sources.len());
        return Ok(());
    }
    bail!("tidy: {} findings", findings.len())
}

const MEMBERS: [&str; 6] = ["proto", "daemon", "server", "agent", "xtask", "tests"];

fn sources(root: &Path) -> Result<Vec<Source>> {
    let mut paths = Vec::new();
    for member in MEMBERS {
        collect(&root.join(member), &mut paths)?;
    }
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let path = path.strip_prefix(root)?.to_string_lossy().replace('\\', "/");
        Ok(Source { path, text })
    };
    paths.into_iter().map(read).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "gen" && name != "target") {
                collect(&path, paths)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
    Ok(())
}
