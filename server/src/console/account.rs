//! One's own account: password, and API tokens for programs.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use landmark_proto::wire;

use super::Console;
use super::api_tokens::{TokenRow, Typed};
use super::fields::Fields;
use super::form::Errors;
use super::format::{Moment, counted};
use super::layout::{Layout, Section, shown, shown_as};
use super::mount::Mount;
use super::problem::Problem;
use super::visit::Visit;
use crate::access::{Role, SignInError};
use crate::admin::AdminError;

pub(super) fn mount(mount: Mount) -> Mount {
    mount
        .get("/account", show)
        .post("/account/password", change_password)
        .post("/account/end-sessions", end_sessions)
        .post("/account/tokens", create_token)
        .post("/account/tokens/revoke", revoke_token)
}

#[derive(Template)]
#[template(path = "accounts/own.html")]
struct Page {
    layout: Layout,
    permissions: Vec<&'static str>,
    /// Until when the session lasts, however busy it is.
    session_ends: Option<Moment>,
    has_account: bool,
    roles: Vec<&'static str>,
    tokens: Vec<TokenRow>,
    typed: Typed,
    token_errors: Errors,
    password_errors: Errors,
    /// The secret of the token that was just made.
    secret: Option<String>,
}

impl Page {
    const TOKEN_FIELDS: &[&str] = &["description", "role", "lifetime"];
    const PASSWORD_FIELDS: &[&str] = &["present_password", "new_password", "new_password_again"];
}

async fn show(State(console): State<Console>, visit: Visit) -> Result<Response, Problem> {
    shown(&page(&console, &visit).await?)
}

async fn page(console: &Console, visit: &Visit) -> Result<Page, Problem> {
    let request = wire::ListApiTokensRequest { include_dead: false };
    let tokens = console.admin().access.list_tokens(request, &visit.caller).await?.tokens;
    let own = visit.caller.account().map(|account| account.to_string()).unwrap_or_default();
    Ok(Page {
        layout: console.layout(visit, Section::Account, "Your account").await?,
        permissions: visit.caller.role.permissions().iter().map(|permission| permission.deed()).collect(),
        session_ends: visit.caller.kind.expires_at().map(|at| Moment::new(at, visit.now)),
        has_account: visit.caller.account().is_some(),
        roles: Role::ALL.iter().filter(|role| **role <= visit.caller.role).map(|role| role.name()).collect(),
        tokens: tokens
            .into_iter()
            .filter(|token| token.account == own)
            .map(|token| TokenRow::new(token, visit.now))
            .collect(),
        typed: Typed::default(),
        token_errors: Errors::default(),
        password_errors: Errors::default(),
        secret: None,
    })
}

async fn change_password(
    State(console): State<Console>,
    visit: Visit,
    fields: Fields,
) -> Result<Response, Problem> {
    let new = fields.whole("new_password");
    if new != fields.whole("new_password_again") {
        let errors = Errors::at("new_password_again", "is not the same as the new password");
        return refused(&console, &visit, errors).await;
    }
    let request = wire::ChangePasswordRequest {
        present_password: fields.whole("present_password").to_owned(),
        new_password: new.to_owned(),
    };
    match console.admin().access.change_password(request, &visit.caller).await {
        Ok(changed) => {
            let ended = counted(changed.n_sessions_ended, "other session was", "other sessions were");
            Ok(console.done(&visit, "/account", format!("Your password was changed; {ended} ended.")))
        }
        Err(AdminError::Invalid(violations)) => refused(&console, &visit, violations.into()).await,
        Err(AdminError::SignIn(error @ (SignInError::TooManyFailures { .. } | SignInError::Busy))) => {
            refused(&console, &visit, Errors::at("present_password", error.to_string())).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn refused(console: &Console, visit: &Visit, password_errors: Errors) -> Result<Response, Problem> {
    let page = Page { password_errors, ..page(console, visit).await? };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(page.render()?)).into_response())
}

async fn end_sessions(State(console): State<Console>, visit: Visit) -> Result<Response, Problem> {
    let account = visit.caller.account().ok_or_else(|| AdminError::NoOwnAccount(visit.caller.clone()))?;
    let n_ended = console.authenticator().end_all_sessions_but(&account, &visit.caller.kind).await?;
    let ended = counted(n_ended, "other session was", "other sessions were");
    Ok(console.done(&visit, "/account", format!("{ended} ended.")))
}

async fn create_token(
    State(console): State<Console>,
    visit: Visit,
    fields: Fields,
) -> Result<Response, Problem> {
    let typed = Typed::read(&fields);
    let token_errors = match typed.request() {
        Ok(request) => match console.admin().access.create_token(request, &visit.caller).await {
            Ok(made) => {
                let page = Page { secret: Some(made.secret), ..page(&console, &visit).await? };
                return shown_as("/account", &page);
            }
            Err(AdminError::Invalid(violations)) => violations.into(),
            Err(error) => return Err(error.into()),
        },
        Err(errors) => errors,
    };
    let page = Page { typed, token_errors, ..page(&console, &visit).await? };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(page.render()?)).into_response())
}

async fn revoke_token(
    State(console): State<Console>,
    visit: Visit,
    fields: Fields,
) -> Result<Response, Problem> {
    let request = wire::RevokeApiTokenRequest { token_id: fields.text("token").to_owned() };
    let token = console.admin().access.revoke_token(request, &visit.caller).await?;
    // Whoever manages accounts came from the page of all of them.
    let to = if fields.is_set("all") { "/accounts" } else { "/account" };
    let text = format!("The API token {:?} was revoked: it is refused from now on.", token.description);
    Ok(console.done(&visit, to, text))
}
