//! Sockets to the kernel: one that asks, one that listens. They must not know what the messages mean.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::netlink::{NETFILTER, SocketAddrNetlink};
use rustix::net::sockopt::{Timeout, set_socket_recv_buffer_size_force, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recvfrom, sendto, socket_with,
};

use super::message::{Message, Messages, NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR, NLMSG_OVERRUN};
use super::readable::Readable;
use super::request::Request;

/// Bytes of a datagram, at most: parts of a list are no longer (`netlink_recvmsg` in net/netlink/af_netlink.c). An event
/// that is (a link with hundreds of virtual functions) counts as lost.
const MAX_DATAGRAM: usize = 32 * 1024;
/// The kernel answers while it is asked; this is for one that does not.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// How often a list is asked for anew that a change disturbed.
const MAX_TRIES: u32 = 4;
/// Datagrams that are read in one go, at most, so that a storm of events does not keep a thread for itself.
const MAX_AT_ONCE: usize = 256;

/// Whom a socket speaks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Links, addresses, routes: rtnetlink(7).
    Route,
    /// Packet filter and connection tracking: nfnetlink.
    Netfilter,
}

/// Asks the kernel. It blocks for as long as the kernel's own lock is taken, which is why it is no task's.
pub(crate) struct Asker {
    socket: OwnedFd,
    buffer: Vec<u8>,
    sequence: u32,
}

impl Asker {
    /// # Errors
    /// No socket is to be had.
    pub(crate) fn open(protocol: Protocol) -> io::Result<Self> {
        let socket = open(protocol, &SocketAddrNetlink::new(0, 0), SocketFlags::empty())?;
        set_socket_timeout(&socket, Timeout::Recv, Some(ANSWER_LIMIT))?;
        Ok(Self { socket, buffer: vec![0; MAX_DATAGRAM], sequence: 0 })
    }

    /// Asks, and makes an answer of each message that comes. If a change disturbs a list, the answer is begun anew.
    ///
    /// # Errors
    /// The kernel refuses, does not answer, or its lists change faster than they can be read.
    pub(crate) fn ask<T: Default>(
        &mut self,
        request: &Request,
        mut each: impl FnMut(&mut T, &Message<'_>),
    ) -> io::Result<T> {
        for _ in 0..MAX_TRIES {
            let mut answer = T::default();
            if self.exchange(request.clone(), &mut |message| each(&mut answer, message))? {
                return Ok(answer);
            }
        }
        Err(io::Error::other("the kernel's list changes faster than it can be read"))
    }

    /// One request and its whole answer; false if a change disturbed it.
    ///
    /// # Errors
    /// The kernel refuses, or does not answer.
    pub(crate) fn exchange(
        &mut self,
        request: Request,
        each: &mut dyn FnMut(&Message<'_>),
    ) -> io::Result<bool> {
        self.sequence = self.sequence.wrapping_add(1);
        let sequence = self.sequence;
        let message = request.numbered(sequence);
        sendto(&self.socket, &message, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
        let mut is_whole = true;
        loop {
            let Some(datagram) = receive(&self.socket, &mut self.buffer)? else {
                return Err(io::Error::other("an answer of the kernel is too long"));
            };
            for message in Messages::new(datagram).filter(|message| message.sequence == sequence) {
                is_whole &= message.flags & NLM_F_DUMP_INTR == 0;
                match message.kind {
                    NLMSG_ERROR | NLMSG_DONE => {
                        return match message.error_number() {
                            0 => Ok(is_whole),
                            number => Err(io::Error::from_raw_os_error(number)),
                        };
                    }
                    _ => each(&message),
                }
            }
        }
    }
}

/// Listens to what happens.
pub(crate) struct Listener {
    socket: Readable,
    buffer: Vec<u8>,
}

/// Whether all that happened was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    All,
    /// Some of it was lost: more happened than the socket's buffer holds.
    NotAll,
}

impl Listener {
    /// Must be called within a runtime.
    ///
    /// # Errors
    /// No socket is to be had.
    pub(crate) fn open(protocol: Protocol, groups: u32) -> io::Result<Self> {
        let socket = open(protocol, &SocketAddrNetlink::new(0, groups), SocketFlags::NONBLOCK)?;
        Ok(Self { socket: Readable::new(socket)?, buffer: vec![0; MAX_DATAGRAM] })
    }

    /// Lets so many bytes wait to be read, where this process may: the kernel counts its own overhead among them.
    pub(crate) fn make_room(&self, n_bytes: usize) {
        set_socket_recv_buffer_size_force(self.socket.descriptor(), n_bytes).unwrap_or_default();
    }

    /// Waits until something happened, and gives away all of it that is there. May be cancelled.
    ///
    /// # Errors
    /// The socket is of no use any more.
    pub(crate) async fn listen(&mut self, mut each: impl FnMut(&Message<'_>)) -> io::Result<Told> {
        let Self { socket, buffer } = self;
        socket.read(|socket| drain(socket, buffer, &mut each)).await
    }
}

/// Reads until nothing is left; that nothing was there is an error.
fn drain(socket: &OwnedFd, buffer: &mut [u8], each: &mut dyn FnMut(&Message<'_>)) -> io::Result<Told> {
    let mut told = Told::All;
    for n_read in 0..MAX_AT_ONCE {
        match receive(socket, buffer) {
            Ok(Some(datagram)) => {
                for message in Messages::new(datagram) {
                    if message.kind == NLMSG_OVERRUN {
                        told = Told::NotAll;
                    }
                    each(&message);
                }
            }
            Ok(None) => told = Told::NotAll,
            Err(error) if error.raw_os_error() == Some(Errno::NOBUFS.raw_os_error()) => told = Told::NotAll,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && n_read > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(told)
}

/// One datagram of the kernel's, empty if it is another's; `None` if it is longer than the buffer.
///
/// # Errors
/// There is none, or some were lost.
pub(crate) fn receive<'a>(socket: &OwnedFd, buffer: &'a mut [u8]) -> io::Result<Option<&'a [u8]>> {
    let (length, sender) = loop {
        match recvfrom(socket, &mut *buffer, RecvFlags::TRUNC) {
            Ok((_, length, sender)) => break (length, sender),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    };
    // Whoever may administrate the network may send here too; only the kernel is believed.
    let is_kernel = sender
        .and_then(|sender| SocketAddrNetlink::try_from(sender).ok())
        .is_some_and(|sender| sender.pid() == 0);
    Ok(if is_kernel { buffer.get(..length) } else { Some(&[]) })
}

/// A socket with this port (0: any) that hears these groups.
///
/// # Errors
/// The kernel does not speak the protocol, or the port is taken.
pub(crate) fn open(
    protocol: Protocol,
    address: &SocketAddrNetlink,
    flags: SocketFlags,
) -> io::Result<OwnedFd> {
    let number = match protocol {
        // No protocol is NETLINK_ROUTE.
        Protocol::Route => None,
        Protocol::Netfilter => Some(NETFILTER),
    };
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC | flags, number)?;
    bind(&socket, address)?;
    Ok(socket)
}
