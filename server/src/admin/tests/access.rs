use std::net::SocketAddr;

use landmark_proto::wire::{Role, SignInRequest};
use tonic_types::pb;

use super::*;
use crate::edge::PeerAddress;

const PASSWORD: &str = "a long walk by the river";

/// What a status says beside its code: the reason for programs.
fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

fn signed_in_as(account: &str, password: &str) -> SignInRequest {
    SignInRequest { account: account.to_owned(), password: password.to_owned(), ..Default::default() }
}

impl Served {
    /// An account with [`PASSWORD`], and an API token of signing in to it.
    async fn person(&mut self, name: &str, role: Role) -> String {
        let password = self.account(name, role).await;
        let request = SignInRequest { new_password: PASSWORD.to_owned(), ..signed_in_as(name, &password) };
        self.client.sign_in(request).await.unwrap().into_inner().secret
    }

    /// An account with a password for once.
    async fn account(&mut self, name: &str, role: Role) -> String {
        let request = wire::CreateAccountRequest { name: name.to_owned(), role: role.into() };
        let made = self.client.create_account(with_token(request)).await.unwrap().into_inner();
        made.one_time_password
    }

    async fn caller(&mut self, token: &str) -> Result<wire::Caller, Status> {
        Ok(self.client.get_caller(with(token, wire::GetCallerRequest {})).await?.into_inner())
    }

    async fn sign_in(&mut self, account: &str, password: &str) -> Result<wire::SignInResponse, Status> {
        Ok(self.client.sign_in(signed_in_as(account, password)).await?.into_inner())
    }

    async fn edit_account(&mut self, request: wire::EditAccountRequest) -> Result<wire::Account, Status> {
        Ok(self.client.edit_account(with_token(request)).await?.into_inner())
    }

    async fn remove(&mut self, name: &str) -> Result<wire::Account, Status> {
        let request = wire::RemoveAccountRequest { name: name.to_owned() };
        Ok(self.client.remove_account(with_token(request)).await?.into_inner().account.unwrap())
    }

    async fn create_token(&mut self, by: &str, role: Role) -> Result<wire::CreateApiTokenResponse, Status> {
        let request = wire::CreateApiTokenRequest { role: role.into(), ..Default::default() };
        Ok(self.client.create_api_token(with(by, request)).await?.into_inner())
    }

    async fn tokens(&mut self, of: &str, include_dead: bool) -> Vec<wire::ApiToken> {
        let request = wire::ListApiTokensRequest { include_dead };
        self.client.list_api_tokens(with(of, request)).await.unwrap().into_inner().tokens
    }

    async fn revoke(&mut self, by: &str, token_id: &str) -> Result<wire::ApiToken, Status> {
        let request = wire::RevokeApiTokenRequest { token_id: token_id.to_owned() };
        Ok(self.client.revoke_api_token(with(by, request)).await?.into_inner())
    }

    async fn edit_as(&mut self, token: &str, host: &str) -> Result<wire::Draft, Status> {
        let edits = vec![wire::Edit { kind: Some(add(host, &[443])) }];
        let request = wire::EditDraftRequest { etag: String::new(), edits };
        Ok(self.client.edit_draft(with(token, request)).await?.into_inner())
    }
}

#[tokio::test]
async fn a_viewer_looks_an_operator_edits_and_an_administrator_assigns() {
    let mut served = Served::new().await;
    let viewer = served.person("vera", Role::Viewer).await;
    let operator = served.person("oskar", Role::Operator).await;
    let administrator = served.person("ada", Role::Administrator).await;

    for token in [&viewer, &operator, &administrator] {
        served.client.get_draft(with(token, wire::GetDraftRequest {})).await.unwrap();
    }
    let refused = served.edit_as(&viewer, "a.example").await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::PermissionDenied, "NOT_PERMITTED"));
    assert_eq!(
        refused.message(),
        "vera may not edit the draft (role viewer; it takes the permission edit-draft, which the role operator has)"
    );
    assert_eq!(served.edit_as(&operator, "a.example").await.unwrap().changed_by, "oskar");

    let assign = |token: &str| with(token, wire::AssignRequest::default());
    for token in [&viewer, &operator] {
        assert_eq!(served.client.assign(assign(token)).await.unwrap_err().code(), Code::PermissionDenied);
    }
    let assigned = served.client.assign(assign(&administrator)).await.unwrap().into_inner();
    assert_eq!(assigned.assignment.unwrap().assigned_by, "ada");

    let list = |token: &str| with(token, wire::ListAccountsRequest {});
    assert_eq!(
        served.client.list_accounts(list(&operator)).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    let accounts = served.client.list_accounts(list(&administrator)).await.unwrap().into_inner().accounts;
    let names: Vec<&str> = accounts.iter().map(|account| account.name.as_str()).collect();
    assert_eq!(names, ["ada", "oskar", "vera"]);
    assert!(accounts.iter().all(|account| account.created_by == "admin-token"));
    assert!(accounts.iter().all(|account| account.last_signed_in_at.is_some()));
}

