use tempfile::TempDir;

use super::*;

fn start() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn sample(at: SystemTime, n_online: usize) -> Sample {
    let standing = Standing { n_internal: 3, n_external: 2, n_unknown: 1, n_online };
    Sample { at, standing, stopped: false }
}

async fn store() -> (Store, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Store::open(&folder.path().join("landmark.db")).await.unwrap(), folder)
}

async fn numbers(store: &Store, since: SystemTime) -> Vec<usize> {
    store.samples(since).await.unwrap().iter().map(|sample| sample.standing.n_online).collect()
}

#[tokio::test]
async fn samples_are_read_as_they_were_written_with_the_one_that_held_before() {
    let (store, _folder) = store().await;
    assert_eq!(store.samples(start()).await.unwrap(), []);
    let stopped = Sample { stopped: true, ..sample(start() + MINUTE, 4) };
    for sample in [sample(start(), 1), stopped, sample(start() + 3 * MINUTE, 2)] {
        store.write_sample(&sample).await.unwrap();
    }
    assert_eq!(numbers(&store, start() - HOUR).await, [1, 4, 2]);
    assert_eq!(store.samples(start() + 2 * MINUTE).await.unwrap()[0], stopped);
    assert_eq!(numbers(&store, start() + 3 * MINUTE).await, [2]);
    assert_eq!(numbers(&store, start() + DAY).await, [2], "it holds until the next");
}

#[tokio::test]
async fn what_is_old_becomes_coarse_and_what_is_very_old_goes() {
    let (store, _folder) = store().await;
    // A server that starts over and over: a row every ten seconds for half an hour.
    for n in 0..180 {
        store.write_sample(&sample(start() + n * Duration::from_secs(10), n as usize)).await.unwrap();
    }
    assert_eq!(numbers(&store, start()).await.len(), 180, "the last hour is told as it was");
    store.write_sample(&sample(start() + 2 * HOUR, 1_000)).await.unwrap();
    let kept = numbers(&store, start()).await;
    assert_eq!((kept.len(), kept[0], kept[1]), (31, 5, 11), "the last of each minute");
    store.write_sample(&sample(start() + 2 * DAY, 2_000)).await.unwrap();
    assert_eq!(numbers(&store, start()).await, [59, 119, 179, 1_000, 2_000], "the last of each ten minutes");
    store.write_sample(&sample(start() + 9 * DAY, 3_000)).await.unwrap();
    assert_eq!(numbers(&store, start()).await, [2_000, 3_000]);
}

#[tokio::test]
async fn a_clock_that_was_set_back_leaves_nothing_of_its_future() {
    let (store, _folder) = store().await;
    for (minutes, n_online) in [(0, 1), (10, 2), (5, 3)] {
        store.write_sample(&sample(start() + MINUTE * minutes, n_online)).await.unwrap();
    }
    assert_eq!(numbers(&store, start()).await, [1, 3]);
    store.write_sample(&sample(start(), 4)).await.unwrap();
    assert_eq!(numbers(&store, start()).await, [4], "one of the same moment takes the place of the other");
}
