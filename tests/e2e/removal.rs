//! A removed agent is out at once, and stays out.

use anyhow::{Result, ensure};
use landmark_tests::fleet::{Agent, Server};
use landmark_tests::scratch::test;
use landmark_tests::wait::LIMIT;

#[tokio::test]
async fn a_removed_agent_loses_its_session_and_is_refused_from_then_on() -> Result<()> {
    test(async |scratch| {
        let mut server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let mut removed = Agent::started(scratch, "removed", &server).await?;
        let other = Agent::started(scratch, "other", &server).await?;
        let id = removed.id().await?;

        ctl.ok(&["agents", "remove", &id, "--yes"]).await?;
        let is_told = |status: &serde_json::Value| {
            status["link"]["state"] == "lost" && status["link"]["needs_administrator"] == true
        };
        removed.wait_for(LIMIT, "it was removed", is_told).await?;
        ctl.run(&["agents", "show", &id]).await?.failure()?.says(&[&id])?;

        // Neither a restart of the agent nor one of the server lets it in again.
        removed.stop().await?;
        removed.start().await?;
        removed.wait_for(LIMIT, "it is refused", is_told).await?;
        server.stop().await?;
        server.start().await?;
        other.wait_until_online(&ctl).await?;
        removed.wait_for(LIMIT, "it is refused by the restarted server", is_told).await?;
        let list = ctl.ok(&["agents", "list"]).await?;
        ensure!(list["agents"].as_array().is_some_and(|agents| agents.len() == 1), "{list}");
        Ok(())
    })
    .await
}
