//! The main job, with a company's web, file and database server as reference servers.

use std::time::Duration;

use anyhow::{Result, ensure};
use landmark_tests::fleet::{Agent, Ctl, Server, facts};
use landmark_tests::reference::{ReferenceServer, nginx, postgresql, vsftpd};
use landmark_tests::scratch::test;
use landmark_tests::wait::LIMIT;
use serde_json::Value;

/// Agents look again every 10 s, the shortest interval there is.
const NEXT_LOOK: Duration = Duration::from_secs(10).saturating_add(LIMIT);

#[tokio::test]
async fn agents_follow_the_reference_servers_in_order_while_their_server_is_away() -> Result<()> {
    test(async |scratch| {
        let Some(web) = nginx::start(scratch).await? else { return Ok(()) };
        let Some(files) = vsftpd::start(scratch).await? else { return Ok(()) };
        let Some(database) = postgresql::start(scratch).await? else { return Ok(()) };
        let mut company = [web, files, database];
        let mut server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let mut agents = Vec::new();
        for name in ["agent-1", "agent-2", "agent-3"] {
            agents.push(Agent::started(scratch, name, &server).await?);
        }

        save(&ctl, &company).await?;
        for agent in &agents {
            let shown = ctl.agent(&agent.id().await?).await?;
            ensure!(
                shown["assignment_state"] == "none" && shown["held_revision"].is_null(),
                "saved is not assigned: {shown}"
            );
        }

        let revision = ctl.assign().await?;
        ensure!(revision == 1, "the first assignment has number {revision}");
        for agent in &agents {
            let shown = ctl.agent(&agent.id().await?).await?;
            ensure!(
                shown["assignment_state"] == "current" && facts::held_revision(&shown) == Some(1),
                "{shown}"
            );
        }
        wait_for_all(&agents, "it is internal by its server", facts::is_internal_by_server).await?;

        server.stop().await?;
        for next in &mut company {
            let (host, port) = (next.host().to_string(), next.port());
            let what = format!("it is internal by {}", next.name());
            wait_for_all(&agents, &what, |status| facts::is_internal_by(status, &host, port)).await?;
            next.stop().await?;
        }
        wait_for_all(&agents, "it is external", facts::is_external).await?;

        // The last of the list answers again: that is enough to be inside.
        company[2].start().await?;
        let (host, port) = (company[2].host().to_string(), company[2].port());
        wait_for_all(&agents, "it is internal again", |status| facts::is_internal_by(status, &host, port))
            .await?;
        server.start().await?;
        wait_for_all(&agents, "it is internal by its server again", facts::is_internal_by_server).await?;

        for agent in &agents {
            ensure_history_is_whole(&ctl, agent).await?;
        }
        Ok(())
    })
    .await
}

async fn save(ctl: &Ctl, company: &[ReferenceServer]) -> Result<()> {
    for server in company {
        ctl.add(&server.host().to_string(), server.port()).await?;
    }
    ctl.ok(&["servers", "enable"]).await?;
    ctl.ok(&["location", "set", "--recheck-interval", "10s"]).await.map(drop)
}

async fn wait_for_all(agents: &[Agent], what: &str, fits: impl Fn(&Value) -> bool) -> Result<()> {
    for agent in agents {
        agent.wait_for(NEXT_LOOK, what, &fits).await?;
    }
    Ok(())
}

/// What the agent recorded while the server was away arrives afterwards, in order.
async fn ensure_history_is_whole(ctl: &Ctl, agent: &Agent) -> Result<()> {
    let expected =
        ["127.0.0.11", "127.0.0.12", "127.0.0.13", "none_reachable", "127.0.0.13", "management_server"];
    let id = agent.id().await?;
    ctl.wait_for_agent(&id, "its history is told to the server", |shown| {
        let records = shown["history"].as_array().into_iter().flatten().rev();
        let places: Vec<&str> = records.map(place).collect();
        places.ends_with(&expected)
    })
    .await?;
    Ok(())
}

fn place(record: &Value) -> &str {
    let basis = &record["basis"];
    basis["host"].as_str().or(basis["kind"].as_str()).unwrap_or_default()
}
