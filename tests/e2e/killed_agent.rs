//! kill -9 of an agent: what it holds never goes back, and its history is neither lost nor doubled.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use landmark_tests::fleet::{Agent, Server, facts};
use landmark_tests::reference::nginx;
use landmark_tests::scratch::test;
use landmark_tests::wait::LIMIT;
use serde_json::Value;

#[tokio::test]
async fn an_agent_that_is_killed_during_assigns_never_goes_back() -> Result<()> {
    const N_KILLS: u64 = 12;
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let mut agent = Agent::started(scratch, "agent", &server).await?;
        let id = agent.id().await?;

        let mut seen = 0;
        for kill in 1..=N_KILLS {
            ctl.add(&format!("10.1.1.{kill}"), 443).await?;
            let assigned = ctl.ok(&["assign"]).await?;
            let assigned = assigned["assignment"]["revision"].as_u64().context("no revision")?;
            // Before, while and after it is written.
            tokio::time::sleep(Duration::from_micros(rand::random_range(0..40_000))).await;
            seen = seen.max(facts::held_revision(&ctl.agent(&id).await?).unwrap_or(0));
            agent.kill_at_once().await?;

            agent.start().await?;
            let held = facts::held_revision(&agent.status().await?).unwrap_or(0);
            ensure!(held >= seen, "held {seen} before kill {kill}, {held} after it");
            ensure!(held <= assigned, "held {held}, but only {assigned} was assigned");
            seen = held;
            // Half of the time the next kill finds it still connecting.
            if kill % 2 == 0 {
                agent.wait_until_online(&ctl).await?;
            }
        }
        let holds_all = |status: &Value| facts::held_revision(status) == Some(N_KILLS);
        agent.wait_for(LIMIT, "it holds the last assignment", holds_all).await?;
        ensure!(!agent.output().contains("damaged"), "a kill damaged the ledger:\n{}", agent.output());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_history_of_an_agent_that_is_killed_is_neither_lost_nor_doubled() -> Result<()> {
    const N_ROUNDS: usize = 4;
    test(async |scratch| {
        let Some(web) = nginx::start(scratch).await? else { return Ok(()) };
        let mut server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let mut agent = Agent::started(scratch, "agent", &server).await?;
        let id = agent.id().await?;
        ctl.add(&web.host().to_string(), web.port()).await?;
        ctl.ok(&["servers", "enable"]).await?;
        ctl.assign().await?;

        let by_web = |status: &Value| facts::is_internal_by(status, &web.host().to_string(), web.port());
        for _ in 0..N_ROUNDS {
            agent.wait_for(LIMIT, "it is internal by its server", facts::is_internal_by_server).await?;
            server.kill().await?;
            agent.wait_for(LIMIT, "it is internal by nginx", by_web).await?;
            agent.kill().await?;
            agent.start().await?;
            agent.wait_for(LIMIT, "it is internal by nginx again", by_web).await?;
            server.start().await?;
        }
        agent.wait_for(LIMIT, "it is internal by its server", facts::is_internal_by_server).await?;

        // Newest first: the server's word is the last one.
        let shown = ctl
            .wait_for_agent(&id, "the whole history has arrived", |agent| {
                agent["history"][0]["basis"]["kind"] == "management_server"
                    && places(agent).iter().filter(|place| **place == "reference_server").count() >= N_ROUNDS
            })
            .await?;
        let mut expected = ["management_server", "reference_server"].repeat(N_ROUNDS);
        expected.push("management_server");
        let places = places(&shown);
        ensure!(places.ends_with(&expected), "expected {expected:?}, history {places:?}");
        ensure!(shown["n_history_lost"] == 0, "{shown}");
        ensure_no_record_twice(&shown)
    })
    .await
}

/// The bases of an agent's history, oldest first, without repetitions: a start may record again what was known.
fn places(agent: &Value) -> Vec<&str> {
    let records = agent["history"].as_array().into_iter().flatten().rev();
    let mut places: Vec<&str> =
        records.map(|record| record["basis"]["kind"].as_str().unwrap_or_default()).collect();
    places.dedup();
    places
}

fn ensure_no_record_twice(agent: &Value) -> Result<()> {
    let records = agent["history"].as_array().context("no history")?;
    let mut known: Vec<(&Value, &Value)> =
        records.iter().map(|record| (&record["at"], &record["evaluation"])).collect();
    let n_records = known.len();
    known.sort_by_key(|(at, evaluation)| (at.to_string(), evaluation.to_string()));
    known.dedup();
    ensure!(known.len() == n_records, "a record is there twice: {agent}");
    Ok(())
}
