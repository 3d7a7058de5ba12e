//! Ports of this machine that belong to one test, also while nobody listens on them.
//!
//! A port that the kernel gave out (`:0`) may be given to somebody else as soon as it is closed, even as the source port
//! of a connection. These stand below the range from which the kernel chooses, and a lock on a file keeps other tests
//! away, so that a server can be stopped and started again on its port.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;

use anyhow::{Context as _, Result, bail};

/// Below the kernel's range for outgoing connections (32768 and up by default).
const OURS: Range<u16> = 12_000..32_000;

/// A port, on all loopback addresses, ours until this is dropped.
#[derive(Debug)]
pub struct Port {
    number: u16,
    // Dropping it lets go of the lock; the file stays, since removing it would race with the next one who locks.
    _lock: File,
}

impl Port {
    /// Takes a port on which nobody listens.
    ///
    /// # Errors
    /// None is free, or the locks cannot be made.
    pub fn reserve() -> Result<Self> {
        // One folder a user: nobody can lock another user's files.
        let user = rustix::process::geteuid().as_raw();
        let folder = std::env::temp_dir().join(format!("landmark-test-ports-{user}"));
        fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        // Tests that start together begin at different places.
        let span = usize::from(OURS.end - OURS.start);
        let begin = (std::process::id() as usize).wrapping_mul(7919) % span;
        for number in OURS.cycle_from(begin) {
            let path = folder.join(number.to_string());
            let lock = File::create(&path).with_context(|| format!("make {}", path.display()))?;
            if lock.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::UNSPECIFIED, number)).is_ok() {
                return Ok(Self { number, _lock: lock });
            }
        }
        bail!("no port of {OURS:?} is free")
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// On 127.0.0.1.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.number))
    }
}

trait CycleFrom {
    /// All of the range, beginning inside it.
    fn cycle_from(&self, begin: usize) -> impl Iterator<Item = u16>;
}

impl CycleFrom for Range<u16> {
    fn cycle_from(&self, begin: usize) -> impl Iterator<Item = u16> {
        self.clone().cycle().skip(begin).take(self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_to_one_only_while_nobody_listens() {
        let ports: Vec<Port> = (0..20).map(|_| Port::reserve().unwrap()).collect();
        let mut numbers: Vec<u16> = ports.iter().map(Port::number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 20);
        TcpListener::bind(ports[0].address()).unwrap();
    }
}
