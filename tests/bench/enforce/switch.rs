//! From the verdict to the rules in force: a real agent with a real assignment changes sides again and again. The moments
//! are those of its own log; a prober beside it sees the same from outside.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, bail, ensure};
use jiff::Timestamp;
use landmark_proto::firewall::Level;
use landmark_tests::fleet::{Agent, Server};
use landmark_tests::lab::{Lab, Laptop, Listener, Site, server_address};
use landmark_tests::scratch::Scratch;
use serde_json::Value;

use crate::figures::Figures;
use crate::policies::{UNMENTIONED, document, mixed};
use crate::prober::{Prober, seen};
use crate::table::{Goal, Row, Unit};

const N_EXCEPTIONS: usize = 100;
const GOAL_MS: f64 = 50.0;
/// The only entry of the list, which answers or refuses.
const ENTRY: (u8, u16) = (101, 7000);
/// Evaluations are 50 ms apart at least, and what the last one set off is over.
const BETWEEN: Duration = Duration::from_millis(150);
/// For one switch.
const PATIENCE: Duration = Duration::from_secs(10);
/// Flows that a switch finds in the connection tracking, where that is measured.
const N_FLOWS: u16 = 2000;
/// Of those that were closed. They would be judged with every switch.
const FORGET_CLOSED: (&str, &str) = ("net/netfilter/nf_conntrack_tcp_timeout_close", "1");

struct Stage<'a> {
    _server: Server,
    entry: Listener,
    machine: Laptop,
    _open: Listener,
    agent: Agent,
    address: SocketAddr,
    lab: &'a Lab,
}

/// When one switch was where.
struct Switch {
    decided: SystemTime,
    in_force: SystemTime,
}

/// Measures.
///
/// # Errors
/// The agent does not come up, or does not switch.
pub(crate) async fn measure(scratch: &Scratch, lab: &Lab, is_quick: bool) -> Result<Vec<Row>> {
    let (n, n_probed, n_burdened) = if is_quick { (30, 10, 2) } else { (120, 60, 10) };
    let mut stage = Stage::set(scratch, lab).await?;
    let [mut plain, mut probed, mut opened, mut closed, mut burdened] = [const { Figures::empty() }; 5];
    // The first two warm up.
    for run in 0..n + 2 {
        let switch = stage.switch(run % 2 == 1).await?;
        if run >= 2 {
            plain.add(switch.took()?);
        }
    }
    for run in 0..n_probed {
        let opens = run % 2 == 1;
        let prober = Prober::start(stage.lab.office(), stage.address);
        let switch = stage.switch(opens).await?;
        tokio::time::sleep(Duration::from_millis(20)).await;
        let attempts = prober.stop()?;
        let at = seen(&attempts, opens).context("the prober saw no change")?;
        probed.add(switch.took()?);
        if opens { &mut opened } else { &mut closed }.add(ms_between(switch.decided, at));
    }
    for _ in 0..n_burdened {
        stage.flows()?;
        burdened.add(stage.switch(false).await?.took()?);
        stage.switch(true).await?;
    }
    stage.agent.stop().await?;
    let row = |name: String, figures, goal: bool| Row {
        name,
        unit: Unit::Milliseconds,
        figures,
        goal: goal.then_some(Goal::P99AtMost(GOAL_MS)),
    };
    Ok(vec![
        row("verdict → policy in force, by its log".to_owned(), plain, true),
        row("the same while the prober connects".to_owned(), probed, true),
        row("verdict → a port that becomes allowed answers".to_owned(), opened, true),
        row("verdict → a port that becomes forbidden is silent".to_owned(), closed, true),
        row(format!("verdict → policy in force, {N_FLOWS} flows cut"), burdened, false),
    ])
}

impl Switch {
    fn took(&self) -> Result<f64> {
        ensure!(self.in_force >= self.decided, "the clock of this machine was set");
        Ok(ms_between(self.decided, self.in_force))
    }
}

