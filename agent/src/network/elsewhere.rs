//! Systems whose network Landmark does not know how to look at: nothing is noticed, nothing is known. The location then
//! rests on the link, on rechecks and on what people ask for.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use landmark_proto::network::{DefaultRoute, Interface, MacAddress};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{NetworkError, NetworkTask, NetworkTaskError};

pub(super) const RESOLVER_FILES: [&str; 0] = [];

pub(super) async fn run(task: NetworkTask, stop: CancellationToken) -> Result<Infallible, NetworkTaskError> {
    let NetworkTask {
        options,
        clocks: _clocks,
        changes: _changes,
        watched: _watched,
        neighbours_wanted: _wanted,
    } = task;
    warn!(?options, "changes of the network cannot be noticed on this operating system");
    stop.cancelled().await;
    Err(NetworkTaskError::Stopped)
}

pub(super) fn default_routes() -> impl Future<Output = Result<Vec<DefaultRoute>, NetworkError>> {
    std::future::ready(Err(NetworkError::NotAvailable))
}

pub(super) fn addresses() -> impl Future<Output = Result<Vec<IpAddr>, NetworkError>> {
    std::future::ready(Err(NetworkError::NotAvailable))
}

pub(super) fn egress(_local: SocketAddr, _remote: SocketAddr) -> impl Future<Output = Option<Interface>> {
    std::future::ready(None)
}

pub(super) fn confirm(_route: &DefaultRoute) -> impl Future<Output = Option<MacAddress>> {
    std::future::ready(None)
}
