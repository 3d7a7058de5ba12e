//! kill -9 of the server while administrators edit and assign: what was acknowledged is there afterwards.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use landmark_tests::fleet::{Agent, Ctl, Server, facts};
use landmark_tests::scratch::test;
use landmark_tests::wait::{LIMIT, wait_until};
use serde_json::Value;
use tokio::task::JoinSet;

const N_ADMINISTRATORS: usize = 3;
const N_KILLS: usize = 5;
/// Exit codes of landmarkctl that tell nothing about what the server did: unreachable, failed.
const UNCERTAIN: [i32; 2] = [69, 70];

#[tokio::test]
async fn what_was_acknowledged_survives_a_server_that_is_killed_again_and_again() -> Result<()> {
    test(async |scratch| {
        let mut server = Server::new(scratch, "server")?;
        server.set("reference-servers.max", "320");
        server.start().await?;
        let agents = [
            Agent::started(scratch, "agent-1", &server).await?,
            Agent::started(scratch, "agent-2", &server).await?,
        ];
        let ctl = server.ctl();
        let (n_acknowledged, n_assigned) = (Arc::default(), Arc::default());
        let new = |n| Administrator::new(&format!("admin{n}"), &ctl, [&n_acknowledged, &n_assigned]);
        let mut administrators: Vec<Administrator> = (0..N_ADMINISTRATORS).map(new).collect();

        let mut newest = 0;
        for kill in 1..=N_KILLS {
            let mut working = JoinSet::new();
            for mut administrator in administrators.drain(..) {
                working.spawn(async move {
                    administrator.work_until_the_server_dies().await.map(|()| administrator)
                });
            }
            // However slow the machine is, there must be something to lose; then any moment may be the worst one.
            wait_until("edits are acknowledged", LIMIT, async || {
                let n = n_acknowledged.load(Ordering::Relaxed);
                ensure!(n >= 5 * kill, "{n} before kill {kill}");
                ensure!(n_assigned.load(Ordering::Relaxed) > 0, "no assignment before kill {kill}");
                Ok(())
            })
            .await?;
            tokio::time::sleep(Duration::from_millis(rand::random_range(200..1500))).await;
            server.kill().await?;
            while let Some(worked) = working.join_next().await {
                administrators.push(worked??);
            }
            server.start().await?;
            let present = History::read(&ctl).await?;
            newest = present.newest();
            for administrator in &mut administrators {
                administrator.check(&present).await.with_context(|| format!("after kill {kill}"))?;
            }
        }

        let n_acknowledged = n_acknowledged.load(Ordering::Relaxed);
        scratch.journal().note(&format!("{n_acknowledged} edits and assignments were acknowledged"));
        for agent in &agents {
            let id = agent.id().await?;
            let current = |agent: &Value| {
                facts::held_revision(agent) == Some(newest) && agent["assignment_state"] == "current"
            };
            ctl.wait_for_agent(&id, &format!("the agent holds assignment {newest}"), current).await?;
        }
        Ok(())
    })
    .await
}

/// Edits hosts of its own, and remembers what the server acknowledged.
#[derive(Debug)]
struct Administrator {
    name: String,
    ctl: Ctl,
    n_hosts: usize,
    /// Of all administrators together.
    n_acknowledged: Arc<AtomicUsize>,
    /// As many of them as are assignments: where edits come in between, there are none for a while.
    n_assigned: Arc<AtomicUsize>,
    hosts: BTreeMap<String, Presence>,
    assigned: Vec<Assigned>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Saved,
    Removed,
    /// The server died during the edit.
    Unknown,
}

/// An acknowledged assignment, and the own hosts as they were saved when it was asked for.
#[derive(Debug)]
struct Assigned {
    revision: u64,
    digest: String,
    note: String,
    hosts: BTreeMap<String, Presence>,
}

impl Administrator {
    fn new(name: &str, ctl: &Ctl, [n_acknowledged, n_assigned]: [&Arc<AtomicUsize>; 2]) -> Self {
        Self {
            name: name.to_owned(),
            ctl: ctl.clone(),
            n_hosts: 0,
            n_acknowledged: Arc::clone(n_acknowledged),
            n_assigned: Arc::clone(n_assigned),
            hosts: BTreeMap::new(),
            assigned: Vec::new(),
        }
    }

    async fn work_until_the_server_dies(&mut self) -> Result<()> {
        loop {
            let alive = match rand::random_range(0..4) {
                0 => self.assign().await?,
                1 => self.remove().await?,
                _ => self.add().await?,
            };
            if !alive {
                return Ok(());
            }
        }
    }

