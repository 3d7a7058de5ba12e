//! Names to addresses, afresh at each evaluation: hosts(5), then DNS as resolv.conf(5) says, with time-outs of its own.
//!
//! ```text
//! Resolver ──► system (resolv_conf, hosts: read again on change)      once an evaluation
//! Lookups ──► hosts, or localhost
//!         └─► candidates (search list) ──► A and AAAA at once ──► servers ──► message
//! ```
//!
//! A name is first looked for in the hosts file. `localhost` and what ends in it is this machine (RFC 6761, section 6.3),
//! and nobody is asked. Anything else goes to the name servers, one name of the search list after the other, until one
//! has an address; both families at once. Once one has an address that this machine has a route to, the other one gets
//! another 50 ms (RFC 8305, section 3): where IPv6 answers first and leads nowhere, IPv4 has its full time. So it is once
//! IPv4 is told that there is no such name: a server that never answers for IPv6 must not keep the next name from being
//! asked for. Addresses with a route come first, IPv6 before IPv4.
//!
//! All of it takes less than an attempt, so that the attempt can say what was wrong; dropping [`Lookups`] stops it at
//! once. Nothing is kept from one evaluation to the next, for the network may be another one.
//!
//! *Not found* is only what a name server has said of every name that was asked for. All else is *failed*: silence, a
//! server that refuses or fails, no way to any. An honest answer cannot be told from a lie; what it leads to is tried, and
//! shown.
//!
//! Other sources of nsswitch.conf(5) are not asked: mDNS (`.local`), LLMNR, NetBIOS, directories. On a link in a café
//! anyone may claim such a name, and their modules block threads for seconds. What systemd-resolved knows is found where
//! resolv.conf(5) names its stub, 127.0.0.53, as it does by default. The way out is a line in the hosts file, or the
//! address instead of the name.

mod hosts;
mod message;
mod resolv_conf;
mod scoped;
mod servers;
mod system;

use std::collections::HashMap;
use std::io::Read as _;
use std::iter;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{Either, Shared, select};
use landmark_proto::host::Name;
use tokio::sync::{OnceCell, oneshot};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, timeout_at};

use self::hosts::Hosts;
use self::message::{Answer, Family, MAX_ADDRESSES, Question};
use self::resolv_conf::ResolvConf;
use self::servers::{NoHelp, Servers};
use self::system::{Paths, System};
use super::race::ATTEMPT_TIMEOUT;
use crate::network::file::open_file;
use crate::platform;

/// Of an attempt's time, left for saying that there was no answer.
const TO_SAY_SO: Duration = Duration::from_millis(100);
/// What the other family gets once one has an address of use (RFC 8305, section 3), or there is no such name.
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);
/// Where a datagram would go that is never sent: discard.
const ANY_PORT: u16 = 9;

/// Of a file that names name servers.
const MAX_RESOLV_CONF_BYTES: u64 = 64 * 1024;
/// Name servers of one file that are told, at most: systemd-resolved may know more than the C library asks.
const MAX_NAME_SERVERS: usize = 16;

/// Addresses with their scope, the port still open; at least one, those with a route first.
pub(crate) type Addresses = Arc<[SocketAddr]>;

/// Why a name has no addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResolveError {
    /// The name does not exist, or has no address.
    NotFound,
    /// No answer, or none that helps.
    Failed {
        /// The operating system's error number, where it is to blame.
        os_error: Option<i32>,
    },
}

/// What became of a name.
pub(crate) type Resolved = Result<Addresses, ResolveError>;

/// A lookup that several attempts wait for; an error if it was given up.
pub(crate) type Lookup = Shared<oneshot::Receiver<Resolved>>;

/// Resolves names for all evaluations. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Resolver {
    system: Arc<System>,
    #[cfg(test)]
    told: Option<testing::LookUp>,
}

impl Resolver {
    /// Asks whom the system's files name.
    pub(crate) fn system() -> Self {
        Self::reading(Paths::default())
    }

    /// Asks this function, which may block: a network of a test's own.
    #[cfg(test)]
    pub(crate) fn with(
        look_up: impl Fn(&str) -> Result<Vec<SocketAddr>, ResolveError> + Send + Sync + 'static,
    ) -> Self {
        Self { told: Some(Arc::new(look_up)), ..Self::system() }
    }

    fn reading(paths: Paths) -> Self {
        Self {
            system: Arc::new(System::new(paths)),
            #[cfg(test)]
            told: None,
        }
    }

