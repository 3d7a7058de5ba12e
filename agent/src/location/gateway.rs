//! Reads the default routes, for the criterion gateway.
//!
//! A gateway's hardware address is only known to the kernel once it was spoken to: right after a change of network it is
//! asked for, and waited for a little while. It must not know what follows from the routes.

use std::net::IpAddr;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use landmark_daemon::error::Chain;
use landmark_proto::gateway::GatewayList;
use landmark_proto::network::DefaultRoute;
use tracing::warn;

use crate::network::NetworkHandle;

/// Reads default routes. The seam at which tests put a network of their own.
pub(crate) trait Routes: Send + Sync + 'static {
    /// Now. The hardware addresses of gateways on this list are found out if the list names their hardware.
    fn read(&self, gateways: &GatewayList) -> BoxFuture<'static, Vec<DefaultRoute>>;

    /// Whether to notice when a gateway's hardware changes.
    fn watch_hardware(&self, is_wanted: bool);
}

impl Routes for NetworkHandle {
    fn read(&self, gateways: &GatewayList) -> BoxFuture<'static, Vec<DefaultRoute>> {
        let named = gateways.as_slice().iter().filter(|gateway| gateway.mac().is_some());
        let named: Vec<IpAddr> = named.map(|gateway| gateway.address()).collect();
        read(self.clone(), named).boxed()
    }

    fn watch_hardware(&self, is_wanted: bool) {
        self.watch_neighbours(is_wanted);
    }
}

async fn read(network: NetworkHandle, named: Vec<IpAddr>) -> Vec<DefaultRoute> {
    let routes = default_routes(&network).await;
    let lacks = |route: &&DefaultRoute| {
        let is_named = |gateway: IpAddr| named.contains(&gateway.to_canonical());
        route.mac.is_none() && route.gateway.is_some_and(is_named)
    };
    let lacking: Vec<&DefaultRoute> = routes.iter().filter(lacks).collect();
    if lacking.is_empty() {
        return routes;
    }
    join_all(lacking.into_iter().map(|route| network.provoke(route))).await;
    default_routes(&network).await
}

async fn default_routes(network: &NetworkHandle) -> Vec<DefaultRoute> {
    network.default_routes().await.unwrap_or_else(|error| {
        // Without routes the machine is external: the stricter policy.
        warn!(error = %Chain(&error), "the default routes cannot be read");
        Vec::new()
    })
}
