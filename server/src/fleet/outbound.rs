//! The slots of a session, shared between those who fill them and the response stream that empties them.
//!
//! Whoever fills a slot never waits: only the stream, which its own connection drives, ever writes to a peer.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use landmark_proto::message::ServerMessage;
use tokio::sync::Notify;

use super::end::End;
use super::slots::{Next, Slots};

/// What a session has to say. Shared by its task, its stream, the registry and the status writer.
#[derive(Debug, Default)]
pub(super) struct Outbound {
    inner: Mutex<Inner>,
    /// Tells the session's task that something was filled, or that the session ends.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    slots: Slots,
    reader: Option<Waker>,
    /// The stream has ended or was dropped: nothing comes out any more.
    finished: bool,
}

/// How the slots stand.
#[derive(Debug)]
pub(super) struct State {
    /// Why the session ends, if it does.
    pub(super) ending: Option<End>,
    /// Since when something waits to be taken.
    pub(super) waiting_since: Option<tokio::time::Instant>,
    /// Since when the push is unanswered that keeps a newer assignment back.
    pub(super) held_back_since: Option<tokio::time::Instant>,
}

impl Outbound {
    /// Fills or asks the slots, and wakes whoever is concerned.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Slots) -> T) -> T {
        let mut inner = self.inner();
        let result = work(&mut inner.slots);
        let reader = if inner.slots.waiting_since().is_some() { inner.reader.take() } else { None };
        drop(inner);
        if let Some(reader) = reader {
            reader.wake();
        }
        self.changed.notify_one();
        result
    }

    /// Ends the session without a word.
    pub(super) fn end(&self, end: End) {
        self.with(|slots| slots.end(end, None, Instant::now()));
    }

    /// Waits for the next change of the slots. For the session's task alone.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// The next message for the stream, and in the end once why there are no more.
    pub(super) fn poll_next(&self, context: &Context<'_>) -> Poll<Option<Result<ServerMessage, End>>> {
        let mut inner = self.inner();
        if inner.finished {
            return Poll::Ready(None);
        }
        match inner.slots.take(Instant::now()) {
            Next::Message(message) => Poll::Ready(Some(Ok(message))),
            Next::End(end) => {
                inner.finished = true;
                drop(inner);
                self.changed.notify_one();
                Poll::Ready(Some(Err(end)))
            }
            Next::Nothing => {
                match &mut inner.reader {
                    Some(reader) => reader.clone_from(context.waker()),
                    None => inner.reader = Some(context.waker().clone()),
                }
                Poll::Pending
            }
        }
    }

    /// The stream is gone, and the session with it.
    pub(super) fn abandon(&self) {
        self.inner().finished = true;
        self.end(End::Left);
    }

    /// Waits until the stream has ended.
    pub(super) async fn finished(&self) {
        while !self.inner().finished {
            self.changed().await;
        }
    }

    /// What the session's task has to know of the slots.
    pub(super) fn state(&self) -> State {
        let slots = &self.inner().slots;
        State {
            ending: slots.ending().cloned(),
            waiting_since: slots.waiting_since().map(Into::into),
            held_back_since: slots.held_back_since().map(Into::into),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // The slots are whole after every step, also after one that panicked.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
