//! Asks the name servers of one evaluation. What decides is [`settled`].
//!
//! ```text
//!  0 ms    first server: UDP, again every 400 ms, TCP where the answer is cut
//!  200 ms  the next one, at once where the one before it is no help
//!  1 s     a server that said nothing until here is passed over: a "no" of those after it counts
//! ```
//!
//! Addresses count from whoever sends them. That there are none counts only when no server that comes earlier may still
//! say otherwise: behind a VPN the first server knows the company's names and the second one does not. A server that was
//! passed over is still heard. One that has said nothing at all in an evaluation is asked last in the rest of it.
//!
//! Each question has a socket of its own to each server, on a port that the kernel chooses: answers cannot be guessed
//! blindly, and a refusal is heard (ICMP). The sockets are counted; where they are all taken, a question without an
//! answer goes to the end of the queue instead of being sent again. A name of a usual list never waits for one.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UdpSocket;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout};

use super::message::{Answer, Question};
use crate::own;

/// Until the next server is asked too: above the round trip to any office's name server, so that one that is dead costs
/// a name a tenth of its time.
const NEXT_SERVER_AFTER: Duration = Duration::from_millis(200);
/// Until a question is sent again: above the round trip of bad links, and a name has five sendings in its time.
const AGAIN_AFTER: Duration = Duration::from_millis(400);
/// Until a server is passed over: it was sent the question three times, and half of the name's time is left.
const SILENT_AFTER: Duration = Duration::from_secs(1);
/// Sockets to name servers in one evaluation: two questions to three servers each for a list of 32 names, with room, and
/// a quarter of the usual soft limit of 1024 open files. An attempt that waits for a name has no socket of its own.
const MAX_SOCKETS: usize = 256;
/// The longest answer over UDP to a question without EDNS is 512 bytes; some send more, and what is cut is noticed.
const MAX_DATAGRAM: usize = 1500;

/// No name server helps: the last error of the operating system, if there was one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoHelp {
    pub(super) os_error: Option<i32>,
}

/// The name servers, and what is known of them in this evaluation.
pub(super) struct Servers {
    servers: Vec<Server>,
    over_tcp: bool,
    sockets: Arc<Semaphore>,
}

struct Server {
    address: SocketAddr,
    /// It was passed over, and has not said anything to any question.
    dead: AtomicBool,
    heard: AtomicBool,
}

/// How it stands with one server that is asked one question.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    NotAsked,
    Asked {
        silent_at: Instant,
    },
    /// It had its time, and may still answer.
    PassedOver,
    Said(Answer),
    Failed {
        os_error: Option<i32>,
    },
}

impl Servers {
    /// In the order in which they are asked.
    pub(super) fn new(addresses: impl IntoIterator<Item = SocketAddr>, over_tcp: bool) -> Self {
        let new = |address| Server { address, dead: AtomicBool::new(false), heard: AtomicBool::new(false) };
        let servers = addresses.into_iter().map(new).collect();
        Self { servers, over_tcp, sockets: Arc::new(Semaphore::new(MAX_SOCKETS)) }
    }

    /// Does not end while a server may still answer: whoever asks sets the limit.
    pub(super) async fn ask(&self, question: &Question) -> Result<Answer, NoHelp> {
        let order = self.order();
        let mut states = vec![State::NotAsked; order.len()];
        let mut talks = FuturesUnordered::new();
        let mut next_at = Instant::now();
        loop {
            self.pass_over(&order, &mut states);
            if let Some(settled) = settled(&states) {
                return settled;
            }
            let next = states.iter().position(|state| *state == State::NotAsked);
            let none_asked = !states.iter().any(|state| matches!(state, State::Asked { .. }));
            if let Some(place) = next.filter(|_| none_asked || next_at <= Instant::now()) {
                let address = order[place].address;
                talks.push(async move { (place, self.talk(address, question).await) });
                states[place] = State::Asked { silent_at: Instant::now() + SILENT_AFTER };
                next_at = Instant::now() + NEXT_SERVER_AFTER;
            }
            let silent_at = states.iter().filter_map(State::silent_at).min();
            let wake_at = silent_at.into_iter().chain(next.map(|_| next_at)).min();
            tokio::select! {
                biased;
                Some((place, said)) = talks.next() => {
                    if said.is_ok() {
                        order[place].heard.store(true, Ordering::Relaxed);
                        order[place].dead.store(false, Ordering::Relaxed);
                    }
                    states[place] = State::after(said);
                }
                () = sleep_until(wake_at.unwrap_or_else(Instant::now)), if wake_at.is_some() => {}
            }
        }
    }

    /// As configured, the dead ones last.
    fn order(&self) -> Vec<&Server> {
        let mut order: Vec<_> = self.servers.iter().collect();
        order.sort_by_key(|server| server.dead.load(Ordering::Relaxed));
        order
    }

    fn pass_over(&self, order: &[&Server], states: &mut [State]) {
        let now = Instant::now();
        for (server, state) in order.iter().zip(states) {
            if state.silent_at().is_some_and(|at| at <= now) {
                *state = State::PassedOver;
                server.dead.store(!server.heard.load(Ordering::Relaxed), Ordering::Relaxed);
            }
        }
    }

    /// Until this server answers.
    async fn talk(&self, server: SocketAddr, question: &Question) -> io::Result<Answer> {
        let cut = if self.over_tcp {
            Vec::new()
        } else {
            let answer = self.over_udp(server, question).await?;
            let Answer::Truncated(cut) = answer else { return Ok(answer) };
            cut
        };
        let _permit = self.socket().await?;
        if cut.is_empty() {
            return over_tcp(server, question).await;
        }
        // What came is better than nothing, where a firewall lets only UDP through.
        match timeout(SILENT_AFTER, over_tcp(server, question)).await {
            Ok(Ok(answer)) if answer != Answer::NoHelp => Ok(answer),
            Ok(_) | Err(_) => Ok(Answer::Addresses(cut)),
        }
    }

