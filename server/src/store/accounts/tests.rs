use std::time::Duration;

use futures_util::future::join_all;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::access::{NewApiToken, SessionKey};
use crate::store::api_tokens::{ApiTokenError, MAX_ALIVE};

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

async fn store() -> (Store, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Store::open(&folder.path().join("landmark.db")).await.unwrap(), folder)
}

fn name(text: &str) -> AccountName {
    text.parse().unwrap()
}

fn hash(text: &str) -> PasswordHash {
    PasswordHash::from_row(text.to_owned())
}

fn new(text: &str, role: Role) -> NewAccount {
    NewAccount {
        name: name(text),
        role,
        hash: hash("first"),
        must_change_password: true,
        created_at: now(),
        created_by: name("ada").author(),
    }
}

fn key(number: u8) -> SessionKey {
    SessionKey([number; 32])
}

async fn token(
    store: &Store,
    account: Option<&str>,
    secret: u8,
) -> Result<crate::access::ApiToken, ApiTokenError> {
    let new = NewApiToken::by_sign_in("", Duration::from_secs(3600)).unwrap();
    let (token, _) = new.make(account.map(name), now());
    store.insert_api_token(&token, &[secret; 32], None).await.map(|()| token)
}

#[tokio::test]
async fn what_is_stored_is_read_back() {
    let (store, _folder) = store().await;
    assert!(!store.has_accounts().await.unwrap());
    let mia = store.insert_account(new("mia", Role::Operator)).await.unwrap();
    assert!(store.has_accounts().await.unwrap());
    assert_eq!(store.accounts().await.unwrap(), std::slice::from_ref(&mia));
    let (account, password) = store.account_with_password(&name("mia")).await.unwrap().unwrap();
    assert!(account == mia && password == hash("first"));
    let again = store.insert_account(new("mia", Role::Viewer)).await;
    assert!(matches!(again, Err(AccountError::Exists(taken)) if taken == name("mia")));
    let edited = store.edit_account(&name("mia"), Some(Role::Viewer), None).await.unwrap();
    assert_eq!(store.accounts().await.unwrap(), std::slice::from_ref(&edited));
    assert_eq!(edited.role, Role::Viewer);
}

#[tokio::test]
async fn of_many_who_make_the_first_account_one_does() {
    let (store, _folder) = store().await;
    let makers = (0..10).map(|n| store.insert_first_account(new(&format!("a{n}"), Role::Administrator)));
    let made = join_all(makers).await;
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1);
    assert_eq!(store.accounts().await.unwrap().len(), 1);
}

#[tokio::test]
async fn of_two_administrators_who_remove_each_other_one_stays() {
    let (store, _folder) = store().await;
    for each in ["ada", "mia"] {
        store.insert_account(new(each, Role::Administrator)).await.unwrap();
    }
    let (ada, mia) = (name("ada"), name("mia"));
    let (one, other) = tokio::join!(store.remove_account(&ada), store.edit_account(&mia, None, Some(true)));
    assert!(one.is_ok() != other.is_ok());
    assert_eq!(store.accounts().await.unwrap().iter().filter(|account| administers(account)).count(), 1);
}

#[tokio::test]
async fn a_password_is_only_replaced_by_who_knows_the_present_one() {
    let (store, _folder) = store().await;
    store.insert_account(new("mia", Role::Viewer)).await.unwrap();
    let mia = name("mia");
    let replace = async |verified: &str, new: &str| {
        store.replace_password(&mia, &hash(verified), &hash(new), None, now()).await.unwrap()
    };
    assert_eq!(replace("another", "second").await, None);
    assert_eq!(replace("first", "second").await, Some(0));
    assert_eq!(replace("first", "third").await, None);
    assert!(!store.accounts().await.unwrap()[0].must_change_password);
    assert_eq!(store.note_sign_in(&mia, &hash("first"), now()).await.unwrap(), None);
    let signed_in = store.note_sign_in(&mia, &hash("second"), now()).await.unwrap().unwrap();
    assert_eq!(signed_in.last_signed_in_at, Some(now()));
    store.reset_password(&mia, &hash("reset"), now()).await.unwrap();
    assert_eq!(store.note_sign_in(&mia, &hash("second"), now()).await.unwrap(), None);
}

