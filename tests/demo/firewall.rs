//! The scene with a real firewall: a machine of its own in a laboratory of network namespaces, with a port that is tried from
//! outside. It needs root, and never touches the rules of the machine that the demo is played on.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail, ensure};
use landmark_tests::fleet::facts::{is_external, is_internal_by, is_internal_by_server};
use landmark_tests::fleet::{Agent, Server};
use landmark_tests::lab::{Lab, Laptop, Listener, Site, server_address};
use landmark_tests::scratch::Scratch;
use landmark_tests::skip;
use serde_json::Value;

use crate::stage::{LIMIT, quoted};
use crate::tell::Teller;

const NAME: &str = "laptop-8";
/// What the policy outside says nothing of, and what it allows.
const REMOTE_DESKTOP: u16 = 3389;
const SSH: u16 = 22;
/// The reference server, of those of the company, and its port.
const FILE_SERVER: (u8, u16) = (101, 445);
/// Lines of `enforce show` that tell what it is about.
const N_HEAD: usize = 4;

/// Who plays in it.
pub(crate) struct Firewall {
    server: Server,
    file_server: Listener,
    agent: Agent,
    machine: Laptop,
    _services: [Listener; 2],
    lab: Lab,
}

/// Plays it; what is left of it, or `None` where it cannot be played, and that has been said.
pub(crate) async fn play(scratch: &Scratch, teller: &mut Teller) -> Result<Option<Firewall>> {
    teller.scene("A machine with a real firewall").await;
    if !skip::is_root() {
        teller.say("Left out: network namespaces and a firewall need root. Played by root, the demo has it.");
        return Ok(None);
    }
    let Some(lab) = Lab::build(scratch)? else {
        teller.say("Left out: network namespaces cannot be made here.");
        return Ok(None);
    };
    let mut firewall = Firewall::set(scratch, lab)?;
    firewall.begin(teller).await?;
    firewall.outside(teller).await?;
    firewall.back(teller).await?;
    Ok(Some(firewall))
}

impl Firewall {
    fn set(scratch: &Scratch, lab: Lab) -> Result<Self> {
        let server = Server::placed(
            scratch,
            "lab-server",
            lab.office().clone(),
            server_address(landmark_tests::lab::MANAGEMENT).into(),
        )?;
        let (number, port) = FILE_SERVER;
        let file_server = Listener::start(lab.office(), SocketAddr::from((server_address(number), port)))?;
        let mut machine = lab.laptop(NAME)?;
        machine.plug(Site::Office)?;
        let host = machine.address().context("it is not plugged in")?;
        let listen = |port| Listener::start(&machine.place(), SocketAddr::from((host, port)));
        let services = [listen(REMOTE_DESKTOP)?, listen(SSH)?];
        let mut agent = Agent::placed(scratch, NAME, machine.place())?;
        agent.set("machine.name", NAME);
        agent.set("enforce.backend", "nftables");
        Ok(Self { server, file_server, agent, machine, _services: services, lab })
    }

    async fn begin(&mut self, teller: &mut Teller) -> Result<()> {
        self.server.start().await?;
        self.agent.join(&self.server).await?;
        teller.say(&format!(
            "{NAME} stands in a network of its own, with a server and a file server, and is open for remote desktop (port {REMOTE_DESKTOP}) and SSH (port {SSH})."
        ));
        let (number, port) = FILE_SERVER;
        let (host, port) = (server_address(number).to_string(), port.to_string());
        for command in [
            &["servers", "add", &host, &port][..],
            &["servers", "enable"],
            &["firewall", "policies", "add", "Road", "--level", "medium"],
            &[
                "firewall",
                "exceptions",
                "add",
                "Road",
                "SSH",
                "--allow",
                "--in",
                "--protocol",
                "tcp",
                "--ports",
                "22",
            ],
            &["firewall", "profiles", "add", "Outside", "--policy", "Road", "--location", "external"],
            &["firewall", "which", "--agent", NAME, "--location", "external"],
            &["assign", "-m", "shut outside", "--wait"],
        ] {
            self.ctl(teller, command).await?;
        }
        self.enforces(teller, "internal by the server, and its rules stand", is_internal_by_server).await?;
        self.tries(teller, "inside", &[(REMOTE_DESKTOP, true), (SSH, true)]).await
    }

