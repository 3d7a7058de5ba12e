//! Name servers on loopback, and a machine whose files name them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::thread;

use futures_util::future::{BoxFuture, FutureExt as _, ready};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA};
use hickory_proto::rr::{RData, Record, RecordType};
use landmark_daemon::durable;
use landmark_proto::host::{Host, Name};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::system::Paths;
use super::{ResolveError, Resolved, Resolver};

/// Looks one name up, and may block.
pub(super) type LookUp = Arc<dyn Fn(&str) -> Result<Vec<SocketAddr>, ResolveError> + Send + Sync>;

/// On a thread, for which no runtime waits.
pub(super) async fn told(look_up: LookUp, name: Name) -> Resolved {
    let (told_tx, told_rx) = oneshot::channel();
    thread::spawn(move || told_tx.send(look_up(name.as_str())).ok());
    let addresses = told_rx.await.unwrap_or(Err(ResolveError::Failed { os_error: None }))?;
    if addresses.is_empty() { Err(ResolveError::NotFound) } else { Ok(addresses.into()) }
}

pub(super) fn name(text: &str) -> Name {
    match text.parse() {
        Ok(Host::Name(name)) => name,
        other => panic!("{other:?}"),
    }
}

/// A question that arrived.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Asked {
    pub(super) name: String,
    pub(super) is_v6: bool,
    pub(super) over_tcp: bool,
}

/// What a name server does.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    Silence,
    Code(ResponseCode),
    /// Those of the family that was asked for.
    Addresses(Vec<IpAddr>),
    /// The same, and the word that there is more.
    Cut(Vec<IpAddr>),
}

pub(super) fn v4(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 9, last))
}

/// The address if IPv4 is asked for, and else that there is none.
pub(super) fn at(last: u8) -> Reply {
    Reply::Addresses(vec![v4(last)])
}

type Behaviour = Arc<dyn Fn(Asked, usize) -> BoxFuture<'static, Reply> + Send + Sync>;

/// Answers each question, and the number of times that it came before.
pub(super) fn server(reply: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) -> Behaviour {
    Arc::new(move |asked, n| ready(reply(&asked, n)).boxed())
}

