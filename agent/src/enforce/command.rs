//! Runs the operator's program with the desired policy on its standard input.
//!
//! The program runs with the agent's rights, so nobody else may be able to change it: it, and every folder above it,
//! must belong to root or to the agent's user and must not be writable by others. It gets no environment but `PATH` and
//! `LANG`, the root folder as its working directory and a process group of its own, which is ended when the time is up.
//! Exit code 0 means that the policy is in force.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, geteuid, kill_process_group, waitid};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, ChildStdout, Command as Process};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tracing::{debug, info};

use super::document;
use crate::policy::Desired;

/// Of the end of each output stream; the rest is read and dropped, so that the program never blocks on it.
const MAX_OUTPUT_BYTES: usize = 8 * 1024;
/// Of the output in a reason.
const MAX_REASON_CHARS: usize = 300;
/// Between asking a process group to end and ending it.
const TERMINATE_GRACE: Duration = Duration::from_secs(1);
/// How often it is looked at in that time.
const N_LOOKS: u32 = 20;
/// How long output is read once the program has ended: something it left behind may hold it open for ever.
const OUTPUT_GRACE: Duration = Duration::from_millis(200);

/// An operator's program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Absolute.
    pub program: PathBuf,
    /// Handed to it as they are.
    pub arguments: Vec<String>,
    /// It is ended after this time.
    pub time_limit: Duration,
}

/// The program did not bring the policy about.
#[derive(Debug, Error)]
pub enum CommandError {
    /// It cannot be looked at.
    #[error("cannot examine {}", path.display())]
    Examine {
        /// The program, or a folder above it.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Someone else could change it.
    #[error("{} is not safe to run: {why}", path.display())]
    Unsafe {
        /// The program, or a folder above it.
        path: PathBuf,
        /// What is wrong, and how to mend it.
        why: String,
    },
    /// It cannot be started.
    #[error("cannot run {}", path.display())]
    Start {
        /// The program.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It did not end.
    #[error("{} did not end within {limit:?}{}", path.display(), said(said_last))]
    TimedOut {
        /// The program.
        path: PathBuf,
        /// What it was given.
        limit: Duration,
        /// Its last words.
        said_last: String,
    },
    /// It ended, but not well.
    #[error("{} ended with {status}{}", path.display(), said(said_last))]
    Ended {
        /// The program.
        path: PathBuf,
        /// How.
        status: ExitStatus,
        /// Its last words.
        said_last: String,
    },
}

fn said(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(": {words}") }
}

impl Command {
    /// Checks that only root and the agent's user can change the program, and returns it without symbolic links.
    ///
    /// # Errors
    /// Others can, or it is not there.
    pub fn check(&self) -> Result<PathBuf, CommandError> {
        let examine = |path: &Path, source| CommandError::Examine { path: path.to_owned(), source };
        let program = fs::canonicalize(&self.program).map_err(|source| examine(&self.program, source))?;
        let agent = geteuid().as_raw();
        for path in program.ancestors() {
            let metadata = fs::metadata(path).map_err(|source| examine(path, source))?;
            let is_program = path == program;
            if let Some(why) = objection(&metadata, is_program, agent) {
                return Err(CommandError::Unsafe { path: path.to_owned(), why });
            }
        }
        Ok(program)
    }

    /// Runs the program once.
    ///
    /// # Errors
    /// It cannot be run, did not end in time, or did not end with exit code 0.
    pub async fn run(&self, desired: &Desired) -> Result<(), CommandError> {
        let program = self.check()?;
        let mut child = Group(self.start(&program)?);
        let mut output = Output::of(&mut child.0);
        let ended = timeout(self.time_limit, child.converse(document::render(desired), &mut output)).await;
        if ended.is_err() {
            child.end().await;
        }
        output.log(&self.program);
        let path = self.program.clone();
        match ended {
            Err(_elapsed) => {
                let said_last = output.last_words();
                Err(CommandError::TimedOut { path, limit: self.time_limit, said_last })
            }
            Ok(Err(source)) => Err(CommandError::Start { path, source }),
            Ok(Ok(status)) if status.success() => {
                debug!(program = %path.display(), policy = %desired.policy, "command applied the policy");
                Ok(())
            }
            Ok(Ok(status)) => Err(CommandError::Ended { path, status, said_last: output.last_words() }),
        }
    }

