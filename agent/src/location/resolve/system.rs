//! What this machine says about names: resolv.conf(5) and hosts(5), read again when they have changed.
//!
//! They are looked at when an evaluation has its first name, so that neither a watcher nor a start is needed to notice a
//! change. What cannot be read leaves what was read before in force, and is said once.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tracing::{debug, warn};

use super::hosts::Hosts;
use super::resolv_conf::ResolvConf;
use crate::network::file::open_file;
use crate::platform;

/// Bytes of a file that are read: ten thousand names, or what the agent can afford to keep.
const MAX_BYTES: u64 = 1024 * 1024;
/// A file that changed less than this ago may change again without a new time: some file systems count in seconds.
const SETTLED_AFTER: Duration = Duration::from_secs(2);
/// Where name servers listen.
const PORT: u16 = 53;

/// Where to look.
#[derive(Debug)]
pub(super) struct Paths {
    pub(super) resolv_conf: PathBuf,
    pub(super) hosts: PathBuf,
    /// The port of all name servers: resolv.conf(5) cannot say another.
    pub(super) port: u16,
}

impl Default for Paths {
    fn default() -> Self {
        Self { resolv_conf: platform::RESOLV_CONF.into(), hosts: platform::HOSTS.into(), port: PORT }
    }
}

/// The files, and what they said when they were last read.
pub(super) struct System {
    port: u16,
    files: Mutex<Files>,
}

struct Files {
    resolv_conf: Followed<ResolvConf>,
    hosts: Followed<Hosts>,
}

/// What the files say at one moment.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) resolv_conf: Arc<ResolvConf>,
    pub(super) hosts: Arc<Hosts>,
    pub(super) port: u16,
}

impl System {
    pub(super) fn new(paths: Paths) -> Self {
        let files =
            Files { resolv_conf: Followed::new(paths.resolv_conf), hosts: Followed::new(paths.hosts) };
        Self { port: paths.port, files: Mutex::new(files) }
    }

    /// Reads what has changed, and blocks for it.
    pub(super) fn known(&self) -> Known {
        // A panic while parsing leaves what was held.
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let resolv_conf = files.resolv_conf.follow(|text| ResolvConf::parse(text, &platform::host_name()));
        Known { resolv_conf, hosts: files.hosts.follow(|text| Some(Hosts::new(text))), port: self.port }
    }
}

/// A file, and what it said when it was last read.
struct Followed<T> {
    path: PathBuf,
    stamp: Option<Stamp>,
    held: Arc<T>,
    complained: bool,
}

/// What is different when a file has changed.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    size: u64,
    device: u64,
    inode: u64,
}

impl<T: Default> Followed<T> {
    fn new(path: PathBuf) -> Self {
        Self { path, stamp: None, held: Arc::default(), complained: false }
    }

    fn follow(&mut self, parse: impl FnOnce(&str) -> Option<T>) -> Arc<T> {
        match self.changed() {
            Ok(None) => {}
            Ok(Some((stamp, text))) => {
                self.stamp = stamp;
                if let Some(parsed) = parse(&text) {
                    debug!(path = %self.path.display(), "file read");
                    self.held = Arc::new(parsed);
                    self.complained = false;
                } else {
                    self.complain(&"no name server in it is an address");
                }
            }
            Err(error) => {
                self.stamp = None;
                self.complain(&error);
            }
        }
        Arc::clone(&self.held)
    }

    /// The text, and the stamp by which a change of it will be noticed.
    fn changed(&self) -> io::Result<Option<(Option<Stamp>, String)>> {
        let mut file = open_file(&self.path)?;
        let stamp = Stamp::of(&file)?;
        if self.stamp == Some(stamp) {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        file.by_ref().take(MAX_BYTES).read_to_end(&mut bytes)?;
        if stamp.size > MAX_BYTES {
            warn!(path = %self.path.display(), bytes = stamp.size, read = MAX_BYTES, "file read in part");
        }
        let settled = stamp.modified.elapsed().is_ok_and(|age| age >= SETTLED_AFTER);
        Ok(Some((settled.then_some(stamp), String::from_utf8_lossy(&bytes).into_owned())))
    }

    fn complain(&mut self, reason: &dyn std::fmt::Display) {
        if !self.complained {
            self.complained = true;
            warn!(path = %self.path.display(), %reason, "file cannot be used; what it said before stays in force");
        }
    }
}

impl Stamp {
    fn of(file: &File) -> io::Result<Self> {
        let about = file.metadata()?;
        let (device, inode) = (about.dev(), about.ino());
        Ok(Self { modified: about.modified()?, size: about.len(), device, inode })
    }
}

#[cfg(test)]
mod tests;