#[tokio::test]
async fn a_caller_is_told_who_it_is() {
    let mut served = Served::new().await;
    let caller = served.caller(TOKEN).await.unwrap();
    assert_eq!((caller.name.as_str(), caller.kind()), ("admin-token", wire::CallerKind::TokenFile));
    assert_eq!((caller.role(), caller.permissions.len()), (Role::Administrator, 7));
    assert_eq!(caller.expires_at, None);
    let operator = served.person("oskar", Role::Operator).await;
    let caller = served.caller(&operator).await.unwrap();
    assert_eq!((caller.name.as_str(), caller.kind()), ("oskar", wire::CallerKind::ApiToken));
    assert_eq!(caller.permissions, ["view", "edit-draft", "operate-agents"]);
    let tokens = served.tokens(&operator, false).await;
    assert_eq!(tokens[0].token_id, caller.token_id);
    assert_eq!(tokens[0].expires_at, caller.expires_at);
    assert!(tokens[0].last_used_at.is_some());
}

#[tokio::test]
async fn a_wrong_name_and_a_wrong_password_are_told_in_the_same_words() {
    let mut served = Served::new().await;
    served.person("mia", Role::Viewer).await;
    let mut told = Vec::new();
    for (account, password) in
        [("mia", "wrong"), ("nobody", PASSWORD), ("Not a name!", PASSWORD), ("admin-token", TOKEN), ("", "")]
    {
        let refused = served.sign_in(account, password).await.unwrap_err();
        told.push((refused.code(), reason(&refused), refused.message().to_owned()));
    }
    let refused = (
        Code::Unauthenticated,
        "SIGN_IN_REFUSED".to_owned(),
        "the account or the password is wrong".to_owned(),
    );
    assert!(told.iter().all(|told| *told == refused), "{told:?}");
}

#[tokio::test]
async fn a_strangers_call_is_short_and_soon_over() {
    let mut served = Served::new().await;
    let long = SignInRequest { description: "x".repeat(20 * 1024), ..signed_in_as("mia", PASSWORD) };
    let refused = served.client.sign_in(long.clone()).await.unwrap_err();
    assert_ne!(refused.code(), Code::Unauthenticated, "{refused}");
    // Whoever has shown a token may say more, and is told what is wrong with it.
    let request = wire::CreateApiTokenRequest { description: long.description, ..Default::default() };
    let refused = served.client.create_api_token(with_token(request)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");

    let never = tonic::body::Body::new(http_body_util::StreamBody::new(futures_util::stream::pending::<
        Result<hyper::body::Frame<bytes::Bytes>, std::convert::Infallible>,
    >()));
    let request = http::Request::post("/landmark.v1.Admin/SignIn")
        .header("content-type", "application/grpc")
        .body(never)
        .unwrap();
    tokio::time::pause();
    let response = tower::ServiceExt::oneshot(served.routes.clone(), request).await.unwrap();
    let status = response.headers().get("grpc-status").unwrap();
    assert_eq!(Code::from_bytes(status.as_bytes()), Code::DeadlineExceeded);
}

#[tokio::test]
async fn a_password_for_once_has_to_be_replaced() {
    let mut served = Served::new().await;
    let password = served.account("mia", Role::Operator).await;
    let refused = served.sign_in("mia", &password).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::FailedPrecondition, "PASSWORD_MUST_CHANGE")
    );
    for (new, message) in [
        ("short", "a password of 5 characters is too short (at least 12)"),
        (password.as_str(), "the new password is the present one"),
        ("password1234", "the password is among the commonest"),
    ] {
        let request = SignInRequest { new_password: new.to_owned(), ..signed_in_as("mia", &password) };
        let refused = served.client.sign_in(request).await.unwrap_err();
        let violations = refused.get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations[0].field, "new_password");
        assert!(violations[0].description.starts_with(message), "{}", violations[0].description);
    }
    let request = SignInRequest { new_password: PASSWORD.to_owned(), ..signed_in_as("mia", &password) };
    served.client.sign_in(request).await.unwrap();
    served.sign_in("mia", PASSWORD).await.unwrap();
    assert_eq!(reason(&served.sign_in("mia", &password).await.unwrap_err()), "SIGN_IN_REFUSED");
}

