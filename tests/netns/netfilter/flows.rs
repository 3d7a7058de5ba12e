//! Flows are listed and marked, and what is marked is cut both ways until the mark is taken off.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use landmark_agent::enforce::firewall::ruleset::{CUT_MARK, Hook, Ruleset, Test, Verdict};
use landmark_agent::netfilter::flows::{Ends, Flow, Marker, each_flow};
use landmark_tests::lab::Namespace;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, ipproto, sendto};

use super::rulesets::{TCP, UDP, accept, base, counted, drop, known, rule};
use super::{read_in, replace, test};

/// More than a packet to the same machine takes, less than a test may.
const SILENCE: Duration = Duration::from_millis(300);
const ARRIVAL: Duration = Duration::from_secs(20);

/// Cuts what is marked, then lets pass what is known, as in earnest.
fn cutting() -> Ruleset {
    let rules = || {
        vec![
            counted(&[Test::ConnectionMark(CUT_MARK)], drop(), "cut"),
            counted(&[known()], accept(), "known"),
            rule(&[], accept()),
        ]
    };
    let chains = vec![
        base("input", Hook::Input, Verdict::Drop, rules()),
        base("output", Hook::Output, Verdict::Accept, rules()),
    ];
    Ruleset { sets: Vec::new(), chains }
}

fn flows(namespace: &Namespace) -> Result<Vec<Flow>> {
    namespace.place().within(|| {
        let mut flows = Vec::new();
        each_flow(|flow| flows.push(flow.clone())).context("list the flows")?;
        Ok(flows)
    })
}

fn is_between(flow: &Flow, protocol: u8, source: SocketAddr, destination: SocketAddr) -> bool {
    let ends = Ends::Ports { source: source.port(), destination: destination.port() };
    let addresses = (flow.original.source, flow.original.destination);
    flow.original.protocol == protocol
        && flow.original.ends == ends
        && addresses == (source.ip(), destination.ip())
}

fn marked(namespace: &Namespace, flow: &Flow, with: u32) -> Result<bool> {
    namespace.place().within(|| Marker::open().and_then(|mut marker| marker.mark(flow, with)).context("mark"))
}

fn a_marked_flow_is_cut_both_ways(address: IpAddr) -> Result<()> {
    test(|namespace| {
        replace(namespace, &cutting())?;
        let (mut client, mut server) = namespace.place().within(|| {
            let listener = TcpListener::bind((address, 0))?;
            let client = TcpStream::connect(listener.local_addr()?)?;
            Ok((client, listener.accept()?.0))
        })?;
        let exchange =
            |from: &mut TcpStream, to: &mut TcpStream, limit: Duration| -> std::io::Result<[u8; 1]> {
                to.set_read_timeout(Some(limit))?;
                from.write_all(b"x")?;
                let mut byte = [0];
                to.read_exact(&mut byte).map(|()| byte)
            };
        exchange(&mut client, &mut server, ARRIVAL)?;
        exchange(&mut server, &mut client, ARRIVAL)?;

        let (local, remote) = (client.local_addr()?, client.peer_addr()?);
        let find = || -> Result<Flow> {
            let flows = flows(namespace)?;
            let found = flows.iter().find(|flow| is_between(flow, TCP, local, remote)).cloned();
            found.with_context(|| format!("no flow from {local} to {remote} in {flows:?}"))
        };
        let flow = find()?;
        ensure!((flow.mark, flow.zone) == (0, None), "{flow:?}");
        ensure!(flow.reply.source == remote.ip() && flow.reply.destination == local.ip(), "{flow:?}");

        ensure!(marked(namespace, &flow, CUT_MARK)?);
        ensure!(find()? == Flow { mark: CUT_MARK, ..flow.clone() });
        let cut = exchange(&mut client, &mut server, SILENCE).map_err(|error| error.kind());
        ensure!(cut == Err(ErrorKind::WouldBlock), "from client to server: {cut:?}");
        let cut = exchange(&mut server, &mut client, SILENCE).map_err(|error| error.kind());
        ensure!(cut == Err(ErrorKind::WouldBlock), "from server to client: {cut:?}");
        let (_, counts) = read_in(namespace)?;
        ensure!(counts[1][0].n_packets >= 2, "what was to be sent was dropped: {counts:?}");

        ensure!(marked(namespace, &flow, 0)?);
        // TCP sends again what was dropped, in its own time.
        for stream in [&mut client, &mut server] {
            stream.set_read_timeout(Some(ARRIVAL))?;
            stream.read_exact(&mut [0]).context("what was cut does not arrive")?;
        }
        exchange(&mut client, &mut server, ARRIVAL)?;
        exchange(&mut server, &mut client, ARRIVAL)?;
        ensure!(find()?.mark == 0);
        Ok(())
    })
}

