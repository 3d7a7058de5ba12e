//! Peers that are not what they should be: strangers' certificates, and garbage on every listener.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use landmark_tests::fleet::{Agent, Server, facts};
use landmark_tests::peer::{self, ClientIdentity};
use landmark_tests::reference::recorder::Recorder;
use landmark_tests::scratch::test;
use landmark_tests::wait::{LIMIT, wait_until};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

#[tokio::test]
async fn an_agent_whose_certificate_an_unknown_authority_made_gets_no_answer() -> Result<()> {
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let agent = Agent::started(scratch, "agent", &server).await?;
        let info = server.ctl().ok(&["server", "info"]).await?;
        let fleet_id = info["fleet_id"].as_str().context("no fleet id")?;
        let address = server.listeners().agents.address();

        // The names are right, the authority is not.
        let stranger = ClientIdentity::of_an_unknown_authority(fleet_id, &agent.id().await?)?;
        ensure_gets_no_answer(address, Some(&stranger)).await?;
        ensure_gets_no_answer(address, None).await?;

        // An agent of another fleet.
        let mut other_server = Server::new(scratch, "other-server")?;
        other_server.start().await?;
        let other_agent = Agent::started(scratch, "other-agent", &other_server).await?;
        ensure_gets_no_answer(address, Some(&identity(&other_agent)?)).await?;

        // The same conversation, as an agent of this fleet, is answered: it is the certificate that was refused.
        let mut stream = peer::connect(address, Some(&identity(&agent)?)).await?;
        ensure!(
            !peer::greet(&mut stream).await.bytes.is_empty(),
            "the agent's own certificate gets no answer"
        );
        agent.wait_until_online(&server.ctl()).await
    })
    .await
}

fn identity(agent: &Agent) -> Result<ClientIdentity> {
    let folder = agent.state_folder();
    ClientIdentity::from_files(&folder.join("identity.pem"), &folder.join("identity.key"))
}

async fn ensure_gets_no_answer(address: SocketAddr, identity: Option<&ClientIdentity>) -> Result<()> {
    // A client of TLS 1.3 is done before the server has seen its certificate: the refusal comes as an answer.
    if let Ok(mut stream) = peer::connect(address, identity).await {
        let heard = peer::greet(&mut stream).await;
        ensure!(heard.bytes.is_empty() && heard.error.is_some(), "{identity:?} heard {heard:?}");
    }
    Ok(())
}

#[tokio::test]
async fn peers_that_talk_garbage_do_no_harm() -> Result<()> {
    const N_PEERS: usize = 20;
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let agent = Agent::started(scratch, "agent", &server).await?;
        let listeners = server.listeners();
        let addresses =
            [&listeners.agents, &listeners.enrollment, &listeners.administration, &listeners.operations]
                .map(|port| port.address());
        let before = n_files(server.pid()?)?;

        for address in addresses {
            let mut peers = JoinSet::new();
            for n in 0..N_PEERS {
                peers.spawn(talk_garbage(address, n));
            }
            while let Some(talked) = peers.join_next().await {
                talked?;
            }
        }
        talk_garbage_over_tls(listeners.enrollment.address()).await?;
        talk_garbage_over_tls(listeners.administration.address()).await?;
        talk_garbage_to_the_control_socket(&agent)?;

        // All of them are served as before, and what the peers cost is given back.
        ctl.add("10.1.1.5", 1433).await?;
        ctl.assign().await?;
        ensure!(facts::held_revision(&agent.status().await?) == Some(1));
        let pid = server.pid()?;
        wait_until("their connections are gone", LIMIT, async || {
            let now = n_files(pid)?;
            ensure!(now <= before + 4, "{before} open files before, {now} after");
            Ok(())
        })
        .await
    })
    .await
}

/// Connects, says something that no protocol knows, and leaves in one of several ways.
async fn talk_garbage(address: SocketAddr, n: usize) {
    let Ok(mut peer) = TcpStream::connect(address).await else { return };
    let random: Vec<u8> = (0..rand::random_range(1..20_000)).map(|_| rand::random()).collect();
    // A TLS record that promises 16 KB of handshake and does not bring them.
    let half_a_handshake = [0x16, 0x03, 0x01, 0x40, 0x00, 0x01, 0x00, 0x3f, 0xfc, 0x03, 0x03];
    let said: &[u8] = match n % 5 {
        0 => &random,
        1 => b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        2 => peer::HTTP2_PREFACE,
        3 => &half_a_handshake,
        _ => b"",
    };
    // Refusing to listen is the server's right.
    peer.write_all(said).await.unwrap_or_default();
    if n.is_multiple_of(2) {
        let mut answer = [0; 1024];
        timeout(Duration::from_millis(200), peer.read(&mut answer)).await.map(drop).unwrap_or_default();
    } else {
        peer.set_zero_linger().unwrap_or_default();
    }
}