impl<'a> Stage<'a> {
    async fn set(scratch: &Scratch, lab: &'a Lab) -> Result<Self> {
        let mut server = lab.server(scratch)?;
        server.start().await?;
        let (number, port) = ENTRY;
        let entry = Listener::start(lab.office(), SocketAddr::from((server_address(number), port)))?;
        let mut machine = lab.laptop("switching")?;
        machine.plug(Site::Office)?;
        let address = SocketAddr::from((machine.address().context("no address")?, UNMENTIONED));
        let open = Listener::start(&machine.place(), address)?;

        let inside = mixed("Inside", N_EXCEPTIONS, Level::Low)?;
        let outside = mixed("Outside", N_EXCEPTIONS, Level::High)?;
        let file = scratch.write("firewall.json", serde_json::to_vec(&document(&inside, &outside))?)?;
        let ctl = server.ctl();
        ctl.ok(&["firewall", "import", file.to_str().context("a path of text")?]).await?;
        ctl.ok(&["location", "set", "--server-connection", "says-nothing", "--recheck-interval", "1d"])
            .await?;
        ctl.add(&server_address(number).to_string(), port).await?;
        ctl.ok(&["servers", "enable"]).await?;

        let mut agent = Agent::placed(scratch, "switching", machine.place())?;
        agent.set("log.format", "json");
        agent.set("enforce.backend", "nftables");
        agent.join(&server).await?;
        ctl.assign().await?;
        let stage = Self { _server: server, entry, machine, _open: open, agent, address, lab };
        stage.machine.namespace().set(FORGET_CLOSED.0, FORGET_CLOSED.1).unwrap_or_default();
        stage.await_line(0, "policy in force", "internal").await?;
        Ok(stage)
    }

    /// Lets it change sides.
    async fn switch(&mut self, to_internal: bool) -> Result<Switch> {
        if to_internal {
            self.entry.restart()?;
        } else {
            self.entry.stop().await;
        }
        tokio::time::sleep(BETWEEN).await;
        let n_before = self.agent.output().len();
        self.agent.run(&["recheck"]).await?.success()?;
        let location = if to_internal { "internal" } else { "external" };
        let decided = self.await_line(n_before, "location decided", location).await?;
        let in_force = self.await_line(n_before, "policy in force", location).await?;
        Ok(Switch { decided, in_force })
    }

    /// When it logged this, behind the first bytes of its log.
    async fn await_line(&self, behind: usize, message: &str, location: &str) -> Result<SystemTime> {
        let began = Instant::now();
        loop {
            let output = self.agent.output();
            let lines = output.get(behind..).unwrap_or_default().lines();
            if let Some(at) = lines.filter_map(|line| time_of(line, message, location)).next_back() {
                return Ok(at);
            }
            if began.elapsed() > PATIENCE {
                bail!("the agent does not say \"{message}\" ({location})");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Flows to the machine that the policy inside allows and the one outside forbids.
    fn flows(&self) -> Result<()> {
        let host = self.address.ip();
        self.lab.office().within(|| {
            let socket = UdpSocket::bind((std::net::Ipv4Addr::UNSPECIFIED, 0))?;
            for number in 0..N_FLOWS {
                // Nobody listens there, which is said to be so.
                socket.send_to(b"?", (host, 50_000 + number)).map(drop).unwrap_or_default();
            }
            Ok(())
        })
    }
}

/// The moment of a line of the log, if it says this of this location.
fn time_of(line: &str, message: &str, location: &str) -> Option<SystemTime> {
    if !line.contains(message) {
        return None;
    }
    let line: Value = serde_json::from_str(line).ok()?;
    let fields = line.get("fields").unwrap_or(&line);
    let says = |key: &str, value: &str| fields.get(key).and_then(Value::as_str) == Some(value);
    if !(says("message", message) && says("location", location)) {
        return None;
    }
    let timestamp: Timestamp = line.get("timestamp")?.as_str()?.parse().ok()?;
    let since = Duration::from_micros(timestamp.as_microsecond().try_into().ok()?);
    Some(SystemTime::UNIX_EPOCH + since)
}

/// Below zero if they come the other way round.
fn ms_between(first: SystemTime, then: SystemTime) -> f64 {
    match then.duration_since(first) {
        Ok(time) => time.as_secs_f64() * 1000.0,
        Err(before) => -before.duration().as_secs_f64() * 1000.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_line_is_that_of_the_agent() {
        let line = r#"{"timestamp":"1970-01-01T00:00:01.000250Z","level":"INFO","fields":{"message":"policy in force","location":"external"}}"#;
        let at = time_of(line, "policy in force", "external").unwrap();
        assert!((ms_between(SystemTime::UNIX_EPOCH, at) - 1000.25).abs() < 1e-6);
        assert!(ms_between(at, SystemTime::UNIX_EPOCH) < 0.0);
        assert_eq!(time_of(line, "policy in force", "internal"), None);
        assert_eq!(time_of(line, "location decided", "external"), None);
    }
}