    async fn outside(&mut self, teller: &mut Teller) -> Result<()> {
        self.file_server.stop().await;
        self.server.stop().await?;
        teller.say("The server and the file server stop; nothing of the list answers.");
        self.enforces(teller, "external, and other rules stand", is_external).await?;
        self.tries(teller, "outside", &[(REMOTE_DESKTOP, false), (SSH, true)]).await?;
        let shown = self.agent.run(&["enforce", "show"]).await?.success()?;
        teller.command(
            &format!("landmark-agent enforce show    # on {NAME}, in parts"),
            &excerpt(&shown.stdout),
        );
        Ok(())
    }

    async fn back(&mut self, teller: &mut Teller) -> Result<()> {
        self.file_server.restart()?;
        teller.say("The file server is back, and the agent is asked to look (landmark-agent recheck).");
        self.agent.run(&["recheck"]).await?.success()?;
        let (number, port) = FILE_SERVER;
        let host = server_address(number).to_string();
        let is_internal = |status: &Value| is_internal_by(status, &host, port);
        self.enforces(teller, "internal by the file server, and the rules of inside stand", is_internal)
            .await?;
        self.tries(teller, "inside again", &[(REMOTE_DESKTOP, true), (SSH, true)]).await?;
        self.server.start().await?;
        self.enforces(teller, "connected to the server again", is_internal_by_server).await
    }

    /// Waits until it is there, with rules that were written and read back.
    async fn enforces(&self, teller: &Teller, what: &str, fits: impl Fn(&Value) -> bool) -> Result<()> {
        let stands = |status: &Value| {
            let enforcement = &status["enforcement"];
            fits(status) && enforcement["state"] == "applied" && enforcement["location"] == status["location"]
        };
        self.agent.wait_for(LIMIT, what, stands).await?;
        teller.seen(&format!("{NAME} is {what}."));
        Ok(())
    }

    /// Connects to its ports from its neighbourhood, for real.
    async fn tries(&self, teller: &Teller, when: &str, expected: &[(u16, bool)]) -> Result<()> {
        let host = self.machine.address().context("it is not plugged in")?;
        for (port, passes) in expected {
            let tried = self.lab.office().connect(SocketAddr::from((host, *port))).await;
            match (tried, passes) {
                (Ok(_), true) => teller.seen(&format!("Tried {when}: a connection to port {port} succeeds.")),
                (Err(_), false) => {
                    teller.seen(&format!("Tried {when}: a connection to port {port} gets no answer."));
                }
                (Ok(_), false) => bail!("{when}: port {port} answers"),
                (Err(error), true) => bail!("{when}: port {port}: {error:#}"),
            }
        }
        Ok(())
    }

    /// Runs landmarkctl as a person on the server's machine would, and shows it.
    async fn ctl(&self, teller: &Teller, arguments: &[&str]) -> Result<()> {
        let output = self.server.ctl().run_as_shown(arguments).await?;
        teller.command(
            &format!("landmarkctl {}", quoted(arguments)),
            &format!("{}{}", output.stdout, output.stderr),
        );
        ensure!(output.code == 0, "{output}");
        Ok(())
    }

    /// How to reach what is left running.
    pub(crate) fn addresses(&self) -> String {
        let place = self.lab.office().name().unwrap_or_default();
        let address = self.server.at(&self.server.listeners().administration);
        let state = self.server.state_folder().display();
        format!("ip netns exec {place} landmarkctl --server {address} --state-dir {state}")
    }
}

/// What it is about, and the rules for what comes in over TCP.
fn excerpt(shown: &str) -> String {
    let head = shown.lines().take(N_HEAD);
    let chain = shown.lines().skip_while(|line| !line.contains("chain input-tcp"));
    let end = chain.clone().position(|line| line.trim() == "}").map_or(0, |last| last + 1);
    head.chain(["…"]).chain(chain.take(end)).collect::<Vec<_>>().join("\n")
}
