//! Assigning: store, then publish, then acknowledge, one at a time.
//!
//! One task does it, so that what is published rises in the order of commits, and a caller that gives up in the middle
//! cannot leave an assignment that is stored but not published. Must not know: gRPC, sessions.

use std::convert::Infallible;

use landmark_daemon::tasks::Tasks;
use landmark_proto::revision::Revision;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::store::assignments::{AssignError, Assigned, Signature};
use crate::store::drafts::Etag;
use crate::store::{Store, StoreError};

mod publisher;

pub use self::publisher::{Published, Publisher};

/// People assign; more than a few at once are a script gone wild, and get "busy".
const QUEUE: usize = 16;

/// Assigns, and tells of the present assignment. Clones share it.
#[derive(Clone, Debug)]
pub struct AssignmentsHandle {
    requests_tx: mpsc::Sender<Request>,
    publisher: Publisher,
}

/// Publishes the assignment that the store has, and starts the task that makes further ones.
///
/// # Errors
/// The store cannot be read.
pub async fn spawn(tasks: &mut Tasks, store: Store) -> Result<AssignmentsHandle, StoreError> {
    let publisher = Publisher::new(store.present_assignment().await?);
    let (requests_tx, requests_rx) = mpsc::channel(QUEUE);
    let task = AssignmentsTask { store, publisher: publisher.clone(), requests_rx, stop: tasks.stop_token() };
    tasks.spawn("assignments", task.run());
    Ok(AssignmentsHandle { requests_tx, publisher })
}

impl AssignmentsHandle {
    /// Makes the draft the next assignment and publishes it.
    ///
    /// # Errors
    /// See [`Store::assign`].
    pub async fn assign(
        &self,
        expected: Option<Etag>,
        signature: Signature,
    ) -> Result<Assigned, AssignError> {
        self.request(What::Draft { expected }, signature).await
    }

    /// Makes an older assignment's settings the next assignment and publishes it.
    ///
    /// # Errors
    /// See [`Store::assign_again`].
    pub async fn assign_again(
        &self,
        revision: Revision,
        signature: Signature,
    ) -> Result<Assigned, AssignError> {
        self.request(What::Again { revision }, signature).await
    }

    /// The present assignment; `None` before the first.
    pub fn present(&self) -> Option<Published> {
        self.publisher.present()
    }

    /// Follows the present assignment.
    pub fn subscribe(&self) -> watch::Receiver<Option<Published>> {
        self.publisher.subscribe()
    }

    async fn request(&self, what: What, signature: Signature) -> Result<Assigned, AssignError> {
        let (answer_tx, answer_rx) = oneshot::channel();
        let request = Request { what, signature, answer_tx };
        self.requests_tx.try_send(request).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => StoreError::Busy,
            mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
        })?;
        answer_rx.await.map_err(|_| StoreError::Closed)?
    }
}

#[derive(Debug)]
struct Request {
    what: What,
    signature: Signature,
    answer_tx: oneshot::Sender<Result<Assigned, AssignError>>,
}

#[derive(Debug)]
enum What {
    Draft { expected: Option<Etag> },
    Again { revision: Revision },
}

#[derive(Debug, Error)]
enum Ended {
    #[error("asked to stop")]
    Stopped,
    #[error("nobody can assign any more")]
    Closed,
}

struct AssignmentsTask {
    store: Store,
    publisher: Publisher,
    requests_rx: mpsc::Receiver<Request>,
    stop: CancellationToken,
}

impl AssignmentsTask {
    async fn run(mut self) -> Result<Infallible, Ended> {
        loop {
            let request = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(Ended::Stopped),
                request = self.requests_rx.recv() => request.ok_or(Ended::Closed)?,
            };
            self.handle(request).await;
        }
    }

    async fn handle(&self, Request { what, signature, answer_tx }: Request) {
        let result = match what {
            What::Draft { expected } => self.store.assign(expected.as_ref(), &signature).await,
            What::Again { revision } => self.store.assign_again(revision, &signature).await,
        };
        if let Ok(Assigned { stored, created: true }) = &result {
            let summary = stored.summary();
            info!(
                revision = %summary.held.revision,
                by = %summary.assigned_by,
                n_reference_servers = summary.n_reference_servers,
                list_enabled = summary.list_enabled,
                "list assigned"
            );
            self.publisher.publish(stored.clone());
        }
        // Whoever asked may have gone; the assignment stands all the same.
        answer_tx.send(result).ok();
    }
}

#[cfg(test)]
mod tests;
