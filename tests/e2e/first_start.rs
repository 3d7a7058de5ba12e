//! What a server and an agent do before anybody configured anything, and with a wrong configuration.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use landmark_tests::fleet::{Agent, Server, facts};
use landmark_tests::scratch::test;
use landmark_tests::wait::{LIMIT, wait_until};
use landmark_tests::{binaries, process};

/// Exit codes of both daemons (EX_UNAVAILABLE and EX_CONFIG of sysexits.h).
const UNAVAILABLE: i32 = 69;
const WRONG_CONFIGURATION: i32 = 78;

#[tokio::test]
async fn a_first_start_says_how_to_go_on_and_keeps_its_secrets() -> Result<()> {
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let said = wait_until("the server says how to go on", LIMIT, async || {
            let output = server.output();
            let line = output.lines().find_map(|line| line.split_once("Make a machine an agent: "));
            line.map(|(_, command)| command.trim().to_owned()).with_context(|| output.clone())
        })
        .await?;
        // As it stands there, pasted into a shell.
        let mut shell = Command::new("/bin/sh");
        let programs = binaries::find("landmarkctl")?;
        shell.args(["-c", &said]).env("PATH", programs.parent().context("no folder")?);
        let join_command = process::run(shell, scratch.journal()).await?.success()?.stdout;
        ensure!(join_command.contains("landmark-agent enroll landmark1."), "{join_command}");
        for secret in ["authority.key", "server.key", "admin-token", "landmark.db"] {
            let path = server.state_folder().join(secret);
            let mode = fs::metadata(&path).with_context(|| format!("look at {secret}"))?.permissions().mode();
            ensure!(mode & 0o077 == 0, "{secret} has mode {mode:o}");
            if secret != "landmark.db" {
                let text = fs::read_to_string(&path)?;
                let lines = text.lines().filter(|line| line.len() > 20);
                for line in lines.filter(|line| !line.starts_with('-')) {
                    ensure!(!server.output().contains(line), "{secret} is in the log");
                }
            }
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_wrong_api_token_is_refused_and_its_exit_code_says_so() -> Result<()> {
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let wrong =
            scratch.write("wrong-token", "landmark_admin_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n")?;
        fs::set_permissions(&wrong, fs::Permissions::from_mode(0o600))?;
        let wrong = wrong.display().to_string();
        let ctl = server.ctl();
        ctl.run(&["--token-file", &wrong, "draft", "show"]).await?.exited(77)?.says(&["token"])?;
        ctl.run(&["--token-file", &wrong, "servers", "add", "a.example", "443"]).await?.exited(77)?;
        ensure!(ctl.draft().await?["changed_by"].is_null());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_wrong_setting_is_named_and_nothing_starts() -> Result<()> {
    test(async |scratch| {
        let file = scratch
            .write("server.toml", "[listen]\nagents = \"everywhere\"\n[timing]\nheartbeet = \"1m\"\n")?;
        let file = file.display().to_string();
        let server = Server::new(scratch, "server")?;
        for arguments in [&["run", "--config", &file][..], &["check-config", &file]] {
            let refused = server.run(arguments).await?.exited(WRONG_CONFIGURATION)?;
            refused.says(&[
                "server.toml:2",
                "listen.agents",
                "everywhere",
                "server.toml:4",
                "timing.heartbeat",
            ])?;
        }
        ensure!(!server.state_folder().exists(), "a state folder was made");

        let agent = Agent::new(scratch, "agent")?;
        let file =
            scratch.write("agent.toml", "[location]\nallow-loopback = \"perhaps\"\n[nonsense]\na = 1\n")?;
        let refused = agent.run(&["check-config", &file.display().to_string()]).await?;
        refused.exited(WRONG_CONFIGURATION)?.says(&[
            "agent.toml:2",
            "location.allow-loopback",
            "true or false",
            "nonsense",
        ])?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_printed_default_configuration_is_a_good_one() -> Result<()> {
    test(async |scratch| {
        let server = Server::new(scratch, "server")?;
        let printed = server.run(&["print-default-config"]).await?.success()?.stdout;
        let file = scratch.write("server.toml", printed)?;
        server.run(&["check-config", &file.display().to_string()]).await?.success()?;

        let agent = Agent::new(scratch, "agent")?;
        let printed = agent.run(&["print-default-config"]).await?.success()?.stdout;
        let file = scratch.write("agent.toml", printed)?;
        agent.run(&["check-config", &file.display().to_string()]).await?.success()?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_second_process_in_a_state_folder_is_refused_and_the_first_goes_on() -> Result<()> {
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let mut second = Server::with_state_folder(scratch, "second-server", server.state_folder())?;
        let error = second.start().await.err().context("two servers in one folder")?;
        ensure!(format!("{error:#}").contains(&UNAVAILABLE.to_string()), "{error:#}");

        let agent = Agent::started(scratch, "agent", &server).await?;
        let second = Agent::with_state_folder(scratch, "second-agent", agent.state_folder())?;
        let state = agent.state_folder().display().to_string();
        second.run(&["run"]).await?.exited(UNAVAILABLE)?.says(&[&state])?;
        agent.wait_until_online(&server.ctl()).await
    })
    .await
}

#[tokio::test]
async fn an_agent_that_is_not_enrolled_says_how_to_enroll() -> Result<()> {
    test(async |scratch| {
        let agent = Agent::new(scratch, "agent")?;
        let refused = agent.run(&["run"]).await?.failure()?;
        refused.says(&["landmark-agent enroll"])?;
        let status = agent.run(&["status"]).await?.exited(UNAVAILABLE)?;
        ensure!(status.stdout.contains("landmark-agent enroll"), "{status}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn server_and_agent_go_on_when_their_logs_cannot_be_written() -> Result<()> {
    test(async |scratch| {
        let mut server = Server::new(scratch, "server")?;
        server.log_to("/dev/full");
        server.start().await?;
        let ctl = server.ctl();
        let mut agent = Agent::new(scratch, "agent")?;
        agent.enroll(&server.join_string().await?).await?.success()?;
        agent.log_to("/dev/full");
        agent.start().await?;
        agent.wait_until_online(&ctl).await?;
        ctl.add("10.1.1.5", 1433).await?;
        ctl.assign().await?;
        ensure!(facts::held_revision(&agent.status().await?) == Some(1));
        agent.stop().await?;
        server.stop().await
    })
    .await
}
