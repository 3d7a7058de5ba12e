//! Levels and exceptions: what passes is what [`rule`] says, for connections of every kind, both ways, over both families.

mod broad;

use std::net::IpAddr;

use anyhow::Result;
use landmark_proto::firewall::ruling::{Connection, Flow, Transport, rule};
use landmark_proto::firewall::{Action, Exception, Exceptions, Level, Mode, Policy};
use landmark_proto::host::Name;
use landmark_tests::lab::Echo;
use landmark_tests::lab::Site;
use landmark_tests::lab::probe::{Kind, Outcome, Probe};

use super::{Own, allow_pings, both, sockets, test};

/// Where programs give back what they get, on both sides.
const PORTS: [u16; 4] = [7001, 7002, 7100, 7200];
/// Servers of the company that are tried; the others are named by no exception.
const SERVERS: [u8; 5] = [20, 21, 30, 40, 41];

/// A way to try, and what a policy says of it.
#[derive(Clone, Copy, Debug)]
struct Try {
    flow: Flow,
    probe: Probe,
}

impl Try {
    fn connection(&self) -> Connection {
        let Probe { kind, from, to } = self.probe;
        let transport = match (kind, to.is_ipv4()) {
            (Kind::Tcp, _) => Transport::Tcp(to.port()),
            (Kind::Udp, _) => Transport::Udp(to.port()),
            (Kind::Ping, true) => Transport::Icmp,
            (Kind::Ping, false) => Transport::Icmpv6,
        };
        let remote = match self.flow {
            Flow::Inbound => from,
            Flow::Outbound => to.ip(),
        };
        Connection { flow: self.flow, transport, remote }
    }

    fn expected<'a>(&self, policy: &Policy, addresses: impl Fn(&Name) -> &'a [IpAddr]) -> Outcome {
        let is_dropped = policy.mode == Mode::Enforce
            && rule(policy, &self.connection(), addresses).action == Action::Block;
        if is_dropped { Outcome::Silence } else { Outcome::Answered }
    }
}

/// Every server, port and kind, both ways.
fn every_try(own: Own) -> Vec<Try> {
    let mut tries = Vec::new();
    for remote in SERVERS.into_iter().flat_map(both) {
        let machine = own.like(remote);
        let kinds = PORTS.into_iter().flat_map(|port| [(Kind::Tcp, port), (Kind::Udp, port)]);
        for (kind, port) in kinds.chain([(Kind::Ping, 0)]) {
            for (flow, from, to) in [(Flow::Inbound, remote, machine), (Flow::Outbound, machine, remote)] {
                tries.push(Try { flow, probe: super::probe(kind, from, to, port) });
            }
        }
    }
    tries
}

/// What is expected of all tries, those to the machine and those from it.
fn split(tries: &[Try], expected: impl Fn(&Try) -> Outcome) -> [Vec<(Probe, Outcome)>; 2] {
    [Flow::Inbound, Flow::Outbound].map(|flow| {
        let of_flow = tries.iter().filter(|one| one.flow == flow);
        of_flow.map(|one| (one.probe, expected(one))).collect()
    })
}

fn policy(level: Level, exceptions: Vec<Exception>) -> Result<Policy> {
    let exceptions = Exceptions::new(exceptions)?;
    Ok(Policy { name: "P".parse()?, level, mode: Mode::Enforce, exceptions })
}

/// An exception in the words of `landmarkctl`: `allow in tcp 7001,7100 10.20.1.0/24,fd00:20:1::/64`.
fn exception(number: usize, text: &str) -> Result<Exception> {
    use anyhow::Context as _;
    use landmark_proto::firewall::{Direction, PortSet, Remotes, Traffic};

    let words: Vec<&str> = text.split(' ').collect();
    let [action, direction, protocol, ports, remotes] = words[..] else {
        anyhow::bail!("not an exception: {text}");
    };
    let ports: PortSet = ports.parse().with_context(|| text.to_owned())?;
    Ok(Exception {
        name: format!("Exception {number}").parse()?,
        action: if action == "allow" { Action::Allow } else { Action::Block },
        direction: match direction {
            "in" => Direction::Inbound,
            "out" => Direction::Outbound,
            _ => Direction::Both,
        },
        traffic: match protocol {
            "tcp" => Traffic::Tcp(ports),
            "udp" => Traffic::Udp(ports),
            "tcp+udp" => Traffic::TcpUdp(ports),
            "icmp" => Traffic::Icmp,
            "icmpv6" => Traffic::Icmpv6,
            _ => Traffic::All,
        },
        remotes: remotes.parse::<Remotes>().with_context(|| text.to_owned())?,
    })
}

/// The same as options of `landmarkctl`.
fn options(text: &str) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    let [action, direction, protocol, ports, remotes] = words[..] else { return String::new() };
    let mut options = format!("--{action} --{direction} --protocol {protocol}");
    if ports != "all" {
        options.push_str(&format!(" --ports {ports}"));
    }
    for remote in remotes.split(',').filter(|remote| *remote != "all") {
        options.push_str(&format!(" --remote {remote}"));
    }
    options
}

