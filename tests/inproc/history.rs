//! What happened while the server was away arrives afterwards: in order, once, all of it.

use anyhow::{Context as _, Result, ensure};
use landmark_proto::wire::{self, basis};
use landmark_tests::reference::recorder::Recorder;
use landmark_tests::scratch::test;

use crate::fleet::{Agent, Server, is_external, is_internal_by, is_internal_by_server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_is_replayed_in_order_without_loss_or_doubles_whoever_crashes() -> Result<()> {
    const N_ROUNDS: usize = 6;
    test(async |scratch| {
        let mut reference = Recorder::start().await?;
        let mut server = Server::start_new(scratch).await?;
        let mut administrator = server.administrator().await?;
        let mut agent = Agent::start_new(scratch, "agent", &mut administrator).await?;
        administrator.save(&[reference.address()]).await?;
        administrator.assign().await?;
        agent.wait_until_held(1).await?;
        drop(administrator);

        // By turns the server, the agent and both crash, at different points of the story.
        for round in 0..N_ROUNDS {
            if round % 2 == 0 {
                server.crash().await?;
            } else {
                server.stop().await?;
            }
            agent.wait_for(|decided| is_internal_by(decided, &reference)).await?;
            if round % 3 == 0 {
                agent.crash().await?;
                agent.start().await?;
                agent.wait_for(|decided| is_internal_by(decided, &reference)).await?;
            }
            reference.stop().await;
            agent.recheck().await?;
            agent.wait_for(is_external).await?;
            if round % 3 == 1 {
                agent.stop().await?;
                agent.start().await?;
                agent.wait_for(is_external).await?;
            }
            reference.restart().await?;
            server.start().await?;
            agent.wait_for(is_internal_by_server).await?;
        }

        let mut administrator = server.administrator().await?;
        let complete = |agent: &wire::AgentDetail| {
            count(agent, "external") == N_ROUNDS && places(agent).last() == Some(&"server")
        };
        let shown = administrator.wait_for_agent(&agent.id, "the history is complete", complete).await?;
        let expected = ["server", "reference", "external"].repeat(N_ROUNDS);
        let places = places(&shown);
        let (last, before) = places.split_last().context("no history")?;
        ensure!(*last == "server" && before.ends_with(&expected), "{places:?}");
        ensure!(shown.n_history_lost == 0);
        Ok(())
    })
    .await
}

/// Oldest first, without repetitions: a start may tell again what was known.
fn places(agent: &wire::AgentDetail) -> Vec<&'static str> {
    let mut places: Vec<&str> = agent.history.iter().rev().map(place).collect();
    places.dedup();
    places
}

fn count(agent: &wire::AgentDetail, wanted: &str) -> usize {
    places(agent).into_iter().filter(|place| *place == wanted).count()
}

fn place(record: &wire::LocationHistory) -> &'static str {
    let basis =
        record.report.as_ref().and_then(|report| report.basis.as_ref()).and_then(|basis| basis.kind.as_ref());
    match basis {
        Some(basis::Kind::ManagementServer(_)) => "server",
        Some(basis::Kind::ReferenceServer(_)) => "reference",
        Some(basis::Kind::NoneReachable(_) | basis::Kind::TooFewAnswered(_) | basis::Kind::NoGateway(_)) => {
            "external"
        }
        Some(basis::Kind::Gateway(_)) => "gateway",
        Some(basis::Kind::ListDisabled(_)) => "disabled",
        Some(basis::Kind::NoAssignment(_)) => "nothing held",
        None => "nothing",
    }
}
