//! The folder in which a daemon keeps what must outlive it, held by one process at a time.

use std::env;
use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use rustix::process::geteuid;
use tracing::info;

use crate::durable::{self, DurableError};

/// The lock file's name in the folder. It stays there for ever: removing a lock file is a race.
const LOCK: &str = "lock";

/// A state folder that this process alone uses, until the value is dropped.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    // The lock falls with the process, however that ends.
    lock: File,
}

/// The state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateDirError {
    /// It could not be created, or is not safe, or could not be swept.
    #[error("cannot use the state folder {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: DurableError,
    },
    /// Its lock file could not be opened or written.
    #[error("cannot lock the state folder {}", path.display())]
    Lock {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process uses it.
    #[error("the state folder {} is in use by {}", path.display(), holder_text(holder.as_ref()))]
    Held {
        /// The folder.
        path: PathBuf,
        /// The process that wrote its number into the lock file last.
        holder: Option<u32>,
    },
}

impl StateDir {
    /// Creates the folder privately if it is missing, locks it, and sweeps what a crash left in it.
    ///
    /// # Errors
    ///
    /// If it cannot be created, if others may write into it, or if another process holds it.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StateDirError> {
        let path = path.into();
        let folder_error = |source| StateDirError::Folder { path: path.clone(), source };
        durable::create_dir_private(&path).map_err(folder_error)?;
        let lock = lock(&path)?;
        let n_swept = durable::sweep_temporary(&path).map_err(folder_error)?;
        if n_swept > 0 {
            info!(path = %path.display(), n_swept, "temporary files of an earlier run removed");
        }
        Ok(Self { path, lock })
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of something in the folder.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for StateDir {
    fn drop(&mut self) {
        // Closing the file is not enough while a child, forked but not yet executing its program, has a copy of it.
        self.lock.unlock().ok();
    }
}

/// Where the state of `app` lies if nobody says otherwise.
///
/// `/var/lib/<app>` for root, and for anyone who finds it there and may write into it; else `$XDG_STATE_HOME/<app>`, else
/// `$HOME/.local/state/<app>` (XDG Base Directory Specification). Without a home it is `/var/lib/<app>` again, and
/// opening it will tell what is wrong.
pub fn default_state_dir(app: &str) -> PathBuf {
    let system = Path::new("/var/lib").join(app);
    let may_write = access(&system, Access::WRITE_OK | Access::EXEC_OK).is_ok();
    if geteuid().is_root() || may_write {
        return system;
    }
    user_state_dir(app, env::var_os("XDG_STATE_HOME"), env::var_os("HOME")).unwrap_or(system)
}

fn user_state_dir(app: &str, xdg_state_home: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    // The specification says to ignore a relative path, and an empty variable is one.
    let absolute = |variable: Option<OsString>| variable.map(PathBuf::from).filter(|path| path.is_absolute());
    absolute(xdg_state_home)
        .or_else(|| absolute(home).map(|home| home.join(".local/state")))
        .map(|state| state.join(app))
}

fn lock(folder: &Path) -> Result<File, StateDirError> {
    let lock_error = |source| StateDirError::Lock { path: folder.to_owned(), source };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(folder.join(LOCK))
        .map_err(lock_error)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(StateDirError::Held { path: folder.to_owned(), holder: read_holder(&file) });
        }
        Err(TryLockError::Error(error)) => return Err(lock_error(error)),
    }
    // The lock is what counts. The number is for people, and a full disk shall not keep a daemon from starting.
    let noted = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    if let Err(error) = noted {
        tracing::debug!(%error, "process number not written into the lock file");
    }
    Ok(file)
}

fn read_holder(file: &File) -> Option<u32> {
    // Ten digits and a line break are all that a process number needs.
    let mut text = String::new();
    file.take(11).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn holder_text(holder: Option<&u32>) -> String {
    holder.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}, says its lock file"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durable::Mode;
    use crate::error::Chain;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn a_second_holder_is_refused_and_told_who_holds_it() {
        let folder = folder();
        let path = folder.path().join("state");
        let held = StateDir::open(&path).unwrap();
        let error = StateDir::open(&path).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "the state folder {} is in use by process {}, says its lock file",
                path.display(),
                std::process::id()
            )
        );
        drop(held);
        assert!(StateDir::open(&path).is_ok());
    }

    #[test]
    fn a_holder_that_has_not_written_its_number_is_another_process() {
        let error = StateDirError::Held { path: PathBuf::from("state"), holder: None };
        assert_eq!(error.to_string(), "the state folder state is in use by another process");
    }

    #[test]
    fn a_shorter_process_number_replaces_a_longer_one() {
        let folder = folder();
        durable::write(&folder.path().join(LOCK), b"4294967295\n", Mode::Private).unwrap();
        let held = StateDir::open(folder.path()).unwrap();
        let text = std::fs::read_to_string(held.join(LOCK)).unwrap();
        assert_eq!(text, format!("{}\n", std::process::id()));
    }

    #[test]
    fn sweeps_what_a_crash_left() {
        let folder = folder();
        let left = folder.path().join(".ledger.1-0.durable-tmp");
        File::create_new(&left).unwrap();
        let held = StateDir::open(folder.path()).unwrap();
        assert_eq!(held.path(), folder.path());
        assert!(!left.exists());
    }

    #[test]
    fn a_folder_that_cannot_be_used_is_named_with_the_reason() {
        let folder = folder();
        let path = folder.path().join("file");
        durable::write(&path, b"", Mode::Private).unwrap();
        let error = StateDir::open(&path).unwrap_err();
        let path = path.display();
        assert_eq!(
            Chain(&error).to_string(),
            format!("cannot use the state folder {path}: {path} is not a folder")
        );
    }

    #[test]
    fn a_user_has_state_in_the_folder_of_the_specification() {
        let state = |xdg: Option<&str>, home: Option<&str>| {
            user_state_dir("app", xdg.map(OsString::from), home.map(OsString::from))
        };
        assert_eq!(state(Some("/x"), Some("/home/u")), Some(PathBuf::from("/x/app")));
        assert_eq!(state(None, Some("/home/u")), Some(PathBuf::from("/home/u/.local/state/app")));
        assert_eq!(state(Some(""), Some("/home/u")), Some(PathBuf::from("/home/u/.local/state/app")));
        assert_eq!(state(Some("x"), Some("/home/u")), Some(PathBuf::from("/home/u/.local/state/app")));
        assert_eq!(state(None, None), None);
    }
}