/// Assigns the policy, and tries everything.
async fn agrees(level: Level, exceptions: &[&str]) -> Result<()> {
    test(async |_, world| {
        let own = world.own()?;
        allow_pings(world.laptop.namespace())?;
        allow_pings(world.lab.router(Site::Office))?;
        let _inside = Echo::start(world.laptop.namespace().place(), &sockets(&own.both(), &PORTS))?;
        let servers: Vec<IpAddr> = SERVERS.into_iter().flat_map(both).collect();
        let _outside = Echo::start(world.lab.office(), &sockets(&servers, &PORTS))?;
        // As an exception names it.
        world.lab.name("helpdesk", SERVERS[4]);
        let helpdesk = both(SERVERS[4]);

        let read = exceptions.iter().enumerate().map(|(number, text)| exception(number + 1, text));
        let meant = policy(level, read.collect::<Result<_>>()?)?;
        let options: Vec<String> = exceptions.iter().map(|text| options(text)).collect();
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let level = level.to_string();
        world.policy("P", &level, &options).await?;
        world.switch_to("P").await?;
        if exceptions.iter().any(|text| text.contains("helpdesk")) {
            world.found(helpdesk[0]).await?;
        }

        let tries = every_try(own);
        let [to_it, from_it] = split(&tries, |one| one.expected(&meant, |_| &helpdesk));
        world.ensure_in(&to_it).await?;
        world.ensure_out(&from_it).await
    })
    .await
}

#[tokio::test]
async fn everything_passes_where_the_level_is_low() -> Result<()> {
    agrees(Level::Low, &[]).await
}

#[tokio::test]
async fn only_what_the_machine_begins_passes_where_the_level_is_medium() -> Result<()> {
    agrees(Level::Medium, &[]).await
}

#[tokio::test]
async fn nothing_passes_where_the_level_is_high() -> Result<()> {
    agrees(Level::High, &[]).await
}

#[tokio::test]
async fn exceptions_of_every_kind_pass_where_the_level_is_high() -> Result<()> {
    agrees(
        Level::High,
        &[
            "block both tcp 7002 10.20.1.20,fd00:20:1::14",
            "allow in tcp 7001-7002,7100 10.20.1.20-10.20.1.29,fd00:20:1::14-fd00:20:1::1d",
            "allow out udp 7100-7199 10.20.1.0/27,fd00:20:1::/123",
            "allow both tcp+udp 7200 helpdesk.corp.example",
            "allow in icmp all 10.20.1.30",
            "allow out icmpv6 all all",
            "allow both all all fd00:20:1::28",
        ],
    )
    .await
}

#[tokio::test]
async fn exceptions_of_every_kind_are_blocked_where_the_level_is_low() -> Result<()> {
    agrees(
        Level::Low,
        &[
            "allow both tcp 7001 10.20.1.20,fd00:20:1::14",
            "block in tcp+udp 7001,7200 10.20.1.0/24",
            "block out tcp all fd00:20:1::/64",
            "block both udp 7002 all",
            "block both icmp all 10.20.1.20-10.20.1.21",
            "block in icmpv6 all fd00:20:1::1e",
            "block both all all helpdesk.corp.example",
        ],
    )
    .await
}

#[tokio::test]
async fn exceptions_of_both_kinds_count_in_their_order_where_the_level_is_medium() -> Result<()> {
    agrees(
        Level::Medium,
        &[
            "allow in tcp 7001 10.20.1.20",
            "block in all all 10.20.1.20",
            "allow in all all 10.20.1.16/28,fd00:20:1::10/124",
            "block out tcp+udp 7001-7002 10.20.1.40,fd00:20:1::28",
            "allow out udp 7002 10.20.1.40",
            "block out icmp all all",
        ],
    )
    .await
}

/// Whoever had the name before is nobody.
#[tokio::test]
async fn a_name_that_moves_takes_its_exception_with_it() -> Result<()> {
    test(async |_, world| {
        let own = world.own()?;
        let (old, new) = (both(SERVERS[3]), both(SERVERS[4]));
        let _echo = Echo::start(world.lab.office(), &sockets(&[old, new].concat(), &PORTS[..1]))?;
        world.lab.name("helpdesk", SERVERS[3]);
        world.policy("P", "high", &[&options("allow out tcp 7001 helpdesk.corp.example")]).await?;
        world.switch_to("P").await?;
        let tries = |own: Own, outcomes: [Outcome; 2]| -> Vec<(Probe, Outcome)> {
            let all = [(old, outcomes[0]), (new, outcomes[1])];
            let of = |to: IpAddr| super::probe(Kind::Tcp, own.like(to), to, PORTS[0]);
            all.into_iter().flat_map(|(both, outcome)| both.map(|to| (of(to), outcome))).collect()
        };
        world.found(old[1]).await?;
        world.ensure_out(&tries(own, [Outcome::Answered, Outcome::Silence])).await?;

        world.lab.name("helpdesk", SERVERS[4]);
        world.laptop.change_address()?;
        world.found(new[1]).await?;
        world.ensure_out(&tries(world.own()?, [Outcome::Silence, Outcome::Answered])).await
    })
    .await
}

impl super::World {
    /// Waits until the rules know this address, which is that of a name.
    async fn found(&self, address: IpAddr) -> Result<()> {
        use landmark_tests::wait::{LIMIT, wait_until};

        wait_until("the name of an exception is found", LIMIT, async || {
            let standing = format!("{:?}", super::standing(self.laptop.namespace().place())?);
            anyhow::ensure!(standing.contains(&address.to_string()), "{standing}");
            Ok(())
        })
        .await
    }
}
