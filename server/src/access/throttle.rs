//! Slows those down who guess passwords. Decides in plain functions; `now` is a parameter.
//!
//! Two delays, both of the place that attempts come from (an IPv4 address, an IPv6 /64):
//! - for one account: three failures are free, then 1 s, 2 s, 4 s … up to 5 minutes;
//! - for all accounts together, which finds who tries one password everywhere: twenty are free, then up to 30 s, for a whole
//!   office may stand behind one address.
//!
//! An account as such has no delay: it would let anyone lock its owner out from anywhere, for ever. Whoever guesses from many
//! places is held up by what a guess costs: a few dozen a second, of all places together, against passwords of 12 characters
//! or more. An owner who shares the address of an attacker waits with him; the token of the first start always works.
//!
//! An attempt counts as failed until it has succeeded, so that many at once gain nothing.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use super::account::AccountName;

const FIRST_DELAY: Duration = Duration::from_secs(1);
/// One failure is forgotten in this time: no shorter than the longest delay, so that waiting alone does not reset it.
const FORGET: Duration = Duration::from_secs(5 * 60);
/// What is remembered at once; about 200 bytes each.
const MAX_ENTRIES: usize = 10_000;

/// How failures become a delay.
#[derive(Clone, Copy, Debug)]
struct Rule {
    n_free: u32,
    longest: Duration,
}

const FOR_ONE_ACCOUNT: Rule = Rule { n_free: 3, longest: Duration::from_secs(5 * 60) };
const FOR_ALL_ACCOUNTS: Rule = Rule { n_free: 20, longest: Duration::from_secs(30) };

impl Rule {
    /// After so many failures.
    fn delay(self, n_failures: u32) -> Duration {
        match n_failures.checked_sub(self.n_free) {
            None => Duration::ZERO,
            Some(n) => FIRST_DELAY.saturating_mul(1_u32.checked_shl(n).unwrap_or(u32::MAX)).min(self.longest),
        }
    }

    /// More do not make the delay longer, and would take longer to be forgotten.
    fn most(self) -> u32 {
        self.n_free + self.longest.as_secs().max(1).next_power_of_two().trailing_zeros()
    }
}

/// Where attempts come from. `None`: nobody knows, as in tests without sockets.
type Source = Option<IpAddr>;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    OneAccount(Source, AccountName),
    AllAccounts(IpAddr),
}

impl Key {
    fn rule(&self) -> Rule {
        match self {
            Self::OneAccount(..) => FOR_ONE_ACCOUNT,
            Self::AllAccounts(_) => FOR_ALL_ACCOUNTS,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    n: u32,
    last: Instant,
}

impl Failures {
    /// Those that are not yet forgotten.
    fn remembered(self, now: Instant) -> u32 {
        let n_forgotten = now.saturating_duration_since(self.last).as_secs() / FORGET.as_secs();
        self.n.saturating_sub(u32::try_from(n_forgotten).unwrap_or(u32::MAX))
    }
}

/// Recent failures.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    entries: HashMap<Key, Failures>,
}

impl Throttle {
    /// Lets an attempt through and counts it as failed; `account` is `None` for a name that nobody can have.
    ///
    /// # Errors
    /// After how long to try again. A refused attempt counts for nothing.
    pub(super) fn admit(
        &mut self,
        source: Source,
        account: Option<&AccountName>,
        now: Instant,
    ) -> Result<(), Duration> {
        let keys = keys(source, account);
        let wait = keys.iter().map(|key| self.wait(key, now)).max().unwrap_or_default();
        if !wait.is_zero() {
            return Err(wait);
        }
        for key in keys {
            self.count(key, now);
        }
        Ok(())
    }

    /// The attempt was a good one: whoever knows the password has not guessed before either.
    pub(super) fn succeeded(&mut self, source: Source, account: &AccountName) {
        let source = source.map(place_of);
        self.entries.remove(&Key::OneAccount(source, account.clone()));
        self.take_back(source.map(Key::AllAccounts));
    }

    /// The attempt was neither good nor bad: the server could not tell.
    pub(super) fn undecided(&mut self, source: Source, account: Option<&AccountName>) {
        for key in keys(source, account) {
            self.take_back(Some(key));
        }
    }

    fn wait(&self, key: &Key, now: Instant) -> Duration {
        let Some(failures) = self.entries.get(key) else { return Duration::ZERO };
        let delay = key.rule().delay(failures.n);
        if delay.is_zero() {
            return Duration::ZERO;
        }
        (failures.last + delay).saturating_duration_since(now)
    }

    fn count(&mut self, key: Key, now: Instant) {
        if self.entries.len() >= MAX_ENTRIES && !self.entries.contains_key(&key) {
            self.make_room(now);
        }
        let most = key.rule().most();
        let failures = self.entries.entry(key).or_insert(Failures { n: 0, last: now });
        *failures = Failures { n: failures.remembered(now).saturating_add(1).min(most), last: now };
    }

    fn take_back(&mut self, key: Option<Key>) {
        if let Some(key) = key
            && let Some(failures) = self.entries.get_mut(&key)
        {
            failures.n = failures.n.saturating_sub(1);
            if failures.n == 0 {
                self.entries.remove(&key);
            }
        }
    }

    /// Looks at everything, which takes less time than the password that is about to be checked; the oldest go, some at
    /// once, so that not every attempt has to.
    fn make_room(&mut self, now: Instant) {
        self.entries.retain(|_, failures| failures.remembered(now) > 0);
        if self.entries.len() >= MAX_ENTRIES {
            let mut times: Vec<Instant> = self.entries.values().map(|failures| failures.last).collect();
            let (_, youngest_to_go, _) = times.select_nth_unstable(MAX_ENTRIES / 10);
            let youngest_to_go = *youngest_to_go;
            self.entries.retain(|_, failures| failures.last > youngest_to_go);
        }
    }
}

fn keys(source: Source, account: Option<&AccountName>) -> Vec<Key> {
    let source = source.map(place_of);
    let one = account.map(|account| Key::OneAccount(source, account.clone()));
    one.into_iter().chain(source.map(Key::AllAccounts)).collect()
}

/// Whoever has one IPv6 address mostly has its whole /64 (RFC 6177).
fn place_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests;
