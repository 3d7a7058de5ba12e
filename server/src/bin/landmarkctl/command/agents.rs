//! `landmarkctl agents`: the machines.

use std::collections::HashMap;

use serde::Serialize;

use super::{Run, names};
use crate::cli::agents::{Agents, Filter};
use crate::client::{AgentFilter, AgentsWish, CallError};
use crate::errors::{Exit, Failure, Origins, refused, refused_change};
use crate::render::agents::{event_line, sheet, table};
use crate::render::evidence;
use crate::render::names::Names;
use crate::render::table::Layout;
use crate::view::agent::{Agent, AgentEvent, Connection};

/// The largest page that the server gives.
const PAGE: u32 = 1000;

#[derive(Serialize)]
struct RecheckDocument {
    n_asked: u64,
    n_offline: u64,
}

#[derive(Serialize)]
struct RemovedDocument {
    agent_id: String,
    host_name: String,
}

pub(super) async fn run(run: &Run, command: Agents) -> Result<Exit, Failure> {
    match command {
        Agents::List { filter, sort, reverse, limit } => {
            let wish = AgentsWish { filter: filter.to_filter(), order: sort, descending: reverse };
            list(run, &wish, limit.unwrap_or(u32::MAX)).await
        }
        Agents::Show { agent } => show(run, &agent).await,
        Agents::Explain { agent, last } => explain(run, &agent, last).await,
        Agents::Watch(filter) => watch(run, &filter).await,
        Agents::Recheck { agents, all } => recheck(run, &agents, all).await,
        Agents::Remove { agent, yes } => remove(run, &agent, yes).await,
    }
}

/// Page by page: a large fleet is never held whole.
async fn list(run: &Run, wish: &AgentsWish, limit: u32) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let mut pages = Pages::default();
    let mut next = None;
    let is_everything = wish.filter == AgentFilter::default();
    pages.begin(run)?;
    let n_matching = loop {
        let size = PAGE.min(limit.saturating_sub(u32::try_from(pages.n_agents).unwrap_or(u32::MAX)));
        let page = client.agents(wish, size, next.clone()).await;
        let (page, n_matching) = page.map_err(|error| refused("list the agents", error, &Origins::none()))?;
        let is_fleet = next.is_none() && page.next.is_none() && is_everything;
        let names = if run.out.is_json() {
            Names::default()
        } else {
            names::of_page(&mut client, &page.rows, is_fleet).await
        };
        pages.print(run, &page.rows, &names)?;
        next = page.next;
        if next.is_none() || pages.n_agents >= usize::try_from(limit).unwrap_or(usize::MAX) {
            break n_matching;
        }
    };
    pages.end(run, n_matching)?;
    match pages.n_agents {
        0 if is_everything => {
            run.out.remark("there are no agents yet: landmarkctl tokens create prints the command that makes a machine one");
        }
        0 => run.out.remark("no agent matches; without a filter all are shown"),
        n => run.out.remark(shown(n, n_matching, pages.n_online)),
    }
    Ok(Exit::Done)
}

/// "9 agents, 3 of them online", "showing 5 of 9 agents".
fn shown(n: usize, n_matching: u64, n_online: usize) -> String {
    if u64::try_from(n).is_ok_and(|n| n < n_matching) {
        return format!("showing {n} of {n_matching} agents; without --limit all are shown");
    }
    if n == 1 { "1 agent".to_owned() } else { format!("{n} agents, {n_online} of them online") }
}

#[derive(Default)]
struct Pages {
    layout: Option<Layout>,
    n_agents: usize,
    n_online: usize,
}

impl Pages {
    fn begin(&self, run: &Run) -> Result<(), Failure> {
        if run.out.is_json() { run.out.data("{\"agents\":[") } else { Ok(()) }
    }

    fn print(&mut self, run: &Run, rows: &[Agent], names: &Names) -> Result<(), Failure> {
        let first = self.n_agents == 0;
        self.n_agents += rows.len();
        self.n_online += rows.iter().filter(|agent| agent.connection == Some(Connection::Online)).count();
        if rows.is_empty() {
            return Ok(());
        }
        if run.out.is_json() {
            let mut text = String::new();
            for (index, agent) in rows.iter().enumerate() {
                text.push_str(if first && index == 0 { "\n" } else { ",\n" });
                let document = serde_json::to_string(agent);
                text.push_str(&document.map_err(|error| Failure::new(Exit::Internal, error.to_string()))?);
            }
            return run.out.data(&text);
        }
        let paper = run.out.paper();
        let page = table(rows, names, &paper);
        let layout = self.layout.get_or_insert_with(|| page.layout(&paper));
        run.out.data(&page.render_piece(&paper, layout, first))
    }

    fn end(&self, run: &Run, n_matching: u64) -> Result<(), Failure> {
        if run.out.is_json() { run.out.data(&format!("\n],\"n_matching\":{n_matching}}}\n")) } else { Ok(()) }
    }
}

