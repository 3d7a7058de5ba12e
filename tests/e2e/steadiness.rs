//! A dead server is no reason to be outside while a reference server answers.

use anyhow::{Result, ensure};
use landmark_tests::fleet::{Agent, Server, facts};
use landmark_tests::reference::nginx;
use landmark_tests::scratch::test;
use landmark_tests::wait::LIMIT;
use serde_json::Value;

#[tokio::test]
async fn a_server_that_dies_and_returns_never_makes_an_agent_external() -> Result<()> {
    test(async |scratch| {
        let Some(web) = nginx::start(scratch).await? else { return Ok(()) };
        let mut server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let agent = Agent::started(scratch, "agent", &server).await?;
        ctl.add(&web.host().to_string(), web.port()).await?;
        ctl.ok(&["servers", "enable"]).await?;
        ctl.assign().await?;

        let host = web.host().to_string();
        for round in 0..5 {
            // By turns as a crash and as a planned stop.
            if round % 2 == 0 {
                server.kill().await?;
            } else {
                server.stop().await?;
            }
            let by_web = |status: &_| facts::is_internal_by(status, &host, web.port());
            agent.wait_for(LIMIT, "it is internal by nginx", by_web).await?;
            server.start().await?;
            agent.wait_for(LIMIT, "it is internal by its server", facts::is_internal_by_server).await?;
        }

        let shown = ctl
            .wait_for_agent(&agent.id().await?, "the history has arrived", |shown| {
                let records = shown["history"].as_array().into_iter().flatten();
                records.filter(|record| record["basis"]["kind"] == "reference_server").count() == 5
            })
            .await?;
        let records = shown["history"].as_array().into_iter().flatten();
        ensure!(records.filter(|record| record["location"] == "external").count() == 0, "{shown}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn with_a_server_that_faces_the_internet_the_reference_servers_decide_all_the_time() -> Result<()> {
    test(async |scratch| {
        let Some(mut web) = nginx::start(scratch).await? else { return Ok(()) };
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let agent = Agent::started(scratch, "agent", &server).await?;
        let id = agent.id().await?;
        ctl.add(&web.host().to_string(), web.port()).await?;
        ctl.ok(&["servers", "enable"]).await?;
        ctl.ok(&["location", "set", "--server-connection", "says-nothing"]).await?;
        ctl.assign().await?;

        let host = web.host().to_string();
        let by_web = |agent: &Value| facts::is_internal_by(agent, &host, web.port());
        ctl.wait_for_agent(&id, "it is internal by nginx although it is connected", by_web).await?;
        web.stop().await?;
        ctl.ok(&["agents", "recheck", &id]).await?;
        let outside = |agent: &Value| facts::is_external(agent) && agent["connection"] == "online";
        ctl.wait_for_agent(&id, "it is external although it is connected", outside).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn without_a_list_that_is_enabled_an_agent_without_its_server_is_external() -> Result<()> {
    test(async |scratch| {
        let Some(web) = nginx::start(scratch).await? else { return Ok(()) };
        let mut server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let agent = Agent::started(scratch, "agent", &server).await?;
        ctl.add(&web.host().to_string(), web.port()).await?;
        ctl.ok(&["servers", "disable"]).await?;
        ctl.assign().await?;
        server.kill().await?;
        let disabled =
            |status: &Value| status["location"] == "external" && status["basis"]["kind"] == "list_disabled";
        agent.wait_for(LIMIT, "it is external for want of a list", disabled).await.map(drop)
    })
    .await
}
