//! The listeners of a server: bound before anything else is touched, so that a second server fails early.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket};

use crate::config::Listen;

/// Connections that wait to be accepted: a whole site comes back in one second after an outage.
const BACKLOG: u32 = 4096;

/// One bound listener for each plane.
#[derive(Debug)]
pub struct Listeners {
    /// Agents.
    pub agents: TcpListener,
    /// Enrolment.
    pub enrollment: TcpListener,
    /// Administration.
    pub administration: TcpListener,
    /// Health and metrics.
    pub operations: TcpListener,
}

/// Where each plane is in fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Agents.
    pub agents: SocketAddr,
    /// Enrolment.
    pub enrollment: SocketAddr,
    /// Administration.
    pub administration: SocketAddr,
    /// Health and metrics.
    pub operations: SocketAddr,
}

/// An address could not be taken.
#[derive(Debug, Error)]
#[error("cannot listen for {plane} on {address} (setting listen.{plane})")]
pub struct BindError {
    /// Which plane, and so which setting: `listen.<plane>`.
    pub plane: &'static str,
    /// As configured.
    pub address: SocketAddr,
    /// What the system said.
    pub source: io::Error,
}

impl Listeners {
    /// Binds all of them.
    ///
    /// # Errors
    /// The first that cannot be bound.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn bind(listen: &Listen) -> Result<Self, BindError> {
        Ok(Self {
            agents: bind("agents", listen.agents)?,
            enrollment: bind("enrollment", listen.enrollment)?,
            administration: bind("administration", listen.administration)?,
            operations: bind("operations", listen.operations)?,
        })
    }

    /// Where they are.
    ///
    /// # Errors
    /// The system does not say.
    pub fn addresses(&self) -> io::Result<Addresses> {
        Ok(Addresses {
            agents: self.agents.local_addr()?,
            enrollment: self.enrollment.local_addr()?,
            administration: self.administration.local_addr()?,
            operations: self.operations.local_addr()?,
        })
    }
}

fn bind(plane: &'static str, address: SocketAddr) -> Result<TcpListener, BindError> {
    let listen = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A restart shall not wait for the old connections' TIME_WAIT.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().map_err(|source| BindError { plane, address, source })
}
