//! Files that are replaced whole or not at all, and survive a power failure once written.
//!
//! Everything here blocks on the disk: asynchronous code calls it inside `spawn_blocking`. A temporary file stands in
//! the same folder as its target, since a rename is atomic only within one file system.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::{fmt, process};

/// What the name of a temporary file ends with; it begins with a dot.
const TEMPORARY_SUFFIX: &str = ".durable-tmp";

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Only the user that the daemon runs as (0600).
    Private,
    /// Everyone may read it (0644).
    Public,
}

/// A file or folder could not be written, read or removed.
#[derive(Debug, thiserror::Error)]
pub enum DurableError {
    /// The system refused a step.
    #[error("cannot {step} {}", path.display())]
    Io {
        /// What was being done.
        step: Step,
        /// The file or folder it was done to.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is longer than its reader allows.
    #[error("{} is longer than {limit_bytes} bytes", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The most that was allowed, in bytes.
        limit_bytes: u64,
    },
    /// The path has no file name, as `/` or `..`.
    #[error("{} is not the path of a file", path.display())]
    NoFileName {
        /// The path.
        path: PathBuf,
    },
    /// The path that should be a folder is something else.
    #[error("{} is not a folder", path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// Other users may write into the folder, so that nothing in it can be trusted.
    #[error(
        "folder {} can be written by other users (mode {mode:04o}); run: chmod go-w {}",
        path.display(), path.display()
    )]
    WritableByOthers {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

/// What was being done when an operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Creating a file or folder.
    Create,
    /// Writing its bytes.
    Write,
    /// Setting who may read it.
    SetMode,
    /// Forcing it to the disk.
    Sync,
    /// Giving the temporary file its final name.
    Rename,
    /// Reading it.
    Read,
    /// Removing it.
    Remove,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Write => "write",
            Self::SetMode => "set the mode of",
            Self::Sync => "force to disk",
            Self::Rename => "replace",
            Self::Read => "read",
            Self::Remove => "remove",
        })
    }
}

impl DurableError {
    /// Whether the disk or the user's quota is full, so that the same may work later.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Io { source, .. } => {
                matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            Self::TooLong { .. }
            | Self::NoFileName { .. }
            | Self::NotAFolder { .. }
            | Self::WritableByOthers { .. } => false,
        }
    }

    fn at(step: Step, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { step, path: path.to_owned(), source }
    }
}

/// Replaces or creates the file at `path`, atomically and durably.
///
/// The bytes are in a temporary file with mode 0600, and on the disk, before the file gets its name; when this returns
/// `Ok`, the name is on the disk too. A symbolic link at `path` is replaced, not followed.
///
/// # Errors
///
/// If a step fails. The temporary file is removed and the old file stands whole, with one exception: if it is the last
/// step that fails, forcing the *folder* to disk, then the new file has replaced the old one, but a power failure may
/// bring the old one back.
pub fn write(path: &Path, bytes: &[u8], mode: Mode) -> Result<(), DurableError> {
    let name = path.file_name().ok_or_else(|| DurableError::NoFileName { path: path.to_owned() })?;
    let temporary = Temporary::beside(path, name);
    {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary.path)
            .map_err(DurableError::at(Step::Create, &temporary.path))?;
        file.write_all(bytes).map_err(DurableError::at(Step::Write, &temporary.path))?;
        match mode {
            Mode::Private => {}
            Mode::Public => file
                .set_permissions(Permissions::from_mode(0o644))
                .map_err(DurableError::at(Step::SetMode, &temporary.path))?,
        }
        file.sync_all().map_err(DurableError::at(Step::Sync, &temporary.path))?;
    }
    fs::rename(&temporary.path, path).map_err(DurableError::at(Step::Rename, path))?;
    temporary.keep();
    sync_folder(folder_of(path))
}

/// Reads a file of at most `limit_bytes`; `None` if there is no such file.
///
/// # Errors
///
/// If it is longer, or cannot be read.
pub fn read_bounded(path: &Path, limit_bytes: u64) -> Result<Option<Vec<u8>>, DurableError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(DurableError::at(Step::Read, path)(error)),
    };
    let mut bytes = Vec::new();
    // One byte more than allowed tells a file that is too long from one that just fits.
    let read = file.take(limit_bytes.saturating_add(1)).read_to_end(&mut bytes);
    let n_bytes = read.map_err(DurableError::at(Step::Read, path))?;
    if u64::try_from(n_bytes).is_ok_and(|n_bytes| n_bytes <= limit_bytes) {
        Ok(Some(bytes))
    } else {
        Err(DurableError::TooLong { path: path.to_owned(), limit_bytes })
    }
}

