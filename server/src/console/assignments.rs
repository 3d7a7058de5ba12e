//! The assignments: all of them, one of them, two compared, and assigning one again.

mod progress;

use std::fmt::Write as _;
use std::time::SystemTime;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use landmark_proto::revision::Revision;
use landmark_proto::wire;

use super::Console;
use super::changes::{self, Line};
use super::fields::Fields;
use super::form::Errors;
use super::format::{Moment, Number};
use super::layout::{Layout, Section, part, shown};
use super::location::described;
use super::mount::Mount;
use super::problem::Problem;
use super::visit::Visit;
use super::wired;
use crate::admin::AdminError;

use self::progress::Progress;

/// Rows of one page.
const PAGE: u32 = 50;

pub(super) fn mount(mount: Mount) -> Mount {
    mount
        .get("/assignments", list)
        .get("/assignments/compare", compare)
        .get("/assignments/{revision}", show)
        .get("/assignments/{revision}/progress", how_far)
        .post("/assignments/{revision}/again", again)
}

/// One assignment in short.
struct Row {
    revision: u64,
    digest: String,
    at: Moment,
    by: String,
    note: String,
    /// 0 for none.
    again_of: u64,
    n_servers: Number,
    is_enabled: bool,
    is_present: bool,
}

impl Row {
    fn new(summary: wire::AssignmentSummary, present: u64, now: SystemTime) -> Self {
        let wire::AssignmentSummary {
            revision,
            digest,
            assigned_at,
            assigned_by,
            note,
            again_of,
            n_reference_servers,
            list_enabled,
        } = summary;
        Self {
            revision,
            digest: hexadecimal(&digest),
            at: Moment::new(wired::time(assigned_at), now),
            by: assigned_by,
            note,
            again_of,
            n_servers: Number(n_reference_servers.into()),
            is_enabled: list_enabled,
            is_present: revision == present,
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a String cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}

#[derive(Template)]
#[template(path = "assignments.html")]
struct ListPage {
    layout: Layout,
    rows: Vec<Row>,
    /// Of the next page; empty for none.
    next: String,
    is_first: bool,
}

async fn list(State(console): State<Console>, visit: Visit) -> Result<Response, Problem> {
    let after = visit.query.text("after").to_owned();
    let is_first = after.is_empty();
    let request = wire::ListAssignmentsRequest { page_size: PAGE, page_token: after };
    let wire::ListAssignmentsResponse { assignments, next_page_token } =
        console.admin().assignments.list(request).await?;
    let present = console.admin().info().revision;
    shown(&ListPage {
        layout: console.layout(&visit, Section::Assignments, "Assignments").await?,
        rows: assignments.into_iter().map(|summary| Row::new(summary, present, visit.now)).collect(),
        next: next_page_token,
        is_first,
    })
}

#[derive(Template)]
#[template(path = "compare.html")]
struct ComparePage {
    layout: Layout,
    from: String,
    to: String,
    errors: Errors,
    /// `None`: there is nothing to compare as long as the numbers are wrong.
    lines: Option<Vec<Line>>,
}

async fn compare(State(console): State<Console>, visit: Visit) -> Result<Response, Problem> {
    let (from, to) = (visit.query.text("from"), visit.query.text("to"));
    let mut errors = Errors::default();
    let mut number = |name: &str, text: &str| {
        let revision = text.parse().ok().and_then(Revision::new);
        if revision.is_none() {
            errors.push(name, format!("{text:?} is not the number of an assignment"));
        }
        revision
    };
    let mut lines = None;
    if let (Some(from), Some(to)) = (number("from", from), number("to", to)) {
        let request = wire::DiffAssignmentsRequest { from_revision: from.get(), to_revision: to.get() };
        match console.admin().assignments.diff(request).await {
            Ok(diff) => lines = Some(changes::lines(diff.changes)),
            Err(AdminError::NoAssignment(revision)) => {
                let name = if revision == from { "from" } else { "to" };
                errors.push(name, format!("there is no assignment {revision}"));
            }
            Err(error) => return Err(error.into()),
        }
    }
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = ComparePage {
        layout: console.layout(&visit, Section::Assignments, "Compare assignments").await?,
        from: from.to_owned(),
        to: to.to_owned(),
        errors,
        lines,
    };
    Ok((status, Html(page.render()?)).into_response())
}

/// One reference server of an assignment.
struct Server {
    host: String,
    /// `80, 443 (tcp)`.
    described: String,
}

#[derive(Template)]
#[template(path = "assignment.html")]
struct Page {
    layout: Layout,
    row: Row,
    /// The present one; 0 before the first.
    present: u64,
    servers: Vec<Server>,
    progress: Progress,
    note: String,
    errors: Errors,
}

async fn show(
    State(console): State<Console>,
    visit: Visit,
    Path(revision): Path<String>,
) -> Result<Response, Problem> {
    shown(&page(&console, &visit, read(&revision)?).await?)
}

/// What is no number names no assignment.
fn read(revision: &str) -> Result<Revision, Problem> {
    revision.parse().ok().and_then(Revision::new).ok_or(Problem::NotFound)
}

async fn page(console: &Console, visit: &Visit, revision: Revision) -> Result<Page, Problem> {
    let admin = console.admin();
    let request = wire::GetAssignmentRequest { revision: revision.get() };
    let detail = admin.assignments.get(request).await?;
    let present = admin.info().revision;
    let list = detail.settings.and_then(|settings| settings.reference_servers).unwrap_or_default();
    let server = |server: wire::ReferenceServer| Server { described: described(&server), host: server.host };
    Ok(Page {
        layout: Layout {
            topics: "assignment".to_owned(),
            ..console.layout(visit, Section::Assignments, "Assignment").await?
        },
        row: Row::new(detail.summary.unwrap_or_default(), present, visit.now),
        present,
        servers: list.servers.into_iter().map(server).collect(),
        progress: Progress::new(admin.agents.progress(revision).await?),
        note: String::new(),
        errors: Errors::default(),
    })
}

async fn how_far(State(console): State<Console>, Path(revision): Path<String>) -> Result<Response, Problem> {
    part(&Progress::new(console.admin().agents.progress(read(&revision)?).await?))
}

async fn again(
    State(console): State<Console>,
    visit: Visit,
    Path(revision): Path<String>,
    fields: Fields,
) -> Result<Response, Problem> {
    let revision = read(&revision)?;
    let note = fields.text("note").replace("\r\n", "\n");
    let request = wire::AssignAgainRequest { revision: revision.get(), note: note.clone() };
    match console.admin().assignments.assign_again(request, visit.author()).await {
        Ok(wire::AssignResponse { assignment, created }) => {
            let made = assignment.map_or(0, |summary| summary.revision);
            let text = if created {
                format!("Assignment {made} was made of assignment {revision}, and goes to agents now.")
            } else {
                format!("Nothing to assign: agents hold assignment {made}, which is the same.")
            };
            Ok(console.done(&visit, &format!("/assignments/{made}"), text))
        }
        Err(AdminError::Invalid(violations)) => {
            let page = Page { note, errors: violations.into(), ..page(&console, &visit, revision).await? };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(page.render()?)).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
