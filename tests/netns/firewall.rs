//! The firewall with real packets: what a policy says passes, and what it forbids does not, also while it is switched, while
//! the agent dies, and while others write to the packet filter.

mod always;
mod drift;
mod flows;
mod kills;
mod levels;
mod observing;
mod switches;
mod tracking;
mod watch;

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context as _, Result, bail};
use landmark_agent::enforce::firewall::ruleset::{Present, Ruleset};
use landmark_agent::netfilter::table::read;
use landmark_tests::fleet::Agent;
use landmark_tests::lab::probe::{Kind, Outcome, Probe, ensure_outcomes};
use landmark_tests::lab::{Namespace, server_address, server_address_v6};
use landmark_tests::place::Place;
use landmark_tests::scratch::Scratch;
use landmark_tests::wait::LIMIT;
use serde_json::Value;

use crate::world::{World, test_with};

/// What every machine gets from the start.
const EVERYBODY: &str = "All agents";

/// Runs the body of a test in a world whose agent writes the firewall of its namespace.
async fn test<F>(body: F) -> Result<()>
where
    F: AsyncFnOnce(&Scratch, &mut World) -> Result<()>,
{
    test_with(enforcing, body).await
}

fn enforcing(agent: &mut Agent) {
    agent.set("enforce.backend", "nftables");
    // As often as it may be: whether it notices by itself what others do or only then, it repairs it soon.
    agent.set("enforce.repair-interval", "10s");
}

impl World {
    /// Writes a policy into the draft. An exception is its options, as `landmarkctl` takes them.
    async fn policy(&self, name: &str, level: &str, exceptions: &[&str]) -> Result<()> {
        self.ctl.ok(&["firewall", "policies", "add", name, "--level", level]).await?;
        for (number, exception) in exceptions.iter().enumerate() {
            let number = format!("Exception {}", number + 1);
            let mut arguments = vec!["firewall", "exceptions", "add", name, &number];
            arguments.extend(exception.split(' '));
            self.ctl.ok(&arguments).await?;
        }
        Ok(())
    }

    /// Gives a policy of the draft to every machine for which there is nothing else.
    async fn give(&self, policy: &str) -> Result<()> {
        self.ctl.ok(&["firewall", "profiles", "edit", EVERYBODY, "--policy", policy]).await.map(drop)
    }

    /// Gives everybody this policy, assigns it, and waits until it is in force.
    async fn switch_to(&self, policy: &str) -> Result<()> {
        self.give(policy).await?;
        self.ctl.assign().await?;
        self.in_force(policy).await.map(drop)
    }

    /// Waits until the agent says that this policy is in force, as the assignment that it holds has it.
    async fn in_force(&self, policy: &str) -> Result<Value> {
        let stands = |status: &Value| {
            let enforcement = &status["enforcement"];
            enforcement["policy"] == policy
                && (enforcement["state"] == "applied" || enforcement["state"] == "repaired")
                && enforcement["revision"] == status["held_revision"]
        };
        self.agent.wait_for(LIMIT, &format!("the policy {policy} is in force"), stands).await
    }

    /// The laptop's addresses in the office.
    fn own(&self) -> Result<Own> {
        let v4 = self.laptop.address().context("no IPv4")?.into();
        let v6 = self.laptop.address_v6().context("no IPv6")?.into();
        Ok(Own { v4, v6 })
    }

    /// Connections from the laptop.
    async fn ensure_out(&self, expected: &[(Probe, Outcome)]) -> Result<()> {
        ensure_outcomes(self.laptop.namespace().place(), expected).await.context("from the machine")
    }

    /// Connections to the laptop, from the office.
    async fn ensure_in(&self, expected: &[(Probe, Outcome)]) -> Result<()> {
        ensure_outcomes(self.lab.office(), expected).await.context("to the machine")
    }
}

/// The addresses of the machine.
#[derive(Clone, Copy, Debug)]
struct Own {
    v4: IpAddr,
    v6: IpAddr,
}

impl Own {
    /// Of the same family as this one.
    fn like(self, other: IpAddr) -> IpAddr {
        if other.is_ipv4() { self.v4 } else { self.v6 }
    }

    fn both(self) -> [IpAddr; 2] {
        [self.v4, self.v6]
    }
}

/// Both addresses of a server of the company.
fn both(number: u8) -> [IpAddr; 2] {
    [server_address(number).into(), server_address_v6(number).into()]
}

/// Each address with each port.
fn sockets(addresses: &[IpAddr], ports: &[u16]) -> Vec<SocketAddr> {
    let pairs = addresses.iter().flat_map(|address| ports.iter().map(move |port| (*address, *port)));
    pairs.map(SocketAddr::from).collect()
}

fn probe(kind: Kind, from: IpAddr, to: IpAddr, port: u16) -> Probe {
    Probe { kind, from, to: SocketAddr::new(to, port) }
}

/// What stands in Landmark's table there.
fn present(place: &Place) -> Result<Present> {
    place.within(|| read().context("read the table"))
}

/// The same, which must be one of ours.
fn standing(place: &Place) -> Result<Ruleset> {
    match present(place)? {
        Present::Ruleset(ruleset, _) => Ok(ruleset),
        other @ (Present::Nothing | Present::Strange(_)) => bail!("no ruleset: {other:?}"),
    }
}

/// Anybody may ping, as on most distributions.
fn allow_pings(namespace: &Namespace) -> Result<()> {
    namespace.set("net/ipv4/ping_group_range", "0 2147483647")
}
