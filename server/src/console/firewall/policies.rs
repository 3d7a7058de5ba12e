//! The list of policies: added and deleted.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use landmark_proto::wire;
use landmark_proto::wire::edit::Kind;

use super::conflict::{Conflict, Versus};
use super::counts::Counts;
use super::policy_form::Typed;
use super::profiles::whys;
use super::words::{self, Choice, LEVELS, MODES};
use super::{Doubt, Doubts, Drafted, Edited, Marks, POLICIES, edit, refused, row_id};
use crate::console::Console;
use crate::console::fields::Fields;
use crate::console::form::Errors;
use crate::console::format::{Number, counted, encoded};
use crate::console::layout::{Layout, Section, shown};
use crate::console::mount::Mount;
use crate::console::problem::Problem;
use crate::console::visit::Visit;

pub(super) fn mount(mount: Mount) -> Mount {
    mount
        .get("/firewall/policies", list)
        .post("/firewall/policies", add)
        .post("/firewall/policies/delete", remove)
}

/// One policy.
struct Row {
    id: String,
    name: String,
    page: String,
    level: &'static str,
    meaning: &'static str,
    observes: bool,
    n_exceptions: Number,
    /// The profiles that give it to machines.
    users: Vec<String>,
    counts: Vec<String>,
    mark: Option<&'static str>,
    doubts: Vec<Doubt>,
}

#[derive(Template)]
#[template(path = "firewall/policies.html")]
struct Page {
    layout: Layout,
    etag: String,
    rows: Vec<Row>,
    /// What firewalls have counted, if they have.
    counts: Option<Counts>,
    /// Policies that agents still have.
    gone: String,
    typed: Typed,
    errors: Errors,
    levels: Vec<Choice>,
    modes: Vec<Choice>,
    n_template: usize,
    /// Why none was deleted.
    refused: Vec<String>,
    /// About the list.
    conflict: Option<Conflict>,
    /// About the form.
    form_conflict: Option<Conflict>,
}

impl Page {
    const FIELDS: &[&str] = &["name", "level", "mode"];
}

pub(super) async fn list(State(console): State<Console>, visit: Visit) -> Result<Response, Problem> {
    shown(&page(&console, &visit, Typed::default()).await?)
}

async fn page(console: &Console, visit: &Visit, typed: Typed) -> Result<Page, Problem> {
    let draft = Drafted::read(console).await?;
    let marks = Marks::read(console).await?;
    let doubts = Doubts::read(console).await?;
    let counts = Counts::read(console).await?;
    let rows = draft.firewall.policies.iter().map(|policy| row(policy, &draft, &marks, &doubts, &counts));
    Ok(Page {
        layout: console.layout(visit, Section::Firewall, "Firewall policies").await?,
        rows: rows.collect(),
        counts: counts.are_any().then_some(counts),
        gone: marks.gone(POLICIES).join(", "),
        levels: LEVELS.choices(&typed.level),
        modes: MODES.choices(&typed.mode),
        typed,
        errors: Errors::default(),
        n_template: draft.firewall.template.len(),
        refused: Vec::new(),
        conflict: None,
        form_conflict: None,
        etag: draft.etag,
    })
}

fn row(
    policy: &wire::FirewallPolicy,
    draft: &Drafted,
    marks: &Marks,
    doubts: &Doubts,
    counts: &Counts,
) -> Row {
    let wire::FirewallPolicy { name, level, mode, exceptions } = policy;
    let level = LEVELS.word(*level);
    Row {
        id: row_id("policy", name),
        page: format!("/firewall/policy?name={}", encoded(name)),
        level,
        meaning: words::meaning(level),
        observes: MODES.word(*mode) == "observe",
        n_exceptions: Number(u64::try_from(exceptions.len()).unwrap_or(u64::MAX)),
        users: draft.users(name),
        counts: counts.of_policy(name),
        mark: marks.of(POLICIES, name),
        doubts: doubts.at(&format!("{POLICIES}[{name}]")),
        name: name.clone(),
    }
}

async fn add(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Problem> {
    let typed = Typed::read(&fields, "name");
    let policy = wire::FirewallPolicy {
        name: typed.name.clone(),
        level: LEVELS.number(&typed.level),
        mode: MODES.number(&typed.mode),
        exceptions: Vec::new(),
    };
    let new = wire::edit::AddFirewallPolicy { policy: Some(policy), from_template: typed.from_template };
    match edit(&console, &visit, &fields, Kind::AddFirewallPolicy(new)).await? {
        Edited::Saved => {
            let name = &typed.name;
            let to = format!("/firewall/policy?name={}", encoded(name));
            Ok(console.done(&visit, &to, format!("Saved to the draft: the policy “{name}” was added.")))
        }
        Edited::Refused(errors) => {
            let page = page(&console, &visit, typed).await?;
            refused(StatusCode::UNPROCESSABLE_ENTITY, &Page { errors, ..page })
        }
        Edited::Conflict(present) => {
            let same = present.policy(&typed.name).map(|policy| Typed::of(policy).told());
            let rows = Versus::rows(same, typed.clone().told());
            let conflict = Conflict::about(&present, &visit, "Nothing was saved.");
            let form_conflict = Some(conflict.with(rows, "/firewall/policies", "policy"));
            let page = page(&console, &visit, typed).await?;
            refused(StatusCode::CONFLICT, &Page { form_conflict, ..page })
        }
    }
}

async fn remove(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Problem> {
    let names: Vec<String> = fields.all("chosen").map(str::to_owned).collect();
    let n = u64::try_from(names.len()).unwrap_or(u64::MAX);
    let kind = Kind::RemoveFirewallPolicies(wire::edit::RemoveFirewallPolicies { names });
    match edit(&console, &visit, &fields, kind).await? {
        Edited::Saved => {
            let told = counted(n, "policy", "policies");
            Ok(console.done(&visit, "/firewall/policies", format!("Saved to the draft: {told} deleted.")))
        }
        Edited::Refused(errors) => {
            let page = page(&console, &visit, Typed::default()).await?;
            refused(StatusCode::UNPROCESSABLE_ENTITY, &Page { refused: whys(&errors), ..page })
        }
        Edited::Conflict(present) => changed(&console, &visit, &present, "No policy was deleted.").await,
    }
}

/// The list as someone else has made it, without the policy that was to be edited.
pub(super) async fn gone(console: &Console, visit: &Visit, policy: &str) -> Result<Response, Problem> {
    let present = Drafted::read(console).await?;
    let undone = format!("The policy “{policy}” is not there any more. Nothing was saved.");
    changed(console, visit, &present, &undone).await
}

/// The list as someone else has made it, with what was not done because of that.
async fn changed(
    console: &Console,
    visit: &Visit,
    present: &Drafted,
    undone: &str,
) -> Result<Response, Problem> {
    let conflict = Some(Conflict::about(present, visit, undone));
    let page = page(console, visit, Typed::default()).await?;
    refused(StatusCode::CONFLICT, &Page { conflict, ..page })
}
