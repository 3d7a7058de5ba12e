//! Makes the kernel ask for a gateway's hardware address, or whether it still has it, and waits for what comes of it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::time::Duration;

use landmark_proto::network::{DefaultRoute, MacAddress};
use rustix::io::Errno;
use socket2::SockRef;
use tokio::time::timeout;
use tracing::debug;

use super::ask;
use super::message::Neighbour;
use super::request::Request;
use super::routes::{Gateway, confirmed_address, hardware_address, is_given_up, neighbour_in};
use super::socket::{Asker, Listener, groups};
use crate::platform;

/// A gateway on a local network answers within milliseconds; one second is when the kernel asks again.
const RESOLVE_LIMIT: Duration = Duration::from_secs(1);

/// discard (RFC 863): where a datagram means nothing, even to a gateway that would take it.
const DISCARD: u16 = 9;

pub(in crate::network) async fn confirm(route: &DefaultRoute) -> Option<MacAddress> {
    let address = route.gateway?;
    resolve(route.interface.name.clone(), address).await.unwrap_or_else(|error| {
        debug!(gateway = %address, interface = route.interface.name, %error, "hardware address not confirmed");
        None
    })
}

async fn resolve(interface: String, address: IpAddr) -> io::Result<Option<MacAddress>> {
    let gateway = (platform::interface_number(&interface)?, address);
    // First, so that no answer is missed.
    let mut listener = Listener::open(groups::NEIGHBOURS)?;
    let question = ask("use a neighbour", move || look_for(&interface, gateway));
    let known = question.await.map_err(io::Error::other)?;
    if known.is_some() {
        return Ok(known);
    }
    let answered = async {
        let mut outcome = None;
        loop {
            listener
                .listen(|message| {
                    if let Some(found) = neighbour_in(message).filter(|found| is_at(found, gateway)) {
                        outcome = outcome_of(&found).or(outcome);
                    }
                })
                .await?;
            if let Some(mac) = outcome {
                return Ok(mac);
            }
        }
    };
    timeout(RESOLVE_LIMIT, answered).await?
}

/// What came of asking: the hardware address, or none; `None` as long as nothing did.
fn outcome_of(neighbour: &Neighbour) -> Option<Option<MacAddress>> {
    let mac = confirmed_address(neighbour);
    (mac.is_some() || is_given_up(neighbour)).then_some(mac)
}

fn is_at(neighbour: &Neighbour, gateway: Gateway) -> bool {
    (neighbour.index, neighbour.address) == gateway
}

/// Has the kernel look for it, unless its address is confirmed; the address, if it is by now.
fn look_for(interface: &str, gateway: Gateway) -> io::Result<Option<MacAddress>> {
    let mut asker = Asker::open()?;
    let (index, address) = gateway;
    let known = find(&mut asker, gateway)?;
    if let Some(mac) = known.as_ref().and_then(confirmed_address) {
        return Ok(Some(mac));
    }
    // Mere use would leave an address that was had before unasked for five seconds.
    let request = match known.as_ref().and_then(hardware_address) {
        Some(_) => Request::probe_neighbour(index, address),
        None => Request::use_neighbour(index, address),
    };
    match asker.ask(&request, |(), _| {}) {
        Err(error) if error.raw_os_error() == Some(Errno::PERM.raw_os_error()) => {
            send_nothing(interface, index, address)?;
        }
        answer => answer?,
    }
    Ok(find(&mut asker, gateway)?.as_ref().and_then(confirmed_address))
}

fn find(asker: &mut Asker, gateway: Gateway) -> io::Result<Option<Neighbour>> {
    asker.ask(&Request::neighbours(), |found: &mut Option<Neighbour>, message| {
        if let Some(neighbour) = neighbour_in(message).filter(|neighbour| is_at(neighbour, gateway)) {
            *found = Some(neighbour);
        }
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_that_was_heard_of_late_is_believed() {
        let mac = MacAddress::new([2, 0, 0, 0, 0, 1]);
        let (incomplete, reachable, stale, delay, probe, failed) = (0x01, 0x02, 0x04, 0x08, 0x10, 0x20);
        let (without_arp, permanent) = (0x40, 0x80);
        let outcome = |state| {
            let address = "192.0.2.1".parse().unwrap();
            outcome_of(&Neighbour { index: 2, address, state, mac: Some(mac) })
        };
        for state in [reachable, without_arp, permanent] {
            assert_eq!(outcome(state), Some(Some(mac)), "{state}");
        }
        for state in [incomplete, stale, delay, probe] {
            assert_eq!(outcome(state), None, "{state}");
        }
        assert_eq!(outcome(failed), Some(None));
    }
}
