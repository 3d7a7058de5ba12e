//! The way to the management server, which can be cut in microseconds and opened again: a TCP relay that the agent finds on
//! its own machine's loopback.
//!
//! To the agent a cut is what a server that dies is: every connection ends, and its port refuses. Because the relay stands
//! on the agent's side of the cable, the round trip of the path is no part of what is measured from the cut on.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use anyhow::{Context as _, Result};
use landmark_tests::place::Place;
use rustix::net::Shutdown as How;

/// Both ends of a connection: the agent's, and that to the server.
type Pair = (TcpStream, TcpStream);

/// The relay. Dropping it cuts it.
pub(crate) struct Relay {
    from: (Place, SocketAddr),
    to: (Place, SocketAddr),
    door: Option<Door>,
}

/// An open port and what goes through it.
struct Door {
    listener: Arc<TcpListener>,
    pairs: Arc<Mutex<Vec<Pair>>>,
    accepting: JoinHandle<()>,
}

impl Relay {
    /// One that is cut.
    pub(crate) fn new(from: (Place, SocketAddr), to: (Place, SocketAddr)) -> Self {
        Self { from, to, door: None }
    }

    /// Opens its port.
    ///
    /// # Errors
    /// The port is taken.
    pub(crate) fn open(&mut self) -> Result<()> {
        if self.door.is_some() {
            return Ok(());
        }
        let (place, address) = &self.from;
        let listener = place.within(|| Ok(TcpListener::bind(address)?));
        let listener = Arc::new(listener.with_context(|| format!("listen on {address}"))?);
        let pairs = Arc::new(Mutex::new(Vec::new()));
        let accepting = {
            let (listener, pairs, to) = (Arc::clone(&listener), Arc::clone(&pairs), self.to.clone());
            std::thread::spawn(move || accept(&listener, &pairs, &to))
        };
        self.door = Some(Door { listener, pairs, accepting });
        Ok(())
    }

    /// Cuts every connection, and its port refuses. Returns the moment just before the first connection was cut.
    pub(crate) fn cut(&mut self) -> Instant {
        let Some(Door { listener, pairs, accepting }) = self.door.take() else { return Instant::now() };
        // Ends `accept`; on Linux the port refuses from now on.
        rustix::net::shutdown(&*listener, How::Both).unwrap_or_default();
        let pairs = std::mem::take(&mut *pairs.lock().unwrap_or_else(PoisonError::into_inner));
        let at = Instant::now();
        for (agent, server) in pairs {
            agent.shutdown(Shutdown::Both).unwrap_or_default();
            server.shutdown(Shutdown::Both).unwrap_or_default();
        }
        // It waits for no one any more.
        accepting.join().unwrap_or_default();
        at
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.cut();
    }
}

/// Until the listener is shut down; then waits for what still flows to end.
fn accept(listener: &TcpListener, pairs: &Mutex<Vec<Pair>>, (place, address): &(Place, SocketAddr)) {
    let mut flowing = Vec::new();
    while let Ok((agent, _)) = listener.accept() {
        // A server that is not there closes the connection of whoever comes.
        let Ok(server) = place.within(|| Ok(TcpStream::connect(address)?)) else { continue };
        let Ok(flows) = join(&agent, &server) else { continue };
        flowing.extend(flows);
        pairs.lock().unwrap_or_else(PoisonError::into_inner).push((agent, server));
    }
    for thread in flowing {
        thread.join().unwrap_or_default();
    }
}

fn join(agent: &TcpStream, server: &TcpStream) -> io::Result<[JoinHandle<()>; 2]> {
    agent.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let flow = |from: &TcpStream, to: &TcpStream| {
        let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
        io::Result::Ok(std::thread::spawn(move || {
            io::copy(&mut from, &mut to).map(drop).unwrap_or_default();
            to.shutdown(Shutdown::Both).unwrap_or_default();
            from.shutdown(Shutdown::Both).unwrap_or_default();
        }))
    };
    Ok([flow(agent, server)?, flow(server, agent)?])
}
