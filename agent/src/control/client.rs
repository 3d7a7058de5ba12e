//! Asks the running agent.

use std::io;
use std::path::Path;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines, Take};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use super::socket::connect;
use super::{Answer, Ask, Request, Response, VERSION};

/// What is known is told within milliseconds, by an agent that runs at all.
const LIMIT: Duration = Duration::from_secs(10);
/// An evaluation takes 5 s at most, and may wait for another.
const LOOK_LIMIT: Duration = Duration::from_secs(20);
/// 64 pieces of evidence of long lists.
const MAX_ANSWER_BYTES: u64 = 64 * 1024 * 1024;

/// The agent was not asked, or did not answer.
#[derive(Debug, Error)]
pub enum AskError {
    /// It does not run.
    #[error("the agent is not running")]
    NotRunning,
    /// We may not ask.
    #[error("you may not ask the agent: permission denied")]
    Permission,
    /// The socket failed.
    #[error("cannot ask the agent")]
    Io(#[from] io::Error),
    /// It closed the socket or was silent.
    #[error("the agent does not answer")]
    Silent,
    /// It said something else than an answer.
    #[error("the agent's answer is not understood; is it of another version?")]
    Answer(#[source] Option<serde_json::Error>),
    /// It refused.
    #[error("{0}")]
    Refused(String),
}

/// A conversation of one question.
#[derive(Debug)]
pub struct Asking {
    lines: Lines<BufReader<Take<OwnedReadHalf>>>,
    // Closing it would say that nobody listens any more.
    _write: OwnedWriteHalf,
}

impl Asking {
    /// Asks.
    ///
    /// # Errors
    /// The agent does not run, or cannot be asked.
    pub async fn begin(socket: &Path, ask: Ask) -> Result<Self, AskError> {
        let stream = connect(socket).await.map_err(|error| {
            let kind = error.kind();
            // A socket without a listener was left by an agent that was killed.
            if matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) {
                AskError::NotRunning
            } else if kind == io::ErrorKind::PermissionDenied {
                AskError::Permission
            } else {
                AskError::Io(error)
            }
        })?;
        let (read, mut write) = stream.into_split();
        let mut line = serde_json::to_string(&Request { version: VERSION, ask }).unwrap_or_default();
        line.push('\n');
        write.write_all(line.as_bytes()).await?;
        Ok(Self { lines: BufReader::new(read.take(MAX_ANSWER_BYTES)).lines(), _write: write })
    }

    /// The next answer, however long it takes; `None` when the agent ends the conversation.
    ///
    /// # Errors
    /// It is no answer, or a refusal.
    pub async fn next(&mut self) -> Result<Option<Answer>, AskError> {
        // Of each answer, not of all that is said while someone watches.
        self.lines.get_mut().get_mut().set_limit(MAX_ANSWER_BYTES);
        let Some(line) = self.lines.next_line().await? else { return Ok(None) };
        let response: Response =
            serde_json::from_str(&line).map_err(|error| AskError::Answer(Some(error)))?;
        match response.answer {
            Answer::Error(text) => Err(AskError::Refused(text)),
            answer @ (Answer::Status(_) | Answer::Explanations(_) | Answer::Decided(_)) => Ok(Some(answer)),
        }
    }
}

/// Asks for one answer.
///
/// # Errors
/// The agent does not run, cannot be asked, or does not answer.
pub async fn ask(socket: &Path, ask: Ask) -> Result<Answer, AskError> {
    let limit = if ask == Ask::Recheck { LOOK_LIMIT } else { LIMIT };
    let mut asking = Asking::begin(socket, ask).await?;
    timeout(limit, asking.next()).await.map_err(|_| AskError::Silent)??.ok_or(AskError::Silent)
}
