//! Tries connections: a few bytes there and back over TCP or UDP, or a ping.
//!
//! Each comes from a port, or with an identifier, that none before it has had, so that the kernel takes it for no other.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket as StdUdp};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::net::{AddressFamily, SocketType, bind, connect, ipproto, socket};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::place::Place;
use crate::wait::LIMIT;

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// To a program that gives back what it gets.
    Tcp,
    /// The same.
    Udp,
    /// An echo request of ICMP or ICMPv6, as the address is; the port says nothing.
    Ping,
}

/// One try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Probe {
    /// How.
    pub kind: Kind,
    /// An address of the place that it is tried from.
    pub from: IpAddr,
    /// Of the other side, of the same family.
    pub to: SocketAddr,
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, from, to } = self;
        write!(f, "{kind:?} from {from} to {to}")
    }
}

/// What became of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The bytes came back.
    Answered,
    /// Nothing did, or the kernel would not send it.
    Silence,
}

/// How long silence is listened to: in one kernel an answer is there at once.
const SILENCE: Duration = Duration::from_millis(300);
const WORD: &[u8] = b"echo";

/// Tries all of them at once; fails unless each ends as expected, and lists those that do not.
///
/// # Errors
/// One ends otherwise, or is refused by who should answer.
pub async fn ensure_outcomes(place: &Place, expected: &[(Probe, Outcome)]) -> Result<()> {
    let open = place.within(|| expected.iter().map(|(probe, _)| open(probe)).collect::<Result<Vec<_>>>())?;
    let mut running = JoinSet::new();
    for (opened, (probe, outcome)) in open.into_iter().zip(expected.iter().copied()) {
        running.spawn(async move {
            // What shall come is waited for, however busy the machine is.
            let patience = match outcome {
                Outcome::Answered => LIMIT,
                Outcome::Silence => SILENCE,
            };
            let found = match timeout(patience, converse(opened, &probe)).await {
                Ok(Ok(())) => Outcome::Answered,
                // What the kernel says to who sends what a rule drops.
                Ok(Err(error)) if error.kind() == io::ErrorKind::PermissionDenied => Outcome::Silence,
                Ok(Err(error)) => return Some(format!("{probe}: expected {outcome:?}, but {error}")),
                Err(_elapsed) => Outcome::Silence,
            };
            (found != outcome).then(|| format!("{probe}: expected {outcome:?}, found {found:?}"))
        });
    }
    let mut wrong: Vec<String> = running.join_all().await.into_iter().flatten().collect();
    wrong.sort();
    ensure!(wrong.is_empty(), "{} of {} tries:\n{}", wrong.len(), expected.len(), wrong.join("\n"));
    Ok(())
}

/// A port, or identifier, that was not used before.
pub(super) fn unused() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Below 10000 programs listen.
    10_000 + NEXT.fetch_add(1, Ordering::Relaxed) % 55_000
}

enum Open {
    Stream(TcpSocket),
    Datagram(StdUdp),
}

fn open(probe: &Probe) -> Result<Open> {
    let Probe { kind, from, to } = *probe;
    let from = SocketAddr::new(from, unused());
    let opened = match kind {
        Kind::Tcp => {
            let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            socket.bind(from).map(|()| Open::Stream(socket))
        }
        Kind::Udp => StdUdp::bind(from).and_then(|socket| {
            socket.connect(to)?;
            Ok(Open::Datagram(socket))
        }),
        Kind::Ping => {
            let (family, protocol) = match to {
                SocketAddr::V4(_) => (AddressFamily::INET, ipproto::ICMP),
                SocketAddr::V6(_) => (AddressFamily::INET6, ipproto::ICMPV6),
            };
            let socket = socket(family, SocketType::DGRAM, Some(protocol)).context("a ping socket")?;
            bind(&socket, &from)
                .and_then(|()| connect(&socket, &to))
                .map(|()| Open::Datagram(StdUdp::from(socket)))
                .map_err(io::Error::from)
        }
    };
    opened.with_context(|| format!("open {probe}"))
}

async fn converse(open: Open, probe: &Probe) -> io::Result<()> {
    let mut buffer = [0; 64];
    let n = match open {
        Open::Stream(socket) => {
            let mut connection = socket.connect(probe.to).await?;
            connection.write_all(WORD).await?;
            connection.read_exact(&mut buffer[..WORD.len()]).await?
        }
        Open::Datagram(socket) => {
            socket.set_nonblocking(true)?;
            let socket = UdpSocket::from_std(socket)?;
            // The kernel fills in the checksum and the identifier.
            let head: &[u8] = match (probe.kind, probe.to) {
                (Kind::Ping, SocketAddr::V4(_)) => &[8, 0, 0, 0, 0, 0, 0, 1],
                (Kind::Ping, SocketAddr::V6(_)) => &[128, 0, 0, 0, 0, 0, 0, 1],
                (Kind::Tcp | Kind::Udp, _) => &[],
            };
            socket.send(&[head, WORD].concat()).await?;
            socket.recv(&mut buffer).await?
        }
    };
    match buffer.get(..n) {
        Some(got) if got.ends_with(WORD) => Ok(()),
        _ => Err(io::Error::other("something else came back")),
    }
}
