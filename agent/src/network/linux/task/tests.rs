use std::fs;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

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