/// As an HTTP/2 client that breaks the rules once TLS stands.
async fn talk_garbage_over_tls(address: SocketAddr) -> Result<()> {
    let mut stream = peer::connect(address, None).await?;
    ensure!(!peer::greet(&mut stream).await.bytes.is_empty(), "{address} does not speak HTTP/2");
    // A HEADERS frame on stream 0, which RFC 9113 forbids, then noise.
    let mut frame = vec![0, 0, 4, 1, 4, 0, 0, 0, 0, 1, 2, 3, 4];
    frame.extend((0..10_000).map(|_| rand::random::<u8>()));
    stream.write_all(&frame).await.unwrap_or_default();
    let mut rest = Vec::new();
    timeout(LIMIT, stream.read_to_end(&mut rest))
        .await
        .context("the server keeps a connection that breaks the rules")?
        .map(drop)
        .unwrap_or_default();
    Ok(())
}

fn talk_garbage_to_the_control_socket(agent: &Agent) -> Result<()> {
    use std::io::Write as _;

    for said in [&b"\xff\xfe\x00garbage\n"[..], &[b'x'; 100_000], b"{\"", b""] {
        let mut peer = UnixStream::connect(agent.state_folder().join("control.sock"))?;
        peer.set_write_timeout(Some(Duration::from_millis(500)))?;
        // Refusing to listen is the agent's right.
        peer.write_all(said).unwrap_or_default();
    }
    Ok(())
}

fn n_files(pid: u32) -> Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

#[tokio::test]
async fn a_stranger_on_the_servers_port_learns_nothing_and_does_no_harm() -> Result<()> {
    test(async |scratch| {
        let recorder = Recorder::start().await?;
        let mut server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let agent = Agent::started(scratch, "agent", &server).await?;
        ctl.add("127.0.0.1", recorder.port()).await?;
        ctl.ok(&["servers", "enable"]).await?;
        ctl.assign().await?;
        server.stop().await?;

        // Somebody else takes the port, and answers TLS with noise.
        let listener = TcpListener::bind(server.listeners().agents.address()).await?;
        let mut strangers = JoinSet::new();
        strangers.spawn(async move {
            for _ in 0..3 {
                let Ok((mut peer, _)) = listener.accept().await else { return };
                let noise: Vec<u8> = (0..4096).map(|_| rand::random()).collect();
                peer.write_all(&noise).await.unwrap_or_default();
            }
        });
        let by_recorder = |status: &_| facts::is_internal_by(status, "127.0.0.1", recorder.port());
        agent.wait_for(LIMIT, "it is internal by the recorder", by_recorder).await?;
        timeout(LIMIT, strangers.join_next())
            .await
            .context("the agent does not try again")?
            .context("no stranger")??;
        let status = agent.status().await?;
        ensure!(by_recorder(&status), "{status}");

        server.start().await?;
        agent.wait_for(LIMIT, "it is internal by its server", facts::is_internal_by_server).await.map(drop)
    })
    .await
}

#[tokio::test]
async fn peers_that_say_nothing_are_let_go() -> Result<()> {
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let agent = Agent::started(scratch, "agent", &server).await?;
        let listeners = server.listeners();
        let mut silent = JoinSet::new();
        let all =
            [&listeners.agents, &listeners.enrollment, &listeners.administration, &listeners.operations];
        for address in all.map(|port| port.address()) {
            silent.spawn(async move {
                let mut peer = TcpStream::connect(address).await?;
                wait_until_let_go(&mut peer, address).await
            });
        }
        // The handshake done, and then nothing.
        for address in [listeners.enrollment.address(), listeners.administration.address()] {
            silent.spawn(async move {
                let mut peer = peer::connect(address, None).await?;
                wait_until_let_go(&mut peer, address).await
            });
        }
        let idle: Vec<UnixStream> = (0..20)
            .map(|_| UnixStream::connect(agent.state_folder().join("control.sock")))
            .collect::<std::io::Result<_>>()?;
        while let Some(ended) = silent.join_next().await {
            ended??;
        }
        agent.wait_for(LIMIT, "it answers again", |_| true).await?;
        drop(idle);
        Ok(())
    })
    .await
}

/// An error is a way to let go as well.
async fn wait_until_let_go(peer: &mut (impl AsyncRead + Unpin), address: SocketAddr) -> Result<()> {
    let mut said = Vec::new();
    let ended = timeout(LIMIT, peer.read_to_end(&mut said)).await;
    ended.map(drop).with_context(|| format!("{address} keeps a peer that says nothing"))
}
