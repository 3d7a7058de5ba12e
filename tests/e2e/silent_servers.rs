//! Reference servers that neither answer nor refuse cost time, and never the right verdict.

use anyhow::{Result, ensure};
use landmark_tests::fleet::{Agent, Server, facts};
use landmark_tests::reference::nginx;
use landmark_tests::reference::silent::Silent;
use landmark_tests::scratch::test;
use landmark_tests::wait::{LIMIT, wait_until};
use serde_json::{Value, json};

#[tokio::test]
async fn one_that_is_silent_is_passed_over_and_only_silence_everywhere_is_external() -> Result<()> {
    test(async |scratch| {
        let Some(mut web) = nginx::start(scratch).await? else { return Ok(()) };
        let silent = Silent::start().await?;
        let mut server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let agent = Agent::started(scratch, "agent", &server).await?;
        ctl.add("127.0.0.1", silent.port()?).await?;
        ctl.add(&web.host().to_string(), web.port()).await?;
        ctl.ok(&["servers", "enable"]).await?;
        ctl.assign().await?;
        server.kill().await?;

        let by_web = |status: &Value| facts::is_internal_by(status, &web.host().to_string(), web.port());
        agent.wait_for(LIMIT, "it is internal by nginx", by_web).await?;
        wait_for_outcomes(&agent, ["timeout", "answered"]).await?;

        web.stop().await?;
        agent.run(&["recheck"]).await?.success()?;
        agent.wait_for(LIMIT, "it is external", facts::is_external).await?;
        wait_for_outcomes(&agent, ["timeout", "refused"]).await
    })
    .await
}

/// Of the last evaluation, in list order, once its attempts have ended.
async fn wait_for_outcomes(agent: &Agent, expected: [&str; 2]) -> Result<()> {
    wait_until("the evidence has both attempts", LIMIT, async || {
        let evaluation = agent.explain().await?["evaluations"][0].take();
        let attempts = evaluation["attempts"].as_array().into_iter().flatten();
        let outcomes: Vec<&Value> = attempts.map(|attempt| &attempt["outcome"]).collect();
        ensure!(outcomes == [&json!(expected[0]), &json!(expected[1])], "{evaluation}");
        Ok(())
    })
    .await
}
