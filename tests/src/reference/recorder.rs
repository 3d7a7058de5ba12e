//! A plain TCP listener that writes down what each visitor sent, and how it left. It can stop and come back.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::ports::Port;

/// What is kept of one visit; a visitor that sends more has been caught already.
const MAX_KEPT_BYTES: usize = 4096;

/// The listener and its record.
#[derive(Debug)]
pub struct Recorder {
    host: Ipv4Addr,
    // Ours also while nobody listens on it.
    port: Port,
    visits: Arc<Mutex<Vec<Visit>>>,
    // Dropping it ends the listener and every connection.
    tasks: Option<JoinSet<()>>,
}

/// One connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The first bytes of what was received.
    pub received: Vec<u8>,
    /// How it stands.
    pub end: End,
}

/// How a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Still connected.
    Open,
    /// The visitor closed it (FIN).
    Closed,
    /// The visitor broke it off (RST).
    Reset,
}

impl Recorder {
    /// Listens on 127.0.0.1.
    ///
    /// # Errors
    /// It cannot listen.
    pub async fn start() -> Result<Self> {
        Self::start_on(Ipv4Addr::LOCALHOST).await
    }

    /// Listens on a port of this address.
    ///
    /// # Errors
    /// It cannot listen.
    pub async fn start_on(host: Ipv4Addr) -> Result<Self> {
        let mut recorder = Self { host, port: Port::reserve()?, visits: Arc::default(), tasks: None };
        recorder.restart().await?;
        Ok(recorder)
    }

    /// Ends the listener and every connection; returns once its port refuses.
    pub async fn stop(&mut self) {
        if let Some(mut tasks) = self.tasks.take() {
            tasks.shutdown().await;
        }
    }

    /// Listens on its port again.
    ///
    /// # Errors
    /// Somebody else has the port.
    pub async fn restart(&mut self) -> Result<()> {
        self.stop().await;
        let address = self.address();
        let listener = TcpListener::bind(address).await.with_context(|| format!("listen on {address}"))?;
        let visits = Arc::clone(&self.visits);
        self.tasks.get_or_insert_default().spawn(accept(listener, visits));
        Ok(())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((self.host, self.port.number()))
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// All visits so far, in the order in which they began.
    pub fn visits(&self) -> Vec<Visit> {
        self.visits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn accept(listener: TcpListener, visits: Arc<Mutex<Vec<Visit>>>) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((connection, _)) = accepted else { continue };
                let index = {
                    let mut visits = visits.lock().unwrap_or_else(PoisonError::into_inner);
                    visits.push(Visit { received: Vec::new(), end: End::Open });
                    visits.len() - 1
                };
                open.spawn(record(connection, index, Arc::clone(&visits)));
            }
            Some(_) = open.join_next() => {}
        }
    }
}

async fn record(mut connection: TcpStream, index: usize, visits: Arc<Mutex<Vec<Visit>>>) {
    let mut buffer = [0; 1024];
    loop {
        let read = connection.read(&mut buffer).await;
        let mut visits = visits.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(visit) = visits.get_mut(index) else { return };
        match read {
            Ok(0) => visit.end = End::Closed,
            Ok(n) => {
                let room = MAX_KEPT_BYTES.saturating_sub(visit.received.len()).min(n);
                visit.received.extend(buffer.iter().take(room));
                continue;
            }
            Err(_) => visit.end = End::Reset,
        }
        return;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;
    use crate::wait::{LIMIT, wait_until};

    #[tokio::test]
    async fn tells_what_came_and_how_it_ended() {
        let recorder = Recorder::start().await.unwrap();
        let connect = || TcpStream::connect((Ipv4Addr::LOCALHOST, recorder.port()));

        let mut talker = connect().await.unwrap();
        talker.write_all(b"hello").await.unwrap();
        drop(talker);
        wait_for(&recorder, 0, Visit { received: b"hello".into(), end: End::Closed }).await;

        let silent = connect().await.unwrap();
        wait_for(&recorder, 1, Visit { received: Vec::new(), end: End::Open }).await;
        silent.set_zero_linger().unwrap();
        drop(silent);
        wait_for(&recorder, 1, Visit { received: Vec::new(), end: End::Reset }).await;
    }

    #[tokio::test]
    async fn refuses_while_it_is_stopped() {
        let mut recorder = Recorder::start().await.unwrap();
        recorder.stop().await;
        assert!(TcpStream::connect(recorder.address()).await.is_err());
        recorder.restart().await.unwrap();
        TcpStream::connect(recorder.address()).await.map(drop).unwrap();
    }

    async fn wait_for(recorder: &Recorder, index: usize, expected: Visit) {
        wait_until("the visit is as expected", LIMIT, async || {
            let visits = recorder.visits();
            anyhow::ensure!(visits.get(index) == Some(&expected), "{visits:?}");
            Ok(())
        })
        .await
        .unwrap();
    }
}
