//! Asks the system's resolver what names are, with bounds on time and on how many are asked at once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use dns_lookup::{AddrInfoHints, LookupErrorKind, SockType, getaddrinfo};
use landmark_proto::host::Name;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::settings::lint::Resolution;

/// Each lookup holds a thread until the system's resolver gives up, which can be after half a minute.
const MAX_AT_ONCE: usize = 32;
/// Somebody waits for the answer at a terminal.
const LIMIT: Duration = Duration::from_secs(2);

/// Shared by all who ask, so that no number of calls holds more than [`MAX_AT_ONCE`] threads.
#[derive(Clone, Debug)]
pub(in crate::admin) struct Resolver(Arc<Semaphore>);

impl Default for Resolver {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_AT_ONCE)))
    }
}

impl Resolver {
    /// What is not answered within [`LIMIT`], all names together, has no answer.
    pub(super) async fn resolve(&self, names: impl Iterator<Item = &Name>) -> HashMap<Name, Resolution> {
        self.resolve_by(names, lookup).await
    }

    async fn resolve_by(
        &self,
        names: impl Iterator<Item = &Name>,
        lookup: fn(&Name) -> Resolution,
    ) -> HashMap<Name, Resolution> {
        let deadline = Instant::now() + LIMIT;
        let mut answers: HashMap<Name, Resolution> =
            names.map(|name| (name.clone(), Resolution::NoAnswer)).collect();
        let mut lookups = JoinSet::new();
        for name in answers.keys().cloned() {
            let semaphore = Arc::clone(&self.0);
            lookups.spawn(async move {
                let permit = semaphore.acquire_owned().await.ok()?;
                // The permit is the thread's: it is given back when the system's resolver has ended.
                let answer = tokio::task::spawn_blocking(move || {
                    let answer = lookup(&name);
                    drop(permit);
                    (name, answer)
                });
                answer.await.ok()
            });
        }
        while let Ok(Some(joined)) = timeout_at(deadline, lookups.join_next()).await {
            if let Ok(Some((name, answer))) = joined {
                answers.insert(name, answer);
            }
        }
        answers
    }
}

fn lookup(name: &Name) -> Resolution {
    // One kind of socket: else every address comes once for each.
    let hints = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    match getaddrinfo(Some(name.as_str()), None, Some(hints)) {
        Ok(found) => {
            let addresses: Vec<IpAddr> =
                found.filter_map(Result::ok).map(|info| info.sockaddr.ip()).collect();
            if addresses.is_empty() { Resolution::NotFound } else { Resolution::Addresses(addresses) }
        }
        Err(error) if matches!(error.kind(), LookupErrorKind::NoName | LookupErrorKind::NoData) => {
            Resolution::NotFound
        }
        Err(_) => Resolution::NoAnswer,
    }
}

#[cfg(test)]
mod tests {
    use landmark_proto::host::Host;

    use super::*;

    fn name(text: &str) -> Name {
        match text.parse() {
            Ok(Host::Name(name)) => name,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn the_systems_own_names_are_found() {
        let localhost = name("localhost");
        let answers = Resolver::default().resolve([&localhost].into_iter()).await;
        let Some(Resolution::Addresses(addresses)) = answers.get(&localhost) else { panic!("{answers:?}") };
        assert!(addresses.iter().all(IpAddr::is_loopback));
    }

    #[tokio::test]
    async fn many_names_are_answered_a_few_at_a_time_and_none_is_lost() {
        let names: Vec<Name> = (0..320).map(|n| name(&format!("host-{n}"))).collect();
        let resolver = Resolver::default();
        let answers = resolver.resolve_by(names.iter(), |_| Resolution::NotFound).await;
        assert_eq!(answers.len(), 320);
        assert!(answers.values().all(|answer| *answer == Resolution::NotFound));
        assert_eq!(resolver.0.available_permits(), MAX_AT_ONCE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_resolver_that_is_busy_for_too_long_has_no_answer() {
        let resolver = Resolver::default();
        let all = u32::try_from(MAX_AT_ONCE).unwrap();
        let _held = resolver.0.acquire_many(all).await.unwrap();
        let asked = name("host");
        let answers = resolver.resolve_by([&asked].into_iter(), |_| Resolution::NotFound).await;
        assert_eq!(answers.get(&asked), Some(&Resolution::NoAnswer));
    }
}
