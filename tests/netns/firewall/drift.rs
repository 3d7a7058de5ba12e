//! Others write to the packet filter: what is Landmark's is repaired, what is theirs is not touched.

use anyhow::{Result, ensure};
use landmark_tests::lab::Echo;
use landmark_tests::lab::probe::{Kind, Outcome};
use landmark_tests::wait::LIMIT;
use serde_json::Value;

use super::{both, probe, sockets, standing, test};
use crate::world::World;

const REMOTE: u8 = 20;
const ALLOWED: u16 = 7001;
const FORBIDDEN: u16 = 7002;

/// In force from here on.
async fn shut(world: &World) -> Result<()> {
    let allowed = format!("--allow --both --protocol tcp+udp --ports {ALLOWED}");
    world.policy("Shut", "high", &[&allowed]).await?;
    world.switch_to("Shut").await
}

/// Whoever listens must be told before.
async fn ensure_shut(world: &World) -> Result<()> {
    let (mut to_it, mut from_it) = (Vec::new(), Vec::new());
    for remote in both(REMOTE) {
        let own = world.own()?.like(remote);
        for kind in [Kind::Tcp, Kind::Udp] {
            for (port, outcome) in [(ALLOWED, Outcome::Answered), (FORBIDDEN, Outcome::Silence)] {
                to_it.push((probe(kind, remote, own, port), outcome));
                from_it.push((probe(kind, own, remote, port), outcome));
            }
        }
    }
    world.ensure_in(&to_it).await?;
    world.ensure_out(&from_it).await
}

fn listen(world: &World) -> Result<[Echo; 2]> {
    let ports = [ALLOWED, FORBIDDEN];
    Ok([
        Echo::start(&world.laptop.place(), &sockets(&world.own()?.both(), &ports))?,
        Echo::start(world.lab.office(), &sockets(&both(REMOTE), &ports))?,
    ])
}

/// `nft` does this; the reason that is told has these words.
async fn is_repaired(commands: &str, words: &[&str]) -> Result<()> {
    test(async |_, world| {
        shut(world).await?;
        let _listen = listen(world)?;
        let place = world.laptop.place();
        let before = standing(&place)?;
        world.laptop.namespace().nft(commands)?;

        let is_told = |one: &Value| {
            let reason = one["enforcement"]["reason"].as_str().unwrap_or_default();
            one["enforcement"]["state"] == "repaired" && words.iter().all(|word| reason.contains(word))
        };
        world.agent.wait_for(LIMIT, &format!("it has repaired {words:?}"), is_told).await?;
        ensure!(standing(&place)? == before, "it is not as it was");
        ensure_shut(world).await?;
        let id = world.agent.id().await?;
        world.ctl.wait_for_agent(&id, &format!("it has repaired {words:?}"), is_told).await.map(drop)
    })
    .await
}

#[tokio::test]
async fn a_ruleset_that_was_flushed_is_repaired() -> Result<()> {
    is_repaired("flush ruleset\n", &["somebody else had changed the rules", "the whole table was gone"]).await
}

#[tokio::test]
async fn a_table_that_was_deleted_is_repaired() -> Result<()> {
    is_repaired("delete table inet landmark\n", &["the whole table was gone"]).await
}

#[tokio::test]
async fn a_chain_that_was_emptied_is_repaired() -> Result<()> {
    is_repaired("flush chain inet landmark input-tcp\n", &["there was no: tcp dport 7001"]).await
}

#[tokio::test]
async fn a_rule_that_lets_everything_in_is_taken_away() -> Result<()> {
    is_repaired("insert rule inet landmark input accept\n", &["there was: accept"]).await
}

#[tokio::test]
async fn what_another_kind_of_rule_says_is_taken_away() -> Result<()> {
    is_repaired("insert rule inet landmark input limit rate 5/second accept\n", &["not ours", "limit"]).await
}

/// Tables that others have, without counters, which change by themselves.
const FOREIGN: &str = "table inet other {\n\
    set trusted { type ipv4_addr; flags interval; elements = { 10.20.1.0/25, 10.30.0.7 }; }\n\
    map verdicts { type inet_service : verdict; elements = { 7009 : drop, 7010 : accept }; }\n\
    chain input { type filter hook input priority 5; policy accept;\n\
    \x20 ip saddr @trusted tcp dport vmap @verdicts\n\
    \x20 udp dport 7009 drop comment \"theirs\"\n\
    }\n\
    chain landmark { }\n\
    }\n\
    table ip nat {\n\
    chain postrouting { type nat hook postrouting priority srcnat; policy accept;\n\
    \x20 ip daddr 192.0.2.0/24 masquerade\n\
    }\n\
    chain prerouting { type nat hook prerouting priority dstnat; policy accept;\n\
    \x20 tcp dport 7090 redirect to :7001\n\
    }\n\
    }\n\
    table ip landmark {\n\
    chain input { type filter hook input priority 6; policy accept; }\n\
    }\n";

#[tokio::test]
async fn tables_of_others_stay_as_they_are_and_what_they_drop_stays_dropped() -> Result<()> {
    test(async |_, world| {
        let machine = world.laptop.namespace().clone();
        machine.nft(FOREIGN)?;
        let theirs = || -> Result<Vec<String>> {
            let tables = [["inet", "other"], ["ip", "nat"], ["ip", "landmark"]];
            tables
                .iter()
                .map(|[family, name]| machine.ask_nft(&["-a", "list", "table", family, name]))
                .collect()
        };
        let before = theirs()?;
        let same = |when: &str| -> Result<()> {
            let found = theirs()?;
            ensure!(found == before, "{when}: {before:#?}\nis now\n{found:#?}");
            Ok(())
        };
        let open = "--allow --both --protocol tcp+udp --ports 7001,7009,7010";
        world.policy("Theirs", "high", &[open]).await?;
        world.switch_to("Theirs").await?;
        same("in force")?;

        let own = world.own()?.v4;
        let remote = both(REMOTE)[0];
        let _listen = Echo::start(&world.laptop.place(), &sockets(&[own], &[7001, 7009, 7010]))?;
        world
            .ensure_in(&[
                (probe(Kind::Tcp, remote, own, 7009), Outcome::Silence),
                (probe(Kind::Udp, remote, own, 7009), Outcome::Silence),
                (probe(Kind::Tcp, remote, own, 7010), Outcome::Answered),
                (probe(Kind::Udp, remote, own, 7010), Outcome::Answered),
                // Where a packet is redirected to is what it is judged by.
                (probe(Kind::Tcp, remote, own, 7090), Outcome::Answered),
            ])
            .await?;
        shut(world).await?;
        same("after a switch")?;
        world.agent.kill().await?;
        same("after its death")?;
        world.agent.start().await?;
        world.in_force("Shut").await?;
        machine.nft("delete table inet landmark\n")?;
        let is_repaired = |status: &Value| status["enforcement"]["state"] == "repaired";
        world.agent.wait_for(LIMIT, "it has repaired its table", is_repaired).await?;
        same("after a repair")?;
        world.agent.stop().await?;
        same("after its end")?;
        world.agent.run(&["enforce", "clear"]).await?.success()?;
        same("after all was taken away")?;
        world.agent.start().await
    })
    .await
}
