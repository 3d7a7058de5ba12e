//! landmarkctl, as an administrator's script calls it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::program;
use crate::place::Place;
use crate::process::{self, Output};
use crate::scratch::Journal;
use crate::wait::{LIMIT, wait_until};

/// Calls landmarkctl for one server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Ctl {
    /// Where the server is; absent for who has contexts of their own.
    server: Option<(SocketAddr, PathBuf)>,
    place: Place,
    home: PathBuf,
    journal: Journal,
}

impl Ctl {
    /// For the server that administers at `address` of this place and keeps its state in a folder of this machine.
    pub(super) fn new(
        address: SocketAddr,
        place: Place,
        state_folder: &Path,
        home: &Path,
        journal: Journal,
    ) -> Self {
        let server = Some((address, state_folder.to_owned()));
        Self { server, place, home: home.to_owned(), journal }
    }

    /// For someone with a home folder of their own, who knows the server by contexts alone.
    #[must_use]
    pub fn of_person(&self, home: &Path) -> Self {
        Self { server: None, home: home.to_owned(), ..self.clone() }
    }

    /// Runs it with `--json` and something on standard input, whatever it answers.
    ///
    /// # Errors
    /// It cannot be run, or does not end.
    pub async fn run_with_input(&self, arguments: &[&str], input: &str) -> Result<Output> {
        let mut command = self.command()?;
        command.arg("--json").args(arguments);
        process::run_with_input(LIMIT, command, input, &self.journal).await
    }

    /// Runs it with `--json`, whatever it answers.
    ///
    /// # Errors
    /// It cannot be run, or does not end.
    pub async fn run(&self, arguments: &[&str]) -> Result<Output> {
        self.run_within(LIMIT, arguments).await
    }

    /// As [`Ctl::run`], with another limit.
    ///
    /// # Errors
    /// It cannot be run, or does not end within the limit.
    pub async fn run_within(&self, limit: Duration, arguments: &[&str]) -> Result<Output> {
        let mut command = self.command()?;
        command.arg("--json").args(arguments);
        process::run_within(limit, command, &self.journal).await
    }

    /// Runs it as people do, whatever it answers.
    ///
    /// # Errors
    /// It cannot be run, or does not end.
    pub async fn run_as_shown(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = self.command()?;
        command.args(arguments);
        process::run(command, &self.journal).await
    }

    /// Runs it; what it says must be a success, as JSON.
    ///
    /// # Errors
    /// It fails.
    pub async fn ok(&self, arguments: &[&str]) -> Result<Value> {
        self.run(arguments).await?.success()?.json()
    }

    /// The draft.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn draft(&self) -> Result<Value> {
        self.ok(&["draft", "show"]).await
    }

    /// What the server knows of an agent.
    ///
    /// # Errors
    /// The server does not answer, or does not know it.
    pub async fn agent(&self, agent_id: &str) -> Result<Value> {
        self.ok(&["agents", "show", agent_id]).await
    }

    /// Waits until what the server knows of an agent fits.
    ///
    /// # Errors
    /// It does not come to fit; tells the last state.
    pub async fn wait_for_agent(
        &self,
        agent_id: &str,
        what: &str,
        fits: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        wait_until(&format!("the server sees that {what}"), LIMIT, async || {
            let agent = self.agent(agent_id).await?;
            ensure!(fits(&agent), "{agent}");
            Ok(agent)
        })
        .await
    }

    /// Adds a reference server at the end of the list.
    ///
    /// # Errors
    /// It is refused.
    pub async fn add(&self, host: &str, port: u16) -> Result<()> {
        self.ok(&["servers", "add", host, &port.to_string()]).await.map(drop)
    }

    /// Assigns, waits for the agents, and tells the revision.
    ///
    /// # Errors
    /// It fails, or an agent refuses.
    pub async fn assign(&self) -> Result<u64> {
        let answer = self.ok(&["assign", "--wait"]).await?;
        answer["assignment"]["revision"].as_u64().with_context(|| format!("no revision in {answer}"))
    }

    fn command(&self) -> Result<Command> {
        let mut command = program("landmarkctl", &self.home, &self.place)?;
        if let Some((address, state_folder)) = &self.server {
            command.arg("--server").arg(address.to_string()).arg("--state-dir").arg(state_folder);
        }
        Ok(command)
    }
}
