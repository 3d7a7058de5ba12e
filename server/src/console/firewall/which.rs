//! What-if: which profile a machine would get, and why none of those before it.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use landmark_daemon::error::Chain;
use landmark_proto::wire;

use super::refused;
use super::words::{self, Choice, LEVELS, LOCATIONS, MODES, PLATFORMS, entries};
use crate::admin::AdminError;
use crate::console::Console;
use crate::console::fields::Fields;
use crate::console::form::Errors;
use crate::console::format::sentence;
use crate::console::format::{counted, encoded};
use crate::console::layout::{Layout, Section, shown};
use crate::console::mount::Mount;
use crate::console::problem::Problem;
use crate::console::visit::Visit;

pub(super) fn mount(mount: Mount) -> Mount {
    mount.get("/firewall/which", show)
}

/// The question as it was typed.
#[derive(Debug)]
struct Typed {
    host_name: String,
    addresses: String,
    location: String,
    platform: String,
    labels: String,
    agent: String,
    settings: String,
}

impl Typed {
    fn read(query: &Fields) -> Self {
        let text = |name| query.text(name).to_owned();
        Self {
            host_name: text("host_name"),
            addresses: text("addresses"),
            location: text("location"),
            platform: text("platform"),
            labels: text("labels"),
            agent: text("agent"),
            settings: text("settings"),
        }
    }

    fn request(&self, query: &Fields) -> wire::WhichFirewallProfileRequest {
        wire::WhichFirewallProfileRequest {
            revision: (self.settings == "assigned").then_some(0),
            location: LOCATIONS.number(&self.location),
            host_name: self.host_name.clone(),
            addresses: entries(query, "addresses"),
            platform: PLATFORMS.number(&self.platform),
            labels: entries(query, "labels"),
            agent: self.agent.clone(),
        }
    }
}

/// The answer, in words.
struct Answer {
    /// The machine, by its name if it has one.
    machine: String,
    settings: String,
    found: Option<Found>,
    /// The profiles before it, in their order, each with its reasons.
    skipped: Vec<(String, Vec<String>)>,
    /// What was gone by.
    facts: Vec<(&'static str, String)>,
}

struct Found {
    profile: String,
    policy: String,
    policy_page: String,
    level: &'static str,
    meaning: &'static str,
    observes: bool,
    exceptions: String,
}

#[derive(Template)]
#[template(path = "firewall/which.html")]
struct Page {
    layout: Layout,
    typed: Typed,
    errors: Errors,
    locations: Vec<Choice>,
    platforms: Vec<Choice>,
    settings: Vec<Choice>,
    answer: Option<Answer>,
}

impl Page {
    const FIELDS: &[&str] =
        &["host_name", "addresses", "location", "platform", "labels", "agent", "settings"];
}

pub(super) async fn show(State(console): State<Console>, visit: Visit) -> Result<Response, Problem> {
    let typed = Typed::read(&visit.query);
    let request = typed.request(&visit.query);
    let page = Page {
        layout: console.layout(&visit, Section::Firewall, "What-if").await?,
        locations: or_not_said(LOCATIONS.choices(&typed.location)),
        platforms: or_not_said(PLATFORMS.choices(&typed.platform)),
        settings: settings(&typed.settings),
        typed,
        errors: Errors::default(),
        answer: None,
    };
    if !visit.query.is_set("ask") {
        return shown(&page);
    }
    let errors = match console.admin().firewall.which(request).await {
        Ok(told) => return shown(&Page { answer: Some(answer(told)), ..page }),
        Err(AdminError::Invalid(violations)) => violations.into(),
        Err(error @ (AdminError::NoAgent(_) | AdminError::AmbiguousAgent { .. })) => {
            Errors::at("agent", Chain(&error).to_string())
        }
        Err(error @ AdminError::NothingAssigned) => Errors::at("settings", Chain(&error).to_string()),
        Err(error) => return Err(error.into()),
    };
    refused(StatusCode::UNPROCESSABLE_ENTITY, &Page { errors, ..page })
}

fn or_not_said(mut choices: Vec<Choice>) -> Vec<Choice> {
    let is_chosen = choices.iter().all(|choice| !choice.is_chosen);
    choices.insert(0, Choice { value: String::new(), label: "Not said".to_owned(), is_chosen });
    choices
}

fn settings(chosen: &str) -> Vec<Choice> {
    [("draft", "The draft"), ("assigned", "The present assignment")]
        .map(|(value, label)| Choice {
            value: value.to_owned(),
            label: label.to_owned(),
            is_chosen: value == chosen,
        })
        .into()
}

fn answer(told: wire::WhichFirewallProfileResponse) -> Answer {
    let wire::WhichFirewallProfileResponse {
        revision,
        profile,
        policy,
        skipped,
        location,
        host_name,
        addresses,
        platform,
        labels,
    } = told;
    let known = |text: String| if text.is_empty() { "not known".to_owned() } else { text };
    let skipped = skipped.into_iter().map(|wire::FirewallProfileSkipped { name, reasons }| {
        (name, reasons.iter().map(|reason| sentence(reason)).collect())
    });
    Answer {
        machine: if host_name.is_empty() { "This machine".to_owned() } else { host_name.clone() },
        settings: if revision == 0 { "the draft".to_owned() } else { format!("assignment {revision}") },
        found: profile.zip(policy).map(|(profile, policy)| found(profile, policy)),
        skipped: skipped.collect(),
        facts: vec![
            ("Host name", known(host_name)),
            ("Addresses", known(addresses.join(", "))),
            ("Location", known(LOCATIONS.word(location).to_owned())),
            ("Platform", known(PLATFORMS.label(platform).to_owned())),
            ("Labels", known(labels.join(", "))),
        ],
    }
}

fn found(profile: wire::FirewallProfile, policy: wire::FirewallPolicy) -> Found {
    let level = LEVELS.word(policy.level);
    let n = u64::try_from(policy.exceptions.len()).unwrap_or(u64::MAX);
    Found {
        profile: profile.name,
        policy_page: format!("/firewall/policy?name={}", encoded(&policy.name)),
        policy: policy.name,
        level,
        meaning: words::meaning(level),
        observes: MODES.word(policy.mode) == "observe",
        exceptions: if n == 0 { String::new() } else { counted(n, "exception", "exceptions") },
    }
}
