//! Computer location: the reference server list, the criteria, the gateways. Each form is saved to the draft by itself.

mod gateways;
mod health;
mod rules;
mod server;
mod servers;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use landmark_proto::wire;

use super::Console;
use super::changes::{self, Line};
use super::fields::Fields;
use super::findings::{Finding, findings};
use super::form::Errors;
use super::format::encoded;
use super::layout::{Layout, Section, shown};
use super::mount::Mount;
use super::problem::Problem;
use super::saving::{Conflict, Version};
use super::visit::Visit;
use crate::admin::AdminError;

pub(super) use self::servers::described;

pub(super) fn mount(mount: Mount) -> Mount {
    let mount = mount.get("/location", show);
    let mount = rules::mount(mount);
    let mount = gateways::mount(mount);
    let mount = health::mount(mount);
    let mount = server::mount(mount);
    servers::mount(mount)
}

#[derive(Template)]
#[template(path = "location.html")]
struct Page {
    layout: Layout,
    etag: String,
    conflict: Option<Conflict>,
    /// Whether the reader came from the firewall profiles, and wants to go back there.
    is_from_firewall: bool,
    list: servers::List,
    server: servers::Typed,
    rules: rules::Typed,
    /// Rules that agents do not hold yet.
    rule_changes: Vec<Line>,
    gateways: gateways::Gateways,
    gateway: gateways::Typed,
    health: health::Basis,
    /// What is doubtful in the list, the rules and the gateways as a whole.
    findings: Vec<Finding>,
}

/// What was typed and not saved, and why.
#[derive(Debug, Default)]
struct Unsaved {
    server: servers::Typed,
    /// `None`: as they are saved.
    rules: Option<rules::Typed>,
    gateway: gateways::Typed,
    /// Of the buttons of the list.
    list_errors: Errors,
    /// Of the buttons of the gateways.
    gateway_errors: Errors,
    conflict: Option<Conflict>,
}

async fn show(State(console): State<Console>, visit: Visit) -> Result<Response, Problem> {
    let is_from_firewall = is_from_firewall(&visit.query);
    shown(&page(&console, &visit, is_from_firewall, Unsaved::default()).await?)
}

async fn page(
    console: &Console,
    visit: &Visit,
    is_from_firewall: bool,
    unsaved: Unsaved,
) -> Result<Page, Problem> {
    let admin = console.admin();
    let draft = console.draft().await?;
    let changes = changes::lines(admin.drafts.diff().await?.changes);
    let doubts = findings(admin.drafts.lint_at_once().await?);
    let health = admin.overviews.health().await?;
    let wire::Settings { reference_servers, location, gateways, firewall: _ } =
        draft.settings.unwrap_or_default();
    let Unsaved { server, rules, gateway, list_errors, gateway_errors, conflict } = unsaved;
    let about = servers::About {
        changes: &changes,
        findings: &doubts,
        health: &health,
        max: console.admin().info().max_reference_servers,
    };
    Ok(Page {
        layout: Layout {
            topics: "fleet".to_owned(),
            ..console.layout(visit, Section::Location, "Computer location").await?
        },
        etag: draft.etag,
        conflict,
        is_from_firewall,
        list: servers::List::new(reference_servers.unwrap_or_default(), &about, list_errors),
        server,
        rules: rules.unwrap_or_else(|| rules::Typed::of(&location.unwrap_or_default())),
        rule_changes: changes.iter().filter(|line| line.path.starts_with("location.")).cloned().collect(),
        gateways: gateways::Gateways::new(gateways, &changes, gateway_errors),
        gateway,
        health: health::Basis::new(&health, visit.now),
        findings: doubts.into_iter().filter(is_general).collect(),
    })
}

/// What is said of a single entry or of the switch stands beside it; what is said of the firewall has its own page.
fn is_general(finding: &Finding) -> bool {
    let path = &finding.path;
    changes::server_of(path).is_none()
        && !path.starts_with("firewall.")
        && !["firewall", "reference_servers.enabled"].contains(&path.as_str())
}

fn is_from_firewall(fields: &Fields) -> bool {
    fields.text("from") == "firewall"
}

/// Back to the page, with the focus on an element.
fn here(fields: &Fields, focus: &str) -> String {
    at(fields, &encoded(focus))
}

/// As [`here`], with the element as part of a query.
fn at(fields: &Fields, focus: &str) -> String {
    let from = if is_from_firewall(fields) { "from=firewall&" } else { "" };
    format!("/location?{from}focus={focus}")
}

/// The page again, with what was typed and why it was not saved.
async fn refused(
    (console, visit, fields): (&Console, &Visit, &Fields),
    error: AdminError,
    versions: impl FnOnce(&wire::Settings) -> Vec<Version>,
    unsaved: impl FnOnce(Errors) -> Unsaved,
) -> Result<Response, Problem> {
    if let AdminError::Invalid(violations) = error {
        return unreadable((console, visit, fields), unsaved(violations.into())).await;
    }
    if !matches!(error, AdminError::Conflict(_)) {
        return Err(error.into());
    }
    let present = console.draft().await?;
    let settings = present.settings.clone().unwrap_or_default();
    let theirs = if is_from_firewall(fields) { "/location?from=firewall" } else { "/location" };
    let conflict = Conflict {
        versions: versions(&settings),
        ..Conflict::new(visit, fields, &present, theirs.to_owned())
    };
    let unsaved = Unsaved { conflict: Some(conflict), ..unsaved(Errors::default()) };
    let page = page(console, visit, is_from_firewall(fields), unsaved).await?;
    Ok((StatusCode::CONFLICT, Html(page.render()?)).into_response())
}

/// The page again, with what is wrong at its fields.
async fn unreadable(
    (console, visit, fields): (&Console, &Visit, &Fields),
    unsaved: Unsaved,
) -> Result<Response, Problem> {
    let page = page(console, visit, is_from_firewall(fields), unsaved).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(page.render()?)).into_response())
}

#[cfg(test)]
mod tests;
