//! Notices that somebody else changed our rules. What cannot be listened to is tried again every minute; the repair
//! interval covers the time between.

use std::convert::Infallible;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::system::{Change, Events};

/// Before listening is tried again.
const AGAIN: Duration = Duration::from_secs(60);

/// The task that notices.
#[derive(Debug)]
pub struct TouchedTask {
    touched: watch::Sender<u64>,
    is_wanted: bool,
}

/// The task was asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("asked to stop")]
pub struct Stopped;

/// Opens the channel: how often our rules were touched by others. Nothing is noticed where there is no firewall.
pub fn channel(is_wanted: bool) -> (watch::Receiver<u64>, TouchedTask) {
    let (touched_tx, touched_rx) = watch::channel(0);
    (touched_rx, TouchedTask { touched: touched_tx, is_wanted })
}

impl TouchedTask {
    /// Listens until it is asked to stop.
    ///
    /// # Errors
    /// Always: it was asked to stop.
    pub async fn run(self, stop: CancellationToken) -> Result<Infallible, Stopped> {
        let listening = async {
            if !self.is_wanted {
                return std::future::pending().await;
            }
            self.listen().await
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => Err(Stopped),
            never = listening => match never {},
        }
    }

    async fn listen(&self) -> Infallible {
        let mut is_told = false;
        loop {
            let ended = match Events::open() {
                Ok(mut events) => loop {
                    match events.next().await {
                        Ok(Change::Foreign | Change::Perhaps) => self.touched.send_modify(|n| *n += 1),
                        Err(error) => break error,
                    }
                },
                Err(error) => error,
            };
            if !std::mem::replace(&mut is_told, true) {
                warn!(error = %ended, "changes of the firewall's rules by others are not noticed at once");
            }
            // Nobody knows what was missed.
            self.touched.send_modify(|n| *n += 1);
            sleep(AGAIN).await;
        }
    }
}
