//! Causes other than a link that is cut: what really happens to servers and cables. Measured on machines with one agent each,
//! after all others have gone.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use landmark_tests::lab::{Laptop, MANAGEMENT, Site, server_address};
use landmark_tests::scratch::Scratch;
use serde_json::Value;

use crate::cell::List;
use crate::rules::Gate;
use crate::run::{Outcome, PATIENCE, listen};
use crate::sample::Times;
use crate::stage::Stage;
use crate::subject::Subject;

/// A loss that nobody tells of is noticed within 20 s; then the list decides.
const SILENT_LOSS: Duration = Duration::from_secs(40);
const GATEWAY: &str = "10.20.0.1";

pub(crate) const GONE: &str = "default route gone";
pub(crate) const BACK: &str = "default route back";
pub(crate) const KILLED: &str = "server killed (kill -9), first answers";
pub(crate) const SILENT: &str = "server silently unreachable, first answers";

/// A machine with one agent.
pub(crate) struct Lone {
    machine: Laptop,
    gate: Gate,
    subject: Subject,
}

/// One row.
pub(crate) struct Event {
    pub(crate) name: &'static str,
    pub(crate) verdict: Times,
    pub(crate) policy: Times,
    /// Until the evaluation began, as far as the agent's own evidence tells.
    pub(crate) began: Times,
    pub(crate) n_missed: usize,
    pub(crate) limit: Duration,
    pub(crate) limit_of: &'static str,
}

impl Event {
    fn new(name: &'static str, limit: Duration, limit_of: &'static str) -> Self {
        let (verdict, policy, began) = (Times::default(), Times::default(), Times::default());
        Self { name, verdict, policy, began, n_missed: 0, limit, limit_of }
    }

    fn add(&mut self, outcome: &Outcome, looked_for: Option<Duration>) {
        self.verdict.extend(outcome.verdict);
        self.policy.extend(outcome.policy);
        self.n_missed += usize::from(outcome.verdict.is_none());
        if let (Some(verdict), Some(looked_for)) = (outcome.verdict, looked_for) {
            self.began.add(verdict.saturating_sub(looked_for));
        }
    }
}

impl Lone {
    /// Plugs a machine in and starts its agent, behind a relay or not.
    ///
    /// # Errors
    /// It does not come up.
    pub(crate) async fn start(scratch: &Scratch, stage: &Stage, name: &str, relayed: bool) -> Result<Self> {
        let mut machine = stage.lab.laptop(name)?;
        machine.plug(Site::Office)?;
        let gate = Gate::new(machine.namespace())?;
        let relay = relayed.then_some(0);
        let subject =
            Subject::start(scratch, &stage.server, stage.lab.office(), &machine, name, relay).await?;
        subject.control.wait_for("it holds the list", |status| status["held_revision"].is_u64())?;
        Ok(Self { machine, gate, subject })
    }

    /// Connected, external, with everything open.
    fn be_outside(&mut self) -> Result<()> {
        self.subject.prepare(&mut self.gate, List::Plain, 0, false)?;
        self.gate.open()?;
        self.subject.settle();
        self.subject.ears.forget();
        Ok(())
    }

    /// Connected and internal.
    fn be_inside(&mut self) -> Result<()> {
        self.subject.prepare(&mut self.gate, List::Plain, 0, true)?;
        self.gate.open()?;
        self.subject.settle();
        self.subject.ears.forget();
        Ok(())
    }
}

