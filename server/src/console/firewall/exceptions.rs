//! Exceptions, of a policy or of the template, which has no name: one editor for both.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use landmark_proto::wire;
use landmark_proto::wire::edit::Kind;

use super::conflict::{Conflict, Versus};
use super::counts::Counts;
use super::exception_form::Typed;
use super::profiles::whys;
use super::words::{ACTIONS, DIRECTIONS, PROTOCOLS, either, ports};
use super::{
    Doubt, Doubts, Drafted, Edited, Marks, POLICIES, TEMPLATE, edit, focus_after_move, policies, policy_form,
    position, refused, row_id,
};
use crate::console::Console;
use crate::console::fields::Fields;
use crate::console::form::Errors;
use crate::console::format::{counted, encoded};
use crate::console::layout::{Layout, Section, shown};
use crate::console::mount::Mount;
use crate::console::problem::Problem;
use crate::console::visit::Visit;

pub(super) fn mount(mount: Mount) -> Mount {
    mount
        .get("/firewall/template", template)
        .post("/firewall/template/reset", reset)
        .post("/firewall/exceptions", add)
        .post("/firewall/exceptions/move", shift)
        .post("/firewall/exceptions/delete", remove)
}

/// What a page of exceptions says beside them.
#[derive(Default)]
pub(super) struct Said {
    /// In the form of a new one.
    pub(super) typed: Typed,
    pub(super) errors: Errors,
    /// About that form.
    pub(super) form_conflict: Option<Conflict>,
    /// Why nothing was done with the list.
    pub(super) refused: Vec<String>,
    /// About the list.
    pub(super) conflict: Option<Conflict>,
}

/// One exception.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) edit: String,
    pub(super) is_allowed: bool,
    pub(super) action: &'static str,
    pub(super) direction: &'static str,
    pub(super) protocol: &'static str,
    pub(super) ports: String,
    pub(super) remotes: String,
    pub(super) counts: Vec<String>,
    pub(super) mark: Option<&'static str>,
    pub(super) doubts: Vec<Doubt>,
    /// From 0.
    pub(super) place: usize,
}

/// The list with its forms; the page around it has `layout` and `etag`.
pub(super) struct Editor {
    /// Empty for the template.
    pub(super) policy: String,
    pub(super) rows: Vec<Row>,
    /// Whether firewalls have counted anything.
    pub(super) has_counts: bool,
    /// Exceptions that agents still have.
    pub(super) gone: String,
    pub(super) said: Said,
}

impl Editor {
    const FIELDS: &[&str] = &["name", "action", "direction", "protocol", "ports", "remotes", "position"];

    /// Of errors in the form, those that no field has.
    pub(super) fn errors_beside(&self) -> Vec<String> {
        self.said.errors.beside(Self::FIELDS)
    }
}

pub(super) async fn editor(
    console: &Console,
    draft: &Drafted,
    policy: &str,
    said: Said,
) -> Result<Editor, Problem> {
    let list =
        if policy.is_empty() { TEMPLATE.to_owned() } else { format!("{POLICIES}[{policy}].exceptions") };
    let marks = Marks::read(console).await?;
    let doubts = Doubts::read(console).await?;
    let counts = Counts::read(console).await?;
    let exceptions = draft.exceptions(policy).ok_or(Problem::NotFound)?;
    let row = |(place, exception): (usize, &wire::FirewallException)| {
        let wire::FirewallException { name, action, direction, protocol, ports: ranges, remotes } = exception;
        let page = format!("/firewall/exceptions/edit?policy={}&name={}", encoded(policy), encoded(name));
        Row {
            id: row_id("exception", name),
            edit: page,
            is_allowed: exception.action() == wire::FirewallAction::Allow,
            action: ACTIONS.word(*action),
            direction: DIRECTIONS.word(*direction),
            protocol: PROTOCOLS.label(*protocol),
            ports: ports(ranges),
            remotes: either(remotes),
            counts: if policy.is_empty() { Vec::new() } else { counts.of(policy, name) },
            mark: marks.of(&list, name),
            doubts: doubts.at(&format!("{list}[{name}]")),
            place,
            name: name.clone(),
        }
    };
    let rows: Vec<Row> = exceptions.iter().enumerate().map(row).collect();
    Ok(Editor {
        policy: policy.to_owned(),
        has_counts: rows.iter().any(|row| !row.counts.is_empty()),
        gone: marks.gone(&list).join(", "),
        said,
        rows,
    })
}

#[derive(Template)]
#[template(path = "firewall/template.html")]
struct TemplatePage {
    layout: Layout,
    etag: String,
    editor: Editor,
}

impl TemplatePage {
    fn heading(&self) -> &'static str {
        "Exceptions of the template"
    }
}

pub(super) async fn template(State(console): State<Console>, visit: Visit) -> Result<Response, Problem> {
    shown(&template_page(&console, &visit, Said::default()).await?)
}

async fn template_page(console: &Console, visit: &Visit, said: Said) -> Result<TemplatePage, Problem> {
    let draft = Drafted::read(console).await?;
    Ok(TemplatePage {
        layout: console.layout(visit, Section::Firewall, "Exception template").await?,
        editor: editor(console, &draft, "", said).await?,
        etag: draft.etag,
    })
}

