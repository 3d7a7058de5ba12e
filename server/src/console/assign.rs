//! Assigning the draft: what is doubtful, what will change and for how many, and then doing it.

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
use super::format::{Moment, Number};
use super::layout::{Layout, Section, shown};
use super::mount::Mount;
use super::problem::Problem;
use super::visit::Visit;
use super::wired;
use crate::admin::AdminError;

pub(super) fn mount(mount: Mount) -> Mount {
    mount.get("/assign", show).post("/assign", assign)
}

/// The form as it was typed, and why it was not done.
#[derive(Debug, Default)]
struct Typed {
    note: String,
    errors: Errors,
    /// Whether somebody changed the draft after it was shown.
    is_changed_meanwhile: bool,
}

#[derive(Template)]
#[template(path = "assign.html")]
struct Page {
    layout: Layout,
    etag: String,
    /// Of the present assignment; 0 before the first.
    assigned: u64,
    by: String,
    at: Option<Moment>,
    lines: Vec<Line>,
    findings: Vec<Finding>,
    n_online: Number,
    n_offline: Number,
    typed: Typed,
}

async fn show(State(console): State<Console>, visit: Visit) -> Result<Response, Problem> {
    shown(&page(&console, &visit, Typed::default()).await?)
}

async fn page(console: &Console, visit: &Visit, typed: Typed) -> Result<Page, Problem> {
    let admin = console.admin();
    // The etag first: a draft that changes after it was read cannot be assigned by this page.
    let draft = console.draft().await?;
    let info = admin.info();
    Ok(Page {
        layout: console.layout(visit, Section::Assignments, "Assign to agents").await?,
        etag: draft.etag,
        assigned: draft.assigned_revision,
        by: draft.changed_by,
        at: wired::time_if_any(draft.changed_at).map(|at| Moment::new(at, visit.now)),
        lines: changes::lines(admin.drafts.diff().await?.changes),
        findings: findings(admin.drafts.lint().await?),
        n_online: Number(info.n_agents_online),
        n_offline: Number(info.n_agents.saturating_sub(info.n_agents_online)),
        typed,
    })
}

async fn assign(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Problem> {
    // As it was typed but for the line ends, which browsers send as two characters.
    let note = fields.text("note").replace("\r\n", "\n");
    let request = wire::AssignRequest { etag: fields.text("etag").to_owned(), note: note.clone() };
    let (status, typed) = match console.admin().assignments.assign(request, visit.author()).await {
        Ok(wire::AssignResponse { assignment, created }) => {
            let revision = assignment.map_or(0, |summary| summary.revision);
            let text = if created {
                format!("Assignment {revision} was made, and goes to agents now.")
            } else {
                format!("Nothing to assign: the draft is assignment {revision}, which agents hold.")
            };
            return Ok(console.done(&visit, &format!("/assignments/{revision}"), text));
        }
        Err(AdminError::Invalid(violations)) => {
            let errors = violations.into();
            (StatusCode::UNPROCESSABLE_ENTITY, Typed { note, errors, is_changed_meanwhile: false })
        }
        Err(AdminError::Conflict(_)) => {
            (StatusCode::CONFLICT, Typed { note, is_changed_meanwhile: true, ..Typed::default() })
        }
        Err(error) => return Err(error.into()),
    };
    let page = page(&console, &visit, typed).await?;
    Ok((status, Html(page.render()?)).into_response())
}

#[cfg(test)]
mod tests;
