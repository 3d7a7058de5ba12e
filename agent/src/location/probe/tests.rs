//! Real sockets, on loopback only.

use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::pin::pin;
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use landmark_proto::location_rules::Tunnels;
use landmark_proto::network::Interface;
use landmark_proto::port::Port;
use landmark_proto::port::Ports;
use landmark_proto::reference_server::{Probe, ReferenceServer, ReferenceServerList};
use rustix::io::Errno;
use socket2::{Domain, Socket, Type};
use tokio::io::AsyncReadExt as _;
use tokio::task::{spawn_blocking, yield_now};
use tokio::time::advance;

use super::*;

mod tls;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
const LOOPBACK: Rules = Rules { allow_loopback: true };

fn network() -> NetworkHandle {
    crate::network::channel(crate::network::Options { resolver_files: Vec::new() }).0
}

fn prober(rules: Rules) -> Prober {
    names(rules, |_| panic!("no name is looked up here"))
}

fn names(
    rules: Rules,
    look_up: impl Fn(&str) -> Result<Vec<SocketAddr>, ResolveError> + Send + Sync + 'static,
) -> Prober {
    Prober::new(Resolver::with(look_up), rules, network())
}

async fn attempt(prober: &Prober, host: &str, port: u16) -> Ended {
    attempt_as(prober, host, port, Probe::Tcp).await
}

async fn attempt_as(prober: &Prober, host: &str, port: u16, probe: Probe) -> Ended {
    let server = ReferenceServer {
        host: host.parse().unwrap(),
        ports: Ports::new(vec![Port::try_from(u32::from(port)).unwrap()]).unwrap(),
        probe,
    };
    let list = ReferenceServerList::new(true, vec![server]).unwrap();
    let mut round = prober.round(Tunnels::Count);
    round.attempt(list.targets().next().unwrap()).await
}

fn loopback() -> Interface {
    Interface { name: "lo".into(), kind: "loopback".into(), is_tunnel: false }
}

