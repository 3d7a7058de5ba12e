//! Accounts of people, and everybody's API tokens.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use landmark_proto::wire;

use super::Console;
use super::api_tokens::{TokenRow, role_name, role_of};
use super::fields::Fields;
use super::form::Errors;
use super::format::Moment;
use super::layout::{Layout, Section, shown, shown_as};
use super::mount::Mount;
use super::problem::Problem;
use super::visit::Visit;
use super::wired;
use crate::access::{Permission, Role};
use crate::admin::AdminError;

pub(super) fn mount(mount: Mount) -> Mount {
    mount
        .get("/accounts", list)
        .post("/accounts", create)
        .post("/accounts/edit", edit)
        .post("/accounts/reset-password", reset_password)
        .post("/accounts/remove", remove)
}

#[derive(Template)]
#[template(path = "accounts/list.html")]
struct Page {
    layout: Layout,
    rows: Vec<Row>,
    tokens: Vec<TokenRow>,
    roles: Vec<RoleRow>,
    typed_name: String,
    typed_role: String,
    errors: Errors,
    /// Of the account that was just made, or whose password was just replaced: its name and password.
    one_time: Option<(String, String)>,
}

impl Page {
    const FIELDS: &[&str] = &["name", "role"];
}

struct Row {
    name: String,
    role: &'static str,
    is_disabled: bool,
    must_change: bool,
    created: Moment,
    created_by: String,
    last_signed_in: Option<Moment>,
    is_own: bool,
}

/// A role, and what it may.
struct RoleRow {
    name: &'static str,
    deeds: String,
}

async fn list(State(console): State<Console>, visit: Visit) -> Result<Response, Problem> {
    shown(&page(&console, &visit).await?)
}

async fn page(console: &Console, visit: &Visit) -> Result<Page, Problem> {
    let access = &console.admin().access;
    let accounts = access.list_accounts().await?.accounts;
    let request = wire::ListApiTokensRequest { include_dead: false };
    let tokens = access.list_tokens(request, &visit.caller).await?.tokens;
    Ok(Page {
        layout: console.layout(visit, Section::Accounts, "Accounts").await?,
        rows: accounts.into_iter().map(|account| row(account, visit)).collect(),
        tokens: tokens.into_iter().map(|token| TokenRow::new(token, visit.now)).collect(),
        roles: Role::ALL.into_iter().map(role_row).collect(),
        typed_name: String::new(),
        typed_role: Role::Viewer.name().to_owned(),
        errors: Errors::default(),
        one_time: None,
    })
}

fn row(account: wire::Account, visit: &Visit) -> Row {
    Row {
        role: role_name(account.role()),
        is_own: visit.caller.account().is_some_and(|own| own.as_str() == account.name),
        name: account.name,
        is_disabled: account.disabled,
        must_change: account.must_change_password,
        created: Moment::new(wired::time(account.created_at), visit.now),
        created_by: account.created_by,
        last_signed_in: wired::time_if_any(account.last_signed_in_at).map(|at| Moment::new(at, visit.now)),
    }
}

fn role_row(role: Role) -> RoleRow {
    let deeds: Vec<&str> =
        role.permissions().iter().map(|permission: &Permission| permission.deed()).collect();
    RoleRow { name: role.name(), deeds: deeds.join(", ") }
}

async fn create(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Problem> {
    let (name, role) = (fields.text("name").to_lowercase(), fields.text("role"));
    let request = wire::CreateAccountRequest { name: name.clone(), role: role_of(role).into() };
    let errors = match console.admin().access.create_account(request, &visit.caller).await {
        Ok(made) => {
            let one_time = Some((name, made.one_time_password));
            let page = Page { one_time, ..page(&console, &visit).await? };
            return shown_as("/accounts", &page);
        }
        Err(AdminError::Invalid(violations)) => violations.into(),
        Err(error @ AdminError::AccountExists(_)) => Errors::at("name", error.to_string()),
        Err(error) => return Err(error.into()),
    };
    let page =
        Page { typed_name: name, typed_role: role.to_owned(), errors, ..page(&console, &visit).await? };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(page.render()?)).into_response())
}

async fn edit(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Problem> {
    let name = fields.text("name").to_owned();
    let role = fields.text("role");
    if let Some(present) = changed_meanwhile(&console, &name, &fields).await? {
        let text = format!("Nothing was changed: somebody else has changed {name} meanwhile. {present}");
        return Ok(console.not_done(&visit, "/accounts", text));
    }
    let disabled = match fields.text("disabled") {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    };
    let request = wire::EditAccountRequest {
        name,
        new_role: (!role.is_empty()).then(|| role_of(role).into()),
        disabled,
    };
    match console.admin().access.edit_account(request, &visit.caller).await {
        Ok(account) => {
            let state = if account.disabled { ", disabled" } else { "" };
            let text = format!("{} is now: {}{state}.", account.name, role_name(account.role()));
            // Whoever gave up their own right to this page does not come back to it.
            let is_own = visit.caller.account().is_some_and(|own| own.as_str() == account.name);
            Ok(console.done(&visit, if is_own { "/account" } else { "/accounts" }, text))
        }
        Err(error @ AdminError::LastAdministrator(_)) => {
            Ok(console.not_done(&visit, "/accounts", format!("Nothing was changed: {error}.")))
        }
        Err(error) => Err(error.into()),
    }
}

/// How the account is, if it is not as it was on the page of whoever edits it.
async fn changed_meanwhile(
    console: &Console,
    name: &str,
    fields: &Fields,
) -> Result<Option<String>, Problem> {
    let accounts = console.admin().access.list_accounts().await?.accounts;
    let Some(account) = accounts.into_iter().find(|account| account.name == name) else { return Ok(None) };
    let (role, state) = (role_name(account.role()), if account.disabled { "disabled" } else { "enabled" });
    let is_as_it_was = (fields.text("was_role").is_empty() || fields.text("was_role") == role)
        && (fields.text("was").is_empty() || fields.text("was") == state);
    Ok((!is_as_it_was).then(|| format!("The account is {state}, and its role is {role}.")))
}

async fn reset_password(
    State(console): State<Console>,
    visit: Visit,
    fields: Fields,
) -> Result<Response, Problem> {
    let name = fields.text("name").to_owned();
    let request = wire::ResetPasswordRequest { name: name.clone() };
    let reset = console.admin().access.reset_password(request, &visit.caller).await?;
    let one_time = Some((name, reset.one_time_password));
    shown_as("/accounts", &Page { one_time, ..page(&console, &visit).await? })
}

async fn remove(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Problem> {
    let request = wire::RemoveAccountRequest { name: fields.text("name").to_owned() };
    match console.admin().access.remove_account(request, &visit.caller).await {
        Ok(removed) => {
            let name = removed.account.unwrap_or_default().name;
            Ok(console.done(
                &visit,
                "/accounts",
                format!("The account {name} was removed, with its sessions and API tokens."),
            ))
        }
        Err(error @ AdminError::LastAdministrator(_)) => {
            Ok(console.not_done(&visit, "/accounts", format!("Nothing was changed: {error}.")))
        }
        Err(error) => Err(error.into()),
    }
}
