//! Sockets of the agent's own carry a mark, so that the firewall knows them whatever they connect to: a policy can never
//! cut the agent off from its server, its reference servers and its name servers, also where a name has led to an address
//! that nobody has seen before.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpSocket, TcpStream};

use crate::platform;

/// `SO_MARK` of the agent's own sockets. "LM" in the upper half; what others test in marks (Kubernetes 0x4000 and 0x8000,
/// Tailscale 0xff0000 for 0x40000 and 0x80000, Cilium 0x0f00) is not in it. Calico uses bits of the upper half (0xffff0000
/// unless configured otherwise): beside it, on the same machine, the agent should observe.
pub const OWN_MARK: u32 = 0x4c4d_0000;

/// Marks a socket. Who may not write a firewall may not mark sockets either, and needs not: nothing happens then.
pub(crate) fn mark(socket: &impl platform::Descriptor) {
    // Not permitted, or not this system: see above.
    platform::set_mark(socket, OWN_MARK).ok();
}

/// Connects to an address.
///
/// # Errors
/// As `TcpStream::connect` does.
pub(crate) async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    mark(&socket);
    socket.connect(address).await
}
