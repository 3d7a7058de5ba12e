//! Linux: rtnetlink(7), inotify(7), timerfd_create(2).

mod confirm;
mod files;
mod gateways;
mod kind;
mod message;
mod request;
mod routes;
mod snapshot;
mod source;
mod task;
mod timer;
mod whole;

use std::io;
use std::net::{IpAddr, SocketAddr};

use landmark_proto::network::{DefaultRoute, Interface};
use tokio::task::spawn_blocking;
use tracing::debug;

use super::NetworkError;
use crate::platform;

pub(super) use self::confirm::confirm;
pub(super) use self::task::run;

/// What glibc resolves by, and, for a machine whose resolv.conf only names a resolver on loopback, what that one goes by.
pub(super) const RESOLVER_FILES: [&str; 6] = {
    let [resolved, network_manager, dnsmasq] = platform::UPLINKS_RESOLV_CONF;
    [platform::RESOLV_CONF, platform::HOSTS, "/etc/nsswitch.conf", resolved, network_manager, dnsmasq]
};

pub(super) async fn default_routes() -> Result<Vec<DefaultRoute>, NetworkError> {
    ask("read the default routes", routes::default_routes).await
}

pub(super) async fn addresses() -> Result<Vec<IpAddr>, NetworkError> {
    ask("read the addresses of this machine", routes::addresses).await
}

pub(super) async fn egress(local: SocketAddr, remote: SocketAddr) -> Option<Interface> {
    match ask("find the way of a connection", move || routes::egress(local, remote)).await {
        Ok(interface) => interface,
        Err(error) => {
            debug!(%local, %remote, error = %landmark_daemon::error::Chain(&error), "no egress interface");
            None
        }
    }
}

/// Asks the kernel where it may block.
async fn ask<T: Send + 'static>(
    doing: &'static str,
    question: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, NetworkError> {
    let answer = spawn_blocking(question).await.map_err(NetworkError::Ask)?;
    answer.map_err(|source| NetworkError::Kernel { doing, source })
}
