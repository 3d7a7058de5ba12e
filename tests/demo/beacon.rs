//! A reference server of the demo: it accepts connections, and counts the bytes that it receives (there shall be none).

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// One reference server, up or down.
pub(crate) struct Beacon {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    n_visits: Arc<AtomicU64>,
    n_bytes: Arc<AtomicU64>,
    serving: Option<JoinSet<()>>,
}

impl Beacon {
    /// On a loopback address of its own, for each reference server is a host of its own.
    pub(crate) async fn start(name: &'static str, host: Ipv4Addr) -> Result<Self> {
        let listener = TcpListener::bind((host, 0)).await.with_context(|| format!("listen on {host}"))?;
        let mut beacon = Self {
            name,
            address: listener.local_addr()?,
            n_visits: Arc::default(),
            n_bytes: Arc::default(),
            serving: None,
        };
        beacon.serve(listener);
        Ok(beacon)
    }

    /// Returns once nobody listens any more.
    pub(crate) async fn stop(&mut self) {
        if let Some(mut serving) = self.serving.take() {
            serving.shutdown().await;
        }
    }

    pub(crate) async fn restart(&mut self) -> Result<()> {
        if self.serving.is_none() {
            let listener = TcpListener::bind(self.address).await?;
            self.serve(listener);
        }
        Ok(())
    }

    /// Connections and bytes received so far.
    pub(crate) fn seen(&self) -> (u64, u64) {
        (self.n_visits.load(Ordering::Relaxed), self.n_bytes.load(Ordering::Relaxed))
    }

    fn serve(&mut self, listener: TcpListener) {
        let (n_visits, n_bytes) = (Arc::clone(&self.n_visits), Arc::clone(&self.n_bytes));
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut received = [0; 512];
            while let Ok((mut visitor, _)) = listener.accept().await {
                n_visits.fetch_add(1, Ordering::Relaxed);
                while let Ok(n @ 1..) = visitor.read(&mut received).await {
                    n_bytes.fetch_add(n as u64, Ordering::Relaxed);
                }
            }
        });
        self.serving = Some(serving);
    }
}
