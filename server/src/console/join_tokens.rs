//! Join tokens: made, shown once with the command that uses them, listed, revoked.

use std::time::SystemTime;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use landmark_proto::wire;

use super::Console;
use super::fields::Fields;
use super::form::Errors;
use super::format::{Moment, Number, counted};
use super::layout::{Layout, Section, shown, shown_as};
use super::mount::Mount;
use super::problem::Problem;
use super::visit::Visit;
use super::wired;
use crate::admin::AdminError;

pub(super) fn mount(mount: Mount) -> Mount {
    mount.get("/join-tokens", list).post("/join-tokens", create).post("/join-tokens/revoke", revoke)
}

/// The form as it was typed.
#[derive(Debug)]
struct Typed {
    description: String,
    max_uses: String,
    days: String,
}

impl Default for Typed {
    fn default() -> Self {
        Self { description: String::new(), max_uses: "1".to_owned(), days: "1".to_owned() }
    }
}

/// One row.
struct Row {
    id: String,
    description: String,
    created_by: String,
    created: Moment,
    expires: Moment,
    n_uses: Number,
    max_uses: Number,
    state: &'static str,
    is_alive: bool,
}

#[derive(Template)]
#[template(path = "join_tokens.html")]
struct Page {
    layout: Layout,
    rows: Vec<Row>,
    shows_dead: bool,
    typed: Typed,
    errors: Errors,
    /// The join command of the token that was just made.
    command: Option<String>,
}

impl Page {
    const FIELDS: &[&str] = &["description", "max_uses", "lifetime"];
}

async fn list(State(console): State<Console>, visit: Visit) -> Result<Response, Problem> {
    shown(&page(&console, &visit).await?)
}

async fn page(console: &Console, visit: &Visit) -> Result<Page, Problem> {
    let shows_dead = visit.query.is_set("all");
    let request = wire::ListJoinTokensRequest { include_dead: shows_dead };
    let tokens = console.admin().tokens.list(request).await?.tokens;
    Ok(Page {
        layout: console.layout(visit, Section::JoinTokens, "Join tokens").await?,
        rows: tokens.into_iter().map(|token| row(token, visit.now)).collect(),
        shows_dead,
        typed: Typed::default(),
        errors: Errors::default(),
        command: None,
    })
}

fn row(token: wire::JoinToken, now: SystemTime) -> Row {
    let wire::JoinToken {
        token_id,
        description,
        created_at,
        created_by,
        expires_at,
        max_uses,
        n_uses,
        revoked,
    } = token;
    let expires_at = wired::time(expires_at);
    let state = if revoked {
        "revoked"
    } else if n_uses >= max_uses {
        "used up"
    } else if expires_at <= now {
        "expired"
    } else {
        "valid"
    };
    Row {
        id: token_id,
        description,
        created_by,
        created: Moment::new(wired::time(created_at), now),
        expires: Moment::new(expires_at, now),
        n_uses: Number(n_uses.into()),
        max_uses: Number(max_uses.into()),
        state,
        is_alive: state == "valid",
    }
}

async fn create(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Problem> {
    let typed = Typed {
        description: fields.text("description").to_owned(),
        max_uses: fields.text("max_uses").to_owned(),
        days: fields.text("lifetime").to_owned(),
    };
    let made = match request(&typed) {
        Ok(request) => console.admin().tokens.create(request, visit.author()).await,
        Err(errors) => return refused(&console, &visit, typed, errors).await,
    };
    match made {
        Ok(wire::CreateJoinTokenResponse { join_string, .. }) => {
            let page = page(&console, &visit).await?;
            let command = Some(format!("landmark-agent enroll {join_string}"));
            shown_as("/join-tokens", &Page { command, ..page })
        }
        Err(AdminError::Invalid(violations)) => refused(&console, &visit, typed, violations.into()).await,
        Err(error) => Err(error.into()),
    }
}

fn request(typed: &Typed) -> Result<wire::CreateJoinTokenRequest, Errors> {
    let mut errors = Errors::default();
    let max_uses = typed.max_uses.parse().unwrap_or_else(|_| {
        errors.push("max_uses", format!("{:?} is not a number of machines (1 to 100000)", typed.max_uses));
        0
    });
    let days: i64 = typed.days.parse().ok().filter(|days| (1..=365).contains(days)).unwrap_or_else(|| {
        errors.push("lifetime", format!("{:?} is not a number of days (1 to 365)", typed.days));
        0
    });
    if !errors.is_empty() {
        return Err(errors);
    }
    let lifetime = Some(prost_types::Duration { seconds: days * 86_400, nanos: 0 });
    Ok(wire::CreateJoinTokenRequest {
        description: typed.description.clone(),
        max_uses,
        lifetime,
        addresses: Vec::new(),
    })
}

async fn refused(
    console: &Console,
    visit: &Visit,
    typed: Typed,
    errors: Errors,
) -> Result<Response, Problem> {
    let page = Page { typed, errors, ..page(console, visit).await? };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(page.render()?)).into_response())
}

async fn revoke(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Problem> {
    let request = wire::RevokeJoinTokenRequest { token_id: fields.text("token").to_owned() };
    let token = console.admin().tokens.revoke(request, &visit.caller.author).await?;
    let used = counted(token.n_uses.into(), "machine", "machines");
    Ok(console.done(
        &visit,
        "/join-tokens",
        format!("The token was revoked. {used} had joined by it, and stay."),
    ))
}
