//! Names to addresses, afresh at each evaluation, through the system's resolver.
//!
//! `getaddrinfo` blocks a thread until the resolver answers or gives up, which takes it seconds to minutes, and it cannot
//! be cancelled. It gets a thread of its own, for which a stop of the agent does not wait, as it would for one of the
//! runtime's. The threads are counted: at most [`MAX_LOOKUPS`] over all evaluations, and [`MAX_PER_EVALUATION`] in
//! one, so that what an evaluation left behind with a dead resolver does not keep the next one from asking. A lookup that
//! gets no thread in time fails like one that gets no answer.
//!
//! What cannot be told apart: a name that does not exist from one without addresses; a resolver that is dead from one
//! that refuses or fails (`EAI_AGAIN` for all of them in glibc); and an honest answer from a lie.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use dns_lookup::{AddrInfoHints, LookupError, LookupErrorKind, SockType, getaddrinfo};
use futures_util::FutureExt as _;
use futures_util::future::Shared;
use landmark_proto::host::Name;
use landmark_proto::reference_server::DEFAULT_MAX_SERVERS;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

/// Of the threads in `getaddrinfo` for one evaluation: one for each entry of the longest usual list, so that names that
/// nobody answers for (a zone whose servers are gone) never keep another name waiting until its time is over.
const MAX_PER_EVALUATION: usize = DEFAULT_MAX_SERVERS;
/// Of them in all. With a dead resolver each is stuck for 5 to 30 s, in which an evaluation after a change of network
/// must find threads of its own. A thread that waits costs some 20 KiB.
const MAX_LOOKUPS: usize = 4 * MAX_PER_EVALUATION;

/// Addresses with their scope, the port still open; at least one, in the order of preference (RFC 6724).
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

/// What a resolver says of a name.
type Found = Result<Vec<SocketAddr>, ResolveError>;

/// Looks one name up, and blocks.
type LookUp = Arc<dyn Fn(&str) -> Found + Send + Sync>;

/// Resolves names for all evaluations. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Resolver {
    look_up: LookUp,
    permits: Arc<Semaphore>,
}

impl Resolver {
    /// Asks the system.
    pub(crate) fn system() -> Self {
        Self::with(system_look_up)
    }

    /// Asks this function.
    pub(crate) fn with(look_up: impl Fn(&str) -> Found + Send + Sync + 'static) -> Self {
        Self { look_up: Arc::new(look_up), permits: Arc::new(Semaphore::new(MAX_LOOKUPS)) }
    }

    /// For one evaluation.
    pub(crate) fn lookups(&self) -> Lookups {
        Lookups {
            resolver: self.clone(),
            permits: Arc::new(Semaphore::new(MAX_PER_EVALUATION)),
            begun: HashMap::new(),
            tasks: JoinSet::new(),
        }
    }

    async fn resolve(self, of_evaluation: Arc<Semaphore>, name: Name) -> Resolved {
        let closed = |_| ResolveError::Failed { os_error: None };
        let own = of_evaluation.acquire_owned().await.map_err(closed)?;
        let shared = Arc::clone(&self.permits).acquire_owned().await.map_err(closed)?;
        let (found_tx, found_rx) = oneshot::channel();
        let thread = thread::Builder::new().name("lookup".to_owned()).spawn(move || {
            // Held until the thread is free, however long nobody waits for it any more.
            let _permits = (own, shared);
            let _unheard = found_tx.send((self.look_up)(name.as_str()));
        });
        thread.map_err(|error| ResolveError::Failed { os_error: error.raw_os_error() })?;
        let addresses = found_rx.await.map_err(|_| ResolveError::Failed { os_error: None })??;
        if addresses.is_empty() { Err(ResolveError::NotFound) } else { Ok(addresses.into()) }
    }
}

/// The lookups of one evaluation: each name once. Those that have no thread yet are given up when this is dropped.
pub(crate) struct Lookups {
    resolver: Resolver,
    permits: Arc<Semaphore>,
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
        let resolve = self.resolver.clone().resolve(Arc::clone(&self.permits), name.clone());
        self.tasks.spawn(async move {
            // Nobody may wait for it any more.
            let _unheard = resolved_tx.send(resolve.await);
        });
        let lookup = resolved_rx.shared();
        self.begun.insert(name.clone(), lookup.clone());
        lookup
    }
}

fn system_look_up(name: &str) -> Found {
    // Without a socket type every address comes three times.
    let hints = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    let found = getaddrinfo(Some(name), None, Some(hints)).map_err(why)?;
    // Of a family that is not IP there can be none; should there be one, it is skipped.
    Ok(found.filter_map(Result::ok).map(|info| info.sockaddr).collect())
}

