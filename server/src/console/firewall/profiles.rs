//! The list of profiles: in their order, moved and deleted.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use landmark_proto::wire;
use landmark_proto::wire::edit::Kind;

use super::conflict::Conflict;
use super::{
    Doubt, Doubts, Drafted, Edited, Marks, PROFILES, edit, focus_after_move, position, refused, row_id, words,
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
        .get("/firewall", list)
        .post("/firewall/profiles/move", shift)
        .post("/firewall/profiles/delete", remove)
}

/// One profile.
struct Row {
    id: String,
    name: String,
    edit: String,
    is_enabled: bool,
    policy: String,
    policy_page: String,
    /// One text a kind; none for every machine.
    conditions: Vec<String>,
    mark: Option<&'static str>,
    doubts: Vec<Doubt>,
    /// From 0.
    place: usize,
}

#[derive(Template)]
#[template(path = "firewall/profiles.html")]
struct Page {
    layout: Layout,
    etag: String,
    rows: Vec<Row>,
    /// What is doubtful about all of them.
    doubts: Vec<Doubt>,
    /// Profiles that agents still have.
    gone: String,
    /// Why nothing was done.
    refused: Vec<String>,
    conflict: Option<Conflict>,
}

pub(super) async fn list(State(console): State<Console>, visit: Visit) -> Result<Response, Problem> {
    shown(&page(&console, &visit).await?)
}

async fn page(console: &Console, visit: &Visit) -> Result<Page, Problem> {
    let Drafted { etag, firewall, .. } = Drafted::read(console).await?;
    let marks = Marks::read(console).await?;
    let doubts = Doubts::read(console).await?;
    let rows = firewall.profiles.into_iter().enumerate();
    Ok(Page {
        layout: console.layout(visit, Section::Firewall, "Firewall profiles").await?,
        etag,
        rows: rows.map(|(place, profile)| row(profile, place, &marks, &doubts)).collect(),
        doubts: doubts.at(PROFILES),
        gone: marks.gone(PROFILES).join(", "),
        refused: Vec::new(),
        conflict: None,
    })
}

fn row(profile: wire::FirewallProfile, place: usize, marks: &Marks, doubts: &Doubts) -> Row {
    let wire::FirewallProfile { name, enabled, policy, conditions } = profile;
    Row {
        id: row_id("profile", &name),
        edit: format!("/firewall/profiles/edit?name={}", encoded(&name)),
        is_enabled: enabled,
        policy_page: format!("/firewall/policy?name={}", encoded(&policy)),
        policy,
        conditions: words::conditions(conditions.as_ref()),
        mark: marks.of(PROFILES, &name),
        doubts: doubts.at(&format!("{PROFILES}[{name}]")),
        place,
        name,
    }
}

async fn shift(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Problem> {
    let name = fields.text("name").to_owned();
    let edited = match position(&fields) {
        Ok(position) => {
            let kind =
                Kind::MoveFirewallProfile(wire::edit::MoveFirewallProfile { name: name.clone(), position });
            edit(&console, &visit, &fields, kind).await?
        }
        Err(errors) => Edited::Refused(errors),
    };
    if let Edited::Saved = edited {
        let to = format!("/firewall?focus={}", focus_after_move(&fields, &row_id("profile", &name)));
        return Ok(console.done(&visit, &to, format!("Saved to the draft: the profile “{name}” was moved.")));
    }
    not_done(&console, &visit, edited, "The profile was not moved.").await
}

async fn remove(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Problem> {
    let names: Vec<String> = fields.all("chosen").map(str::to_owned).collect();
    let n = u64::try_from(names.len()).unwrap_or(u64::MAX);
    let kind = Kind::RemoveFirewallProfiles(wire::edit::RemoveFirewallProfiles { names });
    let edited = edit(&console, &visit, &fields, kind).await?;
    if let Edited::Saved = edited {
        let told = counted(n, "profile", "profiles");
        return Ok(console.done(&visit, "/firewall", format!("Saved to the draft: {told} deleted.")));
    }
    not_done(&console, &visit, edited, "No profile was deleted.").await
}

/// The list as it is, with why nothing was done.
async fn not_done(
    console: &Console,
    visit: &Visit,
    edited: Edited,
    undone: &str,
) -> Result<Response, Problem> {
    let page = page(console, visit).await?;
    match edited {
        Edited::Conflict(present) => {
            let conflict = Some(Conflict::about(&present, visit, undone));
            refused(StatusCode::CONFLICT, &Page { conflict, ..page })
        }
        Edited::Refused(errors) => {
            let refused_as = whys(&errors);
            refused(StatusCode::UNPROCESSABLE_ENTITY, &Page { refused: refused_as, ..page })
        }
        Edited::Saved => shown(&page),
    }
}

/// Of an edit without fields that people see: only the messages.
pub(super) fn whys(errors: &Errors) -> Vec<String> {
    let parts = ["name", "names", "position"];
    let mut whys = errors.beside(&parts);
    for part in parts {
        whys.extend(errors.of(part).into_iter().map(str::to_owned));
    }
    whys
}
