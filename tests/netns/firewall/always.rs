//! What no policy forbids: the way to the server, to the reference servers and to the name servers, for a machine that shall
//! find out that it is back inside.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context as _, Result, ensure};
use landmark_tests::fleet::facts;
use landmark_tests::lab::probe::{Kind, Outcome};
use landmark_tests::lab::{Echo, MANAGEMENT, Site, server_address};
use landmark_tests::wait::{LIMIT, wait_until};
use serde_json::Value;

use super::{allow_pings, both, probe, sockets, test};
use crate::world::{CARRIED, World};

/// Of the reference server.
const REFERENCE: u8 = 51;
const REFERENCE_PORT: u16 = 7500;
/// Of a program that is nobody's business.
const OTHER: u8 = 20;
const OTHER_PORTS: [u16; 2] = [7001, 53];

#[tokio::test]
async fn shut_off_a_machine_goes_out_and_comes_back_by_addresses() -> Result<()> {
    goes_out_and_comes_back(false).await
}

#[tokio::test]
async fn shut_off_a_machine_goes_out_and_comes_back_by_names() -> Result<()> {
    goes_out_and_comes_back(true).await
}

/// All the time under a policy that lets nothing pass.
async fn goes_out_and_comes_back(by_names: bool) -> Result<()> {
    test(async |_, world| {
        let name = world.lab.name("intranet", REFERENCE);
        let host = if by_names { name } else { server_address(REFERENCE).to_string() };
        let mut reference = world.listeners(&[REFERENCE], REFERENCE_PORT)?.pop().context("no listener")?;
        if by_names {
            let port = world.server.listeners().agents.number();
            world.agent.stop().await?;
            world.agent.set("server.addresses", &format!("landmark.corp.example:{port}"));
            world.agent.start().await?;
            world.agent.wait_until_online(&world.ctl).await?;
        }
        world.policy("Shut", "high", &[]).await?;
        world.give("Shut").await?;
        world.assign(&[(&host, REFERENCE_PORT)]).await?;
        world.in_force("Shut").await?;
        let _machine = Echo::start(&world.laptop.place(), &sockets(&world.own()?.both(), &OTHER_PORTS))?;
        let _other = Echo::start(world.lab.office(), &sockets(&both(OTHER), &OTHER_PORTS))?;
        shut_but_for_names(world, both(53)[0]).await?;

        // Its link stands, and another can be had.
        world.agent.stop().await?;
        shut_but_for_names(world, both(53)[0]).await?;
        world.agent.start().await?;
        world.agent.wait_until_online(&world.ctl).await?;
        world.ctl.assign().await?;
        world.in_force("Shut").await?;

        world.lose_server().await?;
        let by_reference = |status: &Value| facts::is_internal_by(status, &host, REFERENCE_PORT);
        world.agent.wait_for(CARRIED, "it is internal by the reference server", by_reference).await?;
        let sight = world.look().await?;
        ensure!(sight["attempts"][0]["outcome"] == "answered", "{sight}");

        world.laptop.plug(Site::Home)?;
        world.agent.wait_for(CARRIED, "it is external at home", facts::is_external).await?;
        world.in_force("Shut").await?;
        asks(world, Site::Home.plan().resolver).await?;

        world.laptop.plug(Site::Office)?;
        world.agent.wait_for(CARRIED, "it is internal by the reference server", by_reference).await?;
        reference.stop().await;
        world.server.start().await?;
        let by_server = facts::is_internal_by_server;
        let status = world.agent.wait_for(LIMIT * 2, "it is internal by its server", by_server).await?;
        ensure!(status["link"]["state"] == "connected", "{status}");
        world.agent.wait_until_online(&world.ctl).await?;
        let explained = world.agent.explain().await?;
        let last = explained["evaluations"].as_array().and_then(|all| all.last()).context("no evidence")?;
        ensure!(last["location"] == "internal", "{last}");
        let status = world.in_force("Shut").await?;
        ensure!(status["enforcement"]["location"] == "internal", "{status}");
        shut_but_for_names(world, both(53)[0]).await
    })
    .await
}

#[tokio::test]
async fn a_shut_machine_talks_to_itself() -> Result<()> {
    test(async |_, world| {
        world.policy("Shut", "high", &[]).await?;
        world.switch_to("Shut").await?;
        allow_pings(world.laptop.namespace())?;
        let loopback =
            ["127.0.0.1", "::1"].map(str::parse::<IpAddr>).into_iter().collect::<Result<Vec<_>, _>>()?;
        let own = [loopback, world.own()?.both().to_vec()].concat();
        let _echo = Echo::start(&world.laptop.place(), &sockets(&own, &[7001]))?;
        let kinds = [Kind::Tcp, Kind::Udp, Kind::Ping];
        let tries = own.iter().flat_map(|own| kinds.map(|kind| probe(kind, *own, *own, 7001)));
        let tries: Vec<_> = tries.map(|probe| (probe, Outcome::Answered)).collect();
        world.ensure_out(&tries).await
    })
    .await
}

