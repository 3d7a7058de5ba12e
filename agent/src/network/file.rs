//! Opens files that others write: what stands in their place may be anything. It must not know what is in them.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{Mode, OFlags, open};

/// Opens a file for reading.
///
/// # Errors
/// It cannot be opened, or is none: a pipe in its place must not keep anyone waiting.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    let file = File::from(open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?);
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("not a regular file")) }
}
