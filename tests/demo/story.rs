//! What happens, in order. Every sentence with a tick was checked before it was printed.

use anyhow::{Context as _, Result, ensure};
use landmark_tests::fleet::facts::{held_revision, is_external, is_internal_by, is_internal_by_server};
use landmark_tests::scratch::Scratch;
use serde_json::Value;

use crate::firewall::{self, Firewall};
use crate::stage::Stage;

pub(crate) async fn tell(scratch: &Scratch, keep: bool) -> Result<()> {
    let mut stage = Stage::set(scratch).await?;
    opening(&mut stage).await?;
    saved_is_not_assigned(&mut stage).await?;
    assigned(&mut stage).await?;
    server_stops(&mut stage).await?;
    reference_servers_stop(&mut stage).await?;
    all_come_back(&mut stage).await?;
    history(&mut stage).await?;
    let firewall = firewall::play(scratch, &mut stage.teller).await?;
    ending(&stage, firewall.as_ref(), keep).await
}

async fn opening(stage: &mut Stage<'_>) -> Result<()> {
    stage.teller.scene("A server and three machines").await;
    stage.server.start().await?;
    stage.teller.say(
        "landmark-server started without any configuration file: it made its own authority and database.",
    );
    for name in ["reception", "warehouse", "laptop-7"] {
        stage.enter(name).await?;
        stage.teller.say(&format!("{name} enrolled with a join token and started its agent."));
    }
    stage.all("connected and internal", is_internal_by_server).await?;
    stage.teller.seen("All three are connected to the server, so they are internal.");
    stage.reported("internal").await?;
    stage.ctl(&["agents", "list"])?;
    Ok(())
}

async fn saved_is_not_assigned(stage: &mut Stage<'_>) -> Result<()> {
    stage.teller.scene("The list is edited and saved, and nothing else happens yet").await;
    for index in 0..stage.beacons.len() {
        let (host, port) = address(stage, index)?;
        stage.ctl(&["servers", "add", &host, &port.to_string()])?;
    }
    stage.ctl(&["servers", "enable"])?;
    stage.ctl(&["draft", "diff"])?;
    stage.all("no assignment", |status| held_revision(status).is_none()).await?;
    stage
        .teller
        .seen("The draft is saved on the server; no agent holds an assignment. Saving is not assigning.");
    Ok(())
}

async fn assigned(stage: &mut Stage<'_>) -> Result<()> {
    stage.teller.scene("Assign to agents").await;
    stage.ctl(&["assign", "-m", "the first list", "--wait"])?;
    stage.all("assignment 1", |status| held_revision(status) == Some(1)).await?;
    stage.teller.seen("All three hold assignment 1 on their own disks.");
    stage.ctl(&["agents", "list"])?;
    Ok(())
}

async fn server_stops(stage: &mut Stage<'_>) -> Result<()> {
    stage.teller.scene("The server stops: the agents decide alone, from disk").await;
    stage.server.stop().await?;
    let (host, port) = address(stage, 0)?;
    let took = stage.all("internal by the first", |status| is_internal_by(status, &host, port)).await?;
    stage.teller.seen(&format!(
        "Within {} ms after the server had ended, all three were internal by the first reference server, the {} at {host}:{port}.",
        took.as_millis(),
        stage.beacons[0].name,
    ));
    stage.on(0, &["status"]).await
}

async fn reference_servers_stop(stage: &mut Stage<'_>) -> Result<()> {
    stage.teller.scene("The reference servers stop, one by one").await;
    stage.teller.say("An agent without its server looks again by itself every minute; here it is asked to (landmark-agent recheck).");
    for next in 1..stage.beacons.len() {
        stop_beacon(stage, next - 1).await?;
        stage.recheck().await?;
        let (host, port) = address(stage, next)?;
        stage.all("internal by the next", |status| is_internal_by(status, &host, port)).await?;
        let name = stage.beacons[next].name;
        stage
            .teller
            .seen(&format!("Still internal: the next on the list, the {name} at {host}:{port}, answered."));
    }
    stop_beacon(stage, stage.beacons.len() - 1).await?;
    stage.recheck().await?;
    stage.all("external", is_external).await?;
    stage
        .teller
        .seen("No reference server answers: all three are external, and apply what is meant for outside.");
    stage.on(2, &["explain"]).await
}

