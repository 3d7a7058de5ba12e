//! Answers at the control socket. It only reads what the parts of the agent publish.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;
use landmark_proto::explain::{self, document};
use landmark_proto::message::EnforcementStatus;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::status::{Parts, Who, decided_document, of_running};
use super::{Answer, Ask, Explanation, Request, Response, VERSION};
use crate::ledger::refused::Refused;
use crate::ledger::{Accepted, Damage};
use crate::link::task::LinkStatus;
use crate::location::{Asked, Decided, LocationHandle, MAX_RECORDS};
use crate::network::Watched;
use crate::outbox::OutboxStatus;

/// People and their scripts; each connection asks one thing.
const MAX_CONNECTIONS: usize = 16;
const MAX_REQUEST_BYTES: u64 = 4 * 1024;
/// To ask, and to take the answer.
const LIMIT: Duration = Duration::from_secs(10);
/// Between two lines of a watch, so that a flood of changes costs little.
const WATCH_PAUSE: Duration = Duration::from_millis(100);
/// After a failure to accept, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the socket shows.
#[derive(Clone, Debug)]
pub struct Sources {
    /// When the agent started.
    pub started_at: SystemTime,
    /// Who it is.
    pub who: Who,
    /// What was damaged.
    pub damages: Arc<[Damage]>,
    /// What is held.
    pub held: watch::Receiver<Option<Accepted>>,
    /// What was refused.
    pub refused: watch::Receiver<Option<Refused>>,
    /// Looks again, and knows why.
    pub location: LocationHandle,
    /// Where the machine is.
    pub decided: watch::Receiver<Option<Arc<Decided>>>,
    /// How the link is.
    pub link: watch::Receiver<LinkStatus>,
    /// What was enforced.
    pub enforcement: watch::Receiver<Option<EnforcementStatus>>,
    /// What waits.
    pub outbox: watch::Receiver<OutboxStatus>,
    /// What of the machine is watched.
    pub watched: watch::Receiver<Watched>,
}

/// Answers until the agent stops.
pub async fn serve(listener: UnixListener, sources: Sources, stop: CancellationToken) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                // Whoever finds no room finds a closed socket.
                let Ok(permit) = Arc::clone(&room).try_acquire_owned() else { continue };
                let (sources, stop) = (sources.clone(), stop.clone());
                connections.spawn(async move {
                    let answering = answer(stream, sources);
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => {}
                        result = answering => {
                            if let Err(error) = result {
                                debug!(%error, "a question was not answered");
                            }
                        }
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                warn!(%error, "the control socket accepts nobody at the moment");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    connections.close();
    connections.wait().await;
}

async fn answer(stream: UnixStream, mut sources: Sources) -> io::Result<()> {
    let (mut read, mut write) = stream.into_split();
    let mut line = String::new();
    timeout(LIMIT, BufReader::new((&mut read).take(MAX_REQUEST_BYTES)).read_line(&mut line)).await??;
    let answer = match serde_json::from_str::<Request>(&line) {
        Ok(Request { version: VERSION, ask: Ask::Watch }) => return watch(read, write, sources).await,
        Ok(Request { version: VERSION, ask: Ask::Status }) => sources.status(),
        Ok(Request { version: VERSION, ask: Ask::Explain { last } }) => sources.explain(last),
        Ok(Request { version: VERSION, ask: Ask::Recheck }) => sources.recheck().await,
        Ok(Request { version, .. }) => {
            Answer::Error(format!("version {version} is not spoken here (version {VERSION} is)"))
        }
        Err(error) => Answer::Error(format!("not a question: {error}")),
    };
    say(&mut write, answer).await
}

async fn watch(mut read: OwnedReadHalf, mut write: OwnedWriteHalf, mut sources: Sources) -> io::Result<()> {
    let mut gone = [0];
    loop {
        say(&mut write, sources.status()).await?;
        sleep(WATCH_PAUSE).await;
        tokio::select! {
            biased;
            // Whoever watches says nothing more; an end means that it is gone.
            _ = read.read(&mut gone) => return Ok(()),
            is_open = sources.changed() => if !is_open { return Ok(()) },
        }
    }
}

impl Sources {
    fn status(&mut self) -> Answer {
        Answer::Status(self.status_value())
    }

    fn status_value(&mut self) -> serde_json::Value {
        let decided = self.decided.borrow_and_update().clone();
        let accepted = self.held.borrow_and_update().clone();
        let refused = self.refused.borrow_and_update().clone();
        let link = self.link.borrow_and_update().clone();
        let enforcement = self.enforcement.borrow_and_update().clone();
        value(of_running(&Parts {
            at: SystemTime::now(),
            started_at: self.started_at,
            who: &self.who,
            accepted: accepted.as_ref(),
            refused: refused.as_ref(),
            decided: decided.as_deref(),
            watched: *self.watched.borrow_and_update(),
            link: &link,
            enforcement: enforcement.as_ref(),
            outbox: *self.outbox.borrow_and_update(),
            damages: &self.damages,
        }))
    }

    fn explain(&self, last: usize) -> Answer {
        let time_zone = TimeZone::system();
        let explanation = |evidence| Explanation {
            text: explain::timeline(&evidence, &time_zone),
            evidence: document(&evidence),
        };
        Answer::Explanations(
            self.location.evidence().last(last.min(MAX_RECORDS)).into_iter().map(explanation).collect(),
        )
    }

    async fn recheck(&mut self) -> Answer {
        match self.location.evaluate(Asked::OnThisMachine).await {
            Ok(decided) => {
                let mut document = self.status_value();
                document["decided"] = value(decided_document(&decided));
                Answer::Decided(document)
            }
            Err(error) => Answer::Error(error.to_string()),
        }
    }

    /// Waits for a change; false when the agent stops.
    async fn changed(&mut self) -> bool {
        tokio::select! {
            changed = self.decided.changed() => changed.is_ok(),
            changed = self.held.changed() => changed.is_ok(),
            changed = self.refused.changed() => changed.is_ok(),
            changed = self.link.changed() => changed.is_ok(),
            changed = self.enforcement.changed() => changed.is_ok(),
            changed = self.outbox.changed() => changed.is_ok(),
        }
    }
}

async fn say(write: &mut OwnedWriteHalf, answer: Answer) -> io::Result<()> {
    let mut line = serde_json::to_string(&Response { version: VERSION, answer })?;
    line.push('\n');
    timeout(LIMIT, write.write_all(line.as_bytes())).await?
}

/// Documents of ours always have a JSON form.
fn value(document: impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(document).unwrap_or_default()
}
