//! The reference servers, as the fleet sees them: who answers whom, and what happens without one.

use std::net::Ipv4Addr;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use landmark_tests::fleet::{Agent, Ctl, Server, facts};
use landmark_tests::reference::recorder::{End, Recorder};
use landmark_tests::scratch::test;
use landmark_tests::wait::{LIMIT, wait_until};
use serde_json::{Value, json};

/// Of a sweep: several times what agents take to come back to a server.
const OLD: SignedDuration = SignedDuration::from_secs(3);

/// The health once it rests on so many sweeps.
async fn health_of(ctl: &Ctl, n_agents: u64) -> Result<Value> {
    wait_until(&format!("{n_agents} sweeps are known"), LIMIT, async || {
        let health = ctl.ok(&["servers", "health"]).await?;
        ensure!(health["n_agents"] == n_agents, "{health}");
        Ok(health)
    })
    .await
}

/// When the last sweep ended.
fn newest_sweep_at(health: &Value) -> Result<Timestamp> {
    Ok(health["newest_sweep_at"].as_str().with_context(|| format!("no sweep in {health}"))?.parse()?)
}

#[tokio::test]
async fn a_dead_server_shows_and_so_does_the_one_on_which_all_depend() -> Result<()> {
    test(async |scratch| {
        let alive = Recorder::start().await?;
        let mut dead = Recorder::start_on(Ipv4Addr::new(127, 0, 0, 2)).await?;
        dead.stop().await;
        let mut server = Server::new(scratch, "server")?;
        // Only when someone asks.
        server.set("timing.sweep-interval", "0s");
        server.start().await?;
        let ctl = server.ctl();
        let agents = [
            Agent::started(scratch, "agent-1", &server).await?,
            Agent::started(scratch, "agent-2", &server).await?,
        ];
        let nothing = ctl.ok(&["servers", "health"]).await?;
        ensure!(nothing["revision"].is_null() && nothing["servers"] == json!([]), "{nothing}");
        ctl.add("127.0.0.2", dead.port()).await?;
        ctl.add("127.0.0.1", alive.port()).await?;
        ctl.ok(&["servers", "enable"]).await?;
        ctl.assign().await?;
        ensure!(alive.visits().is_empty(), "connected agents have no reason to look");

        let began = Instant::now();
        let asked = ctl.ok(&["servers", "health", "--refresh"]).await?;
        ensure!(asked["asked"]["n_asked"] == 2, "{asked}");
        let health = health_of(&ctl, 2).await?;
        let told_within = began.elapsed();
        let [first, second] = health["servers"].as_array().context("no servers")?.as_slice() else {
            anyhow::bail!("{health}")
        };
        ensure!((&first["n_reached"], &first["n_depend"]) == (&json!(0), &json!(0)), "{first}");
        ensure!(first["ports"][0]["failures"] == json!([{ "outcome": "refused", "n_agents": 2 }]), "{first}");
        ensure!((&second["n_reached"], &second["n_depend"]) == (&json!(2), &json!(2)), "{second}");
        ensure!(
            second["ports"][0]["n_answered"] == 2 && second["ports"][0]["median_ms"].is_u64(),
            "{second}"
        );
        ensure!(health["n_agents_external"] == 0, "{health}");
        // The overview tells the same, the worst first.
        let status = ctl.ok(&["status"]).await?;
        ensure!(status["counts"]["n_online"] == 2 && status["progress"]["n_applied"] == 2, "{status}");
        let told = status["attention"].as_array().context("no attention")?;
        let told: Vec<_> = told.iter().map(|item| (&item["code"], &item["subject"])).collect();
        let expected = [
            (&json!("reference_server_unreached"), &json!("127.0.0.2")),
            (&json!("reference_server_depended_on"), &json!("127.0.0.1")),
        ];
        ensure!(told == expected, "{status}");

        // A sweep is a connection without a byte, and changes nobody's location.
        wait_until("the visits are over", LIMIT, async || {
            let visits = alive.visits();
            ensure!(visits.len() == 2 && visits.iter().all(|visit| visit.end != End::Open), "{visits:?}");
            Ok(())
        })
        .await?;
        ensure!(alive.visits().iter().all(|visit| visit.received.is_empty()), "{:?}", alive.visits());
        for agent in &agents {
            let status = agent.status().await?;
            ensure!(facts::is_internal_by_server(&status), "{status}");
        }

        // A server that forgot it is told again, with the age of what was seen.
        let known = newest_sweep_at(&health)?;
        server.kill().await?;
        // Older than it takes to be told again, so that a sweep which is taken for new is found out.
        wait_until("what was seen is old", LIMIT, async || {
            let age = Timestamp::now().duration_since(known);
            ensure!(age > OLD, "{age}");
            Ok(())
        })
        .await?;
        let began = Instant::now();
        server.start().await?;
        let again = health_of(&ctl, 2).await?;
        let told_again_within = began.elapsed();
        // Each of the two is as much later than the sweep's end as its report took.
        let (earliest, latest) = (known - told_within, known + told_again_within);
        let told = newest_sweep_at(&again)?;
        ensure!((earliest..=latest).contains(&told), "{known} became {told}, not {earliest} to {latest}");
        ensure!(again["servers"] == health["servers"], "{health} became {again}");

        // Another list is another picture.
        ctl.ok(&["servers", "remove", "127.0.0.2"]).await?;
        ctl.assign().await?;
        health_of(&ctl, 0).await.map(drop)
    })
    .await
}
