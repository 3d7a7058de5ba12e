use std::fs;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{Happened, Heard, Sources, Told};
use crate::network::sleep::Clocks;
use crate::network::{Changes, NetworkHandle, NetworkTaskError, Options, Watched, channel_with};

/// For what surely comes, on a machine that does much else.
const LIMIT: Duration = Duration::from_secs(10);

/// Clocks of a machine that sleeps when a test says so.
#[derive(Clone, Default)]
struct FakeClocks {
    slept_seconds: Arc<AtomicU64>,
}

impl Clocks for FakeClocks {
    fn since_boot(&self) -> Duration {
        self.awake() + Duration::from_secs(self.slept_seconds.load(Ordering::SeqCst))
    }

    fn awake(&self) -> Duration {
        Duration::from_secs(1_000)
    }
}

/// Runs the task while `body` looks at it; why it ended.
async fn watching(
    resolver: &TempDir,
    clocks: FakeClocks,
    body: impl AsyncFnOnce(&NetworkHandle),
) -> NetworkTaskError {
    let options = Options { resolver_files: vec![resolver.path().join("resolv.conf")] };
    let (handle, task) = channel_with(options, Box::new(clocks));
    let stop = CancellationToken::new();
    let looking = async {
        until_watched(&handle, |watched| watched.network && watched.resolver && watched.wake).await;
        body(&handle).await;
        stop.cancel();
    };
    let (ended, ()) = tokio::join!(task.run(stop.clone()), looking);
    ended.unwrap_err()
}

async fn until_watched(handle: &NetworkHandle, wanted: impl Fn(&Watched) -> bool) {
    let mut watched = handle.watched();
    let seen = timeout(LIMIT, watched.wait_for(|watched| wanted(watched))).await.map(drop);
    assert!(seen.is_ok(), "last seen: {:?}", *handle.watched().borrow());
}

async fn until(handle: &NetworkHandle, wanted: impl Fn(&Changes) -> bool) {
    let mut changes = handle.changes();
    let seen = timeout(LIMIT, changes.wait_for(|changes| wanted(changes))).await.map(drop);
    assert!(seen.is_ok(), "last seen: {:?}", *handle.changes().borrow());
}

/// As a text editor does.
fn replace(folder: &TempDir, text: &str) {
    let new = folder.path().join("new");
    fs::File::create(&new).unwrap().write_all(text.as_bytes()).unwrap();
    fs::rename(new, folder.path().join("resolv.conf")).unwrap();
}

#[tokio::test]
async fn a_resolver_that_changes_is_counted_and_a_machine_that_stays_awake_never_woke() {
    let etc = TempDir::new().unwrap();
    let ended = watching(&etc, FakeClocks::default(), async |handle| {
        for n_changes in 1..=3 {
            replace(&etc, &format!("nameserver 192.0.2.{n_changes}"));
            until(handle, |changes| changes.resolver >= n_changes).await;
        }
        assert_eq!(handle.changes().borrow().wake, 0);
    });
    assert!(matches!(ended.await, NetworkTaskError::Stopped));
}

#[tokio::test]
async fn a_machine_that_slept_is_noticed_at_whatever_happens_next() {
    let etc = TempDir::new().unwrap();
    replace(&etc, "nameserver 192.0.2.1");
    let clocks = FakeClocks::default();
    let slept_seconds = Arc::clone(&clocks.slept_seconds);
    watching(&etc, clocks, async |handle| {
        for n_sleeps in 1..=2 {
            slept_seconds.fetch_add(60, Ordering::SeqCst);
            replace(&etc, "nameserver 192.0.2.1");
            until(handle, |changes| changes.wake == n_sleeps).await;
        }
        assert_eq!(handle.changes().borrow().resolver, 0, "the same content again");
    })
    .await;
}

#[tokio::test]
async fn neighbours_are_listened_to_as_long_as_they_are_wanted() {
    let etc = TempDir::new().unwrap();
    watching(&etc, FakeClocks::default(), async |handle| {
        assert!(!handle.watched().borrow().neighbours);
        for is_wanted in [true, false, true] {
            handle.watch_neighbours(is_wanted);
            until_watched(handle, |watched| watched.neighbours == is_wanted).await;
        }
    })
    .await;
}

