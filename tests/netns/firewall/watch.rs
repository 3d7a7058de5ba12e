//! Tries connections without a pause while something else happens, on threads of its own: what shall never pass must not pass
//! once, and what shall always pass must not be lost once.
//!
//! Over UDP a packet is sent once, so that no second one hides that the first was lost. In one kernel none is lost by itself.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use landmark_tests::lab::Namespace;
use landmark_tests::place::Place;
use landmark_tests::wait::{LIMIT, wait_until};

/// Between two tries, so that something else can happen on a machine with two processors.
const PAUSE: Duration = Duration::from_millis(4);
/// In one kernel a connection is there at once.
const FORBIDDEN_LIMIT: Duration = Duration::from_millis(10);

/// Where and whence.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) from: Place,
    pub(super) from_address: IpAddr,
    pub(super) to: Place,
    pub(super) to_address: IpAddr,
}

impl Way {
    fn target(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.to_address, port)
    }

    fn sender(&self) -> io::Result<UdpSocket> {
        UdpSocket::bind(SocketAddr::new(self.from_address, 0))
    }
}

/// Thousands of connections are not remembered for minutes: an agent looks at each that is. In seconds.
pub(super) fn forget_soon(namespace: &Namespace) -> Result<()> {
    for kind in ["tcp_timeout_time_wait", "tcp_timeout_close", "tcp_timeout_last_ack", "udp_timeout"] {
        namespace.set(&format!("net/netfilter/nf_conntrack_{kind}"), "3")?;
    }
    Ok(())
}

/// The threads. They are stopped when this is dropped.
pub(super) struct Watch {
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<u64>>>,
}

impl Watch {
    /// Watches nothing so far.
    pub(super) fn new() -> Self {
        Self { is_over: Arc::default(), threads: Vec::new() }
    }

    /// No connection to this port, on which somebody listens, may ever come about, and no packet may come there.
    pub(super) fn forbid(&mut self, way: &Way, port: u16) -> Result<()> {
        let target = way.target(port);
        let (receiver, listener) = way.to.within(|| {
            let receiver = UdpSocket::bind(target)?;
            receiver.set_nonblocking(true)?;
            Ok((receiver, TcpListener::bind(target)?))
        })?;
        let sender = way.from.within(|| Ok(way.sender()?))?;
        self.again_and_again(&way.from, move || {
            match sender.send_to(b"x", target) {
                Ok(_) => {}
                // Dropped on the way out.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
                Err(error) => return Err(error.into()),
            }
            let heard = receiver.recv(&mut [0; 8]);
            ensure!(heard.is_err(), "a forbidden packet came to {target}");
            Ok(())
        });
        self.again_and_again(&way.from, move || {
            // It is there to be connected to.
            let _listener = &listener;
            match TcpStream::connect_timeout(&target, FORBIDDEN_LIMIT) {
                Ok(_) => bail!("a forbidden connection to {target} came about"),
                Err(error) if error.kind() == io::ErrorKind::TimedOut => Ok(()),
                Err(error) => Err(error).context("a forbidden connection was not just dropped"),
            }
        });
        Ok(())
    }

    /// A new connection to this port, where what is sent is given back, must come about every time.
    pub(super) fn require(&mut self, way: &Way, port: u16) {
        let (target, one) = (way.target(port), way.clone());
        self.again_and_again(&way.from, move || {
            let sender = one.sender()?;
            sender.set_read_timeout(Some(LIMIT))?;
            sender.connect(target)?;
            sender.send(b"x").context("an allowed packet was not sent")?;
            sender.recv(&mut [0; 8]).with_context(|| format!("no answer from {target}"))?;
            Ok(())
        });
        self.again_and_again(&way.from, move || {
            let connection = TcpStream::connect_timeout(&target, LIMIT);
            converse(&connection.with_context(|| format!("connect to {target}"))?)
        });
    }

    /// One connection to this port must last.
    pub(super) fn hold(&mut self, way: &Way, port: u16) -> Result<()> {
        let connection = way.from.within(|| Ok(TcpStream::connect_timeout(&way.target(port), LIMIT)?))?;
        self.again_and_again(&way.from, move || converse(&connection));
        Ok(())
    }

    /// Stops; fails if something passed or was lost, or nothing was tried.
    pub(super) async fn end(mut self) -> Result<()> {
        self.is_over.store(true, Ordering::Relaxed);
        // Who answers may live on this thread.
        wait_until("the watchers end", LIMIT * 2, async || {
            ensure!(self.threads.iter().all(JoinHandle::is_finished), "one waits for something");
            Ok(())
        })
        .await?;
        for thread in self.threads.drain(..) {
            ensure!(seen(thread)? > 0, "nothing was tried");
        }
        Ok(())
    }

    /// Fails at once if a watcher has seen what must not be.
    pub(super) fn ensure_quiet(&mut self) -> Result<()> {
        match self.threads.iter().position(JoinHandle::is_finished) {
            Some(ended) => seen(self.threads.swap_remove(ended)).map(drop),
            None => Ok(()),
        }
    }

    fn again_and_again(&mut self, place: &Place, mut act: impl FnMut() -> Result<()> + Send + 'static) {
        let (is_over, place) = (Arc::clone(&self.is_over), place.clone());
        let watching = move || {
            place.within(move || {
                let mut n_tries = 0;
                while !is_over.load(Ordering::Relaxed) {
                    act()?;
                    n_tries += 1;
                    std::thread::sleep(PAUSE);
                }
                Ok(n_tries)
            })
        };
        self.threads.push(std::thread::spawn(watching));
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

/// How often it has tried, or what it has seen.
fn seen(thread: JoinHandle<Result<u64>>) -> Result<u64> {
    thread.join().unwrap_or_else(|_| bail!("a watcher panicked"))
}

fn converse(mut connection: &TcpStream) -> Result<()> {
    use std::io::{Read as _, Write as _};

    connection.set_read_timeout(Some(LIMIT))?;
    connection.write_all(b"x").context("speak")?;
    connection.read_exact(&mut [0; 1]).context("no answer in a connection")?;
    Ok(())
}
