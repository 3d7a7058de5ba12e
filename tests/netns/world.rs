//! A company with its management server, and one machine of it: plugged in in the office, enrolled, online.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use landmark_tests::fleet::{Agent, Ctl, Server, facts};
use landmark_tests::lab::{Lab, Laptop, Listener, Site, server_address};
use landmark_tests::scratch::{self, Scratch};
use landmark_tests::wait::{LIMIT, wait_until};
use serde_json::Value;

/// An agent notices within 20 s that its server is silently gone, then probes.
pub(crate) const SILENT_LOSS: Duration = Duration::from_secs(20).saturating_add(LIMIT);
/// Where the machine's network changed, it asks its server for a sign of life within a second or two, then probes. Less than
/// a silent loss takes to be noticed.
pub(crate) const CARRIED: Duration = Duration::from_secs(15);
/// Of an evaluation in which nobody answers (at most 256 attempts), and what a busy machine adds.
pub(crate) const MAX_EXTERNAL: Duration = Duration::from_secs(5).saturating_add(Duration::from_secs(2));

/// From a change that the kernel tells to the end of the evaluation that follows: at once, an attempt's whole time-out, and
/// what a busy machine adds. Far below the recheck interval of a [`World::quiet`] agent.
pub(crate) const NOTICED: Duration = Duration::from_secs(20);

pub(crate) struct World {
    pub(crate) agent: Agent,
    pub(crate) server: Server,
    pub(crate) ctl: Ctl,
    pub(crate) laptop: Laptop,
    // Last: the others live in it.
    pub(crate) lab: Lab,
}

/// Runs the body of a test in such a world; every evidence that the agent has at its end gives its verdict again.
pub(crate) async fn test<F>(body: F) -> Result<()>
where
    F: AsyncFnOnce(&Scratch, &mut World) -> Result<()>,
{
    test_with(|_| {}, body).await
}

/// The same with an agent that is prepared before it starts.
pub(crate) async fn test_with<F>(prepare: impl FnOnce(&mut Agent), body: F) -> Result<()>
where
    F: AsyncFnOnce(&Scratch, &mut World) -> Result<()>,
{
    scratch::test(async |scratch| {
        let Some(lab) = Lab::build(scratch)? else { return Ok(()) };
        let mut laptop = lab.laptop("laptop")?;
        laptop.plug(Site::Office)?;
        let mut server = lab.server(scratch)?;
        server.start().await?;
        let ctl = server.ctl();
        let mut agent = Agent::placed(scratch, "agent", laptop.place())?;
        prepare(&mut agent);
        agent.join(&server).await?;
        let mut world = World { agent, server, ctl, laptop, lab };
        body(scratch, &mut world).await?;
        ensure!(world.n_evaluations().await? > 0, "there is no evidence");
        Ok(())
    })
    .await
}

impl World {
    /// Opens ports of the company's servers, each on an address of its own.
    pub(crate) fn listeners(&self, numbers: &[u8], port: u16) -> Result<Vec<Listener>> {
        let listen = |number: &u8| {
            Listener::start(self.lab.office(), SocketAddr::from((server_address(*number), port)))
        };
        numbers.iter().map(listen).collect()
    }

    /// Makes this the list, enabled, and assigns it.
    pub(crate) async fn assign(&mut self, entries: &[(&str, u16)]) -> Result<()> {
        for (host, port) in entries {
            self.ctl.add(host, *port).await?;
        }
        self.ctl.ok(&["servers", "enable"]).await?;
        self.ctl.assign().await.map(drop)
    }

    /// Kills the server, so that the reference servers decide; waits until the agent has noticed.
    pub(crate) async fn lose_server(&mut self) -> Result<()> {
        self.server.kill().await?;
        let by_others = |status: &Value| !facts::is_internal_by_server(status);
        self.agent.wait_for(LIMIT, "its server does not decide", by_others).await.map(drop)
    }

