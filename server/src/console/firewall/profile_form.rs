//! One profile: added and edited.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use landmark_proto::wire;
use landmark_proto::wire::edit::Kind;

use super::conflict::{Conflict, Told, Versus};
use super::words::{Choice, LOCATIONS, PLATFORMS, entries};
use super::{Drafted, Edited, edit, refused, row_id};
use crate::console::Console;
use crate::console::fields::Fields;
use crate::console::form::Errors;
use crate::console::format::encoded;
use crate::console::layout::{Layout, Section, shown};
use crate::console::mount::Mount;
use crate::console::problem::Problem;
use crate::console::visit::Visit;

pub(super) fn mount(mount: Mount) -> Mount {
    mount
        .post("/firewall/profiles", add)
        .get("/firewall/profiles/new", new)
        .get("/firewall/profiles/edit", show)
        .post("/firewall/profiles/edit", save)
}

/// The form as it was typed.
#[derive(Clone, Debug, Default)]
struct Typed {
    name: String,
    is_enabled: bool,
    policy: String,
    locations: Vec<String>,
    addresses: String,
    host_names: String,
    platforms: Vec<String>,
    labels: String,
    /// Of a new one: empty for the usual place.
    position: String,
}

#[derive(Template)]
#[template(path = "firewall/profile.html")]
struct Page {
    layout: Layout,
    etag: String,
    /// As it is called in the draft; empty for a new one.
    before: String,
    policies: Vec<Choice>,
    locations: Vec<Choice>,
    platforms: Vec<Choice>,
    places: Vec<Choice>,
    typed: Typed,
    errors: Errors,
    conflict: Option<Conflict>,
}

impl Page {
    const FIELDS: &[&str] =
        &["name", "policy", "position", "locations", "addresses", "host_names", "platforms", "labels"];

    fn action(&self) -> &'static str {
        if self.before.is_empty() { "/firewall/profiles" } else { "/firewall/profiles/edit" }
    }
}

impl Typed {
    fn read(fields: &Fields) -> Self {
        let chosen = |name| fields.all(name).map(str::to_owned).collect();
        Self {
            name: fields.text("name").to_owned(),
            is_enabled: fields.is_set("enabled"),
            policy: fields.text("policy").to_owned(),
            locations: chosen("locations"),
            addresses: fields.text("addresses").to_owned(),
            host_names: fields.text("host_names").to_owned(),
            platforms: chosen("platforms"),
            labels: fields.text("labels").to_owned(),
            position: fields.text("position").to_owned(),
        }
    }

    fn of(profile: &wire::FirewallProfile) -> Self {
        let wire::FirewallProfile { name, enabled, policy, conditions } = profile;
        let wire::FirewallConditions { locations, addresses, host_names, platforms, labels } =
            conditions.clone().unwrap_or_default();
        Self {
            name: name.clone(),
            is_enabled: *enabled,
            policy: policy.clone(),
            locations: locations.into_iter().map(|it| LOCATIONS.word(it).to_owned()).collect(),
            addresses: addresses.join("\n"),
            host_names: host_names.join("\n"),
            platforms: platforms.into_iter().map(|it| PLATFORMS.word(it).to_owned()).collect(),
            labels: labels.join("\n"),
            position: String::new(),
        }
    }

    /// As the contract has it.
    fn profile(&self, fields: &Fields) -> wire::FirewallProfile {
        let conditions = wire::FirewallConditions {
            locations: self.locations.iter().map(|it| LOCATIONS.number(it)).collect(),
            addresses: entries(fields, "addresses"),
            host_names: entries(fields, "host_names"),
            platforms: self.platforms.iter().map(|it| PLATFORMS.number(it)).collect(),
            labels: entries(fields, "labels"),
        };
        wire::FirewallProfile {
            name: self.name.clone(),
            enabled: self.is_enabled,
            policy: self.policy.clone(),
            conditions: Some(conditions),
        }
    }

    /// For people, who compare two of them.
    fn told(self) -> Told {
        let any = |text: String| if text.is_empty() { "any".to_owned() } else { text };
        let lines = |text: String| any(text.lines().map(str::trim).collect::<Vec<_>>().join("\n"));
        vec![
            ("Name", self.name),
            ("Enabled", if self.is_enabled { "yes" } else { "no" }.to_owned()),
            ("Policy", self.policy),
            ("Location", any(self.locations.join(", "))),
            ("Addresses", lines(self.addresses)),
            ("Host names", lines(self.host_names)),
            ("Platforms", any(self.platforms.join(", "))),
            ("Labels", lines(self.labels)),
        ]
    }
}

