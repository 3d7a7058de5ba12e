//! All that is known of one agent: where it is and why, how it came to that, what it enforces, what the machine is.

use std::time::SystemTime;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use jiff::tz::TimeZone;
use landmark_proto::convert::location::triggers_from_wire;
use landmark_proto::explain;
use landmark_proto::violation::Path as FieldPath;
use landmark_proto::wire;

use super::drawing::{Drawing, drawing, milliseconds};
use super::row::{Row, basis_words, location_word};
use crate::console::Console;
use crate::console::format::Moment;
use crate::console::layout::{Layout, Section, part as part_of, shown};
use crate::console::problem::Problem;
use crate::console::visit::Visit;
use crate::console::{wired, words};
use crate::store::StoredEvidence;

/// Records of evidence that are told.
const N_EVIDENCE: u32 = 5;
/// Changes of location that are told at first sight; the rest stands folded.
const N_SHOWN: usize = 8;

#[derive(Template)]
#[template(path = "agents/detail.html")]
struct Page {
    layout: Layout,
    id: String,
    name: String,
    status: Status,
}

#[derive(Template)]
#[template(path = "agents/status.html")]
struct Status {
    row: Row,
    facts: Vec<(&'static str, String)>,
    labels: String,
    enrolled: Moment,
    certificate: Option<Moment>,
    certificate_is_over: bool,
    rejection: Vec<String>,
    history: Vec<Change>,
    older: Vec<Change>,
    n_history_lost: u64,
    n_flips: u32,
    evidence: Vec<Record>,
}

/// A change of location or basis.
struct Change {
    location: &'static str,
    basis: String,
    at: Moment,
    triggers: String,
    decided_in: String,
    revision: u64,
}

/// An evaluation, told in words.
struct Record {
    sentence: String,
    at: Moment,
    decided_in: String,
    follows: bool,
    drawing: Option<Drawing>,
    text: String,
}

pub(super) async fn show(
    State(console): State<Console>,
    Path(agent): Path<String>,
    visit: Visit,
) -> Result<Response, Problem> {
    let status = status(&console, &agent, visit.now).await?;
    let layout = console.layout(&visit, Section::Agents, "Agent").await?;
    let id = status.row.id.clone();
    shown(&Page {
        layout: Layout { topics: format!("agent:{id} assignment"), ..layout },
        name: if status.row.name.is_empty() { id.clone() } else { status.row.name.clone() },
        id,
        status,
    })
}

/// What changes of it.
pub(super) async fn part(
    State(console): State<Console>,
    Path(agent): Path<String>,
    visit: Visit,
) -> Result<Response, Problem> {
    part_of(&status(&console, &agent, visit.now).await?)
}

async fn status(console: &Console, agent: &str, now: SystemTime) -> Result<Status, Problem> {
    let agents = &console.admin().agents;
    let view = agents.find(agent)?;
    let detail = agents.get(wire::GetAgentRequest { agent: view.agent.agent_id.to_string() }).await?;
    let records = agents.records(&view, N_EVIDENCE).await?;
    let wire::AgentDetail {
        agent,
        facts,
        peer_address,
        rejection,
        certificate_expires_at,
        history,
        n_history_lost,
        n_flips_last_hour,
    } = detail;
    let agent = agent.unwrap_or_default();
    let facts = facts.unwrap_or_default();
    let certificate = wired::time_if_any(certificate_expires_at);
    let mut history: Vec<Change> = history.into_iter().map(|it| change(it, now)).collect();
    let older = history.split_off(history.len().min(N_SHOWN));
    Ok(Status {
        enrolled: Moment::new(wired::time(agent.enrolled_at), now),
        row: Row::new(agent, now),
        labels: facts.labels.join(", "),
        facts: machine(facts, peer_address),
        certificate: certificate.map(|at| Moment::new(at, now)),
        certificate_is_over: certificate.is_some_and(|at| at <= now),
        rejection: rejection.map(rejection_words).unwrap_or_default(),
        history,
        older,
        n_history_lost,
        n_flips: n_flips_last_hour,
        evidence: records.iter().map(|record| told(record, now)).collect(),
    })
}

fn machine(facts: wire::HostFacts, peer_address: String) -> Vec<(&'static str, String)> {
    let platform = match facts.platform() {
        wire::FirewallPlatform::Linux => "Linux",
        wire::FirewallPlatform::Windows => "Windows",
        wire::FirewallPlatform::Macos => "macOS",
        wire::FirewallPlatform::Unspecified => "",
    };
    let all = [
        ("Operating system", facts.operating_system),
        ("Kernel", facts.kernel),
        ("Architecture", facts.architecture),
        ("Platform", platform.to_owned()),
        ("Agent", facts.agent_version),
        ("Connects from", peer_address),
    ];
    all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

fn rejection_words(rejection: wire::assignment_result::Rejected) -> Vec<String> {
    let reason = words::rejection(rejection.code()).to_owned();
    let violations = rejection.violations.into_iter().map(|it| format!("{}: {}", it.path, it.message));
    std::iter::once(reason).chain(violations).collect()
}

fn change(record: wire::LocationHistory, now: SystemTime) -> Change {
    let report = record.report.unwrap_or_default();
    let triggers = triggers_from_wire(&report.triggers, &FieldPath::root()).unwrap_or_default();
    Change {
        location: location_word(report.location()),
        at: Moment::new(wired::time(report.at), now),
        triggers: triggers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        decided_in: milliseconds(wired::duration(report.decided_in)),
        revision: report.revision,
        basis: basis_words(report.basis),
    }
}

fn told(StoredEvidence { evidence, received_at: _, follows }: &StoredEvidence, now: SystemTime) -> Record {
    Record {
        sentence: explain::sentence(evidence),
        at: Moment::new(evidence.started_at, now),
        decided_in: milliseconds(evidence.decided_in),
        follows: *follows,
        drawing: drawing(evidence),
        text: explain::timeline(evidence, &TimeZone::UTC),
    }
}
