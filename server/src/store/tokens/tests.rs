use std::time::Duration;

use futures_util::future::join_all;
use tempfile::TempDir;

use super::*;
use crate::identity::tokens::{NewToken, TokenSecret, create, list, revoke};

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

async fn store() -> (Store, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Store::open(&folder.path().join("landmark.db")).await.unwrap(), folder)
}

async fn token(store: &Store, max_uses: u32) -> (JoinToken, TokenSecret) {
    let new = NewToken::new("test", max_uses, Duration::from_secs(3600)).unwrap();
    create(store, new, "admin", now()).await.unwrap()
}

fn candidate(key: u64) -> Candidate {
    Candidate {
        agent_id: AgentId::from_uuid(Uuid::now_v7()),
        key_pin: SpkiPin::of(&key.to_be_bytes()),
        facts: HostFacts { host_name: format!("host-{key}"), ..HostFacts::default() },
        certificate_expires_at: now(),
    }
}

#[tokio::test]
async fn many_at_once_never_use_a_token_more_often_than_it_allows() {
    let (store, _folder) = store().await;
    let (token, secret) = token(&store, 5).await;
    let enrolments = (0..20).map(|key| {
        let (store, hash) = (store.clone(), secret.hash());
        async move { store.enroll(&hash, &candidate(key), now()).await }
    });
    let results = join_all(enrolments).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 5);
    let refused = RefusedToken::UsedUp { max_uses: 5 };
    assert!(results.iter().all(|result| match result {
        Ok(enrolled) => enrolled.created && enrolled.token_id == token.token_id,
        Err(error) => matches!(error, EnrollError::Token(reason) if *reason == refused),
    }));
    assert_eq!(list(&store, true, now()).await.unwrap().first().unwrap().n_uses, 5);
    assert_eq!(list(&store, false, now()).await.unwrap(), []);
    assert_eq!(store.load_agents().await.unwrap().enrolled.len(), 5);
}

#[tokio::test]
async fn the_same_key_and_token_give_the_same_agent_and_use_nothing() {
    let (store, _folder) = store().await;
    let (_, secret) = token(&store, 1).await;
    let first = store.enroll(&secret.hash(), &candidate(1), now()).await.unwrap();
    // The token is used up, and has expired meanwhile.
    let later = now() + Duration::from_secs(7200);
    let again = store.enroll(&secret.hash(), &candidate(1), later).await.unwrap();
    assert_eq!(again, Enrolled { created: false, ..first });
    assert_eq!(list(&store, true, now()).await.unwrap().first().unwrap().n_uses, 1);
    let other = store.enroll(&secret.hash(), &candidate(2), now()).await.unwrap_err();
    assert!(matches!(other, EnrollError::Token(RefusedToken::UsedUp { max_uses: 1 })));
}

#[tokio::test]
async fn the_same_key_and_another_token_give_the_same_agent_and_use_it() {
    let (store, _folder) = store().await;
    let (_, first) = token(&store, 1).await;
    let (_, second) = token(&store, 1).await;
    let enrolled = store.enroll(&first.hash(), &candidate(1), now()).await.unwrap();
    let again = store.enroll(&second.hash(), &candidate(1), now()).await.unwrap();
    assert_eq!((again.agent_id, again.created), (enrolled.agent_id, false));
    assert!(list(&store, true, now()).await.unwrap().iter().all(|token| token.n_uses == 1));
}

#[tokio::test]
async fn a_bad_token_is_refused_with_its_reason() {
    let (store, _folder) = store().await;
    let refused = async |secret: &TokenSecret, at| match store.enroll(&secret.hash(), &candidate(1), at).await
    {
        Err(EnrollError::Token(reason)) => reason,
        other => panic!("{other:?}"),
    };
    let stranger = TokenSecret::from_text("stranger".to_owned());
    assert_eq!(refused(&stranger, now()).await, RefusedToken::Unknown);
    let (token, secret) = token(&store, 3).await;
    assert_eq!(refused(&secret, now() + Duration::from_secs(3600)).await, RefusedToken::Expired);
    let revoked = revoke(&store, token.token_id, now()).await.unwrap().unwrap();
    assert!(revoked.revoked);
    assert_eq!(refused(&secret, now()).await, RefusedToken::Revoked);
    assert_eq!(revoke(&store, TokenId::from_uuid(Uuid::nil()), now()).await.unwrap(), None);
    assert!(store.load_agents().await.unwrap().enrolled.is_empty());
}

#[tokio::test]
async fn the_key_of_a_removed_agent_stays_out() {
    let (store, _folder) = store().await;
    let (_, secret) = token(&store, 3).await;
    let enrolled = store.enroll(&secret.hash(), &candidate(1), now()).await.unwrap();
    assert!(store.remove_agent(enrolled.agent_id, now()).await.unwrap());
    let error = store.enroll(&secret.hash(), &candidate(1), now()).await.unwrap_err();
    assert!(matches!(error, EnrollError::RemovedKey));
}

#[tokio::test]
async fn no_file_of_the_store_holds_a_secret() {
    let (store, folder) = store().await;
    let (_, secret) = token(&store, 1).await;
    store.close().await;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let needle = secret.reveal().as_bytes();
        assert!(!bytes.windows(needle.len()).any(|window| window == needle));
    }
}