    fn start(&self, program: &Path) -> Result<Child, CommandError> {
        let mut process = Process::new(program);
        process
            .arg0(&self.program)
            .args(&self.arguments)
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LANG", "C.UTF-8")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        process.spawn().map_err(|source| CommandError::Start { path: self.program.clone(), source })
    }
}

/// Why a program (or a folder above it) must not be trusted.
fn objection(metadata: &Metadata, is_program: bool, agent: u32) -> Option<String> {
    const STICKY: u32 = 0o1000;
    let mode = metadata.mode();
    if metadata.uid() != 0 && metadata.uid() != agent {
        return Some(format!("it belongs to user {}, not to root or to user {agent}", metadata.uid()));
    }
    // In a folder with the sticky bit, others cannot replace what is ours.
    let others_may_write = mode & 0o022 != 0 && (is_program || mode & STICKY == 0);
    if others_may_write {
        return Some(format!("others may write to it (mode {:04o}); run: chmod go-w", mode & 0o7777));
    }
    if is_program && !metadata.is_file() {
        return Some("it is not a file".to_owned());
    }
    if is_program && mode & 0o111 == 0 {
        return Some("it is not executable; run: chmod +x".to_owned());
    }
    None
}

/// A child with its process group, which dies with it.
struct Group(Child);

impl Group {
    /// Feeds the program, listens to it and waits for its end.
    async fn converse(&mut self, document: String, output: &mut Output) -> io::Result<ExitStatus> {
        let stdin = self.0.stdin.take();
        let (ended_tx, ended_rx) = oneshot::channel();
        let feed = async {
            if let Some(mut stdin) = stdin {
                // A program need not read it.
                stdin.write_all(document.as_bytes()).await.ok();
            }
        };
        let wait = async {
            let status = self.0.wait().await;
            ended_tx.send(()).ok();
            status
        };
        let listen = async {
            let ended = async {
                ended_rx.await.ok();
                sleep(OUTPUT_GRACE).await;
            };
            tokio::select! {
                () = output.read() => {}
                () = ended => {}
            }
        };
        let ((), status, ()) = tokio::join!(feed, wait, listen);
        status
    }

    /// Asks the group to end, then ends it. The number of a group is good as long as its leader is not waited for.
    async fn end(&mut self) {
        self.signal(Signal::TERM);
        for _ in 0..N_LOOKS {
            if self.has_ended() {
                break;
            }
            sleep(TERMINATE_GRACE / N_LOOKS).await;
        }
        self.signal(Signal::KILL);
        self.0.wait().await.ok();
    }

    fn has_ended(&self) -> bool {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.pid().is_none_or(|pid| !matches!(waitid(WaitId::Pid(pid), look), Ok(None)))
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid() {
            // The only failure is that nobody is left to be signalled.
            kill_process_group(pid, signal).ok();
        }
    }

    fn pid(&self) -> Option<Pid> {
        self.0.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A child that was waited for has no number: this hits only a program that is dropped while it runs.
        self.signal(Signal::KILL);
    }
}

/// What a program says, bounded.
struct Output {
    stdout: Stream<ChildStdout>,
    stderr: Stream<ChildStderr>,
}

impl Output {
    fn of(child: &mut Child) -> Self {
        Self {
            stdout: Stream { source: child.stdout.take(), kept: Vec::new() },
            stderr: Stream { source: child.stderr.take(), kept: Vec::new() },
        }
    }

    async fn read(&mut self) {
        tokio::join!(self.stdout.read(), self.stderr.read());
    }

    fn log(&self, program: &Path) {
        for (stream, text) in [("stdout", self.stdout.text()), ("stderr", self.stderr.text())] {
            if !text.is_empty() {
                info!(program = %program.display(), stream, text, "command said");
            }
        }
    }

    /// The last line of what it complained about, or else of what it said.
    fn last_words(&self) -> String {
        let last = |text: String| text.lines().rfind(|line| !line.trim().is_empty()).map(str::to_owned);
        let words = last(self.stderr.text()).or_else(|| last(self.stdout.text())).unwrap_or_default();
        words.trim().chars().take(MAX_REASON_CHARS).collect()
    }
}

/// The end of what came out of one stream.
struct Stream<R> {
    source: Option<R>,
    kept: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Stream<R> {
    async fn read(&mut self) {
        let Some(source) = &mut self.source else { return };
        let mut chunk = [0; 1024];
        while let Ok(n_bytes) = source.read(&mut chunk).await {
            if n_bytes == 0 {
                return;
            }
            self.kept.extend(chunk.iter().take(n_bytes));
            let excess = self.kept.len().saturating_sub(MAX_OUTPUT_BYTES);
            self.kept.drain(..excess);
        }
    }
}

impl<R> Stream<R> {
    fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.kept);
        text.trim().chars().filter(|c| !c.is_control() || *c == '\n').collect()
    }
}

#[cfg(test)]
mod tests;
