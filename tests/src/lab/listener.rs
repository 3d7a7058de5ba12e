//! Listeners in namespaces: one that answers, one that takes connections and then says nothing, one whose queue is full.

use std::net::{SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::net::{AddressFamily, SocketType, bind, listen, socket};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::place::Place;

/// An open port. Each visitor is listened to until it leaves. Dropping it closes it.
#[derive(Debug)]
pub struct Listener {
    place: Place,
    address: SocketAddr,
    n_visits: Arc<AtomicUsize>,
    tasks: Option<JoinSet<()>>,
}

impl Listener {
    /// Listens.
    ///
    /// # Errors
    /// The address is not there, or taken.
    pub fn start(place: &Place, address: SocketAddr) -> Result<Self> {
        let mut listener = Self { place: place.clone(), address, n_visits: Arc::default(), tasks: None };
        listener.restart()?;
        Ok(listener)
    }

    /// Closes its port, and every connection: it refuses.
    pub async fn stop(&mut self) {
        if let Some(mut tasks) = self.tasks.take() {
            tasks.shutdown().await;
        }
    }

    /// Opens its port again.
    ///
    /// # Errors
    /// It is open, or somebody else has it.
    pub fn restart(&mut self) -> Result<()> {
        let listener = self.place.listen(self.address)?;
        self.tasks.get_or_insert_default().spawn(accept(listener, Arc::clone(&self.n_visits)));
        Ok(())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many have come.
    pub fn n_visits(&self) -> usize {
        self.n_visits.load(Ordering::Relaxed)
    }
}

async fn accept(listener: TcpListener, n_visits: Arc<AtomicUsize>) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((connection, _)) = accepted else { continue };
                n_visits.fetch_add(1, Ordering::Relaxed);
                open.spawn(until_it_leaves(connection));
            }
            Some(_) = open.join_next() => {}
        }
    }
}

async fn until_it_leaves(mut connection: TcpStream) {
    let mut ignored = [0; 1024];
    while connection.read(&mut ignored).await.is_ok_and(|n| n > 0) {}
}

/// A port whose connections are made by the kernel and taken by nobody: a process that hangs.
#[derive(Debug)]
pub struct HalfOpen {
    _listener: StdListener,
}

impl HalfOpen {
    /// Listens.
    ///
    /// # Errors
    /// The address is not there, or taken.
    pub fn start(place: &Place, address: SocketAddr) -> Result<Self> {
        let listener = place.within(|| Ok(StdListener::bind(address)?));
        Ok(Self { _listener: listener.with_context(|| format!("listen on {address}"))? })
    }
}

/// In one namespace a connection is there at once, or waits for the first retransmission a second later.
const HANGS: Duration = Duration::from_millis(300);
/// A queue of length 0 takes one connection on Linux; more is for other kernels.
const MAX_QUEUED: usize = 16;

/// A port whose queue is full, so that the kernel drops what arrives.
#[derive(Debug)]
pub struct Full {
    _listener: StdListener,
    queued: Vec<StdStream>,
}

impl Full {
    /// Listens, and fills the queue until connecting hangs.
    ///
    /// # Errors
    /// The address is not there or taken, or connecting does not hang.
    pub fn start(place: &Place, address: SocketAddr) -> Result<Self> {
        place.within(|| {
            let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
            let listener = socket(family, SocketType::STREAM, None)?;
            bind(&listener, &address).with_context(|| format!("bind to {address}"))?;
            listen(&listener, 0)?;
            let mut queued = Vec::new();
            while queued.len() < MAX_QUEUED {
                match StdStream::connect_timeout(&address, HANGS) {
                    Ok(connection) => queued.push(connection),
                    Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                        return Ok(Self { _listener: listener.into(), queued });
                    }
                    Err(error) => return Err(error).context("fill the queue"),
                }
            }
            bail!("{MAX_QUEUED} connections did not fill the queue")
        })
    }

    /// How many connections fill the queue.
    pub fn n_queued(&self) -> usize {
        self.queued.len()
    }
}
