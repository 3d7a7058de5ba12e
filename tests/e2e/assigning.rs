//! Assigning: who applied, who refused and why, and what a script sees of it.

use anyhow::{Context as _, Result, ensure};
use landmark_tests::fleet::{Agent, Server, facts};
use landmark_tests::scratch::test;
use landmark_tests::wait::LIMIT;
use rustix::process::Signal;
use serde_json::Value;
use tokio::task::JoinSet;

#[tokio::test]
async fn a_rejected_assignment_leaves_the_old_list_and_its_reason_is_shown() -> Result<()> {
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let willing = Agent::started(scratch, "willing", &server).await?;
        let mut strict = Agent::new(scratch, "strict")?;
        strict.enroll(&server.join_string().await?).await?.success()?;
        strict.set("location.allow-loopback", "false");
        strict.start().await?;
        strict.wait_until_online(&ctl).await?;
        let strict_id = strict.id().await?;

        ctl.add("10.1.1.5", 1433).await?;
        ctl.assign().await?;

        ctl.add("127.0.0.1", 8080).await?;
        // 2: an agent rejected it.
        ctl.run(&["assign", "--wait"]).await?.exited(2)?;
        let shown = ctl.agent(&strict_id).await?;
        ensure!(
            shown["assignment_state"] == "rejected" && facts::held_revision(&shown) == Some(1),
            "{shown}"
        );
        let rejection = &shown["rejection"];
        ensure!(rejection["code"] == "invalid" && rejection["still_held_revision"] == 1, "{shown}");
        let violation = &rejection["violations"][0];
        ensure!(violation["path"].as_str().is_some_and(|path| path.contains("servers[1]")), "{shown}");
        ensure!(violation["message"].as_str().is_some_and(|message| message.contains("loopback")), "{shown}");
        let status = strict.status().await?;
        ensure!(facts::held_revision(&status) == Some(1), "{status}");
        let willing_holds = |status: &Value| facts::held_revision(status) == Some(2);
        willing.wait_for(LIMIT, "it holds the new list", willing_holds).await?;

        // A list that it takes heals it.
        ctl.ok(&["servers", "remove", "127.0.0.1"]).await?;
        ctl.add("10.1.1.6", 1433).await?;
        ctl.assign().await?;
        let shown = ctl.agent(&strict_id).await?;
        ensure!(shown["assignment_state"] == "current" && shown["rejection"].is_null(), "{shown}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn waiting_for_an_assignment_tells_a_script_how_it_went() -> Result<()> {
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        ctl.add("10.1.1.5", 1433).await?;
        // Nobody is there to apply it: nobody is pending.
        ctl.run(&["assign", "--wait"]).await?.exited(0)?;

        let mut agent = Agent::started(scratch, "agent", &server).await?;
        ctl.add("10.1.1.6", 1433).await?;
        ctl.run(&["assign", "--wait"]).await?.exited(0)?;
        ensure!(facts::held_revision(&agent.status().await?) == Some(2));

        // Nothing to assign is no failure, and makes no assignment.
        let again = ctl.run(&["assign", "--wait"]).await?.exited(0)?.json()?;
        ensure!(again["created"] == false, "{again}");

        // An agent that is not there is not waited for, and gets it when it comes.
        agent.stop().await?;
        let id = agent_id(&ctl.ok(&["agents", "list"]).await?);
        ctl.wait_for_agent(&id, "it is offline", |agent| agent["connection"] == "offline").await?;
        ctl.add("10.1.1.7", 1433).await?;
        ctl.run(&["assign", "--wait"]).await?.exited(0)?;
        agent.start().await?;
        agent.wait_for(LIMIT, "it holds the list", |status| facts::held_revision(status) == Some(3)).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn waiting_tells_agents_that_do_not_answer_and_an_assignment_that_was_overtaken() -> Result<()> {
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let mut agent = Agent::started(scratch, "agent", &server).await?;
        ctl.add("10.1.1.5", 1433).await?;
        ctl.assign().await?;

        // Connected, and unable to answer.
        agent.signal(Signal::STOP)?;
        ctl.add("10.1.1.6", 1433).await?;
        // 3: still pending when the time is up.
        let late = ctl.run(&["assign", "--wait", "--timeout", "1s"]).await?.exited(3)?.json()?;
        ensure!(late["progress"]["n_pending"] == 1, "{late}");

        // 4: a newer assignment takes over while somebody waits.
        let waiting = ctl.clone();
        let mut overtaken = JoinSet::new();
        overtaken.spawn(async move { waiting.run(&["assignments", "watch", "2"]).await });
        ctl.add("10.1.1.7", 1433).await?;
        ctl.ok(&["assign"]).await?;
        overtaken.join_next().await.context("nobody waits")???.exited(4)?;

        agent.signal(Signal::CONT)?;
        ctl.run(&["assignments", "watch", "3"]).await?.exited(0)?;
        ensure!(facts::held_revision(&agent.status().await?) == Some(3));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_older_assignment_assigned_again_is_a_new_one_with_the_old_list() -> Result<()> {
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let agent = Agent::started(scratch, "agent", &server).await?;
        ctl.add("10.1.1.5", 1433).await?;
        ctl.assign().await?;
        ctl.add("10.1.1.6", 1433).await?;
        ctl.assign().await?;

        ctl.ok(&["assignments", "assign-again", "1", "-m", "back", "--wait"]).await?;
        let third = ctl.ok(&["assignments", "show", "3"]).await?;
        ensure!(facts::hosts(&third["settings"]) == ["10.1.1.5"] && third["again_of"] == 1, "{third}");
        ensure!(facts::hosts(&ctl.draft().await?["settings"]) == ["10.1.1.5"]);
        agent.wait_for(LIMIT, "it holds the third", |status| facts::held_revision(status) == Some(3)).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn assigning_an_older_assignment_again_keeps_unassigned_edits() -> Result<()> {
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        ctl.add("10.1.1.5", 1433).await?;
        ctl.assign().await?;
        ctl.add("10.1.1.6", 1433).await?;
        ctl.assign().await?;
        ctl.add("colleague.example", 443).await?;
        let before = ctl.draft().await?;

        ctl.ok(&["assignments", "assign-again", "1"]).await?;
        let after = ctl.draft().await?;
        ensure!(before["etag"] == after["etag"], "before {before}, after {after}");
        ensure!(before["settings"] == after["settings"], "before {before}, after {after}");
        ensure!(after["assigned_revision"] == 3 && after["differs"] == true, "{after}");
        Ok(())
    })
    .await
}

fn agent_id(list: &Value) -> String {
    list["agents"][0]["agent_id"].as_str().unwrap_or_default().to_owned()
}
