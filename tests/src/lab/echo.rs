//! A program that gives back what it gets, over TCP and UDP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;

use crate::place::Place;

/// It listens on the same ports of both protocols. Dropping it ends it.
#[derive(Debug)]
pub struct Echo {
    n_visits: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Echo {
    /// Listens.
    ///
    /// # Errors
    /// An address is not there, or taken.
    pub fn start(place: &Place, addresses: &[SocketAddr]) -> Result<Self> {
        let n_visits = Arc::default();
        let mut tasks = JoinSet::new();
        for address in addresses {
            tasks.spawn(accept(place.listen(*address)?, Arc::clone(&n_visits)));
            tasks.spawn(answer(place.bind_udp(*address)?, Arc::clone(&n_visits)));
        }
        Ok(Self { n_visits, _tasks: tasks })
    }

    /// How many connections and datagrams have come to it.
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
                open.spawn(give_back(connection));
            }
            Some(_) = open.join_next() => {}
        }
    }
}

async fn give_back(mut connection: TcpStream) {
    let mut buffer = [0; 1024];
    while let Ok(n) = connection.read(&mut buffer).await {
        let got = buffer.get(..n).unwrap_or_default();
        if got.is_empty() || connection.write_all(got).await.is_err() {
            return;
        }
    }
}

async fn answer(socket: UdpSocket, n_visits: Arc<AtomicUsize>) {
    let mut buffer = [0; 1500];
    loop {
        // An error is of an earlier answer, to somebody who has left.
        let Ok((n, from)) = socket.recv_from(&mut buffer).await else { continue };
        n_visits.fetch_add(1, Ordering::Relaxed);
        let got = buffer.get(..n).unwrap_or_default();
        // A firewall may forbid the answer.
        socket.send_to(got, from).await.map(drop).unwrap_or_default();
    }
}
