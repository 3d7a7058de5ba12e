//! landmark-agent with a state folder of its own.
//!
//! Whatever evidence it gives must give its verdict again: what is read of it here is checked, and all of it when the agent is
//! stopped or dropped.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use serde_json::Value;

use super::{Ctl, Server, program_under};
use crate::place::Place;
use crate::process::{self, Output, Process};
use crate::replay;
use crate::scratch::{Journal, Scratch};
use crate::wait::{LIMIT, wait_until};

/// An agent. Dropping it kills it, after a last look at its evidence.
#[derive(Debug)]
pub struct Agent {
    name: String,
    place: Place,
    home: PathBuf,
    state_folder: PathBuf,
    log: PathBuf,
    journal: Journal,
    settings: Vec<(String, String)>,
    environment: Vec<(String, PathBuf)>,
    wrapper: Vec<String>,
    process: Option<Process>,
}

/// No test writes the firewall of the machine that it runs on; one that has a network of its own says so.
fn observing() -> (String, String) {
    ("enforce.backend".into(), "observe".into())
}

impl Agent {
    /// One that belongs to no fleet yet.
    ///
    /// # Errors
    /// No folder.
    pub fn new(scratch: &Scratch, name: &str) -> Result<Self> {
        Self::with_state_folder(scratch, name, &scratch.path().join(format!("{name}-state")))
    }

