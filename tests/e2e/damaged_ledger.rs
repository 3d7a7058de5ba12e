//! A ledger that the disk has damaged: the one before it holds, that is said, and the server heals it.

use std::fs::{self, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use landmark_tests::fleet::{Agent, Server, facts};
use landmark_tests::scratch::test;
use landmark_tests::wait::LIMIT;
use serde_json::Value;

/// What can happen to a file.
#[derive(Clone, Copy, Debug)]
enum Damage {
    /// One bit, at this share of the file's length, in percent.
    BitFlip(u64),
    /// Cut to this share of its length, in percent.
    Truncated(u64),
    Empty,
    Missing,
}

const DAMAGES: [Damage; 7] = [
    Damage::BitFlip(0),
    Damage::BitFlip(30),
    Damage::BitFlip(99),
    Damage::Truncated(50),
    Damage::Truncated(99),
    Damage::Empty,
    Damage::Missing,
];

#[tokio::test]
async fn a_damaged_ledger_falls_back_to_the_one_before_and_recovers_from_the_server() -> Result<()> {
    test(async |scratch| {
        let mut server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let mut agent = Agent::started(scratch, "agent", &server).await?;
        let mut revision = 0;
        for (n, damage) in DAMAGES.into_iter().enumerate() {
            // Two that differ, so that it can be told which one holds.
            for which in ["a", "b"] {
                ctl.add(&format!("{which}{n}.example"), 443).await?;
                revision = ctl.assign().await?;
            }
            agent.stop().await?;
            server.stop().await?;
            inflict(damage, &agent.state_folder().join("ledger"))?;
            let said_before = agent.output().len();
            agent.start().await?;
            let status = agent.status().await?;
            ensure!(facts::held_revision(&status) == Some(revision - 1), "after {damage:?}: {status}");
            let said = agent.output().get(said_before..).unwrap_or_default().to_owned();
            ensure!(said.contains("WARN") && said.contains("ledger"), "after {damage:?} it said: {said}");
            ensure!(status["ledger_damage"].to_string().contains("ledger"), "after {damage:?}: {status}");

            server.start().await?;
            let recovered = |status: &Value| facts::held_revision(status) == Some(revision);
            agent.wait_for(LIMIT, "it holds the last assignment again", recovered).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn with_both_ledgers_damaged_nothing_is_held_until_the_server_is_back() -> Result<()> {
    test(async |scratch| {
        let mut server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let mut agent = Agent::started(scratch, "agent", &server).await?;
        for host in ["a.example", "b.example"] {
            ctl.add(host, 443).await?;
            ctl.assign().await?;
        }
        agent.stop().await?;
        server.stop().await?;
        inflict(Damage::BitFlip(60), &agent.state_folder().join("ledger"))?;
        inflict(Damage::Truncated(70), &agent.state_folder().join("ledger.previous"))?;
        agent.start().await?;
        let status = agent.status().await?;
        ensure!(facts::held_revision(&status).is_none() && status["location"] == "unknown", "{status}");

        server.start().await?;
        agent
            .wait_for(LIMIT, "it holds the assignment again", |status| {
                facts::held_revision(status) == Some(2)
            })
            .await?;
        Ok(())
    })
    .await
}

fn inflict(damage: Damage, file: &Path) -> Result<()> {
    let bytes = fs::read(file).with_context(|| format!("read {}", file.display()))?;
    let length = bytes.len() as u64;
    let mut open = OpenOptions::new().write(true).open(file)?;
    match damage {
        Damage::BitFlip(percent) => {
            let place = length * percent / 100;
            let byte = bytes.get(usize::try_from(place)?).context("beyond the end")?;
            open.seek(SeekFrom::Start(place))?;
            open.write_all(&[byte ^ 0b0001_0000])?;
        }
        Damage::Truncated(percent) => open.set_len(length * percent / 100)?,
        Damage::Empty => open.set_len(0)?,
        Damage::Missing => fs::remove_file(file)?,
    }
    Ok(())
}
