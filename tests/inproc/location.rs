//! Where agents are while their server and their reference servers come and go.

use std::net::Ipv4Addr;

use anyhow::{Result, ensure};
use landmark_tests::reference::recorder::Recorder;
use landmark_tests::scratch::test;

use crate::fleet::{Agent, Server, is_external, is_internal_by, is_internal_by_server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reference_servers_stand_in_for_the_server_in_their_order() -> Result<()> {
    test(async |scratch| {
        let mut references = Vec::new();
        for last in [11, 12, 13] {
            references.push(Recorder::start_on(Ipv4Addr::new(127, 0, 0, last)).await?);
        }
        let mut server = Server::start_new(scratch).await?;
        let mut administrator = server.administrator().await?;
        let mut agents = Vec::new();
        for name in ["one", "two", "three"] {
            agents.push(Agent::start_new(scratch, name, &mut administrator).await?);
        }
        let addresses: Vec<_> = references.iter().map(Recorder::address).collect();
        administrator.save(&addresses).await?;
        administrator.assign().await?;
        for agent in &agents {
            agent.wait_until_held(1).await?;
        }
        drop(administrator);

        server.stop().await?;
        for reference in &mut references {
            for agent in &agents {
                agent.recheck().await?;
                agent.wait_for(|decided| is_internal_by(decided, reference)).await?;
            }
            reference.stop().await;
        }
        for agent in &agents {
            agent.recheck().await?;
            agent.wait_for(is_external).await?;
        }

        // A lower entry first, then a higher one: the order of the list decides, not that of the coming back.
        for index in [2, 0] {
            references[index].restart().await?;
            for agent in &agents {
                agent.recheck().await?;
                agent.wait_for(|decided| is_internal_by(decided, &references[index])).await?;
            }
        }
        server.start().await?;
        for agent in &agents {
            agent.wait_for(is_internal_by_server).await?;
        }
        for reference in &references {
            let visits = reference.visits();
            ensure!(visits.iter().all(|visit| visit.received.is_empty()), "{visits:?}");
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crashed_server_is_no_reason_to_be_external() -> Result<()> {
    test(async |scratch| {
        let reference = Recorder::start().await?;
        let mut server = Server::start_new(scratch).await?;
        let mut administrator = server.administrator().await?;
        let agent = Agent::start_new(scratch, "agent", &mut administrator).await?;
        administrator.save(&[reference.address()]).await?;
        administrator.assign().await?;
        agent.wait_until_held(1).await?;
        drop(administrator);
        for _ in 0..3 {
            server.crash().await?;
            agent.wait_for(|decided| is_internal_by(decided, &reference)).await?;
            server.start().await?;
            agent.wait_for(is_internal_by_server).await?;
        }
        Ok(())
    })
    .await
}