fn listener(address: IpAddr) -> (TcpListener, u16) {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// A port on which nobody listens, held so that nobody can begin to.
fn refusing(address: IpAddr) -> (Socket, u16) {
    let socket = Socket::new(Domain::for_address((address, 0).into()), Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((address, 0)).into()).unwrap();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    (socket, port)
}

/// A listener whose queue is full: it is as silent as a host that is not there.
struct Silent {
    port: u16,
    _sockets: Vec<Socket>,
}

fn silent(address: IpAddr) -> Silent {
    let new = || Socket::new(Domain::for_address((address, 0).into()), Type::STREAM, None).unwrap();
    let listener = new();
    listener.bind(&SocketAddr::from((address, 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let at = listener.local_addr().unwrap();
    let mut sockets = vec![listener];
    // A queue of length 0 takes one; the rest of these find it full.
    for _ in 0..3 {
        let socket = new();
        socket.set_nonblocking(true).unwrap();
        let _in_progress = socket.connect(&at);
        sockets.push(socket);
    }
    Silent { port: at.as_socket().unwrap().port(), _sockets: sockets }
}

#[tokio::test]
async fn an_open_port_answers_receives_no_byte_and_a_clean_end() {
    for address in [V4, V6] {
        let (listener, port) = listener(address);
        let received = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = Vec::new();
            // A reset would be an error here.
            stream.read_to_end(&mut bytes).map(|_| bytes)
        });
        let ended = attempt(&prober(LOOPBACK), &address.to_string(), port).await;
        assert_eq!(
            ended,
            Ended {
                address: Some(address),
                local_address: Some(address),
                interface: Some(loopback()),
                ..Ended::with(Outcome::Answered)
            }
        );
        assert_eq!(received.join().unwrap().unwrap(), b"");
    }
}

#[tokio::test]
async fn a_closed_port_refuses() {
    let (_held, port) = refusing(V4);
    let ended = attempt(&prober(LOOPBACK), "127.0.0.1", port).await;
    assert_eq!(ended.outcome, Outcome::Refused);
    assert_eq!(ended.os_error, Some(Errno::CONNREFUSED.raw_os_error()));
    assert_eq!(ended.address, Some(V4));
}

#[tokio::test]
async fn a_listener_that_does_not_accept_still_answers() {
    let (_listener, port) = listener(V4);
    assert_eq!(attempt(&prober(LOOPBACK), "127.0.0.1", port).await.outcome, Outcome::Answered);
}

#[tokio::test]
async fn silence_is_a_timeout_and_has_its_full_time() {
    let silent = silent(V4);
    let started = Instant::now();
    let ended = attempt(&prober(LOOPBACK), "127.0.0.1", silent.port).await;
    assert_eq!(ended, Ended { address: Some(V4), ..Ended::with(Outcome::Timeout) });
    assert!(started.elapsed() >= ATTEMPT_TIMEOUT);
}

#[tokio::test]
async fn loopback_is_not_tried_unless_allowed_whether_written_or_resolved() {
    let (listener, port) = listener(V4);
    listener.set_nonblocking(true).unwrap();
    let prober = names(Rules::default(), |_| Ok(vec![SocketAddr::from((V4, 0))]));
    for host in ["127.0.0.1", "db"] {
        let ended = attempt(&prober, host, port).await;
        assert_eq!((ended.outcome, ended.address), (Outcome::LocalError, Some(V4)), "{host}");
    }
    assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock, "nobody connected");
}

#[tokio::test]
async fn an_address_that_is_never_tried_does_not_keep_the_others_from_being_tried() {
    let (_listener, port) = listener(V4);
    let found = vec![SocketAddr::from(([169, 254, 169, 254], 0)), SocketAddr::from((V4, 0))];
    let ended = attempt(&names(LOOPBACK, move |_| Ok(found.clone())), "db", port).await;
    assert_eq!((ended.outcome, ended.address, ended.n_addresses), (Outcome::Answered, Some(V4), 2));
}

#[tokio::test]
async fn a_name_is_tried_in_both_families() {
    let both = || names(LOOPBACK, |_| Ok(vec![SocketAddr::from((V6, 0)), SocketAddr::from((V4, 0))]));
    for (listens, address) in [(listener(V4), V4), (listener(V6), V6)] {
        let ended = attempt(&both(), "both", listens.1).await;
        assert_eq!((ended.outcome, ended.address, ended.n_addresses), (Outcome::Answered, Some(address), 2));
    }
}

#[tokio::test]
async fn a_silent_address_of_a_name_does_not_delay_the_others_by_its_timeout() {
    let silent = silent(V4);
    let other = Ipv4Addr::new(127, 0, 0, 2);
    let _listener = TcpListener::bind((other, silent.port)).unwrap();
    let found = vec![SocketAddr::from((V4, 0)), SocketAddr::from((other, 0))];
    let ended = attempt(&names(LOOPBACK, move |_| Ok(found.clone())), "db", silent.port).await;
    assert_eq!((ended.outcome, ended.address), (Outcome::Answered, Some(IpAddr::V4(other))));
}

#[tokio::test]
async fn of_failures_the_most_telling_is_kept() {
    let (_held, port) = refusing(V4);
    // Without a scope a link-local address cannot be tried: EINVAL.
    let found = vec![SocketAddr::from((V4, 0)), "[fe80::1]:0".parse().unwrap()];
    let ended = attempt(&names(LOOPBACK, move |_| Ok(found.clone())), "db", port).await;
    assert_eq!((ended.outcome, ended.address, ended.n_addresses), (Outcome::Refused, Some(V4), 2));
}

#[tokio::test]
async fn what_the_resolver_says_is_the_outcome() {
    let prober = names(LOOPBACK, |name| match name {
        "nobody" => Err(ResolveError::NotFound),
        "empty" => Ok(Vec::new()),
        _ => Err(ResolveError::Failed { os_error: Some(24) }),
    });
    assert_eq!(attempt(&prober, "nobody", 80).await, Ended::with(Outcome::NameNotFound));
    assert_eq!(attempt(&prober, "empty", 80).await, Ended::with(Outcome::NameNotFound));
    let failed = Ended { os_error: Some(24), ..Ended::with(Outcome::ResolverFailed) };
    assert_eq!(attempt(&prober, "dead", 80).await, failed);
}

#[tokio::test]
async fn a_silent_resolver_costs_its_entry_the_timeout_and_no_other_entry_anything() {
    let (release_tx, release_rx) = mpsc::channel::<()>();
    let release_rx = Mutex::new(release_rx);
    let prober = names(LOOPBACK, move |_| {
        let _over = release_rx.lock().unwrap().recv();
        Err(ResolveError::NotFound)
    });
    let (_listener, port) = listener(V4);
    let mut by_name = pin!(attempt(&prober, "db", port));
    tokio::select! {
        biased;
        ended = &mut by_name => panic!("{ended:?}"),
        ended = attempt(&prober, "127.0.0.1", port) => assert_eq!(ended.outcome, Outcome::Answered),
    }
    assert_eq!(by_name.await, Ended::with(Outcome::ResolverFailed));
    drop(release_tx);
}

#[tokio::test]
async fn localhost_is_resolved_by_the_system() {
    let (_listener, port) = listener(V4);
    let ended = attempt(&Prober::new(Resolver::system(), LOOPBACK, network()), "localhost", port).await;
    assert_eq!((ended.outcome, ended.address), (Outcome::Answered, Some(V4)));
    assert!(ended.n_addresses >= 1);
}

/// The kernel is asked on the only thread for it, which is held. As long as it is, time passes only where the test says so.
#[test]
fn an_answer_counts_though_the_attempt_is_over_before_the_kernel_says_which_way() {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(true).max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let (release_tx, release_rx) = mpsc::channel::<()>();
        let held = spawn_blocking(move || release_rx.recv().unwrap());
        let (resolve_tx, resolve_rx) = mpsc::channel::<()>();
        let resolve_rx = Mutex::new(resolve_rx);
        let prober = names(LOOPBACK, move |_| {
            resolve_rx.lock().unwrap().recv().unwrap();
            Ok(vec![SocketAddr::from((V4, 0))])
        });
        let listener = tokio::net::TcpListener::bind((V4, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut attempt = pin!(attempt(&prober, "db", port));
        assert_eq!((&mut attempt).now_or_never(), None, "begun");
        advance(ATTEMPT_TIMEOUT - Duration::from_millis(100)).await;
        resolve_tx.send(()).unwrap();
        let closed = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.read_to_end(&mut Vec::new()).await.unwrap();
        };
        tokio::select! {
            biased;
            ended = &mut attempt => panic!("{ended:?}"),
            () = closed => {}
        }
        advance(Duration::from_millis(150)).await;
        yield_now().await;
        assert_eq!((&mut attempt).now_or_never(), None, "the kernel has not said yet");
        release_tx.send(()).unwrap();
        let ended = attempt.await;
        assert_eq!((ended.outcome, ended.interface), (Outcome::Answered, Some(loopback())));
        held.await.unwrap();
    });
}