/// The default route goes, and comes back.
///
/// # Errors
/// The agent cannot be brought where it must be.
pub(crate) fn route(lone: &mut Lone, n: usize) -> Result<[Event; 2]> {
    let hundred = Duration::from_millis(100);
    let mut gone = Event::new(GONE, hundred, "evaluation begins");
    let mut back = Event::new(BACK, hundred, "evaluation begins");
    let mut routes = Ip::start(lone.machine.namespace().name())?;
    for _ in 0..n {
        lone.be_inside()?;
        let at = routes.say(&format!("route del default via {GATEWAY} dev eth0"))?;
        let outcome = listen(&lone.subject, at, false, PATIENCE);
        gone.add(&outcome, looked_for(&lone.subject.control.explain()?));
        // The next cause shall find nothing that is still going on.
        lone.subject.is_internal = Some(false);
        lone.subject.settled();
        lone.subject.settle();
        lone.subject.ears.forget();
        let at = routes.say(&format!("route add default via {GATEWAY} dev eth0"))?;
        let outcome = listen(&lone.subject, at, true, PATIENCE);
        back.add(&outcome, looked_for(&lone.subject.control.explain()?));
        lone.subject.is_internal = outcome.decided.map(|(is_internal, _)| is_internal);
        lone.subject.settled();
    }
    Ok([gone, back])
}

/// The server is killed, as by `kill -9`.
///
/// # Errors
/// It does not come back, or the agent does not.
pub(crate) async fn killed(stage: &mut Stage, lone: &mut Lone, n: usize) -> Result<Event> {
    let mut killed = Event::new(KILLED, Duration::from_millis(100), "policy");
    for _ in 0..n {
        lone.be_outside()?;
        let at = Instant::now();
        stage.server.kill().await?;
        let outcome = listen(&lone.subject, at, true, PATIENCE);
        killed.add(&outcome, None);
        stage.server.start().await?;
        let decided = outcome.decided.as_ref().map(|(is_internal, basis)| (*is_internal, basis.as_str()));
        lone.subject.come_back(&mut lone.gate, List::Plain, decided)?;
    }
    Ok(killed)
}

/// Nothing comes from the server any more, and nobody says so.
///
/// # Errors
/// The agent cannot be brought where it must be.
pub(crate) fn silent(stage: &Stage, lone: &mut Lone) -> Result<Event> {
    let mut silent = Event::new(SILENT, Duration::from_secs(20), "verdict");
    lone.be_outside()?;
    let server = server_address(MANAGEMENT);
    stage.lab.router(Site::Office).nft(&format!(
        "table inet silence {{\n\
         chain arriving {{ type filter hook input priority -6; policy accept; ip daddr {server} drop\n}}\n\
         chain leaving {{ type filter hook output priority -6; policy accept; ip saddr {server} drop\n}}\n\
         }}\n"
    ))?;
    silent.add(&listen(&lone.subject, Instant::now(), true, SILENT_LOSS), None);
    Ok(silent)
}

/// How long the evaluation itself took: its last attempt ended so long after its begin.
fn looked_for(evidence: &Value) -> Option<Duration> {
    let attempts = evidence["attempts"].as_array()?;
    let ends = attempts
        .iter()
        .filter(|attempt| attempt["outcome"] != "not_needed")
        .filter_map(|attempt| Some(attempt["started_after_ms"].as_f64()? + attempt["took_ms"].as_f64()?));
    Duration::try_from_secs_f64(ends.fold(0.0, f64::max) / 1e3).ok()
}

/// `ip` that is there already: a command is carried out some 0.1 ms after it was said.
struct Ip(Child);

impl Ip {
    fn start(namespace: &str) -> Result<Self> {
        let mut ip = Command::new("ip");
        ip.args(["-n", namespace, "-force", "-batch", "-"]);
        Ok(Self(ip.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().context("start ip")?))
    }

    /// Returns the moment just before.
    fn say(&mut self, command: &str) -> Result<Instant> {
        let input = self.0.stdin.as_mut().context("no input")?;
        let at = Instant::now();
        input.write_all(format!("{command}\n").as_bytes())?;
        input.flush()?;
        Ok(at)
    }
}

impl Drop for Ip {
    fn drop(&mut self) {
        // Its input ends, and so does it.
        drop(self.0.stdin.take());
        self.0.wait().map(drop).unwrap_or_default();
    }
}