#[tokio::test]
async fn whoever_fails_again_and_again_has_to_wait_and_others_do_not() {
    let mut served = Served::new().await;
    served.person("mia", Role::Viewer).await;
    let from = |address: &str, password: &str| {
        let mut request = Request::new(signed_in_as("mia", password));
        let address: SocketAddr = address.parse().unwrap();
        request.extensions_mut().insert(PeerAddress(address));
        request
    };
    for _ in 0..3 {
        let refused = served.client.sign_in(from("192.0.2.1:1", "wrong")).await.unwrap_err();
        assert_eq!(reason(&refused), "SIGN_IN_REFUSED");
    }
    let refused = served.client.sign_in(from("192.0.2.1:2", PASSWORD)).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::ResourceExhausted, "TOO_MANY_FAILURES"));
    assert_eq!(refused.message(), "too many attempts failed; try again in 1 s");
    let delay = refused.get_details_retry_info().unwrap().retry_delay.unwrap();
    assert!(delay <= Duration::from_secs(1) && !delay.is_zero(), "{delay:?}");
    served.client.sign_in(from("192.0.2.2:1", PASSWORD)).await.unwrap();
}

#[tokio::test]
async fn a_revoked_token_is_refused_at_once_and_its_streams_end() {
    let mut served = Served::new().await;
    let token = served.person("mia", Role::Administrator).await;
    let request = with(&token, wire::WatchAgentsRequest::default());
    let mut events = served.client.watch_agents(request).await.unwrap().into_inner();
    assert!(events.message().await.unwrap().is_some());

    served.client.sign_out(with(&token, wire::SignOutRequest {})).await.unwrap();
    assert_eq!(served.caller(&token).await.unwrap_err().code(), Code::Unauthenticated);
    let ended = tokio::time::timeout(Duration::from_secs(5), events.message()).await.unwrap();
    assert_eq!(ended.unwrap_err().code(), Code::Unauthenticated);
    let refused = served.client.sign_out(with_token(wire::SignOutRequest {})).await.unwrap_err();
    assert_eq!(reason(&refused), "NOT_SIGNED_IN");
}

#[tokio::test]
async fn a_stream_goes_on_when_somebody_else_loses_a_token() {
    let mut served = Served::new().await;
    let (mine, other) = (served.person("mia", Role::Viewer).await, served.person("noah", Role::Viewer).await);
    let request = with(&mine, wire::WatchAgentsRequest::default());
    let mut events = served.client.watch_agents(request).await.unwrap().into_inner();
    events.message().await.unwrap();
    served.client.sign_out(with(&other, wire::SignOutRequest {})).await.unwrap();
    served.stop.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(5), events.message()).await.unwrap();
    assert_eq!(ended.unwrap_err().code(), Code::Unavailable, "it lived until the server stopped");
}

#[tokio::test]
async fn a_disabled_account_is_shut_out_and_comes_back_when_it_is_enabled() {
    let mut served = Served::new().await;
    served.person("ada", Role::Administrator).await;
    let token = served.person("mia", Role::Operator).await;
    let disable = |disabled| wire::EditAccountRequest {
        name: "mia".to_owned(),
        disabled: Some(disabled),
        ..Default::default()
    };
    assert!(served.edit_account(disable(true)).await.unwrap().disabled);
    assert_eq!(served.caller(&token).await.unwrap_err().code(), Code::Unauthenticated);
    let refused = served.sign_in("mia", PASSWORD).await.unwrap_err();
    assert_eq!(reason(&refused), "ACCOUNT_DISABLED");
    let refused = served.sign_in("mia", "a guess").await.unwrap_err();
    assert_eq!(reason(&refused), "SIGN_IN_REFUSED", "only who knows the password is told");
    assert!(!served.edit_account(disable(false)).await.unwrap().disabled);
    served.caller(&token).await.unwrap();
}

