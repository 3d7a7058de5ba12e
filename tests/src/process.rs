//! A child process: started with a log, asked to stop, killed by its id, never left behind.
//!
//! It must not know what it runs.

use std::fs::OpenOptions;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncWriteExt as _;

use crate::scratch::Journal;
use crate::wait::{LIMIT, wait_until};

/// A running child. Dropping it kills it and waits for its end.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    stop_signal: Signal,
}

impl Process {
    /// Starts it without input; all its output goes to the end of the log.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(name: &str, mut command: Command, log: &Path) -> Result<Self> {
        let output = OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("open {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = command.spawn().with_context(|| format!("start {name} ({command:?})"))?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned(), stop_signal: Signal::TERM })
    }

    /// Asks for its end by another signal than SIGTERM.
    #[must_use]
    pub fn stopped_by(mut self, signal: Signal) -> Self {
        self.stop_signal = signal;
        self
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it and its predecessors under this log have printed.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Fails when it has ended, with its exit status.
    ///
    /// # Errors
    /// It has ended.
    pub fn ensure_running(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} has ended: {status}", self.name),
        }
    }

    /// Waits until it is up, or has ended.
    ///
    /// # Errors
    /// It ends, or does not come up within [`LIMIT`].
    pub async fn wait_until_up(
        &mut self,
        what: &str,
        mut look: impl AsyncFnMut() -> Result<()>,
    ) -> Result<()> {
        let what = format!("{} {what}", self.name);
        wait_until(&what, LIMIT, async || match self.ensure_running() {
            // No use in waiting any longer.
            Err(ended) => Ok(Err(ended)),
            Ok(()) => look().await.map(Ok),
        })
        .await?
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// It has ended.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        self.ensure_running()?;
        kill_process(Pid::from_child(&self.child), signal)
            .with_context(|| format!("send {signal:?} to {}", self.name))
    }

    /// Asks it to stop and waits for its end.
    ///
    /// # Errors
    /// It had ended before, or does not end.
    pub async fn stop(mut self) -> Result<ExitStatus> {
        self.signal(self.stop_signal)?;
        self.wait(LIMIT).await
    }

    /// Kills it, as `kill -9` does, and waits for its end.
    ///
    /// # Errors
    /// It had ended before.
    pub async fn kill(mut self) -> Result<()> {
        self.signal(Signal::KILL)?;
        let status = self.wait(LIMIT).await?;
        anyhow::ensure!(
            status.signal() == Some(Signal::KILL.as_raw()),
            "{} ended before it was killed: {status}",
            self.name
        );
        Ok(())
    }

    /// Kills it unless it has ended by itself, also between a look at it and the signal: whether it was killed.
    ///
    /// # Errors
    /// It does not end.
    pub async fn kill_or_ended(mut self) -> Result<bool> {
        if self.ensure_running().is_ok() {
            kill_process(Pid::from_child(&self.child), Signal::KILL)
                .with_context(|| format!("kill {}", self.name))?;
        }
        Ok(self.wait(LIMIT).await?.signal() == Some(Signal::KILL.as_raw()))
    }

    /// Waits for its end outside of a runtime, such as in a `Drop`; after the limit it is left to be killed.
    pub fn wait_blocking(&mut self, limit: Duration) {
        let began = Instant::now();
        while began.elapsed() < limit && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// It does not end within the limit.
    pub async fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let what = format!("{} ends", self.name);
        let child = &mut self.child;
        wait_until(&what, limit, async || child.try_wait()?.context("it is running")).await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // What has ended and was waited for is not signalled: its id may be somebody else's.
        if matches!(self.child.try_wait(), Ok(None)) {
            self.child.kill().and_then(|()| self.child.wait()).map(drop).unwrap_or_default();
        }
    }
}

