//! What packets cost, by traffic that one thread makes at both ends: on a veth pair the kernel works on a packet to its end
//! while it is sent, so that no other thread has to wake up for it, and what it takes is time of that thread on a core: what
//! else runs on this machine counts little. It must not know which rules stand on the way.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use anyhow::{Context as _, Result};
use landmark_tests::place::Place;
use rustix::net::sockopt::set_socket_linger;
use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::policies::{UNMENTIONED, allowed_ports};

/// Whatever waits for a packet that is lost.
const PATIENCE: Duration = Duration::from_secs(2);
const CHUNK: usize = 32 * 1024;
/// Datagrams that are underway at a time.
const BURST: usize = 32;

/// What goes over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// 32 KiB to the machine, in an old TCP connection.
    Stream,
    /// A byte there and a byte back, in an old TCP connection.
    Exchange,
    /// A datagram of 32 bytes, in either direction, of an old flow.
    Datagram,
    /// A TCP connection to the machine, made and reset, to every allowed port in turn.
    Inbound,
    /// The same from the machine.
    Outbound,
    /// As [`Kind::Inbound`], always that of the last exception which allows it.
    Last,
    /// A datagram to the machine that nothing allows.
    Blocked,
}

impl Kind {
    pub(crate) const ALL: [Self; 7] = [
        Self::Stream,
        Self::Exchange,
        Self::Datagram,
        Self::Inbound,
        Self::Outbound,
        Self::Last,
        Self::Blocked,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stream => "established: 32 KiB of a TCP stream",
            Self::Exchange => "established: TCP request and response",
            Self::Datagram => "established: UDP datagram",
            Self::Inbound => "new TCP connection to the machine",
            Self::Outbound => "new TCP connection from the machine",
            Self::Last => "new TCP connection, last exception",
            Self::Blocked => "datagram that nothing allows",
        }
    }

    /// Whether DESIGN asks for something; the others tell where it comes from.
    pub(crate) fn has_goal(self) -> bool {
        !matches!(self, Self::Last | Self::Blocked)
    }

    /// As many as take some milliseconds.
    fn batch(self) -> usize {
        match self {
            Self::Stream => 300,
            Self::Exchange => 300,
            Self::Datagram => 40 * BURST,
            Self::Inbound | Self::Outbound => 150,
            // Fewer than the queue of one port holds.
            Self::Last => 100,
            Self::Blocked => 2000,
        }
    }
}

/// A machine and its neighbour, with everything that they need.
pub(crate) struct Ends {
    machine: Place,
    neighbour: Place,
    machine_host: IpAddr,
    neighbour_host: IpAddr,
    inbound: Vec<TcpListener>,
    outbound: Vec<TcpListener>,
    inbound_ports: Vec<u16>,
    outbound_ports: Vec<u16>,
    /// At the machine, and at its neighbour.
    stream: (TcpStream, TcpStream),
    datagrams: (UdpSocket, UdpSocket),
}

impl Ends {
    /// Opens the ports that a policy of so many exceptions allows, and begins the flows that will be old. The rules stand
    /// already.
    ///
    /// # Errors
    /// What shall pass does not.
    pub(crate) fn open(
        n_exceptions: usize,
        (machine, machine_host): (&Place, Ipv4Addr),
        (neighbour, neighbour_host): (&Place, Ipv4Addr),
    ) -> Result<Self> {
        let (machine_host, neighbour_host) = (IpAddr::V4(machine_host), IpAddr::V4(neighbour_host));
        let (inbound_ports, outbound_ports) =
            (allowed_ports(n_exceptions, true), allowed_ports(n_exceptions, false));
        let inbound = listen(machine, machine_host, &inbound_ports)?;
        let outbound = listen(neighbour, neighbour_host, &outbound_ports)?;
        let first = inbound.first().context("no port is allowed")?;
        let near = neighbour.within(|| Ok(TcpStream::connect_timeout(&first.local_addr()?, PATIENCE)?))?;
        first.set_nonblocking(false)?;
        let (far, _) = first.accept()?;
        first.set_nonblocking(true)?;
        for end in [&near, &far] {
            end.set_nodelay(true)?;
            end.set_read_timeout(Some(PATIENCE))?;
        }
        let port = *outbound_ports.first().context("no port is allowed")?;
        let bind = |place: &Place, address: SocketAddr| {
            let socket = place.within(|| Ok(UdpSocket::bind(address)?))?;
            socket.set_read_timeout(Some(PATIENCE))?;
            anyhow::Ok(socket)
        };
        let machine_end = bind(machine, (machine_host, 0).into())?;
        let neighbour_end = bind(neighbour, (neighbour_host, port).into())?;
        machine_end.connect(neighbour_end.local_addr()?)?;
        neighbour_end.connect(machine_end.local_addr()?)?;
        let ends = Self {
            machine: machine.clone(),
            neighbour: neighbour.clone(),
            machine_host,
            neighbour_host,
            inbound,
            outbound,
            inbound_ports,
            outbound_ports,
            stream: (far, near),
            datagrams: (machine_end, neighbour_end),
        };
        datagrams(&ends.datagrams, 1).context("a flow of datagrams from the machine")?;
        Ok(ends)
    }