#[tokio::test]
async fn a_token_loses_what_its_account_loses() {
    let mut served = Served::new().await;
    served.person("ada", Role::Administrator).await;
    let token = served.person("mia", Role::Administrator).await;
    let demote = wire::EditAccountRequest {
        name: "mia".to_owned(),
        new_role: Some(Role::Viewer.into()),
        ..Default::default()
    };
    served.edit_account(demote).await.unwrap();
    assert_eq!(served.caller(&token).await.unwrap().role(), Role::Viewer);
    assert_eq!(served.edit_as(&token, "a.example").await.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let mut served = Served::new().await;
    served.person("ada", Role::Administrator).await;
    served.person("mia", Role::Operator).await;
    let edit = |new_role: Option<Role>, disabled| wire::EditAccountRequest {
        name: "ada".to_owned(),
        new_role: new_role.map(Into::into),
        disabled,
    };
    let refusals = [
        served.edit_account(edit(Some(Role::Operator), None)).await.unwrap_err(),
        served.edit_account(edit(None, Some(true))).await.unwrap_err(),
        served.remove("ada").await.unwrap_err(),
    ];
    for refused in refusals {
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::FailedPrecondition, "LAST_ADMINISTRATOR")
        );
        assert_eq!(refused.get_details_precondition_failure().unwrap().violations[0].subject, "ada");
    }
    served.edit_account(edit(Some(Role::Administrator), Some(false))).await.unwrap();
    served.person("zoe", Role::Administrator).await;
    assert_eq!(served.remove("ada").await.unwrap().role(), Role::Administrator);
}

#[tokio::test]
async fn a_removed_account_leaves_nothing_to_whoever_has_its_name_next() {
    let mut served = Served::new().await;
    let token = served.person("mia", Role::Operator).await;
    let by_hand = served.create_token(&token, Role::Operator).await.unwrap().secret;
    served.remove("mia").await.unwrap();
    let next = served.person("mia", Role::Viewer).await;
    for old in [&token, &by_hand] {
        assert_eq!(served.caller(old).await.unwrap_err().code(), Code::Unauthenticated);
    }
    assert_eq!(served.tokens(&next, true).await.len(), 1, "its own");
    assert_eq!(reason(&served.remove("noah").await.unwrap_err()), "NO_SUCH_ACCOUNT");
}

#[tokio::test]
async fn bad_values_of_an_account_are_named() {
    let mut served = Served::new().await;
    let request = wire::CreateAccountRequest { name: "Mia Lang".to_owned(), role: 9 };
    let refused = served.client.create_account(with_token(request)).await.unwrap_err();
    let violations = refused.get_details_bad_request().unwrap().field_violations;
    let fields: Vec<&str> = violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["name", "role"]);
    let reserved = wire::CreateAccountRequest { name: "admin-token".to_owned(), role: Role::Viewer.into() };
    let refused = served.client.create_account(with_token(reserved)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    served.account("mia", Role::Viewer).await;
    let again = wire::CreateAccountRequest { name: "mia".to_owned(), role: Role::Viewer.into() };
    let refused = served.client.create_account(with_token(again)).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::AlreadyExists, "ACCOUNT_EXISTS"));
}

#[tokio::test]
async fn an_operator_has_tokens_of_its_own_and_no_others() {
    let mut served = Served::new().await;
    let (oskar, olga) =
        (served.person("oskar", Role::Operator).await, served.person("olga", Role::Operator).await);
    let refused = served.create_token(&oskar, Role::Administrator).await.unwrap_err();
    let violations = refused.get_details_bad_request().unwrap().field_violations;
    assert_eq!(violations[0].field, "role");
    let made = served.create_token(&oskar, Role::Viewer).await.unwrap();
    let token = made.token.unwrap();
    assert_eq!((token.account.as_str(), token.role()), ("oskar", Role::Viewer));
    assert_eq!(served.caller(&made.secret).await.unwrap().role(), Role::Viewer);

    assert_eq!(served.tokens(&oskar, false).await.len(), 2);
    assert_eq!(served.tokens(&olga, false).await.len(), 1);
    assert_eq!(served.tokens(TOKEN, false).await.len(), 3);
    let refused = served.revoke(&olga, &token.token_id).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::NotFound, "NO_SUCH_API_TOKEN"));
    assert!(served.revoke(TOKEN, &token.token_id).await.unwrap().revoked);
    assert_eq!(served.caller(&made.secret).await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!((served.tokens(&oskar, false).await.len(), served.tokens(&oskar, true).await.len()), (1, 2));
}

