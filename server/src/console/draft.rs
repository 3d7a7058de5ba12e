//! The draft: how it differs from what agents hold, who changed it last, and going back.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use landmark_proto::wire;

use super::Console;
use super::changes::{self, Line};
use super::fields::Fields;
use super::format::{Moment, counted};
use super::layout::{Layout, Section, part, shown};
use super::mount::Mount;
use super::problem::Problem;
use super::visit::Visit;
use super::wired;
use crate::admin::AdminError;

pub(super) fn mount(mount: Mount) -> Mount {
    mount.get("/draft", show).get("/draft/bar", bar).post("/draft/discard", discard)
}

#[derive(Template)]
#[template(path = "draft.html")]
struct Page {
    layout: Layout,
    etag: String,
    /// Of the present assignment; 0 before the first.
    assigned: u64,
    by: String,
    at: Option<Moment>,
    lines: Vec<Line>,
    /// Whether somebody changed it before it could be discarded.
    is_changed_meanwhile: bool,
}

impl Page {
    fn counted(&self) -> String {
        counted(
            u64::try_from(self.lines.len()).unwrap_or(u64::MAX),
            "unassigned change",
            "unassigned changes",
        )
    }
}

async fn show(State(console): State<Console>, visit: Visit) -> Result<Response, Problem> {
    shown(&page(&console, &visit).await?)
}

async fn page(console: &Console, visit: &Visit) -> Result<Page, Problem> {
    let draft = console.draft().await?;
    Ok(Page {
        layout: console.layout(visit, Section::Assignments, "Draft").await?,
        etag: draft.etag,
        assigned: draft.assigned_revision,
        by: draft.changed_by,
        at: wired::time_if_any(draft.changed_at).map(|at| Moment::new(at, visit.now)),
        lines: changes::lines(console.admin().drafts.diff().await?.changes),
        is_changed_meanwhile: false,
    })
}

async fn bar(State(console): State<Console>, visit: Visit) -> Result<Response, Problem> {
    part(&console.draft_bar(&visit).await?)
}

async fn discard(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Problem> {
    let request = wire::DiscardDraftRequest { etag: fields.text("etag").to_owned() };
    match console.admin().drafts.discard(request, visit.author()).await {
        Ok(_) => {
            let text = "Discarded: the draft is what agents hold.";
            Ok(console.done(&visit, "/draft", text))
        }
        Err(AdminError::Conflict(_)) => {
            let page = Page { is_changed_meanwhile: true, ..page(&console, &visit).await? };
            Ok((StatusCode::CONFLICT, Html(page.render()?)).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
