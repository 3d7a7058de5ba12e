//! What this agent holds: the assignment on its disk.
//!
//! Decides what of the server's offers is taken, and keeps it. It must not know where offers come from, nor what is done
//! with what was accepted.

use std::sync::Arc;
use std::time::Duration;

use landmark_proto::revision::Held;
use landmark_proto::settings::{EncodedSettings, Settings};

/// An assignment that was checked and is on the disk. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    inner: Arc<Inner>,
}

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    held: Held,
    settings: Settings,
    encoded: EncodedSettings,
    apply_jitter: Duration,
}

impl Accepted {
    /// Its revision and digest.
    pub fn held(&self) -> Held {
        self.inner.held
    }

    /// Its content.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// Its content, in the exact bytes that were offered.
    pub fn encoded(&self) -> &EncodedSettings {
        &self.inner.encoded
    }

    /// The evaluation that follows its arrival waits a random share of this; zero for one that was read from the disk.
    pub fn apply_jitter(&self) -> Duration {
        self.inner.apply_jitter
    }
}