    /// One that keeps its state in this folder.
    ///
    /// # Errors
    /// No folder.
    pub fn with_state_folder(scratch: &Scratch, name: &str, state_folder: &Path) -> Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            place: Place::here(),
            home: scratch.make_folder("home")?,
            state_folder: state_folder.to_owned(),
            log: scratch.log(name),
            journal: scratch.journal().clone(),
            // The reference servers of tests are on this machine.
            settings: vec![observing(), ("location.allow-loopback".into(), "true".into())],
            environment: Vec::new(),
            wrapper: Vec::new(),
            process: None,
        })
    }

    /// One that runs in another place, where its reference servers are on other machines.
    ///
    /// # Errors
    /// No folder.
    pub fn placed(scratch: &Scratch, name: &str, place: Place) -> Result<Self> {
        let mut agent = Self::new(scratch, name)?;
        agent.move_to(place);
        agent.settings = vec![observing()];
        Ok(agent)
    }

    /// Lets it run in another place from its next start on.
    pub fn move_to(&mut self, place: Place) {
        self.place = place;
    }

    /// Enrols one and starts it; waits until the server sees it.
    ///
    /// # Errors
    /// It does not come up.
    pub async fn started(scratch: &Scratch, name: &str, server: &Server) -> Result<Self> {
        let mut agent = Self::new(scratch, name)?;
        agent.join(server).await?;
        Ok(agent)
    }

    /// Enrols it and starts it; waits until the server sees it.
    ///
    /// # Errors
    /// It does not come up.
    pub async fn join(&mut self, server: &Server) -> Result<()> {
        self.enroll(&server.join_string().await?).await?.success()?;
        self.start().await?;
        self.wait_until_online(&server.ctl()).await
    }

    /// Sets a setting, as `--set KEY=VALUE` does, for the next start.
    pub fn set(&mut self, key: &str, value: &str) {
        self.settings.retain(|(known, _)| known != key);
        self.settings.push((key.to_owned(), value.to_owned()));
    }

    /// Lets another program run it, such as `["setpriv", "--bounding-set", "-net_admin"]`.
    pub fn run_under(&mut self, wrapper: &[&str]) {
        self.wrapper = wrapper.iter().map(|word| (*word).to_owned()).collect();
    }

    /// Sets a variable in its environment for the next start.
    pub fn set_environment(&mut self, variable: &str, value: &Path) {
        self.environment.push((variable.to_owned(), value.to_owned()));
    }

    /// Runs `landmark-agent enroll`, whatever it answers.
    ///
    /// # Errors
    /// It cannot be run, or does not end.
    pub async fn enroll(&self, join_string: &str) -> Result<Output> {
        self.run(&["enroll", join_string]).await
    }

    /// Starts `landmark-agent enroll`, to be killed before it ends.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn begin_to_enroll(&self, join_string: &str) -> Result<Process> {
        Process::start(
            &format!("{} enrolling", self.name),
            self.command(&["enroll", join_string])?,
            &self.log,
        )
    }

    /// Starts it and waits until it answers `status`.
    ///
    /// # Errors
    /// It runs already, or does not come up.
    pub async fn start(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "{} runs already", self.name);
        self.journal.note(&format!("start {}", self.name));
        let mut command = self.command(&["run"])?;
        for (key, value) in &self.settings {
            command.arg("--set").arg(format!("{key}={value}"));
        }
        command.envs(self.environment.iter().map(|(variable, value)| (variable, value)));
        let mut process = Process::start(&self.name, command, &self.log)?;
        process.wait_until_up("answers", async || self.status().await.map(drop)).await?;
        self.process = Some(process);
        Ok(())
    }

    /// Asks it to stop, and waits for its end, which must be a clean one.
    ///
    /// # Errors
    /// It does not run, its evidence does not give its verdict again, or it does not end cleanly.
    pub async fn stop(&mut self) -> Result<()> {
        self.replay()?;
        self.journal.note(&format!("stop {}", self.name));
        let status = self.take()?.stop().await?;
        ensure!(status.success(), "{} ended with {status}", self.name);
        Ok(())
    }

    /// Kills it, as `kill -9` does, after a last look at its evidence.
    ///
    /// # Errors
    /// It does not run, or its evidence does not give its verdict again.
    pub async fn kill(&mut self) -> Result<()> {
        self.replay()?;
        self.kill_at_once().await
    }

    /// As [`Agent::kill`], where the moment counts: nobody looks at its evidence.
    ///
    /// # Errors
    /// It does not run.
    pub async fn kill_at_once(&mut self) -> Result<()> {
        self.journal.note(&format!("kill {}", self.name));
        self.take()?.kill().await
    }

    /// Sends its process a signal.
    ///
    /// # Errors
    /// It does not run.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        self.process.as_mut().with_context(|| format!("{} does not run", self.name))?.signal(signal)
    }

    /// Its process id.
    ///
    /// # Errors
    /// It does not run.
    pub fn pid(&self) -> Result<u32> {
        Ok(self.process.as_ref().with_context(|| format!("{} does not run", self.name))?.pid())
    }

    /// What it says of itself, by `landmark-agent status --json`.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn status(&self) -> Result<Value> {
        self.run(&["status", "--json"]).await?.success()?.json()
    }

    /// Why it is where it is, by `landmark-agent explain --json`.
    ///
    /// # Errors
    /// It does not answer, or gives another verdict than its evidence.
    pub async fn explain(&self) -> Result<Value> {
        let answer = self.run(&["explain", "--json"]).await?.success()?.json()?;
        evaluations(&answer)?;
        Ok(answer)
    }

    /// Why it was where it was at its last decisions, the newest last.
    ///
    /// # Errors
    /// It does not answer, or gives another verdict than its evidence.
    pub async fn explain_all(&self) -> Result<Vec<Value>> {
        evaluations(&self.run(&EXPLAIN_ALL).await?.success()?.json()?)
    }

    /// Runs `landmark-agent` with its state folder, whatever it answers.
    ///
    /// # Errors
    /// It cannot be run, or does not end.
    pub async fn run(&self, arguments: &[&str]) -> Result<Output> {
        process::run(self.command(arguments)?, &self.journal).await
    }

    /// The id that its server gave it.
    ///
    /// # Errors
    /// It is not enrolled, or does not run.
    pub async fn id(&self) -> Result<String> {
        let status = self.status().await?;
        Ok(status["agent_id"].as_str().with_context(|| format!("no id in {status}"))?.to_owned())
    }

    /// Waits until its server has a session with it.
    ///
    /// # Errors
    /// It does not get one.
    pub async fn wait_until_online(&self, ctl: &Ctl) -> Result<()> {
        let id = self.id().await?;
        wait_until(&format!("{} is online", self.name), LIMIT, async || {
            let agent = ctl.agent(&id).await?;
            ensure!(agent["connection"] == "online", "{agent}");
            Ok(())
        })
        .await
    }

    /// Waits until what it says of itself fits.
    ///
    /// # Errors
    /// It does not come to fit; tells the last state.
    pub async fn wait_for(
        &self,
        limit: Duration,
        what: &str,
        fits: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        wait_until(&format!("{} says that {what}", self.name), limit, async || {
            let status = self.status().await?;
            ensure!(fits(&status), "{status}");
            Ok(status)
        })
        .await
    }

    /// Lets it print everything elsewhere.
    pub fn log_to(&mut self, file: &str) {
        self.log = file.into();
    }

    /// What it has printed, over all its lives.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Its state folder.
    pub fn state_folder(&self) -> &Path {
        &self.state_folder
    }

    /// `landmark-agent` with its state folder, to be run otherwise than [`Agent::run`] does.
    ///
    /// # Errors
    /// It was not built.
    pub fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = program_under(&self.wrapper, "landmark-agent", &self.home, &self.place)?;
        command.args(arguments).arg("--state-dir").arg(&self.state_folder);
        Ok(command)
    }

    fn take(&mut self) -> Result<Process> {
        self.process.take().with_context(|| format!("{} does not run", self.name))
    }

    /// Fails if a verdict does not follow from its evidence, or it does not tell it. One that does not run has none.
    fn replay(&mut self) -> Result<()> {
        if self.process.as_mut().is_none_or(|process| process.ensure_running().is_err()) {
            return Ok(());
        }
        let answer = self.command(&EXPLAIN_ALL)?.output()?;
        let said = String::from_utf8_lossy(&answer.stderr);
        if said.contains(NOBODY_LISTENS)
            && let Some(process) = &mut self.process
        {
            // It is stopping, or something is wrong with it.
            process.wait_blocking(LIMIT);
            if process.ensure_running().is_err() {
                return Ok(());
            }
        }
        ensure!(answer.status.success(), "its evidence is not told: {}: {}", answer.status, said.trim());
        let answer = serde_json::from_slice(&answer.stdout).context("its evidence is not readable")?;
        evaluations(&answer).map(drop)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        if let Err(error) = self.replay() {
            self.journal.fault(&format!("{}: {error:#}", self.name));
        }
    }
}

/// What is said of an agent whose socket refuses or is gone.
const NOBODY_LISTENS: &str = "the agent is not running";
/// As many as an agent keeps.
const EXPLAIN_ALL: [&str; 4] = ["explain", "--last", "64", "--json"];

/// The evidence in what `explain` says, each of which gives its verdict again.
fn evaluations(answer: &Value) -> Result<Vec<Value>> {
    let evaluations =
        answer["evaluations"].as_array().with_context(|| format!("no evaluations in {answer}"))?;
    evaluations.iter().try_for_each(replay::check)?;
    Ok(evaluations.clone())
}