#[tokio::test]
async fn a_shut_machine_finds_its_neighbours_and_keeps_its_lease() -> Result<()> {
    test(async |_, world| {
        world.policy("Shut", "high", &["--allow --out --protocol tcp --ports 7001"]).await?;
        world.switch_to("Shut").await?;
        let _echo = Echo::start(world.lab.office(), &sockets(&both(OTHER), &[7001, 67]))?;
        let own = world.own()?;
        for machine in [world.laptop.namespace(), world.lab.router(Site::Office)] {
            machine.ip("neigh flush all")?;
        }
        let tries = both(OTHER).map(|to| (probe(Kind::Tcp, own.like(to), to, 7001), Outcome::Answered));
        world.ensure_out(&tries).await?;

        // A lease is renewed from the port of clients to that of servers, and only so.
        let server = both(OTHER)[0];
        world.ensure_out(&[(probe(Kind::Udp, own.v4, server, 67), Outcome::Silence)]).await?;
        let client = world.laptop.place().bind_udp(SocketAddr::new(own.v4, 68))?;
        client.send_to(b"renew", SocketAddr::new(server, 67)).await?;
        let mut answer = [0; 16];
        let received = tokio::time::timeout(LIMIT, client.recv(&mut answer)).await;
        ensure!(received.context("no lease")?? == 5);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_error_about_an_allowed_connection_comes_through() -> Result<()> {
    test(async |_, world| {
        world.policy("Shut", "high", &["--allow --out --protocol udp --ports 7099"]).await?;
        world.switch_to("Shut").await?;
        for nobody_there in both(OTHER) {
            let own = world.own()?.like(nobody_there);
            let socket = world.laptop.place().bind_udp(SocketAddr::new(own, 0))?;
            socket.connect(SocketAddr::new(nobody_there, 7099)).await?;
            socket.send(b"x").await?;
            let heard =
                tokio::time::timeout(LIMIT, socket.recv(&mut [0; 8])).await.context("no error came")?;
            let is_refused =
                heard.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused);
            ensure!(is_refused, "{heard:?}");
        }
        Ok(())
    })
    .await
}

/// Programs of the machine can ask for names, and do nothing else.
async fn shut_but_for_names(world: &World, resolver: IpAddr) -> Result<()> {
    let own = world.own()?;
    allow_pings(world.laptop.namespace())?;
    allow_pings(world.lab.router(Site::Office))?;
    let (mut to_it, mut from_it) = (Vec::new(), Vec::new());
    for other in both(OTHER) {
        let machine = own.like(other);
        let kinds = OTHER_PORTS.into_iter().flat_map(|port| [(Kind::Tcp, port), (Kind::Udp, port)]);
        for (kind, port) in kinds.chain([(Kind::Ping, 0)]) {
            to_it.push((probe(kind, other, machine, port), Outcome::Silence));
            from_it.push((probe(kind, machine, other, port), Outcome::Silence));
        }
    }
    // Nor may they speak to the server as the agent does.
    let server = world.server.at(&world.server.listeners().agents);
    ensure!(server.ip() == IpAddr::V4(server_address(MANAGEMENT)));
    from_it.push((probe(Kind::Tcp, own.v4, server.ip(), server.port()), Outcome::Silence));
    world.ensure_in(&to_it).await?;
    world.ensure_out(&from_it).await?;
    asks(world, resolver).await
}

/// A program of the machine asks a name server; it must get an answer.
async fn asks(world: &World, resolver: IpAddr) -> Result<()> {
    // Recursion desired, one question: the address of a name (RFC 1035, section 4).
    let mut question = vec![0x4c, 0x4d, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in ["landmark", "corp", "example"] {
        question.push(u8::try_from(label.len())?);
        question.extend(label.bytes());
    }
    question.extend([0, 0, 1, 0, 1]);
    let any = if resolver.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = world.laptop.place().bind_udp(any.parse()?)?;
    // The way there may be minutes old, or new.
    wait_until("a program gets an answer from the name server", LIMIT, async || {
        socket.send_to(&question, SocketAddr::new(resolver, 53)).await?;
        let mut answer = [0; 512];
        let received = tokio::time::timeout(std::time::Duration::from_secs(1), socket.recv(&mut answer));
        let n = received.await.context("nothing came")??;
        ensure!(n >= question.len() && answer.starts_with(&[0x4c, 0x4d]), "another answer: {answer:?}");
        Ok(())
    })
    .await
}
