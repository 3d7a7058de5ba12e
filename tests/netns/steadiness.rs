//! How much it takes to change the location, where one finding is not enough, and on how many servers it stands.

use anyhow::{Result, ensure};
use landmark_tests::fleet::facts;
use landmark_tests::wait::LIMIT;
use serde_json::{Value, json};

use crate::world::{NOTICED, World, test};

const PORT: u16 = 7000;

#[tokio::test]
async fn the_status_says_what_is_waited_for_after_a_lost_link() -> Result<()> {
    test(async |_, world| {
        // So many that one look at the status falls into the time between two, however busy the machine is.
        confirm(world, "10").await?;
        world.server.kill().await?;
        let waits = |status: &Value| {
            let held_back = &status["held_back"];
            let lacks = held_back["lacks"].as_str().unwrap_or_default();
            status["location"] == "internal"
                && held_back["found"] == "external"
                && lacks.contains("of 10 times in a row")
        };
        world.agent.wait_for(NOTICED, "it waits for confirmation", waits).await?;
        world.agent.wait_for(LIMIT, "it is external", facts::is_external).await.map(drop)
    })
    .await
}

#[tokio::test]
async fn a_lost_link_makes_it_external_at_the_third_finding() -> Result<()> {
    test(async |_, world| {
        confirm(world, "3").await?;
        let before = world.n_evaluations().await?;
        world.server.kill().await?;
        let is_external = |evidence: &Value| evidence["location"] == "external";
        world.evidence_after(before, "it is external", is_external).await?;

        let evaluations = world.agent.explain_all().await?;
        let later = evaluations.iter().filter(|one| one["evaluation"].as_u64() > Some(before));
        let findings: Vec<Value> = later
            .filter(|evidence| evidence["found"] == "external")
            .map(|evidence| {
                json!([
                    evidence["location"],
                    evidence["standing"]["n_contradictions"],
                    evidence["triggers"][0]
                ])
            })
            .collect();
        let expected = [
            json!(["internal", 1, "link_lost"]),
            json!(["internal", 2, "confirmation"]),
            json!(["external", 3, "confirmation"]),
        ];
        ensure!(findings == expected, "{findings:?}");
        Ok(())
    })
    .await
}

/// Lets so many findings in a row make it external; it is internal by its server, and nobody else answers.
async fn confirm(world: &mut World, times: &str) -> Result<()> {
    world.ctl.ok(&["location", "set", "--confirmations-to-external", times]).await?;
    // Nothing listens there: it refuses.
    world.assign(&[("10.20.1.51", PORT)]).await?;
    world.agent.wait_for(LIMIT, "it is internal by its server", facts::is_internal_by_server).await.map(drop)
}

#[tokio::test]
async fn where_two_must_answer_one_is_not_enough() -> Result<()> {
    test(async |_, world| {
        let mut listeners = world.listeners(&[51, 52], PORT)?;
        world.ctl.ok(&["location", "set", "--required-successes", "2"]).await?;
        world.assign(&[("10.20.1.51", PORT), ("10.20.1.52", PORT), ("10.20.1.53", PORT)]).await?;
        world.lose_server().await?;
        let both = world.look().await?;
        ensure!(both["location"] == "internal", "{both}");
        listeners[1].stop().await;
        let one = world.look().await?;
        let basis = json!({ "kind": "too_few_answered", "n_answered": 1, "n_required": 2, "n_attempts": 3 });
        ensure!(one["location"] == "external" && one["basis"] == basis, "{one}");
        listeners[1].restart()?;
        let both = world.look().await?;
        ensure!(both["location"] == "internal", "{both}");
        Ok(())
    })
    .await
}
