//! The outbox's file: appended to, replaced whole, never edited. Knows nothing of what is in it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use landmark_daemon::durable::{self, DurableError, Mode};
use landmark_daemon::error::Chain;
use tracing::error;

use super::log::FILE_LIMIT;

const FOLDER: &str = "outbox";
const LOG: &str = "log";
const DAMAGED: &str = "log.damaged";

/// Where the outbox is kept. A success means that the bytes survive a power failure.
pub trait Disk {
    /// All bytes; `None` if there are none.
    ///
    /// # Errors
    /// They cannot be read.
    fn load(&mut self) -> io::Result<Option<Vec<u8>>>;

    /// Adds bytes at the end. After a failure any part of them may be there.
    ///
    /// # Errors
    /// They may not be there.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Replaces everything at once.
    ///
    /// # Errors
    /// The old bytes are there, or the new ones.
    fn replace(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Keeps a copy of damaged bytes for examination, at most one; as well as it can.
    fn keep_aside(&mut self, bytes: &[u8]);
}

/// The file `outbox/log` in a state folder.
#[derive(Debug)]
pub struct FileDisk {
    folder: PathBuf,
    log: Option<File>,
}

impl FileDisk {
    /// In this state folder.
    pub fn new(state: &Path) -> Self {
        Self { folder: state.join(FOLDER), log: None }
    }

    /// Removes the outbox of this state folder, as a machine needs that joins another fleet.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn forget(state: &Path) -> Result<(), DurableError> {
        [LOG, DAMAGED].iter().try_for_each(|name| durable::remove(&state.join(FOLDER).join(name)).map(drop))
    }
}

impl Disk for FileDisk {
    fn load(&mut self) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.folder.join(LOG)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        // A longer file is not ours; what is cut off makes it a damaged one.
        let mut bytes = Vec::new();
        file.take(FILE_LIMIT).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let log = match &mut self.log {
            Some(log) => log,
            None => self.log.insert(OpenOptions::new().append(true).open(self.folder.join(LOG))?),
        };
        log.write_all(bytes)?;
        log.sync_data()
    }

    fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.log = None;
        durable::create_dir_private(&self.folder).map_err(|error| to_io(&error))?;
        // What a crash during an earlier replacement left.
        durable::sweep_temporary(&self.folder).map_err(|error| to_io(&error))?;
        durable::write(&self.folder.join(LOG), bytes, Mode::Private).map_err(|error| to_io(&error))
    }

    fn keep_aside(&mut self, bytes: &[u8]) {
        let path = self.folder.join(DAMAGED);
        match durable::write(&path, bytes, Mode::Private) {
            Ok(()) => {
                error!(kept_as = %path.display(), "the outbox is damaged; what can be read of it is sent anew");
            }
            Err(failed) => error!(error = %Chain(&failed), "the outbox is damaged, and cannot be kept aside"),
        }
    }
}

fn to_io(error: &DurableError) -> io::Error {
    io::Error::other(Chain(error).to_string())
}
