//! Reads the default routes, for the criterion gateway.
//!
//! A gateway's hardware address is only known to the kernel once it was spoken to, and may be out of date if that was a
//! while ago: where it matters it is asked for, and waited for a little while. It must not know what follows from the routes.

use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use landmark_daemon::error::Chain;
use landmark_proto::gateway::GatewayList;
use landmark_proto::network::DefaultRoute;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use crate::network::NetworkHandle;

/// A list of the kernel's that changed while it was read has settled by then, and nobody waits noticeably.
const READ_AGAIN: Duration = Duration::from_millis(100);

/// An evaluation is over within 5 s, also one that reads: the kernel may keep its tables locked while a driver wakes up.
const LIMIT: Duration = Duration::from_secs(4);

/// Reads default routes. The seam at which tests put a network of their own.
pub(crate) trait Routes: Send + Sync + 'static {
    /// Now. The hardware addresses of gateways on this list are confirmed if the list names their hardware.
    fn read(&self, gateways: &GatewayList) -> BoxFuture<'static, Vec<DefaultRoute>>;

    /// Whether to notice when a gateway's hardware changes.
    fn watch_hardware(&self, is_wanted: bool);
}

impl Routes for NetworkHandle {
    fn read(&self, gateways: &GatewayList) -> BoxFuture<'static, Vec<DefaultRoute>> {
        let named = gateways.as_slice().iter().filter(|gateway| gateway.mac().is_some());
        let named: Vec<IpAddr> = named.map(|gateway| gateway.address()).collect();
        in_time(read(self.clone(), named)).boxed()
    }

    fn watch_hardware(&self, is_wanted: bool) {
        self.watch_neighbours(is_wanted);
    }
}

async fn read(network: NetworkHandle, named: Vec<IpAddr>) -> Vec<DefaultRoute> {
    let routes = default_routes(&network).await;
    let confirmed = routes.into_iter().map(async |mut route| {
        if route.gateway.is_some_and(|gateway| named.contains(&gateway.to_canonical())) {
            route.mac = network.confirm(&route).await;
        }
        route
    });
    join_all(confirmed).await
}

/// Without routes the machine is external: the stricter policy.
async fn in_time(read: impl Future<Output = Vec<DefaultRoute>>) -> Vec<DefaultRoute> {
    timeout(LIMIT, read).await.unwrap_or_else(|_elapsed| {
        warn!("the default routes cannot be read within {} s", LIMIT.as_secs());
        Vec::new()
    })
}

async fn default_routes(network: &NetworkHandle) -> Vec<DefaultRoute> {
    twice(|| network.default_routes()).await.unwrap_or_else(|error| {
        warn!(error = %Chain(&error), "the default routes cannot be read");
        Vec::new()
    })
}

/// Reads once more if reading fails.
async fn twice<T, E: Error, F: Future<Output = Result<T, E>>>(read: impl Fn() -> F) -> Result<T, E> {
    match read().await {
        Err(error) => {
            debug!(error = %Chain(&error), "the default routes cannot be read yet");
            sleep(READ_AGAIN).await;
            read().await
        }
        read => read,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::{pending, ready};
    use std::io;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_kernel_that_does_not_answer_holds_up_no_evaluation() {
        let began = tokio::time::Instant::now();
        assert_eq!(in_time(pending()).await, []);
        assert_eq!(began.elapsed(), LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn reading_that_fails_once_is_done_again_and_one_that_fails_twice_is_given_up() {
        for (n_failures, n_reads) in [(0, 1), (1, 2), (2, 2), (3, 2)] {
            let read = Cell::new(0);
            let result = twice(|| {
                read.update(|n_read| n_read + 1);
                ready(if read.get() > n_failures { Ok(()) } else { Err(io::Error::other("interrupted")) })
            })
            .await;
            assert_eq!((result.is_ok(), read.get()), (n_failures < 2, n_reads), "{n_failures} failures");
        }
    }
}
