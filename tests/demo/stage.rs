//! Who plays: a server, three agents, three reference servers, and the administrator's command line.

use std::io::Read as _;
use std::net::Ipv4Addr;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use landmark_tests::binaries;
use landmark_tests::fleet::{Agent, Server};
use landmark_tests::scratch::Scratch;
use landmark_tests::wait::wait_until;
use serde_json::Value;

use crate::beacon::Beacon;
use crate::tell::Teller;

/// Whatever is waited for takes a fraction of it.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

pub(crate) struct Stage<'a> {
    pub(crate) teller: Teller,
    pub(crate) server: Server,
    pub(crate) agents: Vec<Player>,
    pub(crate) beacons: Vec<Beacon>,
    scratch: &'a Scratch,
}

pub(crate) struct Player {
    pub(crate) name: &'static str,
    pub(crate) agent: Agent,
}

impl<'a> Stage<'a> {
    pub(crate) async fn set(scratch: &'a Scratch) -> Result<Self> {
        let server = Server::new(scratch, "server")?;
        let mut beacons = Vec::new();
        for (index, name) in ["web server", "SQL server", "FTP server"].into_iter().enumerate() {
            let last = u8::try_from(index + 11).unwrap_or(u8::MAX);
            beacons.push(Beacon::start(name, Ipv4Addr::new(127, 0, 0, last)).await?);
        }
        Ok(Self { teller: Teller::new(), server, agents: Vec::new(), beacons, scratch })
    }

    /// Enrols and starts one agent.
    pub(crate) async fn enter(&mut self, name: &'static str) -> Result<()> {
        let mut agent = Agent::new(self.scratch, name)?;
        agent.set("machine.name", name);
        agent.enroll(&self.server.join_string().await?).await?.success()?;
        agent.start().await?;
        agent.wait_until_online(&self.server.ctl()).await?;
        self.agents.push(Player { name, agent });
        Ok(())
    }

    /// The arguments that find this server; a real administrator needs none on the server's own machine.
    fn where_it_is(&self) -> [String; 4] {
        let address = self.server.listeners().administration.address().to_string();
        let state = self.server.state_folder().display().to_string();
        ["--server".into(), address, "--state-dir".into(), state]
    }

    /// Runs landmarkctl as a person would, and shows it.
    pub(crate) fn ctl(&self, arguments: &[&str]) -> Result<String> {
        // One pipe for data and remarks, so that they come in the order in which a person sees them.
        let (mut screen, output) = std::io::pipe()?;
        let mut child = Command::new(binaries::find("landmarkctl")?)
            .args(self.where_it_is())
            .args(arguments)
            .env("HOME", self.scratch.path())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("run landmarkctl")?;
        let mut shown = String::new();
        screen.read_to_string(&mut shown)?;
        let status = child.wait()?;
        let line = format!("landmarkctl {}", quoted(arguments));
        self.teller.command(&line, &shown);
        ensure!(status.success(), "{line}: {status}");
        Ok(shown)
    }

    /// Runs a command of one agent as a person on its machine would, and shows it.
    pub(crate) async fn on(&self, index: usize, arguments: &[&str]) -> Result<()> {
        let player = self.agents.get(index).context("no such agent")?;
        let output = player.agent.run(arguments).await?.success()?;
        self.teller.command(
            &format!("landmark-agent {}    # on {}", quoted(arguments), player.name),
            &output.stdout,
        );
        Ok(())
    }

    /// Waits until every agent says so, and returns how long the slowest took.
    pub(crate) async fn all(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Result<Duration> {
        let began = Instant::now();
        for player in &self.agents {
            wait_until(&format!("{}: {what}", player.name), LIMIT, async || {
                let status = player.agent.status().await?;
                ensure!(fits(&status), "{status}");
                Ok(())
            })
            .await?;
        }
        Ok(began.elapsed())
    }

    /// Waits until the server has learnt the location of every agent; agents report in batches.
    pub(crate) async fn reported(&self, location: &str) -> Result<()> {
        let ctl = self.server.ctl();
        for player in &self.agents {
            let id = player.agent.id().await?;
            ctl.wait_for_agent(&id, location, |agent| agent["location"] == location).await?;
        }
        Ok(())
    }

    /// Asks every agent to look again, as `landmark-agent recheck` on its machine does.
    pub(crate) async fn recheck(&self) -> Result<()> {
        for player in &self.agents {
            player.agent.run(&["recheck"]).await?.success()?;
        }
        Ok(())
    }

    /// How to reach what is left running.
    pub(crate) fn addresses(&self) -> String {
        format!("landmarkctl {}", self.where_it_is().join(" "))
    }
}

/// A command line as a person would type it.
pub(crate) fn quoted(arguments: &[&str]) -> String {
    let quote = |argument: &&str| {
        if argument.contains(' ') { format!("{argument:?}") } else { (*argument).to_owned() }
    };
    arguments.iter().map(quote).collect::<Vec<_>>().join(" ")
}
