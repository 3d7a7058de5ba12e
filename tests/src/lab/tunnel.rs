//! A VPN: IP packets in UDP datagrams between a tun device of a machine and one of the office.
//!
//! As real ones do it comes through a private network, and breaks where nothing gets out. Not encrypted: nobody listens.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tun_rs::Layer;

use super::namespace::Namespace;
use super::pump::{Frames, Pump, device};
use super::site::{OFFICE_OUTSIDE, VPN_PORT, server_address};

/// The machine's device.
pub const DEVICE: &str = "tun0";
/// The office's.
const OFFICE_DEVICE: &str = "vpn0";
/// Of the machine, through the tunnel.
pub const INNER_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 20, 8, 2);
const OFFICE_INNER_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 20, 8, 1);
/// Fits into a datagram of the networks outside.
const MTU: u16 = 1400;

/// The tunnel, for one machine at a time. Dropping it takes it down.
#[derive(Debug)]
pub(super) struct Tunnel {
    _pumps: [Pump; 4],
}

impl Tunnel {
    /// Brings it up: the office's networks are reached through it.
    pub(super) fn bring_up(machine: &Namespace, office: &Namespace) -> Result<Self> {
        let gateway = (Ipv4Addr::UNSPECIFIED, VPN_PORT);
        let gateway = office.place().within(|| Ok(UdpSocket::bind(gateway)?)).context("listen as gateway")?;
        let outside = (OFFICE_OUTSIDE, VPN_PORT);
        let client = machine.place().within(|| {
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
            socket.connect(outside)?;
            Ok(socket)
        });
        let client = client.context("connect to the gateway: is the machine plugged in?")?;
        let gateway = Arc::new(Datagrams { socket: gateway, peer: Mutex::new(None) });
        let client = Arc::new(Datagrams { socket: client, peer: Mutex::new(Some(outside.into())) });
        for end in [&gateway, &client] {
            end.socket.set_nonblocking(true)?;
        }
        let near = device(machine.place(), DEVICE, Layer::L3)?;
        let far = device(office.place(), OFFICE_DEVICE, Layer::L3)?;
        office.ip(&format!(
            "link set {OFFICE_DEVICE} mtu {MTU} up\naddr add {OFFICE_INNER_ADDRESS}/24 dev {OFFICE_DEVICE}"
        ))?;
        let now = Duration::ZERO;
        let pumps = [
            Pump::start(&near, &client, now),
            Pump::start(&client, &near, now),
            Pump::start(&far, &gateway, now),
            Pump::start(&gateway, &far, now),
        ];
        machine.ip(&format!(
            "link set {DEVICE} mtu {MTU} up\n\
             addr add {INNER_ADDRESS}/24 dev {DEVICE}\n\
             route add 10.20.0.0/16 dev {DEVICE}"
        ))?;
        Ok(Self { _pumps: pumps })
    }

    /// What the machine asks for names while it is up.
    pub(super) fn resolver() -> IpAddr {
        server_address(53).into()
    }
}

/// A socket that talks to whom it heard last.
struct Datagrams {
    socket: UdpSocket,
    peer: Mutex<Option<SocketAddr>>,
}

impl Frames for Datagrams {
    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let (n, from) = self.socket.recv_from(buffer)?;
        *self.peer.lock().unwrap_or_else(PoisonError::into_inner) = Some(from);
        Ok(n)
    }

    fn send(&self, frame: &[u8]) -> io::Result<usize> {
        let peer = *self.peer.lock().unwrap_or_else(PoisonError::into_inner);
        peer.map_or(Ok(0), |peer| self.socket.send_to(frame, peer))
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
