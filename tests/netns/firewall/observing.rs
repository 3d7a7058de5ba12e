//! What is tried before it is enforced, what an operator at the machine asks, and agents that enforce nothing.

use anyhow::{Context as _, Result, ensure};
use landmark_agent::enforce::firewall::ruleset::Present;
use landmark_tests::lab::Echo;
use landmark_tests::lab::probe::{Kind, Outcome};
use landmark_tests::wait::{LIMIT, wait_until};
use serde_json::Value;

use super::{both, present, probe, sockets, standing, test};
use crate::world::{World, test_with};

const REMOTE: u8 = 20;
const ALLOWED: u16 = 7001;
const FORBIDDEN: u16 = 7002;

fn listen(world: &World) -> Result<[Echo; 2]> {
    let ports = [ALLOWED, FORBIDDEN];
    Ok([
        Echo::start(&world.laptop.place(), &sockets(&world.own()?.both(), &ports))?,
        Echo::start(world.lab.office(), &sockets(&both(REMOTE), &ports))?,
    ])
}

async fn draft(world: &World) -> Result<()> {
    let allowed = format!("--allow --both --protocol tcp+udp --ports {ALLOWED}");
    world.policy("Shut", "high", &[&allowed]).await
}

/// Four connections each way to either port.
async fn ensure_forbidden(world: &World, forbidden: Outcome) -> Result<()> {
    let (mut to_it, mut from_it) = (Vec::new(), Vec::new());
    for remote in both(REMOTE) {
        let own = world.own()?.like(remote);
        for kind in [Kind::Tcp, Kind::Udp] {
            for (port, outcome) in [(ALLOWED, Outcome::Answered), (FORBIDDEN, forbidden)] {
                to_it.push((probe(kind, remote, own, port), outcome));
                from_it.push((probe(kind, own, remote, port), outcome));
            }
        }
    }
    world.ensure_in(&to_it).await?;
    world.ensure_out(&from_it).await
}

