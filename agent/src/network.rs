//! What the machine's network looks like where a location depends on it, and when that changes.
//!
//! ```text
//! kernel: links, addresses, routes … ► snapshot ─┐
//! kernel: neighbours, if wanted ─────► gateways ─┤► Changes (counters in a watch)
//! resolv.conf, hosts, nsswitch.conf ─► digests ──┤
//! clocks: boot-time less monotonic ──► sleep ────┘
//! ```
//!
//! # What is a change
//!
//! | noticed | counted | passed over |
//! |---|---|---|
//! | link | goes up or down, by its administrator or for want of carrier; comes; goes | statistics, names, queues |
//! | address | becomes usable, ceases to be, link-local ones included: an IPv6 gateway is asked from one | lifetimes, while it is only tentative |
//! | route | of any table but the kernel's own: comes, goes, becomes another | the same again (a router advertisement), cached ones |
//! | rule | comes, goes: it chooses the table, as of a VPN that takes all packets | |
//! | neighbour | a default route's gateway is at another hardware address, or at one for the first time | its state, forgotten ones: the table is a cache |
//! | resolver | a file's content | its times, owners, and a rewrite with the same content |
//! | wake | the machine slept a second or more | steps of the wall clock |
//!
//! Nothing is polled: a machine on which nothing happens is not woken. A change is counted when the kernel tells of it;
//! what comes in one go counts once. Nothing is held back: who listens decides how long to wait for more.
//!
//! What cannot be watched (a sandbox without netlink, no inotify watches left) is said in [`Watched`] and logged once, and
//! tried again, after a second at first and every minute in the end; the rest goes on. What works again counts as a change:
//! nobody knows what was missed. This module must not know what a location is.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
pub(crate) mod file;
#[cfg(target_os = "linux")]
mod linux;
#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "nothing tells there when the clocks are to be compared")
)]
mod sleep;

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use landmark_proto::network::{DefaultRoute, Interface, MacAddress};
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;

#[cfg(not(target_os = "linux"))]
use self::elsewhere as system;
#[cfg(target_os = "linux")]
use self::linux as system;
use self::sleep::{Clocks, SystemClocks};

/// How often something changed since the task began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Links, addresses, routes, a gateway's hardware address.
    pub network: u64,
    /// The files that say how names are resolved.
    pub resolver: u64,
    /// The machine woke from sleep.
    pub wake: u64,
}

/// What can be noticed on this machine; all of it false before the task has begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    /// Links, addresses and routes.
    pub network: bool,
    /// Hardware addresses of gateways; false as long as nobody wants them.
    pub neighbours: bool,
    /// The files that say how names are resolved.
    pub resolver: bool,
    /// Sleep, as soon as it is over. Without this it is noticed at the next other event.
    pub wake: bool,
}

/// What to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The files that say how names are resolved; they need not exist, and may be symlinks.
    pub resolver_files: Vec<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self { resolver_files: system::RESOLVER_FILES.iter().map(PathBuf::from).collect() }
    }
}

/// Where the network is asked for and followed. Cheap to clone.
#[derive(Clone, Debug)]
pub struct NetworkHandle {
    changes: watch::Receiver<Changes>,
    watched: watch::Receiver<Watched>,
    neighbours_wanted: watch::Sender<bool>,
}

/// The task behind a [`NetworkHandle`].
pub struct NetworkTask {
    options: Options,
    clocks: Box<dyn Clocks>,
    changes: watch::Sender<Changes>,
    watched: watch::Sender<Watched>,
    neighbours_wanted: watch::Receiver<bool>,
}

