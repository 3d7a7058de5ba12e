use tempfile::TempDir;

use super::*;
use crate::access::account::AccountName;
use crate::access::api_token::NewApiToken;
use crate::access::caller::{CallerKind, SessionKey};
use crate::access::first_account::{FILE, FirstAccountError};
use crate::access::passwords::Password;
use crate::access::permission::Role;
use crate::access::sign_in::{SignInError, SignedIn};

const PASSWORD: &str = "a long walk by the river";

struct Opened {
    authenticator: Authenticator,
    folder: TempDir,
}

impl Opened {
    async fn new() -> Self {
        Self::with(SessionLimits::default()).await
    }

    async fn with(limits: SessionLimits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { authenticator: open(&folder, limits).await, folder }
    }

    /// As after a crash: nothing is closed, the process simply goes on with a new store.
    async fn restart(self, limits: SessionLimits) -> Self {
        let Self { authenticator, folder } = self;
        drop(authenticator);
        Self { authenticator: open(&folder, limits).await, folder }
    }

    fn code(&self) -> String {
        let link = self.authenticator.publish_first_sign_in("https://hq.example:7445/").unwrap().unwrap();
        let file = std::fs::read_to_string(self.folder.path().join(FILE)).unwrap();
        assert_eq!(file.trim(), link);
        link.split_once("/welcome?code=").unwrap().1.to_owned()
    }

    async fn first(&self) -> SignedIn {
        let code = self.code();
        self.authenticator.create_first_account(&code, "ada", PASSWORD.to_owned()).await.unwrap()
    }

    async fn role_of(&self, cookie: &str) -> Option<Role> {
        self.authenticator.session(cookie).await.unwrap().map(|caller| caller.role)
    }
}

async fn open(folder: &TempDir, limits: SessionLimits) -> Authenticator {
    let store = Store::open(&folder.path().join("landmark.db")).await.unwrap();
    let token_file = TokenFile::open(folder.path()).unwrap();
    Authenticator::open(store, token_file, limits, folder.path()).await.unwrap()
}

#[tokio::test]
async fn the_link_makes_one_account_and_is_gone() {
    let opened = Opened::new().await;
    let authenticator = &opened.authenticator;
    let code = opened.code();
    assert!(authenticator.is_first_account_code(&code) && !authenticator.is_first_account_code("guess"));
    let make = async |code: &str, name: &str, password: &str| {
        authenticator.create_first_account(code, name, password.to_owned()).await
    };
    assert!(matches!(make("guess", "ada", PASSWORD).await, Err(FirstAccountError::Code)));
    assert!(matches!(make(&code, "Ada!", PASSWORD).await, Err(FirstAccountError::Name(_))));
    assert!(matches!(make(&code, "ada", "short").await, Err(FirstAccountError::Password(_))));
    let signed_in = make(&code, "ada", PASSWORD).await.unwrap();
    assert_eq!(signed_in.account.role, Role::Administrator);
    assert!(!signed_in.account.must_change_password);
    assert!(matches!(make(&code, "mia", PASSWORD).await, Err(FirstAccountError::Code)));
    assert!(!opened.folder.path().join(FILE).exists());
    assert_eq!(authenticator.publish_first_sign_in("https://hq").unwrap(), None);
    let cookie = authenticator.open_session(&signed_in).await.unwrap().unwrap();
    assert_eq!(opened.role_of(cookie.reveal()).await, Some(Role::Administrator));
}

#[tokio::test]
async fn the_link_dies_when_an_account_is_made_otherwise() {
    let opened = Opened::new().await;
    let code = opened.code();
    let by = Caller::with_token_file().author;
    opened.authenticator.create_account("mia".parse().unwrap(), Role::Viewer, by).await.unwrap();
    let made = opened.authenticator.create_first_account(&code, "ada", PASSWORD.to_owned()).await;
    assert!(matches!(made, Err(FirstAccountError::Code)));
    assert!(!opened.folder.path().join(FILE).exists());
}

#[tokio::test]
async fn each_start_makes_another_link_until_there_is_an_account() {
    let opened = Opened::new().await;
    let first = opened.code();
    let opened = opened.restart(SessionLimits::default()).await;
    let second = opened.code();
    assert_ne!(first, second);
    assert!(!opened.authenticator.is_first_account_code(&first));
    opened.first().await;
    let opened = opened.restart(SessionLimits::default()).await;
    assert_eq!(opened.authenticator.publish_first_sign_in("https://hq").unwrap(), None);
}