async fn stop_beacon(stage: &mut Stage<'_>, index: usize) -> Result<()> {
    let beacon = stage.beacons.get_mut(index).context("no such reference server")?;
    beacon.stop().await;
    let name = beacon.name;
    stage.teller.say(&format!("The {name} stops."));
    Ok(())
}

async fn all_come_back(stage: &mut Stage<'_>) -> Result<()> {
    stage.teller.scene("All come back").await;
    for beacon in &mut stage.beacons {
        beacon.restart().await?;
    }
    stage.recheck().await?;
    let (host, port) = address(stage, 0)?;
    stage.all("internal by the first", |status| is_internal_by(status, &host, port)).await?;
    stage.teller.seen("The reference servers are back: internal again, by the first on the list.");
    stage.server.start().await?;
    stage.all("connected and internal", is_internal_by_server).await?;
    stage.teller.seen("The server is back: all three reconnected by themselves.");
    let n_bytes: u64 = stage.beacons.iter().map(|beacon| beacon.seen().1).sum();
    let n_visits: u64 = stage.beacons.iter().map(|beacon| beacon.seen().0).sum();
    ensure!(n_bytes == 0, "a reference server received {n_bytes} bytes");
    stage.teller.seen(&format!("The reference servers saw {n_visits} connections and not one byte."));
    Ok(())
}

async fn history(stage: &mut Stage<'_>) -> Result<()> {
    stage.teller.scene("What the agents recorded while the server was away").await;
    let agent = stage.agents.first().context("no agent")?;
    let id = agent.agent.id().await?;
    let shown = stage
        .server
        .ctl()
        .wait_for_agent(&id, "the history was replayed", |shown| history_of(shown).len() >= HISTORY.len())
        .await?;
    ensure!(history_of(&shown) == HISTORY, "the history is {:?}", history_of(&shown));
    stage.ctl(&["agents", "show", agent.name])?;
    stage.teller.seen("Every change of the time without the server was replayed, once and in order.");
    Ok(())
}

/// What the story made each agent record, newest first: the kind of reason, and the place in the list.
const HISTORY: [(&str, u64); 8] = [
    ("management_server", 0),
    ("reference_server", 1),
    ("none_reachable", 0),
    ("reference_server", 3),
    ("reference_server", 2),
    ("reference_server", 1),
    ("management_server", 0),
    ("no_assignment", 0),
];

fn history_of(shown: &Value) -> Vec<(&str, u64)> {
    let records = shown["history"].as_array().map(Vec::as_slice).unwrap_or_default();
    let basis = |record: &'_ Value| record["basis"]["position"].as_u64().unwrap_or(0);
    records
        .iter()
        .map(|record| (record["basis"]["kind"].as_str().unwrap_or_default(), basis(record)))
        .collect()
}

async fn ending(stage: &Stage<'_>, firewall: Option<&Firewall>, keep: bool) -> Result<()> {
    let took = stage.teller.elapsed().as_secs();
    if keep {
        stage.teller.say(&format!(
            "\n   Everything keeps running. Reach it with:\n\n     {} agents list\n",
            stage.addresses()
        ));
        if let Some(firewall) = firewall {
            stage.teller.say(&format!(
                "The machine with the firewall is in another fleet:\n\n     {} agents list\n",
                firewall.addresses()
            ));
        }
        stage.teller.say("Ctrl-C ends it and cleans up.");
        std::future::pending::<()>().await;
    }
    stage.teller.say(&format!("\n   That was all, in {took} s. Everything is stopped and cleaned up."));
    Ok(())
}

fn address(stage: &Stage<'_>, index: usize) -> Result<(String, u16)> {
    let beacon = stage.beacons.get(index).context("no such reference server")?;
    Ok((beacon.address.ip().to_string(), beacon.address.port()))
}
