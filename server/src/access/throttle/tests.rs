use proptest::prelude::*;

use super::*;

fn name(text: &str) -> AccountName {
    text.parse().unwrap()
}

fn place(text: &str) -> Source {
    text.parse().ok()
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Fails as often as it is let, and says how long it had to wait before each attempt.
fn waits(throttle: &mut Throttle, n: usize, start: Instant) -> Vec<u64> {
    let (mia, mut now, mut waits) = (name("mia"), start, Vec::new());
    for _ in 0..n {
        let began = now;
        while let Err(wait) = throttle.admit(place("192.0.2.1"), Some(&mia), now) {
            now += wait;
        }
        waits.push((now - began).as_secs());
    }
    waits
}

#[test]
fn three_failures_are_free_and_then_each_costs_twice_the_last() {
    let waits = waits(&mut Throttle::default(), 16, Instant::now());
    assert_eq!(waits, [0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300]);
}

#[test]
fn an_owner_elsewhere_is_not_kept_out() {
    let (mut throttle, start) = (Throttle::default(), Instant::now());
    waits(&mut throttle, 12, start);
    assert!(throttle.admit(place("192.0.2.1"), Some(&name("mia")), start).is_err());
    assert_eq!(throttle.admit(place("192.0.2.2"), Some(&name("mia")), start), Ok(()));
    assert_eq!(throttle.admit(place("192.0.2.1"), Some(&name("noah")), start), Ok(()), "same office");
}

#[test]
fn one_who_tries_every_account_is_held_up_too() {
    let (mut throttle, start) = (Throttle::default(), Instant::now());
    for n in 0..20 {
        assert_eq!(throttle.admit(place("192.0.2.1"), Some(&name(&format!("a{n}"))), start), Ok(()), "{n}");
    }
    assert_eq!(throttle.admit(place("192.0.2.1"), Some(&name("a99")), start), Err(seconds(1)));
    assert_eq!(throttle.admit(place("192.0.2.1"), None, start), Err(seconds(1)), "nor names that are none");
}

#[test]
fn a_whole_prefix_is_one_place() {
    let (mut throttle, start, mia) = (Throttle::default(), Instant::now(), name("mia"));
    for n in 1..=3 {
        assert_eq!(throttle.admit(place(&format!("2001:db8:1:2::{n}")), Some(&mia), start), Ok(()));
    }
    assert_eq!(throttle.admit(place("2001:db8:1:2:ffff::9"), Some(&mia), start), Err(seconds(1)));
    assert_eq!(throttle.admit(place("2001:db8:1:3::1"), Some(&mia), start), Ok(()));
}

#[test]
fn a_refused_attempt_makes_nothing_worse() {
    let (mut throttle, start, mia) = (Throttle::default(), Instant::now(), name("mia"));
    waits(&mut throttle, 3, start);
    for _ in 0..100 {
        assert_eq!(throttle.admit(place("192.0.2.1"), Some(&mia), start), Err(seconds(1)));
    }
    assert_eq!(throttle.admit(place("192.0.2.1"), Some(&mia), start + seconds(1)), Ok(()));
}

#[test]
fn a_success_wipes_the_slate() {
    let (mut throttle, start, mia) = (Throttle::default(), Instant::now(), name("mia"));
    for _ in 0..100 {
        assert_eq!(throttle.admit(place("192.0.2.1"), Some(&mia), start), Ok(()));
        throttle.succeeded(place("192.0.2.1"), &mia);
    }
    assert!(throttle.entries.is_empty());
}

#[test]
fn what_the_server_could_not_tell_counts_for_nothing() {
    let (mut throttle, start, mia) = (Throttle::default(), Instant::now(), name("mia"));
    for _ in 0..100 {
        assert_eq!(throttle.admit(place("192.0.2.1"), Some(&mia), start), Ok(()));
        throttle.undecided(place("192.0.2.1"), Some(&mia));
    }
    assert!(throttle.entries.is_empty());
}

#[test]
fn failures_are_forgotten_one_by_one() {
    let (mut throttle, start, mia) = (Throttle::default(), Instant::now(), name("mia"));
    waits(&mut throttle, 5, start);
    let later = start + FORGET * 6;
    for _ in 0..3 {
        assert_eq!(throttle.admit(place("192.0.2.1"), Some(&mia), later), Ok(()));
    }
    assert!(throttle.admit(place("192.0.2.1"), Some(&mia), later).is_err());
}

#[test]
fn memory_is_bounded_and_what_goes_first_is_the_oldest() {
    let (mut throttle, start) = (Throttle::default(), Instant::now());
    for n in 0..6_000_u32 {
        let source = Some(IpAddr::from(n.to_be_bytes()));
        throttle.admit(source, Some(&name("mia")), start + Duration::from_millis(n.into())).unwrap();
    }
    assert!((MAX_ENTRIES / 2..=MAX_ENTRIES).contains(&throttle.entries.len()));
    let of = |n: u32| Key::AllAccounts(IpAddr::from(n.to_be_bytes()));
    assert!(throttle.entries.contains_key(&of(5_999)));
    assert!(!throttle.entries.contains_key(&of(0)));
}

proptest! {
    #[test]
    fn nobody_ever_waits_longer_than_the_longest_delay(
        steps in prop::collection::vec((0_u8..4, 0_u8..3, 0_u64..400, any::<bool>()), 1..200),
    ) {
        let (mut throttle, mut now) = (Throttle::default(), Instant::now());
        for (source, account, pause, good) in steps {
            now += seconds(pause);
            let source = Some(IpAddr::from([192, 0, 2, source]));
            let account = name(&format!("a{account}"));
            match throttle.admit(source, Some(&account), now) {
                Err(wait) => {
                    prop_assert!(!wait.is_zero() && wait <= FOR_ONE_ACCOUNT.longest);
                    prop_assert_eq!(throttle.admit(source, Some(&account), now + wait), Ok(()));
                    now += wait;
                }
                Ok(()) if good => throttle.succeeded(source, &account),
                Ok(()) => {}
            }
            prop_assert!(throttle.entries.values().all(|failures| failures.n > 0));
        }
    }

    #[test]
    fn guesses_from_one_place_are_few_in_a_day(pause in 0_u64..600) {
        let (mut throttle, start, mia) = (Throttle::default(), Instant::now(), name("mia"));
        let (mut now, mut n_guesses) = (start, 0);
        while now < start + seconds(86_400) {
            match throttle.admit(place("192.0.2.1"), Some(&mia), now) {
                Ok(()) => { n_guesses += 1; now += seconds(pause.max(1)); }
                Err(wait) => now += wait,
            }
        }
        prop_assert!(n_guesses <= 320, "{n_guesses}");
    }
}