    /// Seconds that one took, of a whole batch.
    ///
    /// # Errors
    /// Something that shall pass did not.
    pub(crate) fn measure(&mut self, kind: Kind) -> Result<f64> {
        let n = kind.batch();
        let took = match kind {
            Kind::Stream => {
                let (machine, neighbour) = (&mut self.stream.0, &mut self.stream.1);
                let mut buffer = vec![0; CHUNK];
                let began = Stopwatch::start();
                for _ in 0..n {
                    neighbour.write_all(&buffer)?;
                    machine.read_exact(&mut buffer)?;
                }
                began.elapsed()
            }
            Kind::Exchange => {
                let (machine, neighbour) = (&mut self.stream.0, &mut self.stream.1);
                let mut byte = [0];
                let began = Stopwatch::start();
                for _ in 0..n {
                    neighbour.write_all(&byte)?;
                    machine.read_exact(&mut byte)?;
                    machine.write_all(&byte)?;
                    neighbour.read_exact(&mut byte)?;
                }
                began.elapsed()
            }
            Kind::Datagram => {
                let began = Stopwatch::start();
                datagrams(&self.datagrams, n / BURST / 2)?;
                began.elapsed()
            }
            Kind::Inbound => connect(&self.neighbour, self.machine_host, &self.inbound_ports, n)?,
            Kind::Outbound => connect(&self.machine, self.neighbour_host, &self.outbound_ports, n)?,
            Kind::Last => {
                let last = self.inbound_ports.last().copied().context("no port is allowed")?;
                connect(&self.neighbour, self.machine_host, &[last], n)?
            }
            Kind::Blocked => self.blocked(n)?,
        };
        for listener in self.inbound.iter().chain(&self.outbound) {
            drain(listener)?;
        }
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        Ok(took.as_secs_f64() / n as f64)
    }

    fn blocked(&self, n: usize) -> Result<Duration> {
        let to = SocketAddr::from((self.machine_host, UNMENTIONED));
        self.neighbour.within(|| {
            let socket = UdpSocket::bind((self.neighbour_host, 0))?;
            let began = Stopwatch::start();
            for _ in 0..n {
                // Where nothing stands in the way, an earlier one may have been refused.
                socket.send_to(&[0; 32], to).map(drop).unwrap_or_default();
            }
            Ok(began.elapsed())
        })
    }
}

/// Measures the time for which this thread has been on a core, in the kernel's work on packets too.
struct Stopwatch(Timespec);

impl Stopwatch {
    fn start() -> Self {
        Self(clock_gettime(ClockId::ThreadCPUTime))
    }

    fn elapsed(&self) -> Duration {
        let since = clock_gettime(ClockId::ThreadCPUTime) - self.0;
        since.try_into().unwrap_or_default()
    }
}

/// Bursts there and back.
fn datagrams((machine, neighbour): &(UdpSocket, UdpSocket), n_bursts: usize) -> Result<()> {
    let mut datagram = [0; 32];
    for _ in 0..n_bursts {
        for (from, to) in [(machine, neighbour), (neighbour, machine)] {
            for _ in 0..BURST {
                from.send(&datagram)?;
            }
            for _ in 0..BURST {
                to.recv(&mut datagram)?;
            }
        }
    }
    Ok(())
}

/// Makes connections and resets them: nothing of them is left, neither a port nor, after a second, a tracked flow. Nobody
/// needs to accept them meanwhile.
fn connect(place: &Place, host: IpAddr, ports: &[u16], n: usize) -> Result<Duration> {
    place.within(|| {
        let began = Stopwatch::start();
        for port in ports.iter().cycle().take(n) {
            let stream = TcpStream::connect((host, *port)).with_context(|| format!("connect to {port}"))?;
            set_socket_linger(&stream, Some(Duration::ZERO))?;
        }
        Ok(began.elapsed())
    })
}

fn listen(place: &Place, host: IpAddr, ports: &[u16]) -> Result<Vec<TcpListener>> {
    place.within(|| {
        let listen = |port: &u16| {
            let listener =
                TcpListener::bind((host, *port)).with_context(|| format!("listen on {host}:{port}"))?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        };
        ports.iter().map(listen).collect()
    })
}

/// Takes what has come and gone.
fn drain(listener: &TcpListener) -> Result<()> {
    loop {
        match listener.accept() {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(error) => return Err(error).context("take a connection"),
        }
    }
}
