//! How many agents were where, over time: writes it down when it has changed, at most once a minute, and when the server
//! starts and stops. An idle fleet writes nothing.

mod pace;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::SystemTime;

use landmark_daemon::error::Chain;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

pub use self::pace::{Sample, Standing};

use self::pace::{Due, Pace};
use super::{Fleet, Shared};
use crate::store::StoreError;

impl Fleet {
    /// How many agents were where since a moment, oldest first; each holds until the next, the last one is the present. The
    /// first may be of before that moment.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn samples(&self, since: SystemTime, now: SystemTime) -> Result<Vec<Sample>, StoreError> {
        let mut samples = self.0.store.samples(since).await?;
        // A clock that was set back has left some that are not past.
        samples.retain(|sample| sample.at < now);
        let standing = Standing::of(&self.0.registry.counts());
        samples.push(Sample { at: now, standing, stopped: false });
        Ok(samples)
    }
}

/// Task: writes samples until a stop, and one that says so.
pub(super) async fn sample(shared: Arc<Shared>) {
    let mut sampler = Sampler { changed_rx: shared.registry.subscribe(), pace: Pace::default(), shared };
    let stop = sampler.shared.stop.clone();
    sampler.run(&stop).await;
    let last = sampler.present(true);
    // Nobody waits for another attempt; without it the chart shows the last state until the next start.
    if let Err(error) = sampler.shared.store.write_sample(&last).await {
        warn!(error = %Chain(&error), "the last sample of the fleet was not written");
    }
}

struct Sampler {
    shared: Arc<Shared>,
    changed_rx: watch::Receiver<u64>,
    pace: Pace,
}

impl Sampler {
    async fn run(&mut self, stop: &CancellationToken) {
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            never = self.write_changes() => match never {},
        }
    }

    async fn write_changes(&mut self) -> Infallible {
        loop {
            self.changed_rx.mark_unchanged();
            match self.pace.due(Standing::of(&self.shared.registry.counts()), Instant::now().into_std()) {
                Due::Now => self.write().await,
                Due::At(at) => sleep_until(at.into()).await,
                // The registry lives as long as we do.
                Due::WithTheNextChange => drop(self.changed_rx.changed().await),
            }
        }
    }

    async fn write(&mut self) {
        let sample = self.present(false);
        let written = self.shared.store.write_sample(&sample).await;
        let now = Instant::now().into_std();
        match written {
            Ok(()) => self.pace.written(sample.standing, now),
            Err(error) if self.pace.failed(now) => {
                warn!(error = %Chain(&error), "a sample of the fleet was not written; it is tried again");
            }
            Err(error) => debug!(error = %Chain(&error), "a sample of the fleet was not written"),
        }
    }

    fn present(&self, stopped: bool) -> Sample {
        let standing = Standing::of(&self.shared.registry.counts());
        Sample { at: SystemTime::now(), standing, stopped }
    }
}

#[cfg(test)]
mod tests;
