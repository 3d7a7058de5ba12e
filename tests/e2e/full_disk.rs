//! A full disk, on either side: refused in clear words, nothing lost, and it goes on once there is space.

use std::time::Duration;

use anyhow::{Result, ensure};
use landmark_tests::fleet::{Agent, Server, facts};
use landmark_tests::scratch::test;
use landmark_tests::tmpfs::Tmpfs;
use serde_json::Value;

/// The server's database and its journal start well below it.
const SERVER_DISK: u64 = 16 * 1024 * 1024;
const AGENT_DISK: u64 = 1024 * 1024;
/// An assignment that could not be stored is offered again.
const NEXT_OFFER: Duration = Duration::from_secs(90);
/// The journal of a database can take some edits without new space.
const MAX_EDITS: usize = 300;

#[tokio::test]
async fn a_server_without_space_refuses_edits_and_keeps_what_it_has() -> Result<()> {
    test(async |scratch| {
        let Some(disk) = Tmpfs::mount(scratch, "server-disk", SERVER_DISK)? else { return Ok(()) };
        let mut server = Server::with_state_folder(scratch, "server", &disk.path().join("state"))?;
        server.set("reference-servers.max", "320");
        server.start().await?;
        let ctl = server.ctl();
        ctl.add("before.example", 443).await?;
        ctl.assign().await?;

        let filler = disk.fill()?;
        let mut acknowledged = vec!["before.example".to_owned()];
        let refused = loop {
            ensure!(acknowledged.len() < MAX_EDITS, "{MAX_EDITS} edits were taken by a full disk");
            let host = format!("full-{}.example", acknowledged.len());
            let output = ctl.run(&["servers", "add", &host, "443"]).await?;
            if output.code != 0 {
                break output;
            }
            acknowledged.push(host);
        };
        refused.failure()?.says(&["disk", "full"])?;
        ensure!(
            facts::hosts(&ctl.draft().await?["settings"]) == acknowledged,
            "the draft is not what was acknowledged"
        );
        let assigned = ctl.ok(&["assignments", "show"]).await?;
        ensure!(facts::hosts(&assigned["settings"]) == ["before.example"], "{assigned}");

        drop(filler);
        ctl.add("after.example", 443).await?;
        acknowledged.push("after.example".into());
        ctl.assign().await?;
        // Nor did the full disk leave anything behind that a restart would find.
        server.stop().await?;
        server.start().await?;
        ensure!(facts::hosts(&ctl.draft().await?["settings"]) == acknowledged);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_agent_without_space_rejects_keeps_the_old_list_and_takes_the_new_one_later() -> Result<()> {
    test(async |scratch| {
        let Some(disk) = Tmpfs::mount(scratch, "agent-disk", AGENT_DISK)? else { return Ok(()) };
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let mut agent = Agent::with_state_folder(scratch, "agent", &disk.path().join("state"))?;
        agent.enroll(&server.join_string().await?).await?.success()?;
        agent.start().await?;
        agent.wait_until_online(&ctl).await?;
        let id = agent.id().await?;
        ctl.add("before.example", 443).await?;
        ctl.assign().await?;

        let filler = disk.fill()?;
        ctl.add("full.example", 443).await?;
        // 2: an agent rejected it.
        ctl.run(&["assign", "--wait"]).await?.exited(2)?;
        let shown = ctl.agent(&id).await?;
        ensure!(
            shown["assignment_state"] == "rejected" && shown["rejection"]["code"] == "storage",
            "{shown}"
        );
        ensure!(facts::held_revision(&agent.status().await?) == Some(1));

        // By itself: nobody looks after a laptop whose disk was full for a while.
        drop(filler);
        let holds = |status: &Value| facts::held_revision(status) == Some(2);
        agent.wait_for(NEXT_OFFER, "it holds the new list", holds).await?;
        ctl.wait_for_agent(&id, "it is current", |agent| agent["assignment_state"] == "current").await?;
        Ok(())
    })
    .await
}