    async fn over_udp(&self, server: SocketAddr, question: &Question) -> io::Result<Answer> {
        let (id, message) = question.message().map_err(io::Error::other)?;
        loop {
            let _permit = self.socket().await?;
            let socket = UdpSocket::bind(unspecified(server)).await?;
            own::mark(&socket);
            // The kernel lets only this server's datagrams through.
            socket.connect(server).await?;
            loop {
                socket.send(&message).await?;
                if let Ok(answer) = timeout(AGAIN_AFTER, heard(&socket, question, id)).await {
                    return answer;
                }
                if self.sockets.available_permits() == 0 {
                    // Somebody may wait for this one.
                    break;
                }
            }
        }
    }

    async fn socket(&self) -> io::Result<OwnedSemaphorePermit> {
        Arc::clone(&self.sockets).acquire_owned().await.map_err(io::Error::other)
    }
}

impl State {
    fn after(said: io::Result<Answer>) -> Self {
        match said {
            // Cut over TCP too: what came is more than is tried.
            Ok(Answer::Truncated(cut)) if !cut.is_empty() => Self::Said(Answer::Addresses(cut)),
            Ok(Answer::NoHelp | Answer::Truncated(_)) => Self::Failed { os_error: None },
            Ok(answer) => Self::Said(answer),
            Err(error) => Self::Failed { os_error: error.raw_os_error() },
        }
    }

    fn silent_at(&self) -> Option<Instant> {
        match self {
            Self::Asked { silent_at } => Some(*silent_at),
            Self::NotAsked | Self::PassedOver | Self::Said(_) | Self::Failed { .. } => None,
        }
    }
}

/// What the servers say together, in the order in which they are asked; `None` while that may change.
fn settled(states: &[State]) -> Option<Result<Answer, NoHelp>> {
    let found = states.iter().find_map(|state| match state {
        State::Said(answer @ Answer::Addresses(_)) => Some(answer),
        State::Said(_) | State::NotAsked | State::Asked { .. } | State::PassedOver | State::Failed { .. } => {
            None
        }
    });
    if let Some(answer) = found {
        return Some(Ok(answer.clone()));
    }
    let (mut last, mut may_answer) = (NoHelp { os_error: None }, false);
    for state in states {
        match state {
            State::Said(answer) => return Some(Ok(answer.clone())),
            State::NotAsked | State::Asked { .. } => return None,
            State::PassedOver => may_answer = true,
            State::Failed { os_error } => last.os_error = os_error.or(last.os_error),
        }
    }
    (!may_answer).then_some(Err(last))
}

/// The first answer to this question; what else arrives is ignored.
async fn heard(socket: &UdpSocket, question: &Question, id: u16) -> io::Result<Answer> {
    let mut bytes = [0; MAX_DATAGRAM];
    loop {
        let n = socket.recv(&mut bytes).await?;
        if let Some(answer) = question.answer(id, bytes.get(..n).unwrap_or_default()) {
            return Ok(answer);
        }
    }
}

/// One question on one connection, each message behind its length (RFC 1035, section 4.2.2): at most 64 KiB.
async fn over_tcp(server: SocketAddr, question: &Question) -> io::Result<Answer> {
    let (id, message) = question.message().map_err(io::Error::other)?;
    let mut stream = own::connect(server).await?;
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes()[..], &message].concat()).await?;
    let length = stream.read_u16().await?;
    let mut bytes = vec![0; usize::from(length)];
    stream.read_exact(&mut bytes).await?;
    Ok(question.answer(id, &bytes).unwrap_or(Answer::NoHelp))
}

fn unspecified(server: SocketAddr) -> SocketAddr {
    match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> State {
        State::Asked { silent_at: Instant::now() }
    }

    fn addresses() -> Answer {
        Answer::Addresses(vec![Ipv4Addr::new(10, 0, 0, 1).into()])
    }

    fn failed(os_error: Option<i32>) -> State {
        State::Failed { os_error }
    }

    #[test]
    fn addresses_count_from_whoever_sends_them() {
        for before in
            [State::NotAsked, asked(), State::PassedOver, State::Said(Answer::NoName), failed(Some(111))]
        {
            assert_eq!(settled(&[before, State::Said(addresses())]), Some(Ok(addresses())));
        }
    }

    #[test]
    fn a_no_counts_when_no_earlier_server_may_say_otherwise() {
        for no in [Answer::NoName, Answer::NoAddress] {
            for (before, expected) in [
                (State::NotAsked, None),
                (asked(), None),
                (State::PassedOver, Some(Ok(no.clone()))),
                (failed(None), Some(Ok(no.clone()))),
            ] {
                assert_eq!(settled(&[before, State::Said(no.clone())]), expected);
            }
            for after in [State::NotAsked, asked(), State::PassedOver, failed(None)] {
                assert_eq!(settled(&[State::Said(no.clone()), after]), Some(Ok(no.clone())));
            }
        }
    }

    #[test]
    fn there_is_no_help_once_every_server_has_failed() {
        assert_eq!(settled(&[]), Some(Err(NoHelp { os_error: None })));
        for (states, expected) in [
            ([failed(None), failed(None)], Some(None)),
            ([failed(Some(111)), failed(None)], Some(Some(111))),
            ([failed(Some(111)), failed(Some(101))], Some(Some(101))),
            ([failed(None), State::NotAsked], None),
            ([failed(None), asked()], None),
            ([State::PassedOver, failed(None)], None),
        ] {
            assert_eq!(settled(&states), expected.map(|os_error| Err(NoHelp { os_error })), "{states:?}");
        }
    }
}