/// Removes a file durably; returns whether there was one.
///
/// # Errors
///
/// If it cannot be removed, or its folder cannot be forced to disk.
pub fn remove(path: &Path) -> Result<bool, DurableError> {
    match fs::remove_file(path) {
        Ok(()) => sync_folder(folder_of(path)).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(DurableError::at(Step::Remove, path)(error)),
    }
}

/// Makes sure that there is a folder at `path` which only we write into.
///
/// A missing folder is created with mode 0700, and its missing parents with 0755 (less the umask). What is there is
/// never changed: a folder that others may *read* is accepted, since every private file protects itself.
///
/// # Errors
///
/// If it cannot be created, is not a folder, or if group or others may write into it.
pub fn create_dir_private(path: &Path) -> Result<(), DurableError> {
    create_parents(folder_of(path))?;
    create_folder(path, 0o700)?;
    let metadata = fs::metadata(path).map_err(DurableError::at(Step::Read, path))?;
    if !metadata.is_dir() {
        return Err(DurableError::NotAFolder { path: path.to_owned() });
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o022 == 0 {
        Ok(())
    } else {
        Err(DurableError::WritableByOthers { path: path.to_owned(), mode })
    }
}

/// Removes the temporary files that a crash during [`write`](fn@write) left in a folder; returns how many there were.
///
/// Only for a folder that no other process writes into (see [`StateDir`](crate::state_dir::StateDir)), and while no
/// write to it is under way.
///
/// # Errors
///
/// If the folder cannot be read, or such a file cannot be removed.
pub fn sweep_temporary(folder: &Path) -> Result<usize, DurableError> {
    let mut n_removed = 0;
    for entry in fs::read_dir(folder).map_err(DurableError::at(Step::Read, folder))? {
        let entry = entry.map_err(DurableError::at(Step::Read, folder))?;
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_file && is_temporary(&entry.file_name()) {
            fs::remove_file(entry.path()).map_err(DurableError::at(Step::Remove, &entry.path()))?;
            n_removed += 1;
        }
    }
    Ok(n_removed)
}

/// The path of a temporary file, which is removed unless it is kept.
struct Temporary {
    path: PathBuf,
    kept: bool,
}

impl Temporary {
    fn beside(path: &Path, name: &OsStr) -> Self {
        static N_MADE: AtomicU64 = AtomicU64::new(0);
        let n = N_MADE.fetch_add(1, Ordering::Relaxed);
        let mut temporary = OsString::from(".");
        temporary.push(name);
        temporary.push(format!(".{}-{n}{TEMPORARY_SUFFIX}", process::id()));
        Self { path: path.with_file_name(temporary), kept: false }
    }

    fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.kept {
            // The error that brought us here is the one to report; a file that stays is swept at the next start.
            fs::remove_file(&self.path).ok();
        }
    }
}

fn is_temporary(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b".") && name.as_bytes().ends_with(TEMPORARY_SUFFIX.as_bytes())
}

fn create_parents(folder: &Path) -> Result<(), DurableError> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        create_parents(parent_or_here(parent))?;
    }
    create_folder(folder, 0o755)
}

/// Creates one folder durably, if there is nothing at its path.
fn create_folder(path: &Path, mode: u32) -> Result<(), DurableError> {
    match DirBuilder::new().mode(mode).create(path) {
        Ok(()) => sync_folder(folder_of(path)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(DurableError::at(Step::Create, path)(error)),
    }
}

/// A new name in a folder is durable only when the folder itself is.
fn sync_folder(folder: &Path) -> Result<(), DurableError> {
    let synced = File::open(folder).and_then(|opened| opened.sync_all());
    match synced {
        // Some file systems (FUSE, CIFS) cannot do that for a folder; PostgreSQL goes on as well.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        other => other.map_err(DurableError::at(Step::Sync, folder)),
    }
}

fn folder_of(path: &Path) -> &Path {
    parent_or_here(path.parent().unwrap_or(path))
}

/// The parent of a bare file name is the empty path, which the system does not know.
fn parent_or_here(parent: &Path) -> &Path {
    if parent.as_os_str().is_empty() { Path::new(".") } else { parent }
}

#[cfg(test)]
mod tests;
