//! Reference servers: real ones, started as processes on loopback addresses, and stand-ins for what goes wrong.
//!
//! A module a kind; this file has what the real ones share. Each kind has a loopback address of its own, for on one host
//! they would be one reference server with many ports.

pub mod nginx;
pub mod postgresql;
pub mod recorder;
pub mod silent;
pub mod vsftpd;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;

use crate::place::Place;
use crate::ports::Port;
use crate::process::Process;
use crate::scratch::Scratch;
use crate::skip;

/// A real server program on a port of its own. Dropping it ends its processes.
#[derive(Debug)]
pub struct ReferenceServer {
    kind: Kind,
    port: Port,
    log: PathBuf,
    process: Option<Process>,
}

/// How one kind is run.
#[derive(Debug)]
struct Kind {
    name: &'static str,
    place: Place,
    host: IpAddr,
    program: PathBuf,
    arguments: Vec<String>,
    /// The user who runs it, where it is not ours.
    user: Option<User>,
    stop_signal: Signal,
}

#[derive(Clone, Copy, Debug)]
struct User {
    id: u32,
    group: u32,
}

impl ReferenceServer {
    fn new(scratch: &Scratch, port: Port, kind: Kind) -> Self {
        Self { log: scratch.log(&format!("{}-{}", kind.name, port.number())), kind, port, process: None }
    }

    /// Starts it, on the same port each time, and waits until it takes connections.
    ///
    /// # Errors
    /// It runs already, or does not come up.
    pub async fn start(&mut self) -> Result<()> {
        let name = self.kind.name;
        ensure!(self.process.is_none(), "{name} runs already");
        let process = Process::start(name, self.kind.command(), &self.log)?;
        let mut process = process.stopped_by(self.kind.stop_signal);
        let address = SocketAddr::new(self.kind.host, self.port.number());
        process.wait_until_up("answers", async || self.kind.place.connect(address).await.map(drop)).await?;
        self.process = Some(process);
        Ok(())
    }

    /// Stops it and waits for its end: from then on its port refuses.
    ///
    /// # Errors
    /// It does not run, or does not stop.
    pub async fn stop(&mut self) -> Result<()> {
        let process = self.process.take().with_context(|| format!("{} does not run", self.kind.name))?;
        process.stop().await.map(drop)
    }

    /// What it is, for people.
    pub fn name(&self) -> &'static str {
        self.kind.name
    }

    /// Its address.
    pub fn host(&self) -> IpAddr {
        self.kind.host
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port.number()
    }
}

impl Drop for ReferenceServer {
    fn drop(&mut self) {
        // PostgreSQL's children outlive a kill for a moment; asked to stop, it takes them along.
        let Some(mut process) = self.process.take() else { return };
        if process.signal(self.kind.stop_signal).is_ok() {
            process.wait_blocking(Duration::from_secs(5));
        }
    }
}

impl Kind {
    fn command(&self) -> Command {
        use std::os::unix::process::CommandExt as _;

        let mut command = self.place.command(&self.program);
        command.args(&self.arguments);
        if let Some(user) = self.user {
            command.uid(user.id).gid(user.group);
        }
        command
    }
}

/// The first of these paths that exists. `None`: it is not installed, and that has been said.
fn installed(name: &str, package: &str, candidates: &[PathBuf]) -> Result<Option<PathBuf>> {
    let found = candidates.iter().find(|path| path.is_file());
    if found.is_none() {
        skip::skip(&format!("{name} is not installed (apt-get install {package})"))?;
    }
    Ok(found.cloned())
}

/// Where system programs lie.
fn in_system_folders(program: &str) -> Vec<PathBuf> {
    ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/sbin"]
        .iter()
        .map(|folder| Path::new(folder).join(program))
        .collect()
}
