//! Notices when the files change that say how names are resolved (inotify(7)). It must not know what is in them.
//!
//! Their folders are watched, so that a file that is renamed over another is seen, and the files themselves, so that one is
//! seen that is mounted where it is and rewritten elsewhere. Symlinks are followed, and followed anew after each event: in
//! every folder through which they lead something is watched. Where a folder is missing, the nearest one above is watched
//! until it comes. A file has changed if its content has.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read as _};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use crate::netlink::readable::Readable;
use crate::network::file::open_file;

/// Symlinks that are followed from a file; the kernel follows 40, a resolver's configuration has one or two.
const MAX_LINKS: usize = 8;
/// Bytes of a file that are looked at: lists of unwanted hosts have some millions.
const MAX_BYTES: u64 = 16 << 20;
/// How often the way to a file is found anew while it changes.
const MAX_TRIES: usize = 4;
/// Bytes of events that are read at once; an event has at most 272.
const BUFFER: usize = 4096;

/// Files that are watched.
pub(super) struct Files {
    inotify: Readable,
    paths: Vec<PathBuf>,
    /// The names in a folder that matter; none for a file.
    watches: HashMap<i32, HashSet<OsString>>,
    contents: Vec<Option<Content>>,
}

/// A file's digest; `None` is a file that cannot be read.
type Content = [u8; 32];

/// What is to be watched: a folder with a name in it, or a file.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Spot {
    Name(PathBuf, OsString),
    File(PathBuf),
}

impl Files {
    /// Must be called within a runtime; [`Self::look`] makes it begin.
    ///
    /// # Errors
    /// The system gives no inotify instance.
    pub(super) fn open(paths: Vec<PathBuf>) -> io::Result<Self> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let contents = vec![None; paths.len()];
        Ok(Self { inotify: Readable::new(inotify)?, paths, watches: HashMap::new(), contents })
    }

    /// Waits until something happened to one of the files. May be cancelled.
    ///
    /// # Errors
    /// The inotify instance is of no use any more.
    pub(super) async fn wait(&mut self) -> io::Result<()> {
        while !self.inotify.read(|inotify| drain(inotify, &self.watches)).await? {}
        Ok(())
    }

    /// Watches where the files are, and reads them; whether one has another content than at the last look. It blocks.
    ///
    /// # Errors
    /// The system lets nothing more be watched.
    pub(super) fn look(&mut self) -> io::Result<bool> {
        let mut spots = spots(&self.paths);
        for _ in 0..MAX_TRIES {
            self.watch(&spots)?;
            // Watched before they are read: what happens from here on is an event.
            let later = self::spots(&self.paths);
            if later == spots {
                break;
            }
            spots = later;
        }
        let contents: Vec<_> = self.paths.iter().map(|path| content(path)).collect();
        let has_changed = contents != self.contents;
        self.contents = contents;
        Ok(has_changed)
    }

    fn watch(&mut self, spots: &[Spot]) -> io::Result<()> {
        let mut watches: HashMap<i32, HashSet<OsString>> = HashMap::new();
        for spot in spots {
            match spot {
                Spot::File(path) => {
                    let flags = WatchFlags::CLOSE_WRITE | WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF;
                    if let Some(watch) = self.add(path, flags)? {
                        watches.entry(watch).or_default();
                    }
                }
                Spot::Name(folder, name) => {
                    if let Some((watch, name)) = self.add_folder(folder, name)? {
                        watches.entry(watch).or_default().insert(name);
                    }
                }
            }
        }
        for watch in self.watches.keys().filter(|watch| !watches.contains_key(watch)) {
            // What has gone took its watch along.
            inotify::remove_watch(self.inotify.descriptor(), *watch).ok();
        }
        self.watches = watches;
        Ok(())
    }

    /// Watches a folder, or, as long as it is missing, the nearest one above it; with the name that matters there.
    fn add_folder(&self, folder: &Path, name: &OsStr) -> io::Result<Option<(i32, OsString)>> {
        let flags = WatchFlags::ONLYDIR
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF;
        let (mut folder, mut name) = (folder, name);
        loop {
            if let Some(watch) = self.add(folder, flags)? {
                return Ok(Some((watch, name.to_owned())));
            }
            let (Some(above), Some(own)) = (folder.parent(), folder.file_name()) else { return Ok(None) };
            (folder, name) = (above, own);
        }
    }

    /// `None` if there is nothing to watch.
    fn add(&self, path: &Path, flags: WatchFlags) -> io::Result<Option<i32>> {
        match inotify::add_watch(self.inotify.descriptor(), path, flags) {
            Ok(watch) => Ok(Some(watch)),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS | Errno::LOOP) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Reads all events; whether one of them matters. That there is none is an error.
fn drain(inotify: &OwnedFd, watches: &HashMap<i32, HashSet<OsString>>) -> io::Result<bool> {
    let mut buffer = [MaybeUninit::uninit(); BUFFER];
    let mut reader = inotify::Reader::new(inotify, &mut buffer);
    let mut n_events = 0;
    let mut matters = false;
    loop {
        match reader.next() {
            Ok(event) => {
                n_events += 1;
                let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()));
                let is_named = |names: &HashSet<OsString>| name.is_none_or(|name| names.contains(name));
                matters |= event.events().contains(ReadFlags::QUEUE_OVERFLOW)
                    || watches.get(&event.wd()).is_some_and(is_named);
            }
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) if n_events > 0 => return Ok(matters),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Every place at which something may happen to these files.
fn spots(paths: &[PathBuf]) -> Vec<Spot> {
    let mut spots = Vec::new();
    for path in paths {
        let mut path = path.clone();
        for _ in 0..=MAX_LINKS {
            let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { break };
            spots.push(Spot::Name(folder.to_owned(), name.to_owned()));
            let Ok(target) = fs::read_link(&path) else {
                spots.push(Spot::File(path));
                break;
            };
            path = folder.join(target);
        }
    }
    spots
}

/// What is in a file now.
fn content(path: &Path) -> Option<Content> {
    let mut digest = Sha256::new();
    let mut rest = open_file(path).ok()?.take(MAX_BYTES);
    let mut buffer = [0; 8192];
    loop {
        match rest.read(&mut buffer).ok()? {
            0 => return Some(digest.finalize().into()),
            n_read => digest.update(buffer.get(..n_read)?),
        }
    }
}

#[cfg(test)]
mod tests;
