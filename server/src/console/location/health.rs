//! Which reference servers the fleet reaches, and asking it to try them now.

use std::time::SystemTime;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use landmark_proto::wire;

use super::super::Console;
use super::super::fields::Fields;
use super::super::format::{Moment, Number, counted, span};
use super::super::layout::part;
use super::super::mount::Mount;
use super::super::problem::Problem;
use super::super::visit::Visit;
use super::super::wired;
use super::here;

pub(super) fn mount(mount: Mount) -> Mount {
    mount.get("/location/servers/health", show).post("/location/servers/sweep", sweep)
}

/// How many agents reach one reference server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reach {
    /// Of its element: the entry of one assignment, so that a later one does not fill it.
    pub(super) id: String,
    pub(super) n_reached: Number,
    /// Agents that have told; 0 for none yet.
    pub(super) n_agents: Number,
    pub(super) tone: &'static str,
}

impl Reach {
    /// Of an entry of the present assignment.
    pub(super) fn new(server: &wire::ServerHealth, health: &wire::ReferenceServerHealth) -> Self {
        let tone = match server.n_reached {
            _ if health.n_agents == 0 => "",
            0 => "bad",
            n if n == health.n_agents => "good",
            _ => "warn",
        };
        Self {
            id: format!("reached-{}-{}", health.revision, server.position),
            n_reached: Number(server.n_reached),
            n_agents: Number(health.n_agents),
            tone,
        }
    }

    /// Whether nobody has told yet.
    pub(super) fn is_untold(&self) -> bool {
        self.n_agents == Number(0)
    }
}

/// What the numbers rest on.
#[derive(Clone, Debug)]
pub(super) struct Basis {
    /// Whether there is anything to try.
    pub(super) is_assigned: bool,
    pub(super) n_agents: u64,
    pub(super) n_enrolled: u64,
    pub(super) oldest: Option<Moment>,
}

impl Basis {
    pub(super) fn new(health: &wire::ReferenceServerHealth, now: SystemTime) -> Self {
        Self {
            is_assigned: !health.servers.is_empty(),
            n_agents: health.n_agents,
            n_enrolled: health.n_enrolled,
            oldest: wired::time_if_any(health.oldest_sweep_at).map(|at| Moment::new(at, now)),
        }
    }

    /// `3 of 5 agents`.
    pub(super) fn told(&self) -> String {
        format!("{} of {}", Number(self.n_agents), counted(self.n_enrolled, "agent", "agents"))
    }
}

/// The same again, into a page that is open.
#[derive(Template)]
#[template(path = "location_health.html")]
struct Part {
    health: Basis,
    reached: Vec<Reach>,
}

async fn show(State(console): State<Console>, visit: Visit) -> Result<Response, Problem> {
    let health = console.admin().overviews.health().await?;
    part(&Part {
        reached: health.servers.iter().map(|server| Reach::new(server, &health)).collect(),
        health: Basis::new(&health, visit.now),
    })
}

async fn sweep(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Problem> {
    let request = wire::SweepReferenceServersRequest { spread: None };
    let asked = console.admin().reference_servers.sweep(request).await?;
    let text = if asked.n_asked == 0 {
        "No agent is connected: there is nobody to ask.".to_owned()
    } else {
        let spread = wired::duration(asked.spread);
        let within = if spread.as_secs() == 0 { String::new() } else { format!(" within {}", span(spread)) };
        format!(
            "Asked {} to try every reference server; they tell{within}.",
            counted(asked.n_asked, "agent", "agents")
        )
    };
    Ok(console.done(&visit, &here(&fields, "sweep"), text))
}
