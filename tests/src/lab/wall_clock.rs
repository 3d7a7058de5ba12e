//! A wall clock of one program's own, which jumps as told; its monotonic clocks go on. The machine's clock is not touched.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::scratch::Scratch;
use crate::skip;

/// Where distributions put libfaketime; the folder in between is named after the architecture.
const FOLDER: &str = "/usr/lib";
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// The clock.
#[derive(Debug)]
pub struct WallClock {
    library: PathBuf,
    offset: PathBuf,
}

impl WallClock {
    /// One that goes right. `None`: libfaketime is not installed, and that has been said.
    ///
    /// # Errors
    /// Its file cannot be written, or nothing may be skipped here.
    pub fn new(scratch: &Scratch) -> Result<Option<Self>> {
        let folders = std::fs::read_dir(FOLDER).into_iter().flatten().flatten();
        let Some(library) = folders.map(|folder| folder.path().join(LIBRARY)).find(|path| path.is_file())
        else {
            skip::skip("libfaketime is not installed (apt-get install libfaketime)")?;
            return Ok(None);
        };
        let clock = Self { library, offset: scratch.write("wall-clock", "+0\n")? };
        Ok(Some(clock))
    }

    /// What a program that shall go by it has in its environment.
    pub fn environment(&self) -> [(&'static str, &Path); 4] {
        let yes = Path::new("1");
        [
            ("LD_PRELOAD", &self.library),
            ("FAKETIME_TIMESTAMP_FILE", &self.offset),
            ("FAKETIME_NO_CACHE", yes),
            ("FAKETIME_DONT_FAKE_MONOTONIC", yes),
        ]
    }

    /// Sets it to this many seconds after the true time.
    ///
    /// # Errors
    /// Its file cannot be written.
    pub fn set(&self, seconds_ahead: i64) -> Result<()> {
        // As a whole: it is read at any time.
        let next = self.offset.with_extension("next");
        writeln!(File::create(&next)?, "{seconds_ahead:+}")?;
        std::fs::rename(&next, &self.offset).context("set the wall clock")
    }
}
