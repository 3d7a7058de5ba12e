//! Asks a running agent at its control socket, as documented there: one line of JSON asks, one answers.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

/// An evaluation takes 5 s at most.
const LIMIT: Duration = Duration::from_secs(20);
/// Between two looks at a state that is waited for.
const PAUSE: Duration = Duration::from_millis(4);

/// The socket of one agent.
pub(crate) struct Control {
    socket: PathBuf,
}

impl Control {
    pub(crate) fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// How things are.
    ///
    /// # Errors
    /// The agent does not answer.
    pub(crate) fn status(&self) -> Result<Value> {
        Ok(self.ask(r#"{"version":1,"request":"status"}"#)?["status"].take())
    }

    /// Lets it look again; how things are at the verdict.
    ///
    /// # Errors
    /// The agent does not answer.
    pub(crate) fn recheck(&self) -> Result<Value> {
        Ok(self.ask(r#"{"version":1,"request":"recheck"}"#)?["decided"].take())
    }

    /// The evidence of the last evaluation that is over.
    ///
    /// # Errors
    /// The agent does not answer.
    pub(crate) fn explain(&self) -> Result<Value> {
        let mut answer = self.ask(r#"{"version":1,"request":"explain","last":1}"#)?;
        Ok(answer["explanations"][0]["evidence"].take())
    }

    /// Waits until what it says of itself fits.
    ///
    /// # Errors
    /// It does not come to fit; tells the last state.
    pub(crate) fn wait_for(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Result<Value> {
        let began = Instant::now();
        loop {
            let status = self.status()?;
            if fits(&status) {
                return Ok(status);
            }
            if began.elapsed() > LIMIT {
                bail!("waited {LIMIT:?} until {what}; last seen: {status}");
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn ask(&self, question: &str) -> Result<Value> {
        let mut stream = UnixStream::connect(&self.socket)
            .with_context(|| format!("connect to {}", self.socket.display()))?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.write_all(format!("{question}\n").as_bytes())?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).context("the agent does not answer")?;
        let answer: Value = serde_json::from_str(&line).with_context(|| format!("not an answer: {line}"))?;
        ensure!(answer.get("error").is_none(), "{question}: {answer}");
        Ok(answer)
    }
}
