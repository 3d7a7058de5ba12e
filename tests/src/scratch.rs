//! A folder for one test, its logs, and what is shown of them when the test fails.
//!
//! It must not know what is logged.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use tempfile::TempDir;

/// Safety net for a whole test: long enough for the slowest on two busy cores.
const TEST_LIMIT: Duration = Duration::from_secs(240);
/// Of each log, when a test fails.
const SHOWN_LINES: usize = 200;

/// A folder that is removed when this is dropped. Other users may pass through it, but not list it.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    journal: Journal,
}

impl Scratch {
    /// Makes it in the system's folder for temporary files.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn new() -> Result<Self> {
        let folder =
            tempfile::Builder::new().prefix("landmark-").tempdir().context("make a scratch folder")?;
        // PostgreSQL runs as a user of its own and must be able to reach its folder inside.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711))?;
        fs::create_dir(folder.path().join("logs"))?;
        let file = folder.path().join("logs/commands.log");
        let journal = Journal { file, began: Instant::now(), faults: Arc::default() };
        Ok(Self { folder, journal })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Makes a folder inside.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn make_folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.path().join(name);
        fs::create_dir_all(&path).with_context(|| format!("make {}", path.display()))?;
        Ok(path)
    }

    /// Writes a file inside.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.path().join(name);
        let mut file = File::create(&path).with_context(|| format!("make {}", path.display()))?;
        file.write_all(content.as_ref())?;
        Ok(path)
    }

    /// Where something logs to; shown when the test fails.
    pub fn log(&self, name: &str) -> PathBuf {
        self.path().join("logs").join(format!("{name}.log"))
    }

    /// Where commands and their outputs are written down.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The end of every log.
    pub fn logs(&self) -> String {
        let mut names: Vec<PathBuf> = fs::read_dir(self.path().join("logs"))
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect();
        names.sort();
        let mut all = String::new();
        for name in names {
            let bytes = fs::read(&name).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            let lines: Vec<&str> = text.lines().collect();
            let (left_out, shown) = lines.split_at(lines.len().saturating_sub(SHOWN_LINES));
            all.push_str(&format!("---- {}\n", name.file_name().unwrap_or_default().to_string_lossy()));
            if !left_out.is_empty() {
                all.push_str(&format!("     ({} lines before)\n", left_out.len()));
            }
            all.push_str(&shown.join("\n"));
            all.push('\n');
        }
        all
    }
}

/// A chronicle of what a test did. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Journal {
    file: PathBuf,
    began: Instant,
    faults: Arc<Mutex<Vec<String>>>,
}

impl Journal {
    /// Adds an entry. A chronicle that cannot be written stops no test.
    pub fn note(&self, text: &str) {
        if let Ok(mut file) = OpenOptions::new().create(true).append(true).open(&self.file) {
            writeln!(file, "[{:8.3}] {text}", self.began.elapsed().as_secs_f64()).unwrap_or_default();
        }
    }

    /// Adds what is found where no error can be returned, such as in a `Drop`: the test fails for it.
    pub fn fault(&self, text: &str) {
        self.note(text);
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).push(text.to_owned());
    }

    fn faults(&self) -> Vec<String> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Runs the body of a test in a scratch folder; prints all logs when it fails, panics or does not end.
///
/// # Errors
/// That of the body, or it did not end within a limit that is a safety net only.
pub async fn test<F>(body: F) -> Result<()>
where
    F: AsyncFnOnce(&Scratch) -> Result<()>,
{
    let scratch = Scratch::new()?;
    let shown = ShownOnPanic(&scratch);
    let result = match tokio::time::timeout(TEST_LIMIT, body(&scratch)).await {
        Ok(Ok(())) => match scratch.journal.faults() {
            faults if faults.is_empty() => Ok(()),
            faults => Err(anyhow!("{}", faults.join("; "))),
        },
        Ok(failed) => failed,
        Err(_) => Err(anyhow!("the test did not end within {TEST_LIMIT:?}")),
    };
    if result.is_err() {
        shown.show();
    }
    result
}

struct ShownOnPanic<'a>(&'a Scratch);

impl ShownOnPanic<'_> {
    #[expect(clippy::print_stderr, reason = "the output of a failing test, which the test runner captures")]
    fn show(&self) {
        eprintln!("{}", self.0.logs());
    }
}

impl Drop for ShownOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.show();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_fault_fails_a_test_whose_body_succeeded() {
        let faulty = test(async |scratch| {
            scratch.journal().clone().fault("the record lies");
            Ok(())
        });
        assert_eq!(faulty.await.unwrap_err().to_string(), "the record lies");
        test(async |_| Ok(())).await.unwrap();
    }
}