#[test]
fn a_marked_flow_of_ipv4_is_cut_both_ways() -> Result<()> {
    a_marked_flow_is_cut_both_ways(Ipv4Addr::LOCALHOST.into())
}

#[test]
fn a_marked_flow_of_ipv6_is_cut_both_ways() -> Result<()> {
    a_marked_flow_is_cut_both_ways(Ipv6Addr::LOCALHOST.into())
}

#[test]
fn a_flow_that_has_gone_is_not_marked_and_not_made() -> Result<()> {
    test(|namespace| {
        replace(namespace, &cutting())?;
        namespace.place().within(|| {
            let sender = UdpSocket::bind("127.0.0.1:5000")?;
            Ok(sender.send_to(b"x", "127.0.0.1:5001").map(std::mem::drop)?)
        })?;
        let listed = flows(namespace)?;
        let to = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let flow = listed.iter().find(|flow| is_between(flow, UDP, to(5000), to(5001)));
        let mut gone = flow.with_context(|| format!("{listed:?}"))?.clone();
        gone.original.ends = Ends::Ports { source: 5002, destination: 5001 };
        ensure!(!marked(namespace, &gone, CUT_MARK)?);
        let later = flows(namespace)?;
        ensure!(
            later.iter().all(|flow| flow.mark == 0 && !is_between(flow, UDP, to(5002), to(5001))),
            "{later:?}"
        );
        Ok(())
    })
}

#[test]
fn an_echo_and_a_flow_of_a_zone_are_listed_and_marked() -> Result<()> {
    test(|namespace| {
        replace(namespace, &cutting())?;
        namespace.nft(
            "add table inet zones\n\
             add chain inet zones early { type filter hook output priority -300; policy accept; }\n\
             add chain inet zones come { type filter hook prerouting priority -300; policy accept; }\n\
             add rule inet zones early udp dport 5001 ct zone set 7\n\
             add rule inet zones come udp dport 5001 ct zone set 7\n",
        )?;
        namespace.place().within(|| {
            let sender = UdpSocket::bind("127.0.0.1:5000")?;
            sender.send_to(b"x", "127.0.0.1:5001").context("send")?;
            Ok(())
        })?;
        namespace.place().within(|| {
            // With its checksum; that of ICMPv6 is the kernel's business.
            let echo = [8, 0, 0xf7, 0xf7, 0, 7, 0, 1];
            let echo_v6 = [128, 0, 0, 0, 0, 7, 0, 1];
            let socket = |family, protocol| {
                rustix::net::socket_with(family, SocketType::RAW, SocketFlags::CLOEXEC, Some(protocol))
            };
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            sendto(socket(AddressFamily::INET, ipproto::ICMP)?, &echo, SendFlags::empty(), &address)?;
            let address = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
            sendto(socket(AddressFamily::INET6, ipproto::ICMPV6)?, &echo_v6, SendFlags::empty(), &address)?;
            Ok(())
        })?;
        let listed = flows(namespace)?;
        let is_echo = |kind: u8| move |flow: &&Flow| matches!(flow.original.ends, Ends::Icmp { kind: found, .. } if found == kind);
        let zoned = |flow: &&Flow| flow.zone == Some(7);
        for flow in
            [listed.iter().find(zoned), listed.iter().find(is_echo(8)), listed.iter().find(is_echo(128))]
        {
            let flow = flow.with_context(|| format!("{listed:#?}"))?;
            ensure!(marked(namespace, flow, 5)?, "{flow:?}");
            ensure!(flows(namespace)?.contains(&Flow { mark: 5, ..flow.clone() }), "{flow:?}");
        }
        Ok(())
    })
}

#[test]
fn very_many_flows_are_shown() -> Result<()> {
    test(|namespace| {
        replace(namespace, &cutting())?;
        namespace.place().within(|| {
            let sender = UdpSocket::bind("127.0.0.1:5000")?;
            for port in 10_000..13_000 {
                // That nobody is there is told by the next.
                sender.send_to(b"x", ("127.0.0.1", port)).unwrap_or_default();
            }
            Ok(())
        })?;
        let n_flows = flows(namespace)?.iter().filter(|flow| flow.original.protocol == UDP).count();
        ensure!(n_flows > 1000, "{n_flows} flows");
        Ok(())
    })
}
