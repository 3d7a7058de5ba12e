//! Makes the kernel look for a gateway's hardware address, and waits for what comes of it.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::time::Duration;

use landmark_proto::network::DefaultRoute;
use rustix::io::Errno;
use socket2::SockRef;
use tokio::time::timeout;
use tracing::debug;

use super::ask;
use super::request::Request;
use super::routes::{Gateway, hardware_address, hardware_addresses, is_given_up, neighbour_in};
use super::socket::{Asker, Listener, groups};
use crate::platform;

/// A gateway on a local network answers within milliseconds; one second is when the kernel asks again.
const RESOLVE_LIMIT: Duration = Duration::from_secs(1);

/// discard (RFC 863): where a datagram means nothing, even to a gateway that would take it.
const DISCARD: u16 = 9;

pub(in crate::network) async fn provoke(route: &DefaultRoute) {
    let Some(address) = route.gateway else { return };
    if let Err(error) = resolve(route.interface.name.clone(), address).await {
        debug!(gateway = %address, interface = route.interface.name, %error, "hardware address not found");
    }
}

async fn resolve(interface: String, address: IpAddr) -> io::Result<()> {
    let gateway = (platform::interface_number(&interface)?, address);
    // First, so that no answer is missed.
    let mut listener = Listener::open(groups::NEIGHBOURS)?;
    let question = ask("use a neighbour", move || look_for(&interface, gateway));
    if question.await.map_err(io::Error::other)? {
        return Ok(());
    }
    let answered = async {
        let mut is_over = false;
        while !is_over {
            listener
                .listen(|message| {
                    let neighbour = neighbour_in(message)
                        .filter(|neighbour| (neighbour.index, neighbour.address) == gateway);
                    is_over |= neighbour
                        .is_some_and(|found| hardware_address(&found).is_some() || is_given_up(&found));
                })
                .await?;
        }
        Ok(())
    };
    timeout(RESOLVE_LIMIT, answered).await?
}

/// Has the kernel look for it; whether it is known already.
fn look_for(interface: &str, gateway: Gateway) -> io::Result<bool> {
    let mut asker = Asker::open()?;
    let (index, address) = gateway;
    match asker.ask(&Request::use_neighbour(index, address), |(), _| {}) {
        Err(error) if error.raw_os_error() == Some(Errno::PERM.raw_os_error()) => {
            send_nothing(interface, index, address)?;
        }
        answer => answer?,
    }
    Ok(!hardware_addresses(&mut asker, &HashSet::from([gateway]))?.is_empty())
}

/// Sends an empty datagram, for which the kernel needs the hardware address.
fn send_nothing(interface: &str, index: u32, address: IpAddr) -> io::Result<()> {
    let (any, to): (SocketAddr, SocketAddr) = match address {
        IpAddr::V4(address) => ((Ipv4Addr::UNSPECIFIED, 0).into(), (address, DISCARD).into()),
        IpAddr::V6(address) => {
            let scope = if address.is_unicast_link_local() { index } else { 0 };
            ((Ipv6Addr::UNSPECIFIED, 0).into(), SocketAddrV6::new(address, DISCARD, 0, scope).into())
        }
    };
    let socket = UdpSocket::bind(any)?;
    // Two networks may have gateways of one address.
    SockRef::from(&socket).bind_device(Some(interface.as_bytes()))?;
    socket.send_to(&[], to)?;
    Ok(())
}
