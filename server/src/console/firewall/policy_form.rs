//! One policy: its name, level and mode, and around its exceptions.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use landmark_proto::wire;
use landmark_proto::wire::edit::Kind;

use super::conflict::{Conflict, Told, Versus};
use super::counts::Counts;
use super::exceptions::{self, Editor, Said};
use super::words::{self, Choice, LEVELS, MODES};
use super::{Doubt, Doubts, Drafted, Edited, POLICIES, edit, policies, refused};
use crate::console::Console;
use crate::console::fields::Fields;
use crate::console::form::Errors;
use crate::console::format::encoded;
use crate::console::layout::{Layout, Section, shown};
use crate::console::mount::Mount;
use crate::console::problem::Problem;
use crate::console::visit::Visit;

pub(super) fn mount(mount: Mount) -> Mount {
    mount.get("/firewall/policy", show).post("/firewall/policies/edit", save)
}

/// The form as it was typed.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    pub(super) name: String,
    pub(super) level: String,
    pub(super) mode: String,
    pub(super) from_template: bool,
}

impl Default for Typed {
    fn default() -> Self {
        Self {
            name: String::new(),
            level: "medium".to_owned(),
            mode: "enforce".to_owned(),
            from_template: true,
        }
    }
}

impl Typed {
    /// `name` is what the field of the name is called.
    pub(super) fn read(fields: &Fields, name: &str) -> Self {
        Self {
            name: fields.text(name).to_owned(),
            level: fields.text("level").to_owned(),
            mode: fields.text("mode").to_owned(),
            from_template: fields.is_set("from_template"),
        }
    }

    pub(super) fn of(policy: &wire::FirewallPolicy) -> Self {
        Self {
            name: policy.name.clone(),
            level: LEVELS.word(policy.level).to_owned(),
            mode: MODES.word(policy.mode).to_owned(),
            from_template: false,
        }
    }

    /// For people, who compare two of them.
    pub(super) fn told(self) -> Told {
        vec![("Name", self.name), ("Level", self.level), ("Mode", self.mode)]
    }
}

#[derive(Template)]
#[template(path = "firewall/policy.html")]
struct Page {
    layout: Layout,
    etag: String,
    name: String,
    users: Vec<String>,
    doubts: Vec<Doubt>,
    level: &'static str,
    meaning: &'static str,
    observes: bool,
    /// What the level has decided, where firewalls have told.
    counts: Vec<String>,
    typed: Typed,
    errors: Errors,
    conflict: Option<Conflict>,
    levels: Vec<Choice>,
    modes: Vec<Choice>,
    editor: Editor,
}

impl Page {
    const FIELDS: &[&str] = &["name", "new_name", "new_level", "new_mode"];

    fn heading(&self) -> &'static str {
        "Exceptions"
    }
}

pub(super) async fn show(State(console): State<Console>, visit: Visit) -> Result<Response, Problem> {
    let name = visit.query.text("name");
    shown(&page(&console, &visit, name, None, Said::default()).await?)
}

/// The page of a policy, with what was typed into its own form, or said about its exceptions.
async fn page(
    console: &Console,
    visit: &Visit,
    name: &str,
    typed: Option<Typed>,
    said: Said,
) -> Result<Page, Problem> {
    let draft = Drafted::read(console).await?;
    let policy = draft.policy(name).ok_or(Problem::NotFound)?;
    let counts = Counts::read(console).await?;
    let doubts = Doubts::read(console).await?;
    let typed = typed.unwrap_or_else(|| Typed::of(policy));
    let level = LEVELS.word(policy.level);
    Ok(Page {
        layout: console.layout(visit, Section::Firewall, "Firewall policy").await?,
        name: name.to_owned(),
        users: draft.users(name),
        doubts: doubts.at(&format!("{POLICIES}[{name}]")),
        level,
        meaning: words::meaning(level),
        observes: MODES.word(policy.mode) == "observe",
        counts: counts.of(name, ""),
        levels: LEVELS.choices(&typed.level),
        modes: MODES.choices(&typed.mode),
        typed,
        errors: Errors::default(),
        conflict: None,
        editor: exceptions::editor(console, &draft, name, said).await?,
        etag: draft.etag,
    })
}

/// The page of a policy again, because of its exceptions.
pub(super) async fn again(
    console: &Console,
    visit: &Visit,
    name: &str,
    status: StatusCode,
    said: Said,
) -> Result<Response, Problem> {
    match page(console, visit, name, None, said).await {
        Err(Problem::NotFound) => policies::gone(console, visit, name).await,
        page => refused(status, &page?),
    }
}

async fn save(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Problem> {
    let name = fields.text("name").to_owned();
    let typed = Typed::read(&fields, "new_name");
    let change = wire::edit::EditFirewallPolicy {
        name: name.clone(),
        new_name: Some(typed.name.clone()),
        new_level: Some(LEVELS.number(&typed.level)),
        new_mode: Some(MODES.number(&typed.mode)),
    };
    match edit(&console, &visit, &fields, Kind::EditFirewallPolicy(change)).await? {
        Edited::Saved => {
            let to = format!("/firewall/policy?name={}", encoded(&typed.name));
            let said = format!("Saved to the draft: the policy “{}”.", typed.name);
            Ok(console.done(&visit, &to, said))
        }
        Edited::Refused(errors) => match page(&console, &visit, &name, Some(typed), Said::default()).await {
            Err(Problem::NotFound) => policies::gone(&console, &visit, &name).await,
            page => refused(StatusCode::UNPROCESSABLE_ENTITY, &Page { errors, ..page? }),
        },
        Edited::Conflict(present) => {
            let Some(policy) = present.policy(&name) else {
                return policies::gone(&console, &visit, &name).await;
            };
            let rows = Versus::rows(Some(Typed::of(policy).told()), typed.clone().told());
            let conflict = Conflict::about(&present, &visit, "Nothing was saved.");
            let theirs = format!("/firewall/policy?name={}", encoded(&name));
            let conflict = Some(conflict.with(rows, theirs, "policy"));
            let page = page(&console, &visit, &name, Some(typed), Said::default()).await?;
            refused(StatusCode::CONFLICT, &Page { conflict, ..page })
        }
    }
}
