//! What of the machine a policy depends on, followed: its addresses and the name servers that it is configured to ask.

use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Duration;

use landmark_daemon::error::Chain;
use thiserror::Error;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::firewall::ground::Resolvers;
use crate::location::name_servers;
use crate::network::{Changes, NetworkHandle};

/// Between two looks: a change comes in pieces, and a flood of changes shall cost little.
const PAUSE: Duration = Duration::from_millis(50);

/// After the addresses could not be read.
const AGAIN: Duration = Duration::from_secs(1);

/// What there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Of all interfaces but loopback ones, ascending, each once.
    pub addresses: Vec<IpAddr>,
    /// Name servers that the machine is configured to ask.
    pub resolvers: Resolvers,
}

/// The task that follows them.
#[derive(Debug)]
pub struct SurroundingsTask {
    network: NetworkHandle,
    changes: watch::Receiver<Changes>,
    found: watch::Sender<Option<Surroundings>>,
}

/// Why the task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SurroundingsTaskError {
    /// It was asked to.
    #[error("asked to stop")]
    Stopped,
    /// Nobody is left to tell of changes.
    #[error("nobody is left to tell of changes of the network")]
    Closed,
}

/// Opens the channel; `None` before the first look.
pub fn channel(network: &NetworkHandle) -> (watch::Receiver<Option<Surroundings>>, SurroundingsTask) {
    let (found_tx, found_rx) = watch::channel(None);
    (found_rx, SurroundingsTask { network: network.clone(), changes: network.changes(), found: found_tx })
}

/// Looks once. Where the addresses cannot be read there are none.
pub async fn look(network: &NetworkHandle) -> Surroundings {
    let addresses = addresses(network).await.unwrap_or_default();
    Surroundings { addresses, resolvers: resolvers().await }
}

async fn addresses(network: &NetworkHandle) -> Option<Vec<IpAddr>> {
    match network.addresses().await {
        Ok(addresses) => Some(sorted(addresses)),
        Err(error) => {
            warn!(error = %Chain(&error), "the addresses of this machine cannot be read");
            None
        }
    }
}

async fn resolvers() -> Resolvers {
    let named = name_servers().await;
    let known = sorted(named.clone());
    // A resolver of this machine that does not say whom it asks may ask anyone.
    if known.is_empty() && !named.is_empty() { Resolvers::Any } else { Resolvers::These(known) }
}

fn sorted(mut addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    addresses.iter_mut().for_each(|address| *address = address.to_canonical());
    addresses.retain(|address| !address.is_loopback());
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

impl SurroundingsTask {
    /// Looks now and after every change, until it is asked to stop.
    ///
    /// # Errors
    /// Always: why it ended.
    pub async fn run(mut self, stop: CancellationToken) -> Result<Infallible, SurroundingsTaskError> {
        loop {
            self.changes.mark_unchanged();
            let addresses = addresses(&self.network).await;
            let is_unread = addresses.is_none();
            // Those that were read last are more likely to be right than none at all.
            let known = self.found.borrow().as_ref().map(|found| found.addresses.clone());
            let addresses = addresses.or(known).unwrap_or_default();
            let found = Surroundings { addresses, resolvers: resolvers().await };
            self.found.send_if_modified(|known| {
                let is_news = known.as_ref() != Some(&found);
                *known = Some(found);
                is_news
            });
            let changed = tokio::select! {
                biased;
                () = stop.cancelled() => return Err(SurroundingsTaskError::Stopped),
                changed = self.changes.changed() => changed,
                () = sleep(AGAIN), if is_unread => Ok(()),
            };
            changed.map_err(|_| SurroundingsTaskError::Closed)?;
            sleep(PAUSE).await;
        }
    }
}
