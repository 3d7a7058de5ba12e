//! A wall clock that jumps changes the times that are shown, and nothing else.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use landmark_tests::lab::{Fault, Traffic, WallClock, server_address};
use serde_json::Value;

use crate::world::{MAX_EXTERNAL, decided_in, is_triggered_by, test};

const PORT: u16 = 7000;
const DAY: i64 = 24 * 60 * 60;
/// Of an attempt.
const TIME_OUT: Duration = Duration::from_secs(2);

fn started_at(evidence: &Value) -> Result<&str> {
    evidence["started_at"].as_str().context("no time")
}

#[tokio::test]
async fn a_wall_clock_that_jumps_while_it_looks_costs_no_time_and_no_verdict() -> Result<()> {
    test(async |scratch, world| {
        let Some(clock) = WallClock::new(scratch)? else { return Ok(()) };
        world.agent.stop().await?;
        for (variable, value) in clock.environment() {
            world.agent.set_environment(variable, value);
        }
        world.agent.start().await?;
        world.agent.wait_until_online(&world.ctl).await?;
        world.ctl.ok(&["location", "set", "--recheck-interval", "10s"]).await?;
        world.assign(&[("nowhere.corp.example", PORT), ("10.20.1.51", PORT)]).await?;
        world.lose_server().await?;
        world.lab.faults().add(Traffic::to(server_address(51)), Fault::BlackHole)?;

        let mut shown = vec![started_at(&world.look().await?)?.to_owned()];
        for ahead in [DAY, -DAY] {
            let during = world.look_while(|_| clock.set(ahead)).await?;
            ensure!(during["location"] == "external", "{during}");
            ensure!((TIME_OUT..=MAX_EXTERNAL).contains(&decided_in(&during)?), "{during}");
            // By its own interval, and no jump is a sleep.
            let before = world.n_evaluations().await?;
            let after = world.evidence_after(before, "it looked again", |_| true).await?;
            ensure!(is_triggered_by(&after, "recheck") && !is_triggered_by(&after, "wake"), "{after}");
            shown.push(started_at(&after)?.to_owned());
        }
        // RFC 3339 in UTC: in the order of its text.
        ensure!(shown[2] < shown[0] && shown[0] < shown[1], "the clock did not jump: {shown:?}");
        world.lab.faults().clear()?;
        let _listeners = world.listeners(&[51], PORT)?;
        let inside = world.look().await?;
        ensure!(inside["location"] == "internal", "{inside}");
        Ok(())
    })
    .await
}