/// What a command that was run to its end left.
#[derive(Clone, Debug)]
pub struct Output {
    /// For messages.
    shown: String,
    /// Its exit code; 128 + n for signal n.
    pub code: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Output {
    /// Fails unless it succeeded.
    ///
    /// # Errors
    /// Its exit code is not 0.
    pub fn success(self) -> Result<Self> {
        anyhow::ensure!(self.code == 0, "{self}");
        Ok(self)
    }

    /// Fails unless it exited with this code.
    ///
    /// # Errors
    /// Another exit code.
    pub fn exited(self, code: i32) -> Result<Self> {
        anyhow::ensure!(self.code == code, "expected exit code {code}: {self}");
        Ok(self)
    }

    /// Fails unless it failed, in its own words: a panic or a signal is no answer.
    ///
    /// # Errors
    /// It succeeded, panicked or was killed.
    pub fn failure(self) -> Result<Self> {
        let in_own_words = (1..101).contains(&self.code) && !self.stderr.trim().is_empty();
        anyhow::ensure!(in_own_words, "expected an error in its own words: {self}");
        Ok(self)
    }

    /// Fails unless its standard error has all of these, whatever their case.
    ///
    /// # Errors
    /// One is missing.
    pub fn says(self, parts: &[&str]) -> Result<Self> {
        let said = self.stderr.to_lowercase();
        for part in parts {
            anyhow::ensure!(said.contains(&part.to_lowercase()), "expected it to say {part:?}: {self}");
        }
        Ok(self)
    }

    /// Its standard output as JSON.
    ///
    /// # Errors
    /// It is not JSON.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_str(&self.stdout).with_context(|| format!("not JSON: {self}"))
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` exited with {}", self.shown, self.code)?;
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !text.trim().is_empty() {
                write!(f, "; {name}: {}", compact(text))?;
            }
        }
        Ok(())
    }
}

/// Runs a command to its end, without input, and writes down what it said.
///
/// # Errors
/// It cannot be started, or does not end within the limit of [`LIMIT`].
pub async fn run(command: Command, journal: &Journal) -> Result<Output> {
    run_within(LIMIT, command, journal).await
}

/// As [`run`], with another limit.
///
/// # Errors
/// It cannot be started, or does not end within the limit.
pub async fn run_within(limit: Duration, command: Command, journal: &Journal) -> Result<Output> {
    run_with_input(limit, command, "", journal).await
}

/// As [`run_within`], with something on its standard input, which is not written down.
///
/// # Errors
/// It cannot be started, or does not end within the limit.
pub async fn run_with_input(
    limit: Duration,
    command: Command,
    input: &str,
    journal: &Journal,
) -> Result<Output> {
    let shown = shown(&command);
    let mut command = tokio::process::Command::from(command);
    command.kill_on_drop(true).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() });
    let answered = async {
        let mut child = command.spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that has ended before it read everything says itself why.
            stdin.write_all(input.as_bytes()).await.ok();
        }
        child.wait_with_output().await
    };
    let ended = match tokio::time::timeout(limit, answered).await {
        Ok(ended) => ended.with_context(|| format!("run `{shown}`"))?,
        Err(_) => {
            journal.note(&format!("$ {shown}\n    did not end within {limit:?}"));
            bail!("`{shown}` did not end within {limit:?}");
        }
    };
    let code = ended.status.code().or(ended.status.signal().map(|signal| 128 + signal)).unwrap_or(-1);
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let output = Output { shown, code, stdout: text(ended.stdout), stderr: text(ended.stderr) };
    journal.note(&output.to_string());
    Ok(output)
}

/// A JSON document takes one line.
fn compact(text: &str) -> String {
    let document = serde_json::from_str::<serde_json::Value>(text);
    document.map_or_else(|_| text.trim().to_owned(), |document| document.to_string())
}

fn shown(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let mut words = vec![name.to_string_lossy()];
    words.extend(command.get_args().map(|argument| argument.to_string_lossy()));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn a_process_is_stopped_killed_and_never_left_behind() {
        let scratch = Scratch::new().unwrap();
        let patient =
            |name| Process::start(name, shell("echo up; exec sleep 1000"), &scratch.log(name)).unwrap();

        let status = patient("stopped").stop().await.unwrap();
        assert_eq!(status.signal(), Some(Signal::TERM.as_raw()));
        patient("killed").kill().await.unwrap();

        let dropped = patient("dropped");
        let pid = Pid::from_child(&dropped.child);
        wait_until("it said so", LIMIT, async || match dropped.output().as_str() {
            "up\n" => Ok(()),
            other => bail!("{other:?}"),
        })
        .await
        .unwrap();
        drop(dropped);
        assert!(rustix::process::test_kill_process(pid).is_err());
    }

    #[tokio::test]
    async fn the_output_of_a_command_is_kept_and_its_failure_told() {
        let scratch = Scratch::new().unwrap();
        let output = run(shell("echo '{\"a\": 1}'; echo oh >&2; exit 3"), scratch.journal()).await.unwrap();
        assert_eq!(output.json().unwrap()["a"], 1);
        let error = output.clone().success().unwrap_err().to_string();
        assert!(error.contains("exited with 3") && error.contains("stderr: oh"), "{error}");
        assert!(output.clone().exited(3).is_ok() && output.clone().failure().is_ok());
        assert!(output.clone().says(&["OH"]).is_ok() && output.says(&["no"]).is_err());
        assert!(scratch.logs().contains("exited with 3"));

        let silent = run(shell("exit 3"), scratch.journal()).await.unwrap();
        assert!(silent.failure().is_err(), "an error without a word");
        let killed = run(shell("kill -9 $$"), scratch.journal()).await.unwrap();
        assert_eq!(killed.code, 128 + 9);
    }

    #[tokio::test]
    async fn a_command_that_does_not_end_is_ended() {
        let scratch = Scratch::new().unwrap();
        let short = Duration::from_millis(20);
        let error = run_within(short, shell("sleep 1000"), scratch.journal()).await.unwrap_err();
        assert!(error.to_string().contains("did not end"), "{error}");
    }
}