/// The network cannot be asked for.
#[derive(Debug, Error)]
pub enum NetworkError {
    /// Landmark does not know how to ask this operating system.
    #[error("this operating system is not asked for its network")]
    NotAvailable,
    /// The kernel refuses.
    #[error("cannot {doing}")]
    Kernel {
        /// What was tried.
        doing: &'static str,
        /// What the kernel says.
        source: io::Error,
    },
    /// Asking panicked.
    #[error("asking the kernel for the network failed")]
    Ask(#[source] JoinError),
}

/// Why the task behind a [`NetworkHandle`] ended.
#[derive(Debug, Error)]
pub enum NetworkTaskError {
    /// It was asked to.
    #[error("asked to stop")]
    Stopped,
    /// Nobody uses it any more.
    #[error("nobody is left to follow the network")]
    Closed,
    /// Looking panicked.
    #[error("looking at the network failed")]
    Look(#[source] JoinError),
}

/// Opens the channels of the network.
pub fn channel(options: Options) -> (NetworkHandle, NetworkTask) {
    channel_with(options, Box::new(SystemClocks))
}

fn channel_with(options: Options, clocks: Box<dyn Clocks>) -> (NetworkHandle, NetworkTask) {
    let (changes_tx, changes_rx) = watch::channel(Changes::default());
    let (watched_tx, watched_rx) = watch::channel(Watched::default());
    let (wanted_tx, wanted_rx) = watch::channel(false);
    (
        NetworkHandle { changes: changes_rx, watched: watched_rx, neighbours_wanted: wanted_tx },
        NetworkTask {
            options,
            clocks,
            changes: changes_tx,
            watched: watched_tx,
            neighbours_wanted: wanted_rx,
        },
    )
}

impl NetworkHandle {
    /// Follows how often something changed. Changes are counted from the moment [`Self::watched`] says so.
    pub fn changes(&self) -> watch::Receiver<Changes> {
        self.changes.clone()
    }

    /// Follows what can be noticed.
    pub fn watched(&self) -> watch::Receiver<Watched> {
        self.watched.clone()
    }

    /// Default routes of the main table, IPv4 first; within a family the preferred one first: lowest metric, then the
    /// router's preference (RFC 4191), then the kernel's order. Every next hop of a multipath route is a route. Left out is
    /// what leads nowhere: dead next hops, and those without carrier. At most 32 of a family.
    ///
    /// # Errors
    /// The kernel refuses, or this is not Linux.
    pub async fn default_routes(&self) -> Result<Vec<DefaultRoute>, NetworkError> {
        system::default_routes().await
    }

    /// The addresses of this machine from which something can be sent, in the kernel's order, loopback ones included; at
    /// most 4,096.
    ///
    /// # Errors
    /// The kernel refuses, or this is not Linux.
    pub async fn addresses(&self) -> Result<Vec<IpAddr>, NetworkError> {
        system::addresses().await
    }

    /// The interface through which the kernel sends a TCP connection's packets from this local address to this peer;
    /// `None` if there is no way, or the kernel refuses.
    pub async fn egress(&self, local: SocketAddr, remote: SocketAddr) -> Option<Interface> {
        system::egress(local, remote).await
    }

    /// The hardware address of a route's gateway, if it is surely the one that is there now. One that was not heard of late
    /// may be that of a network that the machine has left: the kernel is made to ask, and waited for until it knows or has
    /// given up, for 3.4 s at most. May be cancelled at any time.
    pub async fn confirm(&self, route: &DefaultRoute) -> Option<MacAddress> {
        system::confirm(route).await
    }

    /// Whether to listen to neighbours at all. On a busy network they are many, so that this is only wanted while a
    /// gateway is known by its hardware address. What was learnt before [`Watched::neighbours`] says so is not counted: look
    /// at [`Self::default_routes`] after that.
    pub fn watch_neighbours(&self, is_wanted: bool) {
        self.neighbours_wanted.send_if_modified(|wanted| std::mem::replace(wanted, is_wanted) != is_wanted);
    }
}

impl NetworkTask {
    /// Watches until it is asked to stop. What cannot be watched is logged once and tried again.
    ///
    /// # Errors
    /// Always: why it ended.
    pub async fn run(self, stop: CancellationToken) -> Result<Infallible, NetworkTaskError> {
        system::run(self, stop).await
    }
}
