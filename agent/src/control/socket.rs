//! The way to a Unix socket, also where its path is longer than the system takes.
//!
//! A platform reaches a folder that is open by a path that is short, however long its own is.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use crate::platform::{MAX_SOCKET_PATH_BYTES, short_path_of};

/// The owner and the group may ask.
const MODE: u32 = 0o660;

/// Listens, in the place of a socket that an earlier process left. Only for whoever holds the state folder.
///
/// # Errors
/// The system refuses, or something else than a socket is in the way.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() => fs::remove_file(path)?,
        Ok(_) => {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "something else than a socket is there",
            ));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = reachable(path, |path| UnixListener::bind(path))?;
    fs::set_permissions(path, Permissions::from_mode(MODE))?;
    Ok(listener)
}

/// Connects.
///
/// # Errors
/// Nobody listens, or we may not.
pub async fn connect(path: &Path) -> io::Result<UnixStream> {
    let (short, _folder) = shortened(path)?;
    UnixStream::connect(short).await
}

fn reachable<T>(path: &Path, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let (short, _folder) = shortened(path)?;
    act(&short)
}

/// A path that is short enough, and the folder that must stay open for it.
fn shortened(path: &Path) -> io::Result<(PathBuf, Option<File>)> {
    if path.as_os_str().as_bytes().len() <= MAX_SOCKET_PATH_BYTES {
        return Ok((path.to_owned(), None));
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path has no folder and no name"));
    };
    let folder = File::open(folder)?;
    Ok((short_path_of(&folder).join(name), Some(folder)))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn meets(path: &Path) {
        let listener = listen(path).unwrap();
        let (accepted, connected) = tokio::join!(listener.accept(), connect(path));
        accepted.unwrap();
        connected.unwrap();
    }

    #[tokio::test]
    async fn a_path_of_any_length_works() {
        let folder = tempfile::tempdir().unwrap();
        meets(&folder.path().join("s")).await;
        let deep = folder.path().join("d".repeat(100)).join("e".repeat(100));
        fs::create_dir_all(&deep).unwrap();
        meets(&deep.join("control.sock")).await;
        assert!(deep.join("control.sock").exists());
    }

    #[tokio::test]
    async fn a_socket_that_was_left_is_replaced_and_anything_else_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        drop(listen(&path).unwrap());
        let _listener = listen(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        let file = folder.path().join("file");
        File::create(&file).unwrap();
        assert_eq!(listen(&file).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }

    #[tokio::test]
    async fn nobody_answers_where_nobody_listens() {
        let folder = tempfile::tempdir().unwrap();
        let error = connect(&folder.path().join("s")).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
