//! Tells everyone which assignment is in force. Takes only what is on disk, and never goes back.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

use crate::metrics;
use crate::store::assignments::Stored;

/// Receivers are spread over this many channels: a single one makes 100,000 sessions contend for its lock
/// (tokio-rs/tokio#5403).
const N_SHARDS: usize = 16;

/// The present assignment. Clones share the encoded bytes, so that any number of sessions costs one encoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published(Arc<Stored>);

impl Deref for Published {
    type Target = Stored;

    fn deref(&self) -> &Stored {
        &self.0
    }
}

/// Where the present assignment is published. Clones share it.
#[derive(Clone, Debug)]
pub struct Publisher(Arc<Shards>);

#[derive(Debug)]
struct Shards {
    senders: Vec<watch::Sender<Option<Published>>>,
    n_subscribed: AtomicUsize,
}

impl Publisher {
    /// Starts with what the store has.
    pub fn new(present: Option<Stored>) -> Self {
        let present = present.map(|stored| Published(Arc::new(stored)));
        metrics::revision(present.as_ref().map_or(0, |present| present.held().revision.get()));
        let senders = (0..N_SHARDS).map(|_| watch::Sender::new(present.clone())).collect();
        Self(Arc::new(Shards { senders, n_subscribed: AtomicUsize::new(0) }))
    }

    /// Makes it the present assignment, unless a later one is.
    pub fn publish(&self, stored: Stored) {
        let published = Published(Arc::new(stored));
        let revision = published.held().revision;
        for sender in &self.0.senders {
            sender.send_if_modified(|present| {
                let is_newer = present.as_ref().is_none_or(|present| present.held().revision < revision);
                if is_newer {
                    *present = Some(published.clone());
                }
                is_newer
            });
        }
        metrics::revision(self.present().map_or(0, |present| present.held().revision.get()));
    }

    /// The present assignment; `None` before the first.
    pub fn present(&self) -> Option<Published> {
        self.0.senders.last().and_then(|sender| sender.borrow().clone())
    }

    /// Follows the present assignment; the value there is counts as not yet seen.
    pub fn subscribe(&self) -> watch::Receiver<Option<Published>> {
        let n = self.0.n_subscribed.fetch_add(1, Ordering::Relaxed);
        let sender = self.0.senders.get(n % N_SHARDS);
        // There are N_SHARDS senders, so that the fallback is never taken.
        let mut receiver = sender.map_or_else(|| watch::channel(self.present()).1, watch::Sender::subscribe);
        receiver.mark_changed();
        receiver
    }
}