/// By code, never by text: `std` keeps the text alone, so that it cannot be asked instead.
fn why(error: LookupError) -> ResolveError {
    match error.kind() {
        LookupErrorKind::NoName | LookupErrorKind::NoData => ResolveError::NotFound,
        LookupErrorKind::Again
        | LookupErrorKind::Badflags
        | LookupErrorKind::Fail
        | LookupErrorKind::Family
        | LookupErrorKind::Socktype
        | LookupErrorKind::Service
        | LookupErrorKind::Memory
        | LookupErrorKind::System
        | LookupErrorKind::Unknown
        | LookupErrorKind::IO => ResolveError::Failed { os_error: io::Error::from(error).raw_os_error() },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::sync::{Mutex, PoisonError};

    use landmark_proto::host::Host;
    use tokio::time::timeout;

    use super::*;
    use crate::location::race::ATTEMPT_TIMEOUT;

    fn name(text: &str) -> Name {
        match text.parse() {
            Ok(Host::Name(name)) => name,
            other => panic!("{other:?}"),
        }
    }

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[tokio::test]
    async fn the_system_knows_this_machine() {
        let found = Resolver::system().lookups().of(&name("localhost")).await.unwrap().unwrap();
        assert!(found.iter().all(|address| address.ip().is_loopback()), "{found:?}");
        let mut once = found.to_vec();
        once.dedup();
        assert_eq!(once, *found, "each address once");
    }

    #[tokio::test]
    async fn a_name_is_looked_up_once_in_an_evaluation_and_afresh_in_the_next() {
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        let resolver = Resolver::with(move |_| {
            let n = counter.fetch_add(1, Ordering::SeqCst);
            Ok(vec![address(u16::try_from(n).unwrap())])
        });
        for evaluation in 0..2 {
            let mut lookups = resolver.lookups();
            for _ in 0..8 {
                let found = lookups.of(&name("db")).await.unwrap().unwrap();
                assert_eq!(*found, [address(evaluation)]);
            }
        }
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_dead_resolver_holds_a_bounded_number_of_threads_over_all_evaluations() {
        let busy = Arc::new(AtomicUsize::new(0));
        let (counter, (release_tx, release_rx)) = (Arc::clone(&busy), mpsc::channel::<()>());
        let release_rx = Mutex::new(release_rx);
        let resolver = Resolver::with(move |_| {
            counter.fetch_add(1, Ordering::SeqCst);
            // Blocks until the test is over.
            let _over = release_rx.lock().unwrap_or_else(PoisonError::into_inner).recv();
            Err(ResolveError::Failed { os_error: None })
        });
        let threads = async |n: usize| {
            while busy.load(Ordering::SeqCst) < n {
                tokio::task::yield_now().await;
            }
        };
        let mut evaluations = Vec::new();
        for evaluation in 1..=6 {
            let mut lookups = resolver.lookups();
            for n in 0..MAX_PER_EVALUATION + 10 {
                let _begun = lookups.of(&name(&format!("host{n}")));
            }
            evaluations.push(lookups);
            threads((evaluation * MAX_PER_EVALUATION).min(MAX_LOOKUPS)).await;
        }
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        assert_eq!(busy.load(Ordering::SeqCst), MAX_LOOKUPS);
        drop(evaluations);
        drop(release_tx);
    }

    #[tokio::test]
    async fn names_that_nobody_answers_for_cost_the_other_names_of_a_usual_list_nothing() {
        let (release_tx, release_rx) = mpsc::channel::<()>();
        let release_rx = Mutex::new(release_rx);
        let resolver = Resolver::with(move |name| {
            if name.starts_with("dead") {
                // Blocks until the test is over.
                let _over = release_rx.lock().unwrap_or_else(PoisonError::into_inner).recv();
            }
            Ok(vec![address(1)])
        });
        let mut lookups = resolver.lookups();
        let n_dead = DEFAULT_MAX_SERVERS - 1;
        let _dead: Vec<_> = (0..n_dead).map(|n| lookups.of(&name(&format!("dead{n}")))).collect();
        let found = timeout(ATTEMPT_TIMEOUT, lookups.of(&name("good"))).await;
        drop(release_tx);
        assert_eq!(*found.expect("it waits for the dead ones").unwrap().unwrap(), [address(1)]);
    }

    #[test]
    fn not_found_is_told_from_failed_by_the_code() {
        for (code, expected) in [
            (libc_codes::NONAME, ResolveError::NotFound),
            (libc_codes::NODATA, ResolveError::NotFound),
            (libc_codes::AGAIN, ResolveError::Failed { os_error: None }),
            (libc_codes::FAIL, ResolveError::Failed { os_error: None }),
            (libc_codes::ADDRFAMILY, ResolveError::Failed { os_error: None }),
        ] {
            assert_eq!(why(LookupError::new(code)), expected, "{code}");
        }
    }

    /// Linux's numbers (netdb.h).
    mod libc_codes {
        pub(super) const NONAME: i32 = -2;
        pub(super) const AGAIN: i32 = -3;
        pub(super) const FAIL: i32 = -4;
        pub(super) const NODATA: i32 = -5;
        pub(super) const ADDRFAMILY: i32 = -9;
    }
}