    /// Lets the agent look again, and gives the evidence once every attempt has ended.
    pub(crate) async fn look(&self) -> Result<Value> {
        // What is under way for another reason is broken off by the request; another may follow it at any time.
        let before = self.n_evaluations().await?;
        self.agent.run(&["recheck"]).await?.success()?;
        self.asked_for_after(before).await
    }

    /// As [`World::look`], and does something to the machine while that runs. There must be a name on the list, for a
    /// question to the office's resolver tells that it runs.
    pub(crate) async fn look_while(&mut self, act: impl FnOnce(&mut Laptop) -> Result<()>) -> Result<Value> {
        let before = self.n_evaluations().await?;
        let n_asked = self.lab.dns().asked().len();
        let (asked, done) = tokio::join!(self.agent.run(&["recheck"]), async {
            wait_until("an evaluation runs", LIMIT, async || {
                ensure!(self.lab.dns().asked().len() > n_asked, "nobody asked");
                Ok(())
            })
            .await?;
            act(&mut self.laptop)
        });
        done.and(asked)?.success()?;
        self.asked_for_after(before).await
    }

    /// Lets nothing but what happens make the agent look, and the reference servers decide.
    pub(crate) async fn quiet(&mut self, entries: &[(&str, u16)]) -> Result<()> {
        self.ctl.ok(&["location", "set", "--recheck-interval", "1h"]).await?;
        self.assign(entries).await?;
        self.lose_server().await
    }

    /// How many evaluations are over.
    pub(crate) async fn n_evaluations(&self) -> Result<u64> {
        self.newest().await?["evaluation"].as_u64().context("an evaluation without a number")
    }

    /// Waits for evidence of a later evaluation than this many that fits.
    pub(crate) async fn evidence_after(
        &self,
        before: u64,
        what: &str,
        fits: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        wait_until(&format!("there is evidence that {what}"), NOTICED, async || {
            let evaluations = self.agent.explain_all().await?;
            let later = evaluations.iter().filter(|one| one["evaluation"].as_u64() > Some(before));
            let fitting = later.clone().find(|evidence| fits(evidence));
            fitting.cloned().with_context(|| format!("{:#}", later.cloned().collect::<Value>()))
        })
        .await
    }

    /// Does something to the machine; the agent must look because of this trigger, and find it to be there.
    pub(crate) async fn noticed(
        &mut self,
        trigger: &str,
        location: &str,
        act: impl FnOnce(&mut Laptop) -> Result<()>,
    ) -> Result<Value> {
        let before = self.n_evaluations().await?;
        act(&mut self.laptop)?;
        let what = format!("the {trigger} was noticed and it is {location}");
        self.evidence_after(before, &what, |evidence| {
            is_triggered_by(evidence, trigger) && evidence["location"] == location
        })
        .await
    }

    async fn asked_for_after(&self, before: u64) -> Result<Value> {
        let is_asked_for = |evidence: &Value| is_triggered_by(evidence, "local_request");
        self.evidence_after(before, "it looked because it was asked to", is_asked_for).await
    }

    async fn newest(&self) -> Result<Value> {
        let mut evaluations = self.agent.explain_all().await?;
        evaluations.pop().context("there is no evidence")
    }
}

/// Whether this made the agent look.
pub(crate) fn is_triggered_by(evidence: &Value, trigger: &str) -> bool {
    evidence["triggers"].as_array().into_iter().flatten().any(|one| one == trigger)
}

/// The outcomes of an evidence, in list order.
pub(crate) fn outcomes(evidence: &Value) -> Vec<&str> {
    let attempts = evidence["attempts"].as_array().into_iter().flatten();
    attempts.filter_map(|attempt| attempt["outcome"].as_str()).collect()
}

/// How long an evidence says its decision took.
pub(crate) fn decided_in(evidence: &Value) -> Result<Duration> {
    let milliseconds = evidence["decided_in_ms"].as_f64();
    milliseconds.map(|ms| Duration::from_secs_f64(ms / 1e3)).with_context(|| format!("no time in {evidence}"))
}
