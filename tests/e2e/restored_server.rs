//! A server that was restored from an old copy of its state folder: no agent goes back, and everybody can see why.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use landmark_tests::fleet::{Agent, Server, facts};
use landmark_tests::scratch::test;
use serde_json::Value;

#[tokio::test]
async fn agents_of_a_server_that_was_restored_keep_what_they_hold_until_it_has_overtaken_them() -> Result<()>
{
    test(async |scratch| {
        let mut server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let agent = Agent::started(scratch, "agent", &server).await?;
        let id = agent.id().await?;
        ctl.add("first.example", 443).await?;
        ctl.assign().await?;
        server.stop().await?;
        let copy = scratch.make_folder("copy")?;
        replace_files(&copy, server.state_folder())?;
        server.start().await?;
        agent.wait_until_online(&ctl).await?;
        ctl.add("second.example", 443).await?;
        ensure!(ctl.assign().await? == 2);

        server.stop().await?;
        replace_files(server.state_folder(), &copy)?;
        server.start().await?;

        let refused_as = |code: &'static str| {
            move |agent: &Value| agent["rejection"]["code"] == code && facts::held_revision(agent) == Some(2)
        };
        ctl.wait_for_agent(&id, "the old assignment was refused", refused_as("outdated")).await?;
        // The same number with another content.
        ctl.add("other.example", 443).await?;
        ctl.run(&["assign", "--wait"]).await?.exited(2)?;
        ctl.wait_for_agent(&id, "the other content was refused", refused_as("conflict")).await?;
        ensure!(facts::held_revision(&agent.status().await?) == Some(2));
        // One more, and the server is ahead again.
        ctl.add("third.example", 443).await?;
        ensure!(ctl.assign().await? == 3);
        ensure!(facts::held_revision(&agent.status().await?) == Some(3));
        Ok(())
    })
    .await
}

/// Puts the files of one folder in the place of those of another.
fn replace_files(folder: &Path, by: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        fs::remove_file(entry?.path())?;
    }
    for entry in fs::read_dir(by)? {
        let entry = entry?;
        // Modes are copied along.
        fs::copy(entry.path(), folder.join(entry.file_name()))?;
    }
    Ok(())
}
