//! Which namespaces belong to whom: every laboratory has a random name, locked while it lives.
//!
//! What has the name of a laboratory whose lock is free was left by a process that was killed, and is removed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, getpid, kill_process};
use tempfile::NamedTempFile;

use crate::place::NAMESPACES;

/// Where the locks are; a lock has the name of its laboratory. Emptied at boot, as the namespaces are.
pub const LOCKS: &str = "/run/landmark-lab";
/// In [`LOCKS`]; held for a moment by who makes or sweeps, so that nobody takes a new lock for a dead one.
pub const GATE: &str = ".gate";
/// Before the laboratory's random name.
const PREFIX: &str = "lm-";
/// Files that processes in a namespace see instead of those in /etc: `ip-netns(8)`.
const FILES: &str = "/etc/netns";

/// A name that no other laboratory of this machine has. Dropping it removes every namespace under it.
#[derive(Debug)]
pub(super) struct Claim {
    // Locked; removed when it is dropped, after the namespaces.
    lock: NamedTempFile,
    prefix: String,
}

impl Claim {
    /// Takes a name, after removing what the dead have left.
    pub(super) fn take() -> Result<Self> {
        fs::create_dir_all(LOCKS).with_context(|| format!("make {LOCKS}"))?;
        let gate = File::create(Path::new(LOCKS).join(GATE)).context("make the gate")?;
        gate.lock().context("pass the gate")?;
        sweep();
        let lock = tempfile::Builder::new().prefix(PREFIX).rand_bytes(5).tempfile_in(LOCKS)?;
        lock.as_file().lock()?;
        let prefix = lock.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { lock, prefix })
    }

    /// The full name of one of its namespaces.
    pub(super) fn name(&self, short: &str) -> String {
        format!("{}-{short}", self.prefix)
    }

    /// The folder of files that processes in a namespace see instead of those in /etc.
    pub(super) fn files_of(name: &str) -> PathBuf {
        Path::new(FILES).join(name)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Still under the lock, so that nobody else removes the same.
        debug_assert!(self.lock.path().starts_with(LOCKS));
        remove_all(&self.prefix);
    }
}

/// Removes the laboratories whose locks are free.
fn sweep() {
    for path in entries(Path::new(LOCKS)) {
        let name = file_name(&path);
        if name == GATE {
            continue;
        }
        if File::open(&path).is_ok_and(|lock| lock.try_lock().is_ok()) {
            remove_all(&name);
            fs::remove_file(&path).unwrap_or_default();
        }
    }
}

/// Ends what still runs in its namespaces, then removes them and their files.
fn remove_all(prefix: &str) {
    let of_it = |path: &PathBuf| file_name(path).starts_with(&format!("{prefix}-"));
    for namespace in entries(Path::new(NAMESPACES)).filter(of_it) {
        let name = file_name(&namespace);
        for process in processes_in(&name) {
            // Whoever it was that started it has ended, or is ending the laboratory; it may be gone already.
            kill_process(process, Signal::KILL).unwrap_or_default();
        }
        ip(&["netns", "del", &name]);
    }
    for files in entries(Path::new(FILES)).filter(of_it) {
        fs::remove_dir_all(&files).unwrap_or_default();
    }
}

fn processes_in(namespace: &str) -> Vec<Pid> {
    let listed = ip(&["netns", "pids", namespace]);
    let pids = listed.lines().filter_map(|line| Pid::from_raw(line.trim().parse().ok()?));
    pids.filter(|pid| *pid != getpid()).collect()
}

/// What `ip` prints; what cannot be removed by now cannot be helped.
fn ip(arguments: &[&str]) -> String {
    let output = Command::new("ip").args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