    /// For one evaluation.
    pub(crate) fn lookups(&self) -> Lookups {
        let evaluation = Evaluation { resolver: self.clone(), network: OnceCell::new() };
        Lookups { evaluation: Arc::new(evaluation), begun: HashMap::new(), tasks: JoinSet::new() }
    }
}

/// Names at a time when many are looked up beside any evaluation.
const AT_ONCE: usize = 16;

/// The addresses of names, beside any evaluation: ascending, each once; none for a name that does not exist, `None` for one
/// that nobody could tell of.
pub(crate) async fn addresses_of(
    resolver: &Resolver,
    names: impl IntoIterator<Item = Name>,
) -> Vec<(Name, Option<Vec<IpAddr>>)> {
    let mut names = names.into_iter();
    let mut found = Vec::new();
    loop {
        let mut lookups = resolver.lookups();
        let some: Vec<(Name, Lookup)> =
            names.by_ref().take(AT_ONCE).map(|name| (name.clone(), lookups.of(&name))).collect();
        if some.is_empty() {
            return found;
        }
        for (name, lookup) in some {
            let addresses = match lookup.await {
                Ok(Ok(addresses)) => Some(sorted(&addresses)),
                Ok(Err(ResolveError::NotFound)) => Some(Vec::new()),
                Ok(Err(ResolveError::Failed { .. })) | Err(_) => None,
            };
            found.push((name, addresses));
        }
    }
}

