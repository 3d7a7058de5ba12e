//! A small file system that a test can fill to the brim.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::scratch::Scratch;
use crate::skip;

/// A mounted tmpfs, unmounted when dropped.
#[derive(Debug)]
pub struct Tmpfs {
    folder: PathBuf,
}

impl Tmpfs {
    /// Mounts one of `size` bytes. `None`: this machine does not allow it, and that has been said.
    ///
    /// # Errors
    /// Nothing may be skipped here.
    pub fn mount(scratch: &Scratch, name: &str, size: u64) -> Result<Option<Self>> {
        if !skip::is_root() {
            skip::skip("mounting a small file system needs root")?;
            return Ok(None);
        }
        let folder = scratch.make_folder(name)?;
        let options = std::ffi::CString::new(format!("size={size},mode=0755"))?;
        if let Err(error) = mount(
            "landmark-test",
            &folder,
            "tmpfs",
            MountFlags::NOSUID | MountFlags::NODEV,
            options.as_c_str(),
        ) {
            skip::skip(&format!("a small file system cannot be mounted here: {error}"))?;
            return Ok(None);
        }
        Ok(Some(Self { folder }))
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Takes all the space that is left, until the value is dropped.
    ///
    /// # Errors
    /// The file cannot be written for another reason than a full disk.
    pub fn fill(&self) -> Result<Filler> {
        let filler = Filler { path: self.folder.join("filler") };
        let mut file = File::create(&filler.path).context("make the filler")?;
        // The last bytes are found by smaller and smaller pieces.
        for size in [65_536, 4_096, 256, 1] {
            let piece = vec![b'x'; size];
            loop {
                match file.write(&piece) {
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => bail!("fill {}: {error}", self.folder.display()),
                }
            }
        }
        Ok(filler)
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Detached: what is still open in it does not keep it in sight.
        unmount(&self.folder, UnmountFlags::DETACH).unwrap_or_default();
    }
}

/// A file that leaves no space; dropping it frees all of it.
#[derive(Debug)]
pub struct Filler {
    path: PathBuf,
}

impl Drop for Filler {
    fn drop(&mut self) {
        std::fs::remove_file(&self.path).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_full_until_the_filler_goes() -> Result<()> {
        let scratch = Scratch::new()?;
        let Some(tmpfs) = Tmpfs::mount(&scratch, "small", 1024 * 1024)? else { return Ok(()) };
        let filler = tmpfs.fill()?;
        let write =
            || -> std::io::Result<()> { File::create(tmpfs.path().join("more"))?.write_all(&[1; 5000]) };
        assert_eq!(write().unwrap_err().kind(), ErrorKind::StorageFull);
        drop(filler);
        write()?;
        Ok(())
    }
}
