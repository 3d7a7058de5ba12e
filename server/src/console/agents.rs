//! Agents: their table, and a page for each of them.

mod detail;
mod drawing;
mod list;
mod query;
mod row;

use axum::extract::{Path, State};
use axum::response::Response;
use landmark_proto::wire;

use super::Console;
use super::format::encoded;
use super::mount::Mount;
use super::problem::Problem;
use super::visit::Visit;

pub(super) fn mount(mount: Mount) -> Mount {
    mount
        .get("/agents", list::show)
        .get("/agents/table", list::part)
        .get("/agents/{agent}", detail::show)
        .get("/agents/{agent}/status", detail::part)
        .post("/agents/{agent}/recheck", recheck)
        .post("/agents/{agent}/remove", remove)
}

async fn recheck(
    State(console): State<Console>,
    Path(agent): Path<String>,
    visit: Visit,
) -> Result<Response, Problem> {
    let request = wire::RecheckAgentsRequest { agents: vec![agent.clone()], all: false };
    let asked = console.admin().agents.recheck(request).await?;
    let to = format!("/agents/{}", encoded(&agent));
    if asked.n_asked == 0 {
        let text = "The agent is not connected: it looks by itself, and tells when it is back.";
        return Ok(console.not_done(&visit, &to, text));
    }
    Ok(console.done(&visit, &to, "The agent was asked to look again; what it saw appears here."))
}

async fn remove(
    State(console): State<Console>,
    Path(agent): Path<String>,
    visit: Visit,
) -> Result<Response, Problem> {
    let removed =
        console.admin().agents.remove(wire::RemoveAgentRequest { agent }, &visit.caller.author).await?;
    let text = format!("{} was removed. Its certificate is refused from now on.", removed.host_name);
    Ok(console.done(&visit, "/agents", text))
}

#[cfg(test)]
mod tests;