/// The page of the policy, or that of the template, again.
async fn again(
    console: &Console,
    visit: &Visit,
    policy: &str,
    status: StatusCode,
    said: Said,
) -> Result<Response, Problem> {
    if policy.is_empty() {
        return refused(status, &template_page(console, visit, said).await?);
    }
    policy_form::again(console, visit, policy, status, said).await
}

/// Where the exceptions of a policy are, or those of the template, and what gets the focus there.
pub(super) fn page_of(policy: &str, focus: &str) -> String {
    let page = if policy.is_empty() {
        "/firewall/template?".to_owned()
    } else {
        format!("/firewall/policy?name={}&", encoded(policy))
    };
    if focus.is_empty() {
        page.trim_end_matches(['?', '&']).to_owned()
    } else {
        format!("{page}focus={focus}")
    }
}

async fn add(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Problem> {
    let policy = fields.text("policy");
    let typed = Typed::read(&fields);
    let edited = match typed.exception(&fields).and_then(|exception| Ok((exception, typed.place()?))) {
        Ok((exception, position)) => {
            let exception = Some(exception);
            let new = wire::edit::AddFirewallException { policy: policy.to_owned(), exception, position };
            edit(&console, &visit, &fields, Kind::AddFirewallException(new)).await?
        }
        Err(errors) => Edited::Refused(errors),
    };
    match edited {
        Edited::Saved => {
            let name = &typed.name;
            let to = page_of(policy, &encoded(&row_id("exception", name)));
            Ok(console.done(&visit, &to, format!("Saved to the draft: the exception “{name}” was added.")))
        }
        Edited::Refused(errors) => {
            let said = Said { typed, errors, ..Said::default() };
            again(&console, &visit, policy, StatusCode::UNPROCESSABLE_ENTITY, said).await
        }
        Edited::Conflict(present) => {
            let Some(list) = present.exceptions(policy) else {
                return policies::gone(&console, &visit, policy).await;
            };
            let same = list.iter().find(|it| it.name == typed.name).map(|it| Typed::of(it).told());
            let rows = Versus::rows(same, typed.clone().told());
            let conflict = Conflict::about(&present, &visit, "Nothing was saved.");
            let conflict = conflict.with(rows, page_of(policy, ""), "exception");
            let said = Said { typed, form_conflict: Some(conflict), ..Said::default() };
            again(&console, &visit, policy, StatusCode::CONFLICT, said).await
        }
    }
}

async fn shift(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Problem> {
    let (policy, name) = (fields.text("policy").to_owned(), fields.text("name").to_owned());
    let edited = match position(&fields) {
        Ok(position) => {
            let change =
                wire::edit::MoveFirewallException { policy: policy.clone(), name: name.clone(), position };
            edit(&console, &visit, &fields, Kind::MoveFirewallException(change)).await?
        }
        Err(errors) => Edited::Refused(errors),
    };
    if let Edited::Saved = edited {
        let to = page_of(&policy, &focus_after_move(&fields, &row_id("exception", &name)));
        let said = format!("Saved to the draft: the exception “{name}” was moved.");
        return Ok(console.done(&visit, &to, said));
    }
    not_done(&console, &visit, &policy, edited, "The exception was not moved.").await
}

async fn remove(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Problem> {
    let policy = fields.text("policy").to_owned();
    let names: Vec<String> = fields.all("chosen").map(str::to_owned).collect();
    let n = u64::try_from(names.len()).unwrap_or(u64::MAX);
    let change = wire::edit::RemoveFirewallExceptions { policy: policy.clone(), names };
    let edited = edit(&console, &visit, &fields, Kind::RemoveFirewallExceptions(change)).await?;
    if let Edited::Saved = edited {
        let told = counted(n, "exception", "exceptions");
        let said = format!("Saved to the draft: {told} deleted.");
        return Ok(console.done(&visit, &page_of(&policy, ""), said));
    }
    not_done(&console, &visit, &policy, edited, "No exception was deleted.").await
}

async fn reset(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Problem> {
    let kind = Kind::ResetFirewallTemplate(wire::edit::ResetFirewallTemplate {});
    let edited = edit(&console, &visit, &fields, kind).await?;
    if let Edited::Saved = edited {
        let said = "Saved to the draft: the template has the default exceptions.";
        return Ok(console.done(&visit, "/firewall/template", said));
    }
    not_done(&console, &visit, "", edited, "The template was not reset.").await
}

/// The list as it is, with why nothing was done.
async fn not_done(
    console: &Console,
    visit: &Visit,
    policy: &str,
    edited: Edited,
    undone: &str,
) -> Result<Response, Problem> {
    let (status, said) = match edited {
        Edited::Conflict(present) if present.exceptions(policy).is_none() => {
            return policies::gone(console, visit, policy).await;
        }
        Edited::Conflict(present) => {
            let conflict = Some(Conflict::about(&present, visit, undone));
            (StatusCode::CONFLICT, Said { conflict, ..Said::default() })
        }
        Edited::Refused(errors) => {
            (StatusCode::UNPROCESSABLE_ENTITY, Said { refused: whys(&errors), ..Said::default() })
        }
        Edited::Saved => (StatusCode::OK, Said::default()),
    };
    again(console, visit, policy, status, said).await
}