#[tokio::test]
async fn it_ends_when_nobody_is_left_to_follow() {
    let (handle, task) =
        channel_with(Options { resolver_files: Vec::new() }, Box::new(FakeClocks::default()));
    drop(handle);
    let ended = timeout(LIMIT, task.run(CancellationToken::new())).await.expect("it ends");
    assert!(matches!(ended.unwrap_err(), NetworkTaskError::Closed));
}

fn fails<T>() -> io::Result<T> {
    Err(io::Error::other("no descriptor is left"))
}

const NETWORK_CHANGED: Changes = Changes { network: 1, resolver: 0, wake: 0 };

async fn open_sources(etc: &TempDir) -> Sources {
    let mut sources = Sources::open(vec![etc.path().join("resolv.conf")]).await.unwrap();
    sources.handle(Happened::NeighboursWanted(true)).await.unwrap();
    let all = Watched { network: true, neighbours: true, resolver: true, wake: true };
    assert_eq!(sources.available(), all);
    assert_eq!(sources.due(), None, "what works needs no timer");
    sources
}

/// As if the time had come.
async fn try_again(sources: &mut Sources) -> Changes {
    let due = sources.due().expect("something is to be tried again");
    sources.try_again(due).await.unwrap()
}

#[tokio::test]
async fn what_broke_is_opened_again_and_counts_as_a_change() {
    let etc = TempDir::new().unwrap();
    let mut sources = open_sources(&etc).await;
    let resolver_changed = Changes { resolver: 1, ..Changes::default() };
    for (broken, news) in [
        (Happened::Network(fails()), NETWORK_CHANGED),
        (Happened::Neighbours(fails()), NETWORK_CHANGED),
        (Happened::Files(fails()), resolver_changed),
        (Happened::ClockSet(fails()), Changes::default()),
    ] {
        let before = sources.available();
        assert_eq!(sources.handle(broken).await.unwrap(), Changes::default());
        assert_ne!(sources.available(), before);
        assert_eq!(try_again(&mut sources).await, news);
        assert_eq!(sources.available(), before);
        assert_eq!(sources.due(), None, "what works again needs no timer");
    }
}

#[tokio::test]
async fn a_look_that_fails_keeps_listening_and_is_made_up_for() {
    let etc = TempDir::new().unwrap();
    let mut sources = open_sources(&etc).await;
    let take = std::mem::replace(&mut sources.take_snapshot, fails);
    let lost = || Happened::Network(Ok(Heard { is_change: false, told: Told::NotAll }));
    assert_eq!(sources.handle(lost()).await.unwrap(), NETWORK_CHANGED);
    assert!(sources.network.open.is_some() && !sources.available().network);
    assert_eq!(try_again(&mut sources).await, Changes::default(), "no change for each time it fails");
    assert!(sources.network.open.is_some() && !sources.available().network);
    sources.take_snapshot = take;
    assert_eq!(try_again(&mut sources).await, NETWORK_CHANGED);
    assert!(sources.available().network);
    assert_eq!(sources.due(), None);
}

#[tokio::test]
async fn a_look_at_gateways_that_fails_counts_once_and_is_made_up_for() {
    let etc = TempDir::new().unwrap();
    let mut sources = open_sources(&etc).await;
    let take = std::mem::replace(&mut sources.take_gateways, fails);
    let lost = || Happened::Neighbours(Ok(Heard { is_change: false, told: Told::NotAll }));
    assert_eq!(sources.handle(lost()).await.unwrap(), NETWORK_CHANGED);
    assert_eq!(sources.handle(lost()).await.unwrap(), Changes::default(), "it is known to fail");
    assert!(sources.neighbours.open.is_some() && !sources.available().neighbours);
    sources.take_gateways = take;
    assert_eq!(try_again(&mut sources).await, NETWORK_CHANGED);
    assert!(sources.available().neighbours);
    assert_eq!(sources.due(), None);
}