async fn new(State(console): State<Console>, visit: Visit) -> Result<Response, Problem> {
    let typed = Typed { is_enabled: true, policy: visit.query.text("policy").to_owned(), ..Typed::default() };
    shown(&page(&console, &visit, "", typed).await?)
}

async fn show(State(console): State<Console>, visit: Visit) -> Result<Response, Problem> {
    let name = visit.query.text("name");
    let draft = Drafted::read(&console).await?;
    let typed = Typed::of(draft.profile(name).ok_or(Problem::NotFound)?);
    shown(&page(&console, &visit, name, typed).await?)
}

async fn page(console: &Console, visit: &Visit, before: &str, typed: Typed) -> Result<Page, Problem> {
    let Drafted { etag, firewall, .. } = Drafted::read(console).await?;
    let title = if before.is_empty() { "New firewall profile" } else { "Edit a firewall profile" };
    let policies = firewall.policies.into_iter().map(|policy| Choice {
        is_chosen: policy.name == typed.policy,
        value: policy.name.clone(),
        label: policy.name,
    });
    Ok(Page {
        layout: console.layout(visit, Section::Firewall, title).await?,
        etag,
        before: before.to_owned(),
        policies: policies.collect(),
        locations: LOCATIONS.boxes(&typed.locations),
        platforms: PLATFORMS.boxes(&typed.platforms),
        places: places(firewall.profiles.len(), &typed.position),
        typed,
        errors: Errors::default(),
        conflict: None,
    })
}

/// Where a new one may stand.
fn places(n_profiles: usize, chosen: &str) -> Vec<Choice> {
    let place =
        |value: String, label: &str| Choice { is_chosen: value == chosen, value, label: label.to_owned() };
    vec![
        place(String::new(), "Above the catch-all"),
        place("0".to_owned(), "On top"),
        place(n_profiles.to_string(), "At the end"),
    ]
}

async fn add(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Problem> {
    let typed = Typed::read(&fields);
    let position = if typed.position.is_empty() { Ok(None) } else { super::position(&fields).map(Some) };
    let edited = match position {
        Ok(position) => {
            let profile = Some(typed.profile(&fields));
            let kind = Kind::AddFirewallProfile(wire::edit::AddFirewallProfile { profile, position });
            edit(&console, &visit, &fields, kind).await?
        }
        Err(errors) => Edited::Refused(errors),
    };
    settle(&console, &visit, "", typed, edited).await
}

async fn save(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Problem> {
    let typed = Typed::read(&fields);
    let name = fields.text("before").to_owned();
    let profile = Some(typed.profile(&fields));
    let change = wire::edit::EditFirewallProfile { name: name.clone(), profile };
    let edited = edit(&console, &visit, &fields, Kind::EditFirewallProfile(change)).await?;
    settle(&console, &visit, &name, typed, edited).await
}

/// To the list, or the form again.
async fn settle(
    console: &Console,
    visit: &Visit,
    before: &str,
    typed: Typed,
    edited: Edited,
) -> Result<Response, Problem> {
    match edited {
        Edited::Saved => {
            let name = &typed.name;
            let to = format!("/firewall?focus={}", encoded(&row_id("profile", name)));
            let done = if before.is_empty() { "added" } else { "saved" };
            Ok(console.done(visit, &to, format!("Saved to the draft: the profile “{name}” was {done}.")))
        }
        Edited::Refused(errors) => {
            let page = page(console, visit, before, typed).await?;
            refused(StatusCode::UNPROCESSABLE_ENTITY, &Page { errors, ..page })
        }
        Edited::Conflict(present) => {
            let same = present.profile(if before.is_empty() { &typed.name } else { before });
            let theirs = match same {
                Some(profile) => format!("/firewall/profiles/edit?name={}", encoded(&profile.name)),
                None => "/firewall".to_owned(),
            };
            let rows = Versus::rows(same.map(|it| Typed::of(it).told()), typed.clone().told());
            let conflict = Conflict::about(&present, visit, "Nothing was saved.");
            let conflict = Some(conflict.with(rows, theirs, "profile"));
            let page = page(console, visit, before, typed).await?;
            refused(StatusCode::CONFLICT, &Page { conflict, ..page })
        }
    }
}
