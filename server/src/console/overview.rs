//! The overview: the fleet in numbers, where it was over time, how far the present assignment has come, what needs
//! attention, and before anything is there, what to do first.

mod chart;

use std::time::{Duration, SystemTime};

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use landmark_proto::wire;

use self::chart::{Chart, Sample, Span};
use super::Console;
use super::format::{Number, sentence};
use super::layout::{Layout, May, Section, may, part as part_of, shown};
use super::mount::Mount;
use super::problem::Problem;
use super::visit::Visit;
use super::wired;

pub(super) fn mount(mount: Mount) -> Mount {
    mount.get("/", show).get("/overview", part)
}

#[derive(Template)]
#[template(path = "overview/page.html")]
struct Page {
    layout: Layout,
    body: Body,
}

#[derive(Template)]
#[template(path = "overview/body.html")]
struct Body {
    span: Span,
    tiles: Vec<Tile>,
    chart: Chart,
    progress: Option<Progress>,
    attention: Vec<Attention>,
    steps: Option<Steps>,
    may: May,
}

/// A number at a glance, and the agents behind it.
struct Tile {
    title: &'static str,
    n: Number,
    /// Said by the colour as well.
    tone: &'static str,
    href: &'static str,
}

struct Progress {
    revision: u64,
    n_agents: Number,
    n_applied: Number,
    n_pending: Number,
    n_rejected: Number,
    n_offline: Number,
    is_done: bool,
}

struct Attention {
    level: &'static str,
    message: String,
    remedy: String,
    /// Where to look; empty where the remedy says it all.
    href: String,
}

/// What has been done of what comes first.
struct Steps {
    has_servers: bool,
    has_assignment: bool,
    has_agents: bool,
}

async fn show(State(console): State<Console>, visit: Visit) -> Result<Response, Problem> {
    let layout = console.layout(&visit, Section::Overview, "Overview").await?;
    let layout = Layout { topics: "fleet assignment".to_owned(), ..layout };
    let body = body(&console, &visit, layout.may).await?;
    shown(&Page { layout, body })
}

async fn part(State(console): State<Console>, visit: Visit) -> Result<Response, Problem> {
    part_of(&body(&console, &visit, may(&visit)).await?)
}

async fn body(console: &Console, visit: &Visit, may: May) -> Result<Body, Problem> {
    let span = Span::read(visit.query.text("span"));
    let overviews = &console.admin().overviews;
    let overview = overviews.get().await?;
    let request = wire::ListFleetSamplesRequest { span: Some(wired::span(span.length())) };
    let samples = overviews.samples(request).await?.samples;
    let samples: Vec<Sample> = samples.into_iter().map(sample).collect();
    let counts = overview.counts.unwrap_or_default();
    Ok(Body {
        span,
        tiles: tiles(&counts),
        chart: chart::chart(&samples, span, SystemTime::now()),
        steps: steps(console, &overview.progress, &counts).await?,
        progress: overview.progress.as_ref().map(progress),
        attention: overview.attention.iter().map(attention).collect(),
        may,
    })
}

fn tiles(counts: &wire::FleetCounts) -> Vec<Tile> {
    let tile =
        |title, n, tone, href| Tile { title, n: Number(n), tone: if n == 0 { "" } else { tone }, href };
    vec![
        tile("Agents", counts.n_agents, "", "/agents"),
        tile("Online", counts.n_online, "", "/agents?connection=online"),
        tile("Offline", counts.n_offline, "", "/agents?connection=offline"),
        tile("Internal", counts.n_internal, "good", "/agents?location=internal"),
        tile("External", counts.n_external, "warn", "/agents?location=external"),
        tile("Unknown", counts.n_unknown, "", "/agents?location=unknown"),
        tile("Behind", counts.n_behind, "warn", "/agents?state=behind"),
        tile("Rejected", counts.n_rejected, "bad", "/agents?state=rejected"),
        tile("Not enforced", counts.n_enforcement_failed, "bad", "/agents?enforcement=failed"),
    ]
}

fn progress(progress: &wire::AssignmentProgress) -> Progress {
    Progress {
        revision: progress.revision,
        n_agents: Number(progress.n_agents),
        n_applied: Number(progress.n_applied),
        n_pending: Number(progress.n_pending),
        n_rejected: Number(progress.n_rejected),
        n_offline: Number(progress.n_offline),
        is_done: progress.done,
    }
}

fn attention(item: &wire::Attention) -> Attention {
    let level = match item.level() {
        wire::AttentionLevel::Error => "error",
        wire::AttentionLevel::Warning => "warning",
        wire::AttentionLevel::Note | wire::AttentionLevel::Unspecified => "note",
    };
    Attention {
        level,
        href: href(&item.code).to_owned(),
        message: sentence(&item.message),
        remedy: sentence(&item.remedy),
    }
}

/// The page that is about it. A code that is not known here has none.
fn href(code: &str) -> &'static str {
    match code {
        "assignment_rejected" => "/agents?state=rejected",
        "enforcement_failed" => "/agents?enforcement=failed",
        "identity_shared" => "/agents?cloned=on",
        "agent_certificate_ended" | "agent_certificate_ends" => "/agents?connection=offline&sort=seen",
        "nothing_assigned" | "draft_waiting" => "/draft",
        code if ["reference_", "list_"].iter().any(|part| code.starts_with(part)) => {
            "/location#reference-servers"
        }
        _ => "",
    }
}

async fn steps(
    console: &Console,
    progress: &Option<wire::AssignmentProgress>,
    counts: &wire::FleetCounts,
) -> Result<Option<Steps>, Problem> {
    let (has_assignment, has_agents) = (progress.is_some(), counts.n_agents > 0);
    if has_assignment && has_agents {
        return Ok(None);
    }
    let draft = console.admin().drafts.get().await?;
    let list = draft.settings.and_then(|settings| settings.reference_servers);
    let has_servers = list.is_some_and(|list| !list.servers.is_empty());
    Ok(Some(Steps { has_servers, has_assignment, has_agents }))
}

fn sample(sample: wire::FleetSample) -> Sample {
    Sample {
        at: wired::time(sample.at),
        n: [sample.n_internal, sample.n_external, sample.n_unknown],
        n_online: sample.n_online,
        is_stop: sample.stopped,
    }
}

/// The moment that long before.
fn before(now: SystemTime, span: Duration) -> SystemTime {
    now.checked_sub(span).unwrap_or(SystemTime::UNIX_EPOCH)
}