async fn show(run: &Run, agent: &str) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let detail = client.agent(agent).await;
    let detail = detail.map_err(|error| refused("show the agent", error, &named(agent)))?;
    run.out.result(&detail, || sheet(&detail, &run.out.paper()))?;
    Ok(Exit::Done)
}

async fn explain(run: &Run, agent: &str, last: u32) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let evidence = client.evidence(agent, last).await;
    let evidence = evidence.map_err(|error| refused("explain the agent", error, &named(agent)))?;
    run.out.result(&evidence, || evidence::evidence(&evidence, &run.out.paper()))?;
    if evidence.evaluations.is_empty() {
        run.out.remark(evidence::empty(&evidence, agent));
    }
    Ok(Exit::Done)
}

async fn watch(run: &Run, filter: &Filter) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let failed = |error: CallError| refused("watch the agents", error, &Origins::none());
    let mut watch = client.watch_agents(&filter.to_filter()).await.map_err(failed)?;
    let interrupt = tokio::signal::ctrl_c();
    tokio::pin!(interrupt);
    // Whoever goes is told by id alone.
    let mut names: HashMap<String, String> = HashMap::new();
    loop {
        let event = tokio::select! {
            biased;
            _ = &mut interrupt => return Ok(Exit::Done),
            event = watch.next() => event.map_err(failed)?,
        };
        let Some(event) = event else {
            return Err(failed(CallError::Broken("the server ended the stream".into())));
        };
        if run.out.is_json() {
            run.out.json_line(&event)?;
        } else {
            let gone = match &event {
                AgentEvent::Changed { agent } => {
                    names.insert(agent.agent_id.clone(), agent.host_name.clone());
                    None
                }
                AgentEvent::Gone { agent_id } => names.remove(agent_id),
                AgentEvent::Synced => None,
            };
            let mut line = event_line(&event, gone.as_deref(), &run.out.paper());
            line.push('\n');
            run.out.data(&line)?;
        }
    }
}

async fn recheck(run: &Run, agents: &[String], all: bool) -> Result<Exit, Failure> {
    // A name that is wrong stands in the message.
    let mut origins = Origins::none().with("agent", "");
    for (index, agent) in agents.iter().enumerate() {
        origins.add(format!("agents[{index}]"), agent.clone());
    }
    let mut client = run.client().await?;
    let answer = client.recheck((!all).then_some(agents)).await;
    let (n_asked, n_offline) =
        answer.map_err(|error| refused_change("let these agents look again", error, &origins))?;
    if run.out.is_json() {
        run.out.document(&RecheckDocument { n_asked, n_offline })?;
        return Ok(Exit::Done);
    }
    let asked = match n_asked {
        0 => "no agent was asked".to_owned(),
        1 => "1 agent was asked to look again where it is".to_owned(),
        n => format!("{n} agents were asked to look again where they are"),
    };
    let offline = match n_offline {
        0 => String::new(),
        1 => "; 1 is offline and was not asked (it looks by itself while it is not connected)".to_owned(),
        n => format!(
            "; {n} are offline and were not asked (they look by themselves while they are not connected)"
        ),
    };
    run.out.remark(format!("{asked}{offline}"));
    Ok(Exit::Done)
}

async fn remove(run: &Run, agent: &str, yes: bool) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let doing = "remove the agent";
    let mut agent_id = agent.to_owned();
    if !yes {
        // The one that was shown is the one that is removed.
        let detail = client.agent(agent).await.map_err(|error| refused(doing, error, &named(agent)))?;
        let deed = format!("remove {} ({})", detail.agent.host_name, detail.agent.agent_id);
        super::confirm(
            run,
            &deed,
            "its certificate is refused from then on; it can only join again with a token",
        )
        .await?;
        agent_id = detail.agent.agent_id;
    }
    let removed = client.remove_agent(&agent_id).await;
    let (agent_id, host_name) = removed.map_err(|error| refused_change(doing, error, &named(agent)))?;
    if run.out.is_json() {
        run.out.document(&RemovedDocument { agent_id, host_name })?;
        return Ok(Exit::Done);
    }
    run.out.remark(format!("removed {host_name} ({agent_id}): its certificate is refused from now on"));
    run.out.remark("it keeps what it holds; to let it join again: landmarkctl tokens create");
    Ok(Exit::Done)
}

fn named(agent: &str) -> Origins {
    Origins::none().with("agent", agent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_was_cut_says_so() {
        assert_eq!(shown(5, 9, 3), "showing 5 of 9 agents; without --limit all are shown");
        assert_eq!(shown(9, 9, 3), "9 agents, 3 of them online");
        assert_eq!(shown(1, 1, 0), "1 agent");
        // A server of before does not count what matches.
        assert_eq!(shown(2, 0, 0), "2 agents, 0 of them online");
    }
}
