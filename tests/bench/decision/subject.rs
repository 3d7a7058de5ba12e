//! An agent that is measured: the real program on a machine of the laboratory, with its way to the server, its log, its
//! policy and its control socket in our hands.

use std::cell::Cell;
use std::fs::Permissions;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use landmark_tests::fleet::{Agent, Server};
use landmark_tests::lab::Laptop;
use landmark_tests::place::Place;
use landmark_tests::scratch::Scratch;
use serde_json::Value;

use crate::cell::{List, N_ENTRIES, entry};
use crate::control::Control;
use crate::ears::Ears;
use crate::relay::Relay;
use crate::rules::Gate;

/// The port of a relay, on the machine of its agent.
const RELAY_PORT: u16 = 9000;
/// The server lets an agent begin 60 sessions in a minute; one that begins more is kept waiting for the rest of it.
const BETWEEN_SESSIONS: Duration = Duration::from_millis(1030);
/// Evaluations begin 50 ms apart; a cause that comes sooner after the last would be measured with that wait.
const SETTLED_AFTER: Duration = Duration::from_millis(80);
/// An evaluation after the connection, in which everything refuses, is over by then.
const HIDDEN: Duration = Duration::from_millis(400);
/// What the operator's program is called, by which this program knows itself in that part.
pub(crate) const PROGRAM: &str = "apply-policy";

/// The agent.
pub(crate) struct Subject {
    pub(crate) agent: Agent,
    /// `None`: it is connected to the server itself.
    pub(crate) relay: Option<Relay>,
    pub(crate) control: Control,
    pub(crate) ears: Ears,
    /// What answered last, and where it says that it is.
    pub(crate) remembered: Option<usize>,
    pub(crate) is_internal: Option<bool>,
    ready_at: Instant,
    settled_at: Instant,
}