    async fn add(&mut self) -> Result<bool> {
        self.n_hosts += 1;
        let host = format!("{}-{}.example", self.name, self.n_hosts);
        let arguments = ["servers", "add", &host, "443"].map(str::to_owned);
        self.edit(host, Presence::Saved, &arguments).await
    }

    async fn remove(&mut self) -> Result<bool> {
        let saved = self.hosts.iter().find(|(_, presence)| **presence == Presence::Saved);
        let Some(host) = saved.map(|(host, _)| host.clone()) else { return self.add().await };
        let arguments = ["servers", "remove", &host].map(str::to_owned);
        self.edit(host, Presence::Removed, &arguments).await
    }

    /// Whether the server is alive.
    async fn edit(&mut self, host: String, wanted: Presence, arguments: &[String]) -> Result<bool> {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = self.ctl.run(&arguments).await?;
        match output.code {
            0 => {
                self.n_acknowledged.fetch_add(1, Ordering::Relaxed);
                self.hosts.insert(host, wanted);
                Ok(true)
            }
            code if UNCERTAIN.contains(&code) => {
                self.hosts.insert(host, Presence::Unknown);
                Ok(false)
            }
            // Somebody else's edit came first.
            1 => Ok(true),
            _ => bail!("{output}"),
        }
    }

    async fn assign(&mut self) -> Result<bool> {
        let note = format!("{} {}", self.name, self.n_hosts);
        let output = self.ctl.run(&["assign", "-m", &note]).await?;
        match output.code {
            0 => {
                let answer = output.json()?;
                // A draft that was in force already makes no assignment, and the present one has another's note.
                if answer["created"] == true {
                    self.n_acknowledged.fetch_add(1, Ordering::Relaxed);
                    self.n_assigned.fetch_add(1, Ordering::Relaxed);
                    let assignment = &answer["assignment"];
                    self.assigned.push(Assigned {
                        revision: assignment["revision"].as_u64().context("no revision")?,
                        digest: assignment["digest"].as_str().context("no digest")?.to_owned(),
                        note,
                        hosts: self.hosts.clone(),
                    });
                }
                Ok(true)
            }
            code if UNCERTAIN.contains(&code) => Ok(false),
            1 => Ok(true),
            _ => bail!("{output}"),
        }
    }

    async fn check(&mut self, present: &History) -> Result<()> {
        for (host, presence) in &mut self.hosts {
            let is_saved = if present.draft.contains(host) { Presence::Saved } else { Presence::Removed };
            ensure!(
                *presence == is_saved || *presence == Presence::Unknown,
                "{host} should be {presence:?}, the draft has {:?}",
                present.draft
            );
            // Done or not done, it must stay so.
            *presence = is_saved;
        }
        for Assigned { revision, digest, note, hosts } in &self.assigned {
            let stored = present
                .assignments
                .get(revision)
                .with_context(|| format!("assignment {revision} is lost"))?;
            ensure!(stored["digest"] == digest.as_str() && stored["note"] == note.as_str(), "{stored}");
            let detail = self.ctl.ok(&["assignments", "show", &revision.to_string()]).await?;
            let listed = facts::hosts(&detail["settings"]);
            for (host, presence) in hosts {
                let expected = *presence == Presence::Saved;
                ensure!(
                    listed.contains(host) == expected || *presence == Presence::Unknown,
                    "{host} was {presence:?} when {revision} was assigned, which has {listed:?}"
                );
            }
        }
        // They were read once; what is immutable need not be read again.
        self.assigned.clear();
        Ok(())
    }
}

/// What the server has after a restart.
struct History {
    draft: Vec<String>,
    assignments: BTreeMap<u64, Value>,
}

impl History {
    fn newest(&self) -> u64 {
        self.assignments.keys().next_back().copied().unwrap_or(0)
    }

    async fn read(ctl: &Ctl) -> Result<Self> {
        let draft = wait_until("the server answers", LIMIT, async || ctl.draft().await).await?;
        let list = ctl.ok(&["assignments", "list", "--all"]).await?;
        let rows = list["assignments"].as_array().with_context(|| format!("not a list: {list}"))?;
        let mut assignments = BTreeMap::new();
        for row in rows {
            let revision = row["revision"].as_u64().with_context(|| format!("no revision in {row}"))?;
            ensure!(assignments.insert(revision, row.clone()).is_none(), "revision {revision} twice");
        }
        let gapless = assignments.keys().copied().eq(1..=assignments.len() as u64);
        ensure!(gapless, "revisions have gaps: {:?}", assignments.keys());
        Ok(Self { draft: facts::hosts(&draft["settings"]), assignments })
    }
}