#[tokio::test]
async fn a_session_outlives_a_restart_and_ends_when_it_is_told_to() {
    let opened = Opened::new().await;
    let signed_in = opened.first().await;
    let cookie = opened.authenticator.open_session(&signed_in).await.unwrap().unwrap();
    let other = opened.authenticator.open_session(&signed_in).await.unwrap().unwrap();
    let opened = opened.restart(SessionLimits::default()).await;
    let caller = opened.authenticator.session(cookie.reveal()).await.unwrap().unwrap();
    assert_eq!(caller.author.as_str(), "ada");
    for stranger in ["", "x", &"A".repeat(43)] {
        assert_eq!(opened.role_of(stranger).await, None);
    }
    let CallerKind::Session { session, .. } = &caller.kind else { panic!() };
    let ada: AccountName = "ada".parse().unwrap();
    assert_eq!(opened.authenticator.end_all_sessions_but(&ada, &caller.kind).await.unwrap(), 1);
    assert_eq!(opened.role_of(other.reveal()).await, None);
    assert_eq!(opened.role_of(cookie.reveal()).await, Some(Role::Administrator));
    opened.authenticator.end_session(session).await.unwrap();
    assert_eq!(opened.role_of(cookie.reveal()).await, None);
}

#[tokio::test]
async fn a_session_that_nobody_used_for_long_is_over_also_after_a_restart() {
    let opened = Opened::new().await;
    let signed_in = opened.first().await;
    let cookie = opened.authenticator.open_session(&signed_in).await.unwrap().unwrap();
    let key = SessionKey(cookie.digest());
    let used_at = async |opened: &Opened, minutes: u64| {
        let at = SystemTime::now() - Duration::from_secs(minutes * 60);
        opened.authenticator.store.touch_session(&key, at).await.unwrap();
    };
    used_at(&opened, 29).await;
    assert!(opened.authenticator.session_in_background(cookie.reveal()).await.unwrap().is_some());
    let before = opened.authenticator.store.session(&key).await.unwrap().unwrap().used_at;
    assert!(opened.role_of(cookie.reveal()).await.is_some());
    let after = opened.authenticator.store.session(&key).await.unwrap().unwrap().used_at;
    assert!(after > before + Duration::from_secs(28 * 60), "what a person does is written");
    assert!(opened.role_of(cookie.reveal()).await.is_some());
    let again = opened.authenticator.store.session(&key).await.unwrap().unwrap().used_at;
    assert_eq!(again, after, "and not again within a minute");
    used_at(&opened, 30).await;
    assert_eq!(opened.role_of(cookie.reveal()).await, None);
    let shorter = SessionLimits { idle: Duration::from_secs(3600), life: Duration::ZERO };
    let opened = opened.restart(shorter).await;
    assert_eq!(opened.role_of(cookie.reveal()).await, None, "its life is over");
}

#[tokio::test]
async fn of_a_burst_of_guesses_three_are_looked_at() {
    let opened = Opened::new().await;
    opened.first().await;
    let peer = Some("192.0.2.1".parse().unwrap());
    let guess = || opened.authenticator.sign_in("ada", Password::presented("guess".to_owned()), None, peer);
    let results = futures_util::future::join_all((0..10).map(|_| guess())).await;
    let n_refused = results.iter().filter(|result| matches!(result, Err(SignInError::Refused))).count();
    assert_eq!(n_refused, 3);
}

#[tokio::test]
async fn a_password_from_the_moment_before_opens_nothing() {
    let opened = Opened::new().await;
    let signed_in = opened.first().await;
    let ada: AccountName = "ada".parse().unwrap();
    let by = Caller::with_token_file().author;
    opened.authenticator.reset_password(&ada, &by).await.unwrap();
    assert!(opened.authenticator.open_session(&signed_in).await.unwrap().is_none());
    let new = NewApiToken::by_sign_in("", Duration::from_secs(60)).unwrap();
    assert!(opened.authenticator.token_after_sign_in(&signed_in, new).await.is_err());
}

#[tokio::test]
async fn no_file_of_the_store_holds_a_secret() {
    let opened = Opened::new().await;
    let signed_in = opened.first().await;
    let cookie = opened.authenticator.open_session(&signed_in).await.unwrap().unwrap();
    let new = NewApiToken::by_sign_in("", Duration::from_secs(60)).unwrap();
    let (_, secret) = opened.authenticator.token_after_sign_in(&signed_in, new).await.unwrap();
    opened.authenticator.store.close().await;
    for entry in std::fs::read_dir(opened.folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for needle in [cookie.reveal(), secret.reveal(), PASSWORD] {
            assert!(!bytes.windows(needle.len()).any(|window| window == needle.as_bytes()));
        }
    }
}