impl Subject {
    /// Enrols and starts it.
    ///
    /// # Errors
    /// It does not come up.
    pub(crate) async fn start(
        scratch: &Scratch,
        server: &Server,
        office: &Place,
        machine: &Laptop,
        name: &str,
        relay_number: Option<u16>,
    ) -> Result<Self> {
        let folder = scratch.make_folder(&format!("{name}-ears"))?;
        let ears = Ears::open(&folder, &scratch.log(&format!("{name}-log")))?;
        let mut agent = Agent::placed(scratch, name, machine.place())?;
        let relay = relay_number.map(|number| {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, RELAY_PORT + number));
            agent.set("server.addresses", &address.to_string());
            Relay::new((machine.place(), address), (office.clone(), server.at(&server.listeners().agents)))
        });
        agent.set("log.format", "json");
        agent.set("enforce.backend", "command");
        agent.set("enforce.command", &program(scratch, &folder)?);
        agent.enroll(&server.join_string().await?).await?.success()?;
        agent.log_to(ears.log().to_str().context("a path of text")?);
        let control = Control::new(agent.state_folder().join("control.sock"));
        let now = Instant::now();
        let mut subject = Self {
            agent,
            relay,
            control,
            ears,
            remembered: None,
            is_internal: None,
            ready_at: now,
            settled_at: now,
        };
        subject.open()?;
        subject.agent.start().await?;
        subject.agent.wait_until_online(&server.ctl()).await?;
        Ok(subject)
    }

    /// When it may be cut off next.
    pub(crate) fn ready_at(&self) -> Instant {
        self.ready_at
    }

    /// Whether [`Subject::prepare`] needs an entry that answers.
    pub(crate) fn must_remember(&self, remembered: usize, is_internal: bool) -> bool {
        self.remembered != Some(remembered) || (is_internal && self.is_internal != Some(true))
    }

    /// Brings it into the state in which a decision is measured: connected, with this memory, and on the other side of what
    /// the verdict will be, so that a policy has to change.
    ///
    /// # Errors
    /// It does not get there.
    pub(crate) fn prepare(
        &mut self,
        gate: &mut Gate,
        list: List,
        remembered: usize,
        is_internal: bool,
    ) -> Result<()> {
        if self.must_remember(remembered, is_internal) {
            self.remember(gate, list, remembered)?;
        }
        if self.is_internal != Some(is_internal) {
            gate.close()?;
            self.look(false)?;
        }
        Ok(())
    }

    /// Another list: nothing is known of it.
    pub(crate) fn forget(&mut self) {
        (self.remembered, self.is_internal) = (None, None);
        self.settled();
    }

    /// It has just decided.
    pub(crate) fn settled(&mut self) {
        self.settled_at = Instant::now();
    }

    /// Waits until nothing of before delays an evaluation.
    pub(crate) fn settle(&self) {
        let left = (self.settled_at + SETTLED_AFTER).max(self.ready_at);
        std::thread::sleep(left.saturating_duration_since(Instant::now()));
    }

    /// Lets it come back to the server, and leaves it external with everything refusing. `decided`: the location and the
    /// basis of what was measured, where there was a verdict.
    ///
    /// # Errors
    /// It does not come back.
    pub(crate) fn come_back(
        &mut self,
        gate: &mut Gate,
        list: List,
        decided: Option<(bool, &str)>,
    ) -> Result<()> {
        // First: who comes inside dials within 50 ms, and else after up to a second.
        self.open()?;
        if let Some((true, basis)) = decided {
            self.remembered =
                (0..N_ENTRIES).find(|index| basis.contains(&format!("{}:", entry(list, *index))));
        } else {
            self.remember(gate, list, 0)?;
        }
        gate.close()?;
        self.connected()
    }

    /// Waits until it is connected and what follows from that is decided.
    ///
    /// # Errors
    /// It does not come back.
    pub(crate) fn connected(&mut self) -> Result<()> {
        let seen = Cell::new(None);
        let status = self.control.wait_for("it is connected again, and has looked", |status| {
            if status["link"]["state"] != "connected" {
                return false;
            }
            let triggers = status["decided"]["triggers"].as_array();
            let has_looked =
                triggers.is_some_and(|triggers| triggers.iter().any(|it| it == "link_connected"));
            // Another trigger may have come just after, and its evaluation hides the one that is waited for.
            let since = seen.get().unwrap_or_else(Instant::now);
            seen.set(Some(since));
            has_looked || since.elapsed() > HIDDEN
        })?;
        self.is_internal = Some(status["location"] == "internal");
        self.settled_at = Instant::now();
        self.ready_at = Instant::now() + BETWEEN_SESSIONS;
        Ok(())
    }

    /// Opens its way to the server.
    fn open(&mut self) -> Result<()> {
        self.relay.as_mut().map_or(Ok(()), Relay::open)
    }

    /// Lets this entry answer, and no other.
    fn remember(&mut self, gate: &mut Gate, list: List, index: usize) -> Result<()> {
        gate.open_only(entry(list, index))?;
        self.look(true)?;
        self.remembered = Some(index);
        Ok(())
    }

    /// Lets it look, with this result.
    fn look(&mut self, is_internal: bool) -> Result<()> {
        let status = self.control.recheck()?;
        let says: &Value = &status["location"];
        ensure!(says == if is_internal { "internal" } else { "external" }, "not prepared: {status}");
        self.is_internal = Some(is_internal);
        self.settled_at = Instant::now();
        Ok(())
    }
}

/// This program under the name by which it passes policies on, in that folder.
fn program(scratch: &Scratch, folder: &Path) -> Result<String> {
    let copy = scratch.path().join(PROGRAM);
    if !copy.exists() {
        // Whoever owns the folder it was built in, the agent trusts only root's.
        std::fs::copy(std::env::current_exe()?, &copy).context("copy this program")?;
        std::fs::set_permissions(&copy, Permissions::from_mode(0o755))?;
    }
    let program = folder.join(PROGRAM);
    symlink(&copy, &program)?;
    Ok(program.to_str().context("a path of text")?.to_owned())
}
