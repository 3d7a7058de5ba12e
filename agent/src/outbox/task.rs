//! Serves the outbox to the rest of the agent. It must not know what a session is.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use landmark_proto::ids::{OutboxId, Sequence};
use landmark_proto::location::LocationReport;
use landmark_proto::message::{LocationReports, ReportAck};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinError;
use tokio::time::sleep;
use tracing::{error, info};
use uuid::Uuid;

use super::disk::FileDisk;
use super::{Found, Outbox, OutboxStatus, Resume};

/// How long a disk that took nothing is left alone.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// Where changes are recorded and batches are fetched. Cheap to clone.
#[derive(Clone, Debug)]
pub struct OutboxHandle {
    requests: mpsc::Sender<Request>,
    status: watch::Receiver<OutboxStatus>,
}

/// The task behind an [`OutboxHandle`].
#[derive(Debug)]
pub struct OutboxTask {
    outbox: Outbox<FileDisk>,
    requests: mpsc::Receiver<Request>,
    status: watch::Sender<OutboxStatus>,
    is_healthy: bool,
}

#[derive(Debug)]
enum Request {
    Record(LocationReport, oneshot::Sender<()>),
    Batch {
        from: Sequence,
        n_records: usize,
        n_bytes: usize,
        answer: oneshot::Sender<Option<LocationReports>>,
    },
    Resume {
        next_at_server: Sequence,
        answer: oneshot::Sender<Option<Resume>>,
    },
    Acknowledge(ReportAck),
}

/// The outbox's task has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the outbox is closed")]
pub struct Closed;

/// The outbox's task cannot go on.
#[derive(Debug, Error)]
pub enum OutboxTaskError {
    /// Nobody uses it any more.
    #[error("nobody is left to use the outbox")]
    Closed,
    /// Storing panicked.
    #[error("storing a change of location failed")]
    Store(#[source] JoinError),
}

/// Opens the channels of an outbox and logs how it was found.
pub fn channel(outbox: Outbox<FileDisk>, found: Found) -> (OutboxHandle, OutboxTask) {
    let status = outbox.status();
    match found {
        Found::Nothing => info!(outbox = %status.range.outbox_id, "outbox made"),
        Found::Torn => info!("an interrupted append to the outbox was cut off"),
        // The damage itself was logged where the file was kept aside.
        Found::Whole | Found::Damaged => {}
    }
    // The recorder and the session, with one request each under way, and room for acknowledgements.
    let (requests_tx, requests_rx) = mpsc::channel(8);
    let (status_tx, status_rx) = watch::channel(status);
    (
        OutboxHandle { requests: requests_tx, status: status_rx },
        OutboxTask { outbox, requests: requests_rx, status: status_tx, is_healthy: true },
    )
}

/// A name for a new life.
pub fn new_id() -> OutboxId {
    OutboxId::from_uuid(Uuid::new_v4())
}

impl OutboxHandle {
    /// Records a change; when it returns, the change is on the disk, or waits in memory for a disk that takes it.
    ///
    /// # Errors
    /// The agent is stopping.
    pub async fn record(&self, report: LocationReport) -> Result<(), Closed> {
        let (answer, answered) = oneshot::channel();
        self.requests.send(Request::Record(report, answer)).await.map_err(|_| Closed)?;
        answered.await.map_err(|_| Closed)
    }

    /// Records from `from` on, at most that many and that large; `None` if there are none.
    ///
    /// # Errors
    /// The agent is stopping.
    pub async fn batch(
        &self,
        from: Sequence,
        n_records: usize,
        n_bytes: usize,
    ) -> Result<Option<LocationReports>, Closed> {
        let (answer, answered) = oneshot::channel();
        let request = Request::Batch { from, n_records, n_bytes, answer };
        self.requests.send(request).await.map_err(|_| Closed)?;
        answered.await.map_err(|_| Closed)
    }

    /// Takes the server's word on what it has; `None` if the disk did not take the consequence.
    ///
    /// # Errors
    /// The agent is stopping.
    pub async fn resume(&self, next_at_server: Sequence) -> Result<Option<Resume>, Closed> {
        let (answer, answered) = oneshot::channel();
        self.requests.send(Request::Resume { next_at_server, answer }).await.map_err(|_| Closed)?;
        answered.await.map_err(|_| Closed)
    }

    /// Forgets what the server has committed.
    ///
    /// # Errors
    /// The agent is stopping.
    pub async fn acknowledge(&self, ack: ReportAck) -> Result<(), Closed> {
        self.requests.send(Request::Acknowledge(ack)).await.map_err(|_| Closed)
    }

    /// Follows what there is to send.
    pub fn status(&self) -> watch::Receiver<OutboxStatus> {
        self.status.clone()
    }
}

impl OutboxTask {
    /// Serves requests until nobody can make one.
    ///
    /// # Errors
    /// Always: why it ended.
    pub async fn run(mut self) -> Result<Infallible, OutboxTaskError> {
        self = self.act(Outbox::flush).await?.0;
        loop {
            let is_stored = self.status.borrow().is_stored;
            let request = tokio::select! {
                biased;
                request = self.requests.recv() => Some(request.ok_or(OutboxTaskError::Closed)?),
                () = sleep(RETRY_AFTER), if !is_stored => None,
            };
            self = self.handle(request).await?;
        }
    }

    async fn handle(mut self, request: Option<Request>) -> Result<Self, OutboxTaskError> {
        match request {
            None => self = self.act(Outbox::flush).await?.0,
            Some(Request::Record(report, answer)) => {
                self = self.act(|outbox| outbox.push(report)).await?.0;
                answer.send(()).ok();
            }
            Some(Request::Batch { from, n_records, n_bytes, answer }) => {
                answer.send(self.outbox.batch(from, n_records, n_bytes)).ok();
            }
            Some(Request::Resume { next_at_server, answer }) => {
                let resume;
                (self, resume) = self.act(move |outbox| outbox.resume(next_at_server, new_id())).await?;
                if resume == Some(Resume::NewLife) {
                    error!(%next_at_server, "the server has changes of location that are gone here: new outbox");
                }
                answer.send(resume).ok();
            }
            Some(Request::Acknowledge(ack)) => {
                self = self.act(move |outbox| outbox.acknowledge(ack)).await?.0;
            }
        }
        Ok(self)
    }

    /// Does something that may block on the disk; `None` if the disk failed, which is logged once.
    async fn act<T: Send + 'static>(
        mut self,
        action: impl FnOnce(&mut Outbox<FileDisk>) -> io::Result<T> + Send + 'static,
    ) -> Result<(Self, Option<T>), OutboxTaskError> {
        let mut outbox = self.outbox;
        let (outbox, result) = tokio::task::spawn_blocking(move || {
            let result = action(&mut outbox);
            (outbox, result)
        })
        .await
        .map_err(OutboxTaskError::Store)?;
        self.outbox = outbox;
        let status = self.outbox.status();
        match &result {
            Err(failed) if self.is_healthy => {
                error!(error = %failed, "the outbox cannot be written; changes of location wait in memory");
                self.is_healthy = false;
            }
            Ok(_) if !self.is_healthy && status.is_stored => {
                info!("the outbox is written again");
                self.is_healthy = true;
            }
            Ok(_) | Err(_) => {}
        }
        self.status.send_if_modified(|known| {
            let is_new = *known != status;
            *known = status;
            is_new
        });
        Ok((self, result.ok()))
    }
}