fn sorted(addresses: &[SocketAddr]) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = addresses.iter().map(|address| address.ip().to_canonical()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// The name servers that this machine is configured to ask: those of resolv.conf(5), and where that only names a resolver of
/// this machine, those that it asks, as far as it says so in a usual place. Addresses only; in no order.
pub(crate) async fn name_servers() -> Vec<IpAddr> {
    let read = || {
        let mut found = Vec::new();
        for path in iter::once(platform::RESOLV_CONF).chain(platform::UPLINKS_RESOLV_CONF) {
            // One that is not there, or cannot be read, names nobody.
            let text = open_file(Path::new(path)).and_then(|file| {
                let mut text = String::new();
                file.take(MAX_RESOLV_CONF_BYTES).read_to_string(&mut text).map(|_| text)
            });
            found.extend(resolv_conf::name_servers(&text.unwrap_or_default()).take(MAX_NAME_SERVERS));
        }
        found
    };
    spawn_blocking(read).await.unwrap_or_default()
}

/// The lookups of one evaluation: each name once. They end when this is dropped.
pub(crate) struct Lookups {
    evaluation: Arc<Evaluation>,
    begun: HashMap<Name, Lookup>,
    /// Beside the attempts, not in them: an attempt that ends must not stop what another waits for.
    tasks: JoinSet<()>,
}

impl Lookups {
    /// The lookup of this name, begun when it is first asked for.
    pub(crate) fn of(&mut self, name: &Name) -> Lookup {
        if let Some(lookup) = self.begun.get(name) {
            return lookup.clone();
        }
        let (resolved_tx, resolved_rx) = oneshot::channel();
        let (evaluation, asked) = (Arc::clone(&self.evaluation), name.clone());
        self.tasks.spawn(async move {
            // Nobody may wait for it any more.
            let _unheard = resolved_tx.send(evaluation.resolve(asked).await);
        });
        let lookup = resolved_rx.shared();
        self.begun.insert(name.clone(), lookup.clone());
        lookup
    }
}

/// What the lookups of one evaluation share.
struct Evaluation {
    resolver: Resolver,
    network: OnceCell<Network>,
}

/// Whom this machine asks for names.
struct Network {
    hosts: Arc<Hosts>,
    resolv_conf: Arc<ResolvConf>,
    servers: Servers,
}

impl Evaluation {
    async fn resolve(&self, name: Name) -> Resolved {
        let deadline = Instant::now() + ATTEMPT_TIMEOUT.saturating_sub(TO_SAY_SO);
        #[cfg(test)]
        if let Some(look_up) = &self.resolver.told {
            return testing::told(Arc::clone(look_up), name).await;
        }
        let network = self.network.get_or_try_init(|| Network::of(Arc::clone(&self.resolver.system)));
        match timeout_at(deadline, network).await {
            Ok(Ok(network)) => network.resolve(name.as_str(), deadline).await,
            Ok(Err(error)) => Err(error),
            Err(_elapsed) => Err(ResolveError::Failed { os_error: None }),
        }
    }
}

impl Network {
    /// Away from the runtime's own threads: the files may lie on a file system that hangs.
    async fn of(system: Arc<System>) -> Result<Self, ResolveError> {
        let known = spawn_blocking(move || system.known()).await;
        let known = known.map_err(|_| ResolveError::Failed { os_error: None })?;
        let addresses = known.resolv_conf.servers.iter().filter_map(|server| server.at(known.port));
        let servers = Servers::new(addresses, known.resolv_conf.over_tcp);
        Ok(Self { hosts: known.hosts, resolv_conf: known.resolv_conf, servers })
    }

    async fn resolve(&self, name: &str, deadline: Instant) -> Resolved {
        let listed = self.hosts.addresses(name, MAX_ADDRESSES);
        if !listed.is_empty() {
            return Ok(in_order(listed));
        }
        if name == "localhost" || name.ends_with(".localhost") {
            return Ok(in_order(vec![(Ipv4Addr::LOCALHOST, 0).into(), (Ipv6Addr::LOCALHOST, 0).into()]));
        }
        let mut failed = None;
        for candidate in self.resolv_conf.candidates(name) {
            match self.both_families(&candidate, deadline).await {
                Ok(found) => return Ok(in_order(found)),
                Err(ResolveError::NotFound) => {}
                Err(error) => failed = Some(error),
            }
            if deadline <= Instant::now() {
                break;
            }
        }
        Err(failed.unwrap_or(ResolveError::NotFound))
    }

    async fn both_families(&self, name: &str, deadline: Instant) -> Result<Vec<SocketAddr>, ResolveError> {
        if self.resolv_conf.v4_only {
            return together([self.one_family(name, Family::V4, deadline).await, Ok(Answer::NoAddress)]);
        }
        let v4 = pin!(self.one_family(name, Family::V4, deadline));
        let v6 = pin!(self.one_family(name, Family::V6, deadline));
        let ended = select(v4, v6).await;
        let is_v4 = matches!(ended, Either::Left(_));
        let (Either::Left((first, other)) | Either::Right((first, other))) = ended;
        let enough = match &first {
            Ok(Answer::Addresses(found)) => found.iter().any(|ip| has_route((*ip, 0).into())),
            // Of IPv6 some say it wrongly, of names that have an IPv4 address: RFC 4074, section 4.2.
            Ok(Answer::NoName) => is_v4,
            Ok(Answer::NoAddress | Answer::NoHelp | Answer::Truncated(_)) | Err(_) => false,
        };
        let until = if enough { deadline.min(Instant::now() + RESOLUTION_DELAY) } else { deadline };
        let other = timeout_at(until, other).await.unwrap_or(SILENCE);
        together([first, other])
    }

    async fn one_family(&self, name: &str, family: Family, deadline: Instant) -> Heard {
        // A name that DNS cannot carry is known to nobody.
        let Ok(question) = Question::new(name, family) else { return Ok(Answer::NoName) };
        timeout_at(deadline, self.servers.ask(&question)).await.unwrap_or(SILENCE)
    }
}

/// What the name servers say of one family.
type Heard = Result<Answer, NoHelp>;

const SILENCE: Heard = Err(NoHelp { os_error: None });

/// What both families say together: an address counts more than anything; that the name does not exist is said of both.
fn together(heard: [Heard; 2]) -> Result<Vec<SocketAddr>, ResolveError> {
    let (mut found, mut no_name, mut no_help) = (Vec::new(), false, None);
    for heard in heard {
        match heard {
            Ok(Answer::Addresses(ips)) => found.extend(ips.into_iter().map(|ip| SocketAddr::new(ip, 0))),
            Ok(Answer::NoName) => no_name = true,
            Ok(Answer::NoAddress) => {}
            Ok(Answer::NoHelp | Answer::Truncated(_)) => no_help = no_help.or(Some(None)),
            Err(NoHelp { os_error }) => no_help = Some(os_error.or(no_help.flatten())),
        }
    }
    match no_help {
        _ if !found.is_empty() => Ok(found),
        Some(os_error) if !no_name => Err(ResolveError::Failed { os_error }),
        _ => Err(ResolveError::NotFound),
    }
}

/// Those with a route first (RFC 6724, section 6, rule 1), IPv6 before IPv4, else as they came.
fn in_order(mut addresses: Vec<SocketAddr>) -> Addresses {
    addresses.sort_by_cached_key(|address| (!has_route(*address), address.is_ipv4()));
    addresses.into()
}

/// Whether this machine would know where to send a packet, and from which address. None is sent.
fn has_route(mut address: SocketAddr) -> bool {
    address.set_port(ANY_PORT);
    let near: SocketAddr =
        if address.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    UdpSocket::bind(near).and_then(|socket| socket.connect(address)).is_ok()
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
