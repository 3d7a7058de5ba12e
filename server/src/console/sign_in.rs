//! Signing in and out, and the first account of all.

use std::net::IpAddr;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::header::{self, HeaderValue};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Redirect, Response};

use super::Console;
use super::fields::Fields;
use super::form::Errors;
use super::gate::COOKIE;
use super::mount::Mount;
use super::problem::Problem;
use super::visit::Visit;
use crate::access::{Caller, FirstAccountError, Password, SignInError, SignedIn};
use crate::edge::PeerAddress;

pub(super) fn mount(mount: Mount) -> Mount {
    mount
        .get("/sign-in", ask)
        .post("/sign-in", sign_in)
        .get("/welcome", welcome)
        .post("/welcome", create_first)
        .post("/sign-out", sign_out)
}

#[derive(Template)]
#[template(path = "sign_in/sign_in.html")]
struct SignInPage {
    account: String,
    /// Where they wanted to go.
    next: String,
    /// The password was right, and must be replaced.
    must_change: bool,
    errors: Errors,
    /// There is no account yet: how to make one.
    is_first: bool,
}

impl SignInPage {
    const FIELDS: &[&str] = &["account", "password", "new_password", "new_password_again"];
}

#[derive(Template)]
#[template(path = "sign_in/welcome.html")]
struct WelcomePage {
    code: String,
    is_valid: bool,
    account: String,
    errors: Errors,
}

impl WelcomePage {
    const FIELDS: &[&str] = &["account", "password", "password_again"];
}

async fn ask(
    State(console): State<Console>,
    caller: Option<Extension<Caller>>,
    uri: Uri,
) -> Result<Response, Problem> {
    let query = Fields::from_bytes(uri.query().unwrap_or_default().as_bytes());
    if caller.is_some() {
        let next = own_page(query.text("next"));
        return Ok(Redirect::to(if next.is_empty() { "/" } else { next }).into_response());
    }
    let page = SignInPage {
        account: String::new(),
        next: own_page(query.text("next")).to_owned(),
        must_change: false,
        errors: Errors::default(),
        is_first: console.authenticator().awaits_first_account(),
    };
    Ok(Html(page.render()?).into_response())
}

async fn sign_in(
    State(console): State<Console>,
    peer: Option<Extension<PeerAddress>>,
    fields: Fields,
) -> Result<Response, Problem> {
    let account = fields.text("account").to_owned();
    let next = own_page(fields.text("next")).to_owned();
    let must_change = fields.is_set("must_change");
    let new = fields.whole("new_password");
    let page = |must_change, errors| SignInPage {
        account: account.clone(),
        next: next.clone(),
        must_change,
        errors,
        is_first: false,
    };
    if must_change && new != fields.whole("new_password_again") {
        let errors = Errors::at("new_password_again", "is not the same as the new password");
        return refused(StatusCode::UNPROCESSABLE_ENTITY, &page(true, errors));
    }
    let password = Password::presented(fields.whole("password").to_owned());
    let new = must_change.then(|| new.to_owned());
    let signed_in = console.authenticator().sign_in(&account, password, new, ip(peer)).await;
    match signed_in {
        Ok(signed_in) => enter(&console, &signed_in, &next).await,
        Err(SignInError::MustChange(_)) => {
            refused(StatusCode::UNPROCESSABLE_ENTITY, &page(true, Errors::default()))
        }
        Err(SignInError::NewPassword(weak)) => {
            let errors = Errors::at("new_password", weak.to_string());
            refused(StatusCode::UNPROCESSABLE_ENTITY, &page(true, errors))
        }
        Err(SignInError::Store(error)) => Err(error.into()),
        Err(error) => {
            let is_too_often = matches!(error, SignInError::TooManyFailures { .. } | SignInError::Busy);
            let status =
                if is_too_often { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::UNPROCESSABLE_ENTITY };
            refused(status, &page(must_change, Errors::at("", error.to_string())))
        }
    }
}

