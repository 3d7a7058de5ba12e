use std::time::Duration;

use super::*;
use crate::fleet::testing::{LIMIT, TestServer};
use crate::store::Store;

#[tokio::test]
async fn a_start_and_a_stop_are_written_and_a_start_after_them_too() {
    let server = TestServer::new().await;
    let agent = server.agent("a").await;
    let (_session, _) = agent.connected().await;
    let began = SystemTime::now() - Duration::from_secs(60);
    // The task writes its first one beside everything else.
    let first = tokio::time::timeout(LIMIT, async {
        loop {
            let samples = server.fleet.samples(began, SystemTime::now()).await.unwrap();
            if samples.len() > 1 {
                return samples;
            }
            tokio::task::yield_now().await;
        }
    });
    let samples = first.await.expect("no sample was written");
    let [start, present] = samples.as_slice() else { panic!("{samples:?}") };
    assert!(!start.stopped && start.at < present.at);
    assert_eq!(present.standing, Standing { n_unknown: 1, n_online: 1, ..Standing::default() });

    let identity = server.stopped_but_kept().await;
    let store = Store::open(&identity.folder.path().join("landmark.db")).await.unwrap();
    let written = store.samples(began).await.unwrap();
    let [_, stop] = written.as_slice() else { panic!("{written:?}") };
    assert!(stop.stopped && stop.standing.n_unknown == 1, "{stop:?}");
}