#[tokio::test]
async fn sessions_and_tokens_end_with_their_account() {
    let (store, _folder) = store().await;
    for each in ["mia", "noah"] {
        store.insert_account(new(each, Role::Viewer)).await.unwrap();
    }
    for (number, account) in [(1, "mia"), (2, "noah")] {
        assert!(store.insert_session(&key(number), &name(account), &hash("first"), now()).await.unwrap());
        token(&store, Some(account), number).await.unwrap();
    }
    store.remove_account(&name("mia")).await.unwrap();
    assert_eq!(store.session(&key(1)).await.unwrap(), None);
    assert!(store.api_token_by_hash(&[1; 32]).await.unwrap().is_none());
    assert!(store.session(&key(2)).await.unwrap().is_some());
    assert!(store.api_token_by_hash(&[2; 32]).await.unwrap().is_some());
    let gone = token(&store, Some("mia"), 3).await;
    assert!(matches!(gone, Err(ApiTokenError::AccountChanged)));
    assert!(!store.insert_session(&key(3), &name("mia"), &hash("first"), now()).await.unwrap());
}

#[tokio::test]
async fn a_disabled_account_has_no_sessions_and_gets_none() {
    let (store, _folder) = store().await;
    store.insert_account(new("mia", Role::Viewer)).await.unwrap();
    assert!(store.insert_session(&key(1), &name("mia"), &hash("first"), now()).await.unwrap());
    store.edit_account(&name("mia"), None, Some(true)).await.unwrap();
    assert_eq!(store.session(&key(1)).await.unwrap(), None);
    assert!(!store.insert_session(&key(2), &name("mia"), &hash("first"), now()).await.unwrap());
}

#[tokio::test]
async fn an_account_has_so_many_sessions_and_the_longest_unused_one_goes() {
    let (store, _folder) = store().await;
    store.insert_account(new("mia", Role::Viewer)).await.unwrap();
    for number in 0..25_u8 {
        let at = now() + Duration::from_secs(number.into());
        assert!(store.insert_session(&key(number), &name("mia"), &hash("first"), at).await.unwrap());
    }
    for number in 0..25_u8 {
        assert_eq!(store.session(&key(number)).await.unwrap().is_some(), number >= 5, "{number}");
    }
    store.forget_sessions(now(), now() + Duration::from_secs(20)).await.unwrap();
    assert_eq!(store.session(&key(19)).await.unwrap(), None);
    assert!(store.session(&key(20)).await.unwrap().is_some());
}

#[tokio::test]
async fn an_account_has_so_many_living_tokens() {
    let (store, _folder) = store().await;
    let mut made = Vec::new();
    for number in 0..MAX_ALIVE {
        made.push(token(&store, None, u8::try_from(number).unwrap()).await.unwrap());
    }
    assert!(matches!(token(&store, None, 255).await, Err(ApiTokenError::TooMany)));
    store.revoke_api_token(made[0].token_id, now()).await.unwrap().unwrap();
    token(&store, None, 254).await.unwrap();
}

#[tokio::test]
async fn tokens_that_are_long_over_are_forgotten() {
    let (store, _folder) = store().await;
    token(&store, None, 1).await.unwrap();
    let new = NewApiToken::by_sign_in("", Duration::from_secs(3600)).unwrap();
    let (later, _) = new.make(None, now() + Duration::from_secs(91 * 86_400));
    store.insert_api_token(&later, &[2; 32], None).await.unwrap();
    assert_eq!(store.api_tokens().await.unwrap(), [later]);
}

#[derive(Clone, Debug)]
enum Step {
    Create(u8, Role),
    Edit(u8, Option<Role>, Option<bool>),
    Remove(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let role = || prop::sample::select(Role::ALL.to_vec());
    prop_oneof![
        (0_u8..4, role()).prop_map(|(who, role)| Step::Create(who, role)),
        (0_u8..4, prop::option::of(role()), any::<Option<bool>>())
            .prop_map(|(who, role, disabled)| Step::Edit(who, role, disabled)),
        (0_u8..4).prop_map(Step::Remove),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn once_there_is_an_administrator_there_always_is_one(steps in prop::collection::vec(step(), 1..30)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (store, _folder) = store().await;
            let mut has_been = false;
            for step in steps {
                let who = |n: u8| format!("a{n}");
                match step {
                    Step::Create(n, role) => drop(store.insert_account(new(&who(n), role)).await),
                    Step::Edit(n, role, disabled) => {
                        drop(store.edit_account(&name(&who(n)), role, disabled).await);
                    }
                    Step::Remove(n) => drop(store.remove_account(&name(&who(n))).await),
                }
                let is = store.accounts().await.unwrap().iter().any(administers);
                prop_assert!(is || !has_been);
                has_been |= is;
            }
            Ok(())
        })?;
    }
}
