use std::path::Path;
use std::time::{Duration, SystemTime};

use super::*;
use crate::store::assignments::Note;
use crate::store::drafts::{Author, Changed};

fn signature() -> Signature {
    Signature { by: Author::from("ada".to_owned()), at: SystemTime::now(), note: Note::default() }
}

async fn store(folder: &Path) -> Store {
    Store::open(&folder.join("landmark.db")).await.unwrap()
}

async fn enable(store: &Store, enabled: bool) {
    store
        .edit_draft(None, Changed { at: SystemTime::now(), by: signature().by }, |settings| {
            let mut settings = settings.clone();
            let servers = settings.reference_servers.servers().to_vec();
            settings.reference_servers =
                landmark_proto::reference_server::ReferenceServerList::new(enabled, servers).unwrap();
            Ok(settings)
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn publishes_what_is_stored_at_the_start_and_each_assign_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let mut tasks = Tasks::new();
    let stop = tasks.stop_token();
    let handle = spawn(&mut tasks, store.clone()).await.unwrap();
    assert_eq!(handle.present(), None);
    let mut follower = handle.subscribe();

    assert!(handle.assign(None, signature()).await.unwrap().created);
    // Acknowledged means published: nobody has to wait.
    assert_eq!(handle.present().unwrap().held().revision, Revision::FIRST);
    let seen = follower.wait_for(|present| present.is_some()).await.unwrap().clone().unwrap();
    assert_eq!(seen.held().revision, Revision::FIRST);
    assert!(!handle.assign(None, signature()).await.unwrap().created);

    enable(&store, true).await;
    let second = handle.assign(None, signature()).await.unwrap();
    assert_eq!(second.stored.held().revision.get(), 2);
    let again = handle.assign_again(Revision::FIRST, signature()).await.unwrap();
    assert_eq!(again.stored.held().revision.get(), 3);
    assert_eq!(again.stored.encoded(), seen.encoded());
    stop.cancel();
    tasks.run(Duration::from_secs(5)).await.unwrap();
    assert!(matches!(handle.assign(None, signature()).await, Err(AssignError::Store(StoreError::Closed))));

    let mut tasks = Tasks::new();
    let restarted = spawn(&mut tasks, store).await.unwrap();
    assert_eq!(restarted.present().unwrap().held(), again.stored.held());
}

#[tokio::test]
async fn an_older_assignment_is_never_published_over_a_newer_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let first = store.assign(None, &signature()).await.unwrap().stored;
    enable(&store, true).await;
    let second = store.assign(None, &signature()).await.unwrap().stored;
    let publisher = Publisher::new(Some(second.clone()));
    let followers: Vec<_> = (0..40).map(|_| publisher.subscribe()).collect();
    publisher.publish(first);
    assert_eq!(publisher.present().unwrap().held(), second.held());
    for follower in followers {
        assert_eq!(follower.borrow().as_ref().unwrap().held(), second.held());
    }
}

#[tokio::test]
async fn everyone_shares_one_encoding() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    enable(&store, true).await;
    let publisher = Publisher::new(Some(store.assign(None, &signature()).await.unwrap().stored));
    let bytes: Vec<_> =
        (0..3).map(|_| publisher.subscribe().borrow().as_ref().unwrap().encoded().bytes().clone()).collect();
    assert!(bytes.iter().all(|these| these.as_ptr() == bytes[0].as_ptr()));
}
