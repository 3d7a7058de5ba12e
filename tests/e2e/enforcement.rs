//! The command backend: the operator's program is told the policy, at each change, and a failure is shown.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use landmark_tests::fleet::{Agent, Server, facts};
use landmark_tests::reference::nginx;
use landmark_tests::scratch::{Scratch, test};
use landmark_tests::wait::{LIMIT, wait_until};
use serde_json::Value;

#[tokio::test]
async fn the_operators_program_gets_the_policy_at_each_change_of_location() -> Result<()> {
    test(async |scratch| {
        let Some(mut web) = nginx::start(scratch).await? else { return Ok(()) };
        let mut server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let told = scratch.path().join("told");
        let program = program(scratch, &format!("cat >> {}", told.display()))?;
        let mut agent = Agent::new(scratch, "agent")?;
        agent.enroll(&server.join_string().await?).await?.success()?;
        enforce_by(&mut agent, &program);
        agent.start().await?;
        agent.wait_until_online(&ctl).await?;
        ensure!(
            documents(&told)?.is_empty(),
            "told something without an assignment: {:?}",
            documents(&told)?
        );

        ctl.add(&web.host().to_string(), web.port()).await?;
        ctl.ok(&["servers", "enable"]).await?;
        ctl.assign().await?;
        wait_for_last(&told, "internal").await?;
        // Not by way of a policy for a place where the machine never was.
        ensure!(documents(&told)?.iter().all(|told| told["policy"] == "internal"), "{:?}", documents(&told)?);

        web.stop().await?;
        server.kill().await?;
        wait_for_last(&told, "external").await?;
        agent.wait_for(LIMIT, "it is external", facts::is_external).await?;

        // Before any link: from what it holds on disk.
        agent.stop().await?;
        fs::remove_file(&told)?;
        agent.start().await?;
        wait_for_last(&told, "external").await?;

        server.start().await?;
        wait_for_last(&told, "internal").await?;
        for document in documents(&told)? {
            ensure!(document["version"] == 1 && document["revision"] == 1, "{document}");
            ensure!(document["digest"].as_str().is_some_and(|digest| digest.len() == 64), "{document}");
        }
        let id = agent.id().await?;
        let in_force = |agent: &Value| {
            agent["enforcement"]["state"] == "applied" && agent["enforcement"]["location"] == "internal"
        };
        ctl.wait_for_agent(&id, "the policy is in force", in_force).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_program_that_fails_is_shown_with_its_words_and_tried_again() -> Result<()> {
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let switch = scratch.path().join("works-now");
        let program = program(
            scratch,
            &format!("test -e {} || {{ echo no firewall here >&2; exit 3; }}", switch.display()),
        )?;
        let mut agent = Agent::new(scratch, "agent")?;
        agent.enroll(&server.join_string().await?).await?.success()?;
        enforce_by(&mut agent, &program);
        agent.start().await?;
        agent.wait_until_online(&ctl).await?;
        let id = agent.id().await?;
        ctl.add("10.1.1.5", 1433).await?;
        ctl.assign().await?;

        let failed = |agent: &Value| {
            let enforcement = &agent["enforcement"];
            enforcement["state"] == "failed" && enforcement["reason"].to_string().contains("no firewall here")
        };
        ctl.wait_for_agent(&id, "enforcement failed and why", failed).await?;
        scratch.write("works-now", "")?;
        ctl.wait_for_agent(&id, "enforcement works", |agent| agent["enforcement"]["state"] == "applied")
            .await?;
        Ok(())
    })
    .await
}

fn program(scratch: &Scratch, script: &str) -> Result<std::path::PathBuf> {
    let program = scratch.write("enforce", format!("#!/bin/sh\n{script}\n"))?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    Ok(program)
}

fn enforce_by(agent: &mut Agent, program: &Path) {
    agent.set("enforce.backend", "command");
    agent.set("enforce.command", &program.display().to_string());
}

/// What the program was told so far, a document a line.
fn documents(told: &Path) -> Result<Vec<Value>> {
    let text = match fs::read_to_string(told) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read?,
    };
    text.lines().map(|line| serde_json::from_str(line).with_context(|| format!("not JSON: {line}"))).collect()
}

async fn wait_for_last(told: &Path, policy: &str) -> Result<()> {
    wait_until(&format!("the program is told {policy}"), LIMIT, async || {
        let documents = documents(told)?;
        ensure!(documents.last().is_some_and(|document| document["policy"] == policy), "{documents:?}");
        Ok(())
    })
    .await
}