/// The same, in its own time.
pub(super) fn waiting<F>(reply: impl Fn(Asked, usize) -> F + Send + Sync + 'static) -> Behaviour
where
    F: Future<Output = Reply> + Send + 'static,
{
    Arc::new(move |asked, n| reply(asked, n).boxed())
}

/// A machine with name servers on 127.0.0.1 and following.
pub(super) struct Machine {
    pub(super) resolver: Resolver,
    folder: TempDir,
    log: Vec<Log>,
    _servers: JoinSet<()>,
}

type Log = Arc<Mutex<Vec<Asked>>>;

impl Machine {
    /// Its resolv.conf names all of them in this order, and searches `corp.example`.
    pub(super) async fn with(behaviours: Vec<Behaviour>) -> Self {
        let (port, sockets) = sockets(behaviours.len()).await;
        let (mut servers, mut log) = (JoinSet::new(), Vec::new());
        for ((udp, tcp), behaviour) in sockets.into_iter().zip(behaviours) {
            log.push(Log::default());
            let server = Arc::new(NameServer { behaviour, log: Arc::clone(&log[log.len() - 1]) });
            servers.spawn(Arc::clone(&server).serve_udp(udp));
            servers.spawn(server.serve_tcp(tcp));
        }
        let folder = tempfile::tempdir().unwrap();
        let path = |name| folder.path().join(name);
        let paths = Paths { resolv_conf: path("resolv.conf"), hosts: path("hosts"), port };
        let machine = Self { resolver: Resolver::reading(paths), folder, log, _servers: servers };
        machine.asks(&(1..=machine.log.len()).collect::<Vec<_>>());
        machine.write("hosts", "");
        machine
    }

    /// Its resolv.conf names 127.0.0.n for each of these.
    pub(super) fn asks(&self, servers: &[usize]) {
        let servers: String = servers.iter().map(|n| format!("nameserver 127.0.0.{n}\n")).collect();
        self.write("resolv.conf", &format!("{servers}search corp.example\n"));
    }

    pub(super) fn write(&self, file: &str, text: &str) {
        let path = self.folder.path().join(file);
        durable::write(&path, text.as_bytes(), durable::Mode::Private).unwrap();
    }

    pub(super) async fn resolve(&self, text: &str) -> Result<Vec<IpAddr>, ResolveError> {
        let found = self.resolver.lookups().of(&name(text)).await.unwrap();
        found.map(|found| found.iter().map(SocketAddr::ip).collect())
    }

    /// What the n-th server was asked, each question in the form `A name.` or `AAAA name. tcp`, in order.
    pub(super) fn heard(&self, n: usize) -> Vec<String> {
        let log = self.log[n - 1].lock().unwrap();
        let mut lines: Vec<_> = log.iter().map(Asked::line).collect();
        // Both families are asked at once.
        lines.sort();
        lines
    }
}

impl Asked {
    fn line(&self) -> String {
        let kind = if self.is_v6 { "AAAA" } else { "A" };
        format!("{kind} {}{}", self.name, if self.over_tcp { " tcp" } else { "" })
    }
}

/// One port that is free on so many addresses, for both protocols.
async fn sockets(n: usize) -> (u16, Vec<(UdpSocket, TcpListener)>) {
    for _ in 0..50 {
        let first = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = first.local_addr().unwrap().port();
        let mut udp = vec![first];
        let mut all = Vec::new();
        for n in 1..=n {
            let at = SocketAddr::from(([127, 0, 0, u8::try_from(n).unwrap()], port));
            let of_n = if let Some(first) = udp.pop() { Ok(first) } else { UdpSocket::bind(at).await };
            let Ok(both) = of_n.map(|udp| async { (udp, TcpListener::bind(at).await) }) else { break };
            let (udp, Ok(tcp)) = both.await else { break };
            all.push((udp, tcp));
        }
        if all.len() == n {
            return (port, all);
        }
    }
    panic!("no port is free on {n} addresses");
}

struct NameServer {
    behaviour: Behaviour,
    log: Log,
}

impl NameServer {
    async fn serve_udp(self: Arc<Self>, socket: UdpSocket) {
        let (socket, mut answers, mut bytes) = (Arc::new(socket), JoinSet::new(), [0; 1500]);
        while let Ok((n, from)) = socket.recv_from(&mut bytes).await {
            let (server, socket, question) = (Arc::clone(&self), Arc::clone(&socket), bytes[..n].to_vec());
            answers.spawn(async move {
                if let Some(answer) = server.answer(&question, false).await {
                    socket.send_to(&answer, from).await.unwrap();
                }
            });
        }
    }

    async fn serve_tcp(self: Arc<Self>, listener: TcpListener) {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(Arc::clone(&self).serve_stream(stream));
        }
    }

    async fn serve_stream(self: Arc<Self>, mut stream: TcpStream) {
        let Ok(length) = stream.read_u16().await else { return };
        let mut question = vec![0; usize::from(length)];
        stream.read_exact(&mut question).await.unwrap();
        if let Some(answer) = self.answer(&question, true).await {
            stream.write_u16(u16::try_from(answer.len()).unwrap()).await.unwrap();
            stream.write_all(&answer).await.unwrap();
        }
    }

    async fn answer(&self, question: &[u8], over_tcp: bool) -> Option<Vec<u8>> {
        let question = Message::from_vec(question).unwrap();
        let query = question.queries[0].clone();
        let is_v6 = query.query_type() == RecordType::AAAA;
        let asked = Asked { name: query.name().to_ascii(), is_v6, over_tcp };
        let n_before = {
            let mut log = self.log.lock().unwrap();
            log.push(asked.clone());
            log.iter().filter(|it| **it == asked).count() - 1
        };
        let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
        answer.metadata.recursion_available = true;
        answer.add_query(query.clone());
        let add = |addresses: Vec<IpAddr>, answer: &mut Message| {
            for address in addresses.into_iter().filter(|it| it.is_ipv6() == is_v6) {
                let data = match address {
                    IpAddr::V4(it) => RData::A(A(it)),
                    IpAddr::V6(it) => RData::AAAA(AAAA(it)),
                };
                answer.add_answer(Record::from_rdata(query.name().clone(), 60, data));
            }
        };
        match (self.behaviour)(asked, n_before).await {
            Reply::Silence => return None,
            Reply::Code(code) => answer.metadata.response_code = code,
            Reply::Addresses(addresses) => add(addresses, &mut answer),
            Reply::Cut(addresses) => {
                answer.metadata.truncation = true;
                add(addresses, &mut answer);
            }
        }
        Some(answer.to_vec().unwrap())
    }
}
