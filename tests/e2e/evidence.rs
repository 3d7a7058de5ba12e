//! What an agent saw is told by its server in the agent's own words, also what it saw while the server was away.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result, ensure};
use landmark_tests::fleet::{Agent, Ctl, Server, facts};
use landmark_tests::reference::recorder::Recorder;
use landmark_tests::scratch::test;
use landmark_tests::wait::{LIMIT, wait_until};
use serde_json::Value;

/// The records that the server keeps, oldest first.
async fn kept(ctl: &Ctl, agent: &str) -> Result<Vec<Value>> {
    let mut answer = ctl.ok(&["agents", "explain", agent, "--last", "16"]).await?;
    let Value::Array(kept) = answer["evaluations"].take() else { return Ok(Vec::new()) };
    Ok(kept)
}

/// The number of an evaluation.
fn number(evaluation: &Value) -> Option<u64> {
    evaluation["evaluation"].as_u64()
}

/// All that the agent itself still tells, oldest first.
async fn told(agent: &Agent) -> Result<Vec<Value>> {
    let mut answer = agent.run(&["explain", "--last", "64", "--json"]).await?.success()?.json()?;
    let Value::Array(told) = answer["evaluations"].take() else { return Ok(Vec::new()) };
    Ok(told)
}

fn is_asked_by_server(evaluation: &Value) -> bool {
    evaluation["triggers"].as_array().is_some_and(|triggers| triggers.contains(&"server_request".into()))
}

#[tokio::test]
async fn the_server_tells_what_the_agent_tells() -> Result<()> {
    test(async |scratch| {
        let answering = Recorder::start().await?;
        let mut refusing = Recorder::start_on(Ipv4Addr::new(127, 0, 0, 2)).await?;
        refusing.stop().await;
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let agent = Agent::started(scratch, "agent", &server).await?;
        let id = agent.id().await?;
        ctl.add("127.0.0.2", refusing.port()).await?;
        ctl.add("127.0.0.1", answering.port()).await?;
        ctl.ok(&["servers", "enable"]).await?;
        ctl.ok(&["location", "set", "--server-connection", "says-nothing"]).await?;
        ctl.assign().await?;
        let by_reference = |status: &_| facts::is_internal_by(status, "127.0.0.1", answering.port());
        agent.wait_for(LIMIT, "it is internal by the reference server", by_reference).await?;

        ctl.ok(&["agents", "recheck", &id]).await?;
        let own = wait_until("the agent looked because it was asked", LIMIT, async || {
            told(&agent).await?.into_iter().rev().find(is_asked_by_server).context("it has not looked yet")
        })
        .await?;
        ensure!(own["attempts"].as_array().is_some_and(|attempts| attempts.len() == 2), "{own}");
        wait_until("the server has the same record", LIMIT, async || {
            let kept = kept(&ctl, &id).await?;
            ensure!(kept.iter().all(|record| record["follows"] == true), "{kept:?}");
            ensure!(kept.iter().any(|record| record["evidence"] == own), "{own} is not among {kept:?}");
            Ok(())
        })
        .await
    })
    .await
}

#[tokio::test]
async fn what_was_seen_while_the_server_was_away_comes_when_it_is_back() -> Result<()> {
    test(async |scratch| {
        let mut reference = Recorder::start().await?;
        let mut server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let agent = Agent::started(scratch, "agent", &server).await?;
        let id = agent.id().await?;
        ctl.add("127.0.0.1", reference.port()).await?;
        ctl.ok(&["servers", "enable"]).await?;
        ctl.assign().await?;
        server.kill().await?;
        let by_reference = |status: &_| facts::is_internal_by(status, "127.0.0.1", reference.port());
        agent.wait_for(LIMIT, "it is internal by the reference server", by_reference).await?;
        reference.stop().await;
        agent.run(&["recheck"]).await?.success()?;
        agent.wait_for(LIMIT, "it is external", facts::is_external).await?;

        server.start().await?;
        wait_until("the server has both records", LIMIT, async || {
            let kept = kept(&ctl, &id).await?;
            let bases: Vec<&Value> = kept.iter().map(|record| &record["evidence"]["basis"]["kind"]).collect();
            let place = |kind: &str| bases.iter().position(|basis| **basis == kind);
            let inside = place("reference_server").with_context(|| format!("{bases:?}"))?;
            let outside = place("none_reachable").with_context(|| format!("{bases:?}"))?;
            ensure!(inside < outside, "oldest first: {bases:?}");
            ensure!(kept.iter().all(|record| record["follows"] == true), "{kept:?}");
            Ok(())
        })
        .await
    })
    .await
}

#[tokio::test]
async fn a_server_that_is_killed_loses_no_evidence() -> Result<()> {
    test(async |scratch| {
        let mut server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let agent = Agent::started(scratch, "agent", &server).await?;
        let id = agent.id().await?;
        for _ in 0..4 {
            agent.wait_until_online(&ctl).await?;
            let until = told(&agent).await?.last().and_then(number);
            ctl.ok(&["agents", "recheck", &id]).await?;
            // On its way, in the memory of the server, or acknowledged: any moment may be the worst one.
            tokio::time::sleep(std::time::Duration::from_millis(rand::random_range(0..400))).await;
            let before = kept(&ctl, &id).await?;
            server.kill().await?;
            server.start().await?;
            let after = kept(&ctl, &id).await?;
            let is_there = |record: &&Value| after.iter().any(|it| it["evidence"] == record["evidence"]);
            // What was told by the server is what it had committed; newer ones may have taken the place of the oldest.
            let newest = before.len().saturating_sub(4);
            ensure!(before.iter().skip(newest).all(|it| is_there(&it)), "{before:?} became {after:?}");
            // What had been acknowledged is not sent again: it is there, or never will be. Three or so come in a round, and
            // the server keeps eight.
            agent.wait_until_online(&ctl).await?;
            wait_until("the server has all that it asked for in this round", LIMIT, async || {
                let told = told(&agent).await?;
                let kept = kept(&ctl, &id).await?;
                let of_round = told.iter().filter(|it| number(it) > until && is_asked_by_server(it));
                for asked in of_round {
                    let is_kept = kept.iter().any(|record| record["evidence"] == *asked);
                    ensure!(is_kept, "{asked} is not among {kept:?}");
                }
                Ok(())
            })
            .await?;
        }
        wait_until("the server has the last that the agent was asked for", LIMIT, async || {
            let told = told(&agent).await?;
            let wanted: Vec<&Value> = told.iter().filter(|it| is_asked_by_server(it)).collect();
            let kept = kept(&ctl, &id).await?;
            ensure!(!wanted.is_empty(), "it was never asked: {told:?}");
            let last = wanted.last().context("none")?;
            ensure!(kept.iter().any(|record| record["evidence"] == **last), "{last} is not among {kept:?}");
            Ok(())
        })
        .await
    })
    .await
}
