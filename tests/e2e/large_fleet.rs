//! Fleets that are only simulated: a server takes them for what they stand for.

use std::collections::HashSet;

use anyhow::{Result, ensure};
use landmark_proto::wire;
use landmark_tests::fleet::simulated::{self, RARE};
use landmark_tests::fleet::{Crowd, Server};
use landmark_tests::scratch::test;
use landmark_tests::wait::{LIMIT, wait_until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_reads_a_fleet_that_was_written_into_its_database() -> Result<()> {
    test(async |scratch| {
        let mut server = Server::started(scratch).await?;
        let ctl = server.ctl();
        ctl.add("10.1.1.5", 1433).await?;
        ctl.assign().await?;
        server.stop().await?;
        simulated::fill(&server, 2_000).await?;
        server.start().await?;

        let listed = ctl.ok(&["agents", "list"]).await?;
        let agents: Vec<_> = listed["agents"].as_array().into_iter().flatten().collect();
        ensure!(agents.len() == 2_000, "{} agents", agents.len());
        let locations: HashSet<_> = agents.iter().filter_map(|agent| agent["location"].as_str()).collect();
        ensure!(locations.contains("internal") && locations.contains("external"), "{locations:?}");
        let rare =
            agents.iter().filter(|agent| agent["host_name"].as_str().is_some_and(|name| name.contains(RARE)));
        ensure!(rare.count() == 2);
        ensure!(agents.iter().all(|agent| agent["held_revision"] == 1), "{:?}", agents.first());
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_joins_takes_what_is_assigned_and_says_where_it_is() -> Result<()> {
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let mut crowd = Crowd::join(&server, 30).await?;
        ctl.add("10.1.1.5", 1433).await?;
        let revision = ctl.assign().await?;
        ensure!(crowd.wait_for(revision).await?.len() == 30);
        for member in crowd.members().iter_mut().take(10) {
            member.report(wire::Location::External).await?;
        }
        for member in crowd.members().iter_mut().skip(20) {
            member.disconnect();
        }
        wait_until("a third is outside, a third is gone", LIMIT, async || {
            let listed = ctl.ok(&["agents", "list"]).await?;
            let count = |key: &str, value: &str| {
                listed["agents"].as_array().into_iter().flatten().filter(|agent| agent[key] == value).count()
            };
            let seen = (count("location", "external"), count("connection", "online"));
            ensure!(seen == (10, 20), "{seen:?} of {listed}");
            Ok(())
        })
        .await?;
        let Some(first) = crowd.members().get_mut(25) else { anyhow::bail!("no member 25") };
        first.connect(&server).await?;
        ctl.wait_for_agent(&first.agent_id.clone(), "it is back", |agent| agent["connection"] == "online")
            .await?;
        Ok(())
    })
    .await
}
