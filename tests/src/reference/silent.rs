//! A port on which connections neither succeed nor fail: a listener whose queue is full, so that the kernel drops what
//! arrives.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

/// On loopback a connection is there at once, or waits for the first retransmission a second later.
const HANGS: Duration = Duration::from_millis(300);
/// A queue of length 0 takes one connection on Linux; more is for other kernels.
const MAX_QUEUED: usize = 16;

/// The listener, and the connections that fill its queue.
#[derive(Debug)]
pub struct Silent {
    listener: TcpListener,
    queued: Vec<TcpStream>,
}

impl Silent {
    /// Listens on a port of 127.0.0.1 that the kernel chooses, and fills the queue until connecting hangs.
    ///
    /// # Errors
    /// It cannot listen, or connecting does not hang.
    pub async fn start() -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let listener = socket.listen(0).context("listen")?;
        let address = listener.local_addr()?;
        let mut queued = Vec::new();
        while queued.len() < MAX_QUEUED {
            match timeout(HANGS, TcpStream::connect(address)).await {
                Ok(connected) => queued.push(connected.context("fill the queue")?),
                Err(_) => return Ok(Self { listener, queued }),
            }
        }
        bail!("{MAX_QUEUED} connections did not fill the queue")
    }

    /// Its port.
    ///
    /// # Errors
    /// The socket has no address.
    pub fn port(&self) -> Result<u16> {
        Ok(self.listener.local_addr()?.port())
    }

    /// How many connections fill the queue.
    pub fn n_queued(&self) -> usize {
        self.queued.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connecting_neither_succeeds_nor_fails() {
        let silent = Silent::start().await.unwrap();
        assert!(silent.n_queued() > 0);
        let connect = TcpStream::connect((Ipv4Addr::LOCALHOST, silent.port().unwrap()));
        assert!(timeout(HANGS, connect).await.is_err());
    }
}