async fn welcome(State(console): State<Console>, uri: Uri) -> Result<Response, Problem> {
    let query = Fields::from_bytes(uri.query().unwrap_or_default().as_bytes());
    let code = query.text("code").to_owned();
    let is_valid = console.authenticator().is_first_account_code(&code);
    let page = WelcomePage { code, is_valid, account: String::new(), errors: Errors::default() };
    let status = if is_valid { StatusCode::OK } else { StatusCode::FORBIDDEN };
    Ok((status, Html(page.render()?)).into_response())
}

async fn create_first(State(console): State<Console>, fields: Fields) -> Result<Response, Problem> {
    let (code, account) = (fields.text("code"), fields.text("account").to_lowercase());
    let password = fields.whole("password");
    let page =
        |is_valid, errors| WelcomePage { code: code.to_owned(), is_valid, account: account.clone(), errors };
    if password != fields.whole("password_again") {
        let errors = Errors::at("password_again", "is not the same as the password");
        return refused(StatusCode::UNPROCESSABLE_ENTITY, &page(true, errors));
    }
    let made = console.authenticator().create_first_account(code, &account, password.to_owned()).await;
    match made {
        Ok(signed_in) => enter(&console, &signed_in, "").await,
        Err(FirstAccountError::Code) => refused(StatusCode::FORBIDDEN, &page(false, Errors::default())),
        Err(FirstAccountError::Name(error)) => {
            refused(StatusCode::UNPROCESSABLE_ENTITY, &page(true, Errors::at("account", error.to_string())))
        }
        Err(FirstAccountError::Password(error)) => {
            refused(StatusCode::UNPROCESSABLE_ENTITY, &page(true, Errors::at("password", error.to_string())))
        }
        Err(FirstAccountError::Hash(error)) => Err(crate::admin::AdminError::from(error).into()),
        Err(FirstAccountError::Store(error)) => Err(error.into()),
    }
}

async fn sign_out(State(console): State<Console>, visit: Visit) -> Result<Response, Problem> {
    if let Some(session) = visit.session() {
        console.authenticator().end_session(&session).await?;
    }
    // What the browser has kept of the pages goes with the session.
    let headers = [
        (header::SET_COOKIE, HeaderValue::from_static(GONE)),
        (header::HeaderName::from_static("clear-site-data"), HeaderValue::from_static("\"storage\"")),
    ];
    Ok((headers, Redirect::to("/sign-in")).into_response())
}

const GONE: &str = "__Host-landmark=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0";

/// Opens a session, and goes on to where they wanted to go.
async fn enter(console: &Console, signed_in: &SignedIn, next: &str) -> Result<Response, Problem> {
    let Some(cookie) = console.authenticator().open_session(signed_in).await? else {
        return Err(Problem::SignedOut);
    };
    let cookie = format!("{COOKIE}={}; Path=/; Secure; HttpOnly; SameSite=Strict", cookie.reveal());
    let mut headers = HeaderMap::new();
    let mut cookie = HeaderValue::try_from(cookie).map_err(|_| Problem::Unavailable)?;
    cookie.set_sensitive(true);
    headers.insert(header::SET_COOKIE, cookie);
    let to = if next.is_empty() { "/" } else { next };
    Ok((headers, Redirect::to(to)).into_response())
}

fn refused(status: StatusCode, page: &impl Template) -> Result<Response, Problem> {
    Ok((status, Html(page.render()?)).into_response())
}

/// An address on this server; nothing for any other, whoever wrote the link.
fn own_page(next: &str) -> &str {
    let is_ours = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains(['\\', '\n', '\r', '\t'])
        && next.len() <= 2_000;
    if is_ours { next } else { "" }
}

fn ip(peer: Option<Extension<PeerAddress>>) -> Option<IpAddr> {
    peer.map(|Extension(PeerAddress(address))| address.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_site() {
        assert_eq!(own_page("/agents?text=a"), "/agents?text=a");
        for foreign in [
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "javascript:alert(1)",
            "",
            "/\n/evil",
        ] {
            assert_eq!(own_page(foreign), "", "{foreign:?}");
        }
    }
}