/// Waits until the server has been told of what this has decided on in both directions: the first packet of each of four
/// connections, or every one that tried where they are blocked.
async fn counted(world: &World, exception: &Value, action: &str, is_observing: bool) -> Result<()> {
    wait_until(&format!("the server knows what {exception} has counted"), LIMIT, async || {
        let told = world.ctl.ok(&["firewall", "hits", "--policy", "Shut"]).await?;
        let all = told["hits"].as_array().context("no hits")?;
        let n_of = |direction: &str| {
            let of_it = all.iter().find(|one| {
                one["exception"] == *exception
                    && one["action"] == action
                    && one["direction"] == direction
                    && one["observing"] == is_observing
            });
            of_it.and_then(|one| one["n_packets"].as_u64()).unwrap_or_default()
        };
        let fits = |n| if is_observing { n == 4 } else { n >= 4 };
        ensure!(["inbound", "outbound"].iter().all(|direction| fits(n_of(direction))), "{told}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_policy_that_observes_drops_nothing_and_counts_and_the_same_enforced_drops() -> Result<()> {
    test(async |_, world| {
        let _listen = listen(world)?;
        draft(world).await?;
        world.ctl.ok(&["firewall", "policies", "edit", "Shut", "--observe"]).await?;
        world.give("Shut").await?;
        world.ctl.assign().await?;
        let observes = |status: &Value| {
            let reason = status["enforcement"]["reason"].as_str().unwrap_or_default();
            status["enforcement"]["state"] == "observed" && reason.contains("\"Shut\" only observes")
        };
        world.agent.wait_for(LIMIT, "it observes", observes).await?;
        ensure_forbidden(world, Outcome::Answered).await?;
        counted(world, &Value::Null, "block", true).await?;
        counted(world, &Value::from("Exception 1"), "allow", true).await?;

        world.ctl.ok(&["firewall", "policies", "edit", "Shut", "--enforce"]).await?;
        world.ctl.assign().await?;
        world.in_force("Shut").await?;
        ensure_forbidden(world, Outcome::Silence).await?;
        counted(world, &Value::Null, "block", false).await
    })
    .await
}

#[tokio::test]
async fn rules_outlive_a_stopped_agent_and_a_killed_one_until_they_are_taken_away() -> Result<()> {
    test(async |_, world| {
        let _listen = listen(world)?;
        draft(world).await?;
        world.switch_to("Shut").await?;
        let place = world.laptop.place();
        let in_force = standing(&place)?;

        let refused = world.agent.run(&["enforce", "clear"]).await?.failure()?;
        refused.says(&["the agent runs"])?;
        ensure!(standing(&place)? == in_force);
        let shown = world.agent.run(&["enforce", "show", "--json"]).await?.success()?.json()?;
        ensure!(shown["enforcement"]["policy"] == "Shut", "{shown}");
        let table = shown["table"].to_string();
        ensure!(table.contains("type filter hook input") && table.contains("policy drop"), "{table}");
        let nothing = world.agent.run(&["enforce", "plan", "--json"]).await?.success()?;

        world.agent.stop().await?;
        ensure!(standing(&place)? == in_force, "it took its rules away");
        ensure_forbidden(world, Outcome::Silence).await?;
        world.agent.start().await?;
        world.in_force("Shut").await?;
        world.agent.kill().await?;
        ensure!(standing(&place)? == in_force, "they died with it");
        ensure_forbidden(world, Outcome::Silence).await?;

        world.agent.run(&["enforce", "clear"]).await?.success()?;
        ensure!(present(&place)? == Present::Nothing, "something was left");
        ensure_forbidden(world, Outcome::Answered).await?;
        let all = world.agent.run(&["enforce", "plan", "--json"]).await?.success()?;
        ensure!(all.stdout != nothing.stdout && all.stdout.contains("tcp dport 7001"), "{all}");
        ensure!(present(&place)? == Present::Nothing, "a plan has changed something");
        world.agent.start().await?;
        world.in_force("Shut").await?;
        ensure!(standing(&place)? == in_force);
        ensure_forbidden(world, Outcome::Silence).await
    })
    .await
}

#[tokio::test]
async fn without_an_assignment_there_is_nothing_to_enforce_and_everything_passes() -> Result<()> {
    test(async |_, world| {
        let _listen = listen(world)?;
        let says_so = |status: &Value| {
            let enforcement = &status["enforcement"];
            enforcement["state"] == "nothing" && enforcement["reason"] == "no assignment is held"
        };
        world.agent.wait_for(LIMIT, "there is nothing to enforce", says_so).await?;
        ensure_forbidden(world, Outcome::Answered).await?;
        let shown = world.agent.run(&["enforce", "show"]).await?.success()?;
        ensure!(shown.stdout.contains("nothing to enforce"), "{shown}");
        Ok(())
    })
    .await
}

/// May not administrate the network, and is otherwise who it was.
const POWERLESS: [&str; 3] = ["setpriv", "--bounding-set", "-net_admin"];

#[tokio::test]
async fn an_agent_that_may_not_write_a_firewall_observes_and_says_so_once() -> Result<()> {
    let prepare = |agent: &mut landmark_tests::fleet::Agent| {
        agent.run_under(&POWERLESS);
        agent.set("enforce.backend", "auto");
    };
    test_with(prepare, async |_, world| {
        let _listen = listen(world)?;
        draft(world).await?;
        world.give("Shut").await?;
        world.ctl.assign().await?;
        let observes = |status: &Value| {
            let enforcement = &status["enforcement"];
            let reason = enforcement["reason"].as_str().unwrap_or_default();
            enforcement["state"] == "observed"
                && enforcement["policy"] == "Shut"
                && reason.contains("not available: no permission to use the packet filter")
        };
        world.agent.wait_for(LIMIT, "it may only observe", observes).await?;
        let id = world.agent.id().await?;
        world.ctl.wait_for_agent(&id, "it may only observe", observes).await?;
        ensure!(present(&world.laptop.place())? == Present::Nothing);
        ensure_forbidden(world, Outcome::Answered).await?;
        world.ctl.assign().await?;
        let n_told = world.agent.output().matches("the firewall is not written").count();
        ensure!(n_told == 1, "told {n_told} times");

        // Where it is asked for, it is a failure.
        world.agent.stop().await?;
        world.agent.set("enforce.backend", "nftables");
        world.agent.start().await?;
        let is_unavailable = |status: &Value| {
            let reason = status["enforcement"]["reason"].as_str().unwrap_or_default();
            status["enforcement"]["state"] == "unavailable" && reason.contains("CAP_NET_ADMIN")
        };
        world.agent.wait_for(LIMIT, "its firewall is not available", is_unavailable).await?;
        ensure_forbidden(world, Outcome::Answered).await
    })
    .await
}
