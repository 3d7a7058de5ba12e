//! Sends transactions to the packet filter, and tells our own from others'. It must not know what they say.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::OnceLock;

use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::{
    set_socket_recv_buffer_size_force, set_socket_send_buffer_size, set_socket_send_buffer_size_force,
};
use rustix::net::{SendFlags, SocketFlags, sendto};

use crate::netlink::message::{Messages, NLMSG_ERROR};
use crate::netlink::socket::{Protocol, open, receive};

/// What the kernel says of a message may repeat it, and no message of ours is longer than 64 KiB and its header.
const MAX_DATAGRAM: usize = 128 * 1024;
/// For what the kernel says of the messages of a transaction, one answer each if all are wrong.
const RECEIVE_BUFFER: usize = 1024 * 1024;
/// Ports that are taken for our own transactions, tried one after another: a child that has not become another program yet
/// holds a socket, and with it the port, a moment longer. A power of two.
const N_PORTS: u32 = 8;

/// Why a transaction did not happen.
#[derive(Debug)]
pub(super) enum Failure {
    /// It could not be sent, or nothing was said of it.
    Unheard(io::Error),
    /// The kernel refused the message with this sequence number; zero is the transaction as a whole.
    Refused(u32, io::Error),
}

/// Sends a transaction, and waits until it has happened.
///
/// # Errors
/// Nothing of it has happened, unless nothing was said of it.
pub(super) fn transact(batch: &[u8]) -> Result<(), Failure> {
    let socket = open_own().map_err(Failure::Unheard)?;
    make_room(&socket, batch.len()).map_err(Failure::Unheard)?;
    sendto(&socket, batch, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))
        .map_err(|error| Failure::Unheard(error.into()))?;
    answer(&socket)
}

/// What was said. The kernel works on a transaction while it is sent, so that all of it is there (`nfnetlink_rcv_batch` in
/// net/netfilter/nfnetlink.c).
fn answer(socket: &OwnedFd) -> Result<(), Failure> {
    let mut buffer = vec![0; MAX_DATAGRAM];
    let (mut first, mut is_confirmed, mut is_all) = (None, false, true);
    loop {
        match receive(socket, &mut buffer) {
            Ok(Some(datagram)) => {
                for message in Messages::new(datagram).filter(|message| message.kind == NLMSG_ERROR) {
                    match message.error_number() {
                        0 => is_confirmed = true,
                        number => {
                            let error = io::Error::from_raw_os_error(number);
                            first.get_or_insert(Failure::Refused(message.sequence, error));
                        }
                    }
                }
            }
            Ok(None) => is_all = false,
            Err(error) if error.raw_os_error() == Some(Errno::NOBUFS.raw_os_error()) => is_all = false,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(Failure::Unheard(error)),
        }
    }
    match first {
        Some(refused) => Err(refused),
        None if is_confirmed && is_all => Ok(()),
        None => Err(Failure::Unheard(io::Error::other("the kernel did not confirm the transaction"))),
    }
}

/// A transaction is one datagram, which must find room in the socket's buffer.
fn make_room(socket: &OwnedFd, length: usize) -> io::Result<()> {
    // The kernel takes 32 bytes off, and has a lower limit of its own.
    let room = length.saturating_add(4096);
    if set_socket_send_buffer_size_force(socket, room).is_err() {
        set_socket_send_buffer_size(socket, room)?;
    }
    // Without it many errors are told as one.
    set_socket_recv_buffer_size_force(socket, RECEIVE_BUFFER).unwrap_or_default();
    Ok(())
}

/// Whether a change that was brought about through this port is one of ours.
pub(super) fn is_own(port: u32) -> bool {
    port & !(N_PORTS - 1) == first_port()
}

/// Random, and of those that the kernel does not give to processes by their numbers: another process in this network
/// namespace may have ours in a process namespace of its own.
fn first_port() -> u32 {
    static FIRST: OnceLock<u32> = OnceLock::new();
    *FIRST.get_or_init(|| (rand::random::<u32>() | 0x8000_0000) & !(N_PORTS - 1))
}

fn open_own() -> io::Result<OwnedFd> {
    let mut result = Err(io::Error::from(io::ErrorKind::AddrInUse));
    for number in 0..N_PORTS {
        let address = SocketAddrNetlink::new(first_port() + number, 0);
        result = open(Protocol::Netfilter, &address, SocketFlags::NONBLOCK);
        if !result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse) {
            break;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_ports_are_told_from_those_the_kernel_gives() {
        assert!(is_own(first_port()));
        assert!(is_own(first_port() + N_PORTS - 1));
        assert!(!is_own(first_port() + N_PORTS));
        assert!(!is_own(std::process::id()));
        assert!(!is_own(0));
    }
}