#[tokio::test]
async fn a_token_without_an_account_makes_no_others_unless_it_manages_accounts() {
    let mut served = Served::new().await;
    let operator = served.create_token(TOKEN, Role::Operator).await.unwrap();
    assert_eq!(operator.token.unwrap().account, "");
    assert_eq!(served.edit_as(&operator.secret, "a.example").await.unwrap().changed_by, "admin-token");
    let refused = served.create_token(&operator.secret, Role::Viewer).await.unwrap_err();
    assert_eq!(reason(&refused), "NOT_PERMITTED");
    let administrator = served.create_token(TOKEN, Role::Administrator).await.unwrap();
    served.create_token(&administrator.secret, Role::Viewer).await.unwrap();
    assert_eq!(served.tokens(&operator.secret, true).await.len(), 1, "itself");
    assert_eq!(served.tokens(&administrator.secret, true).await.len(), 3);
    let change = wire::ChangePasswordRequest::default();
    let refused = served.client.change_password(with(&operator.secret, change)).await.unwrap_err();
    assert_eq!(reason(&refused), "NO_ACCOUNT");
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions() {
    let mut served = Served::new().await;
    let (here, by_hand) = {
        let here = served.person("mia", Role::Operator).await;
        let by_hand = served.create_token(&here, Role::Viewer).await.unwrap().secret;
        (here, by_hand)
    };
    let elsewhere = served.sign_in("mia", PASSWORD).await.unwrap().secret;
    let signed_in = served.authenticator.sign_in("mia", password(PASSWORD), None, None).await.unwrap();
    let cookie = served.authenticator.open_session(&signed_in).await.unwrap().unwrap();
    assert!(served.authenticator.session(cookie.reveal()).await.unwrap().is_some());

    let change = |present: &str| wire::ChangePasswordRequest {
        present_password: present.to_owned(),
        new_password: "another long walk home".to_owned(),
    };
    let refused = served.client.change_password(with(&here, change("a guess"))).await.unwrap_err();
    let violations = refused.get_details_bad_request().unwrap().field_violations;
    assert_eq!(violations[0].field, "present_password");
    let changed = served.client.change_password(with(&here, change(PASSWORD))).await.unwrap().into_inner();
    assert_eq!(changed.n_sessions_ended, 2);
    assert_eq!(served.caller(&elsewhere).await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(served.authenticator.session(cookie.reveal()).await.unwrap(), None);
    served.caller(&here).await.unwrap();
    served.caller(&by_hand).await.unwrap();

    // Whoever had shown the old password gets nothing for it any more.
    assert!(served.authenticator.open_session(&signed_in).await.unwrap().is_none());
}

#[tokio::test]
async fn a_reset_password_ends_every_session_and_is_for_once() {
    let mut served = Served::new().await;
    let token = served.person("mia", Role::Operator).await;
    let request = wire::ResetPasswordRequest { name: "mia".to_owned() };
    let reset = served.client.reset_password(with_token(request)).await.unwrap().into_inner();
    assert!(reset.account.unwrap().must_change_password);
    assert_eq!(served.caller(&token).await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(reason(&served.sign_in("mia", PASSWORD).await.unwrap_err()), "SIGN_IN_REFUSED");
    let refused = served.sign_in("mia", &reset.one_time_password).await.unwrap_err();
    assert_eq!(reason(&refused), "PASSWORD_MUST_CHANGE");
}

#[tokio::test]
async fn lifetimes_of_signing_in_are_bounded() {
    let mut served = Served::new().await;
    served.person("mia", Role::Viewer).await;
    let days = |days: i64| Some(prost_types::Duration { seconds: days * 86_400, nanos: 0 });
    let request = SignInRequest { lifetime: days(31), ..signed_in_as("mia", PASSWORD) };
    let refused = served.client.sign_in(request).await.unwrap_err();
    assert_eq!(refused.get_details_bad_request().unwrap().field_violations[0].field, "lifetime");
    let request = SignInRequest { lifetime: days(30), ..signed_in_as("mia", PASSWORD) };
    let token = served.client.sign_in(request).await.unwrap().into_inner().token.unwrap();
    let seconds = |time: Option<prost_types::Timestamp>| time.unwrap().seconds;
    assert_eq!(seconds(token.expires_at) - seconds(token.created_at), 30 * 86_400);
}

fn password(text: &str) -> crate::access::Password {
    crate::access::Password::presented(text.to_owned())
}

#[tokio::test]
async fn no_answer_but_the_first_holds_a_secret() {
    use prost::Message as _;

    let mut served = Served::new().await;
    let secret = served.person("mia", Role::Administrator).await;
    let accounts = served.client.list_accounts(with(&secret, wire::ListAccountsRequest {})).await.unwrap();
    let tokens = wire::ListApiTokensResponse { tokens: served.tokens(&secret, true).await };
    let caller = served.caller(&secret).await.unwrap();
    let answers =
        [accounts.into_inner().encode_to_vec(), tokens.encode_to_vec(), caller.encode_to_vec()].concat();
    for needle in [secret.as_bytes(), PASSWORD.as_bytes(), b"argon2"] {
        assert!(!answers.windows(needle.len()).any(|window| window == needle));
    }
    let status = pb::Status::decode(served.sign_in("mia", "my secret guess").await.unwrap_err().details());
    assert!(!format!("{status:?}").contains("my secret guess"));
}
