//! What only Linux knows.

use std::io;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::netdevice::name_to_index;
use rustix::net::{AddressFamily, SocketType, socket};
use rustix::time::{ClockId, clock_gettime};

/// Errors of a connection that come from the network or for want of one: no route, no interface, and what messages of
/// routers become (`icmp_err_convert` in the kernel's net/ipv4/icmp.c).
pub(crate) const UNREACHABLE: [Errno; 7] = [
    Errno::NETUNREACH,
    Errno::HOSTUNREACH,
    Errno::NETDOWN,
    Errno::HOSTDOWN,
    Errno::NONET,
    Errno::NOPROTOOPT,
    Errno::NODEV,
];

/// Since the machine booted, sleep included.
pub(crate) fn since_boot() -> Duration {
    // CLOCK_BOOTTIME is never negative, and a nanosecond field is below 10^9 (clock_gettime(2)).
    Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
}

/// The number of the interface with this name.
///
/// # Errors
/// There is none (`ENODEV`), or no socket to ask with.
pub(crate) fn interface_number(name: &str) -> io::Result<u32> {
    let any_socket = socket(AddressFamily::UNIX, SocketType::DGRAM, None)?;
    Ok(name_to_index(any_socket, name)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_since_boot_goes_forward_and_counts_sleep() {
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        let now = since_boot();
        assert!(now.as_secs_f64() + 1.0 >= uptime, "{now:?} {uptime}");
        assert!(since_boot() >= now);
    }

    #[test]
    fn interfaces_have_numbers() {
        assert_ne!(interface_number("lo").unwrap(), 0);
        let error = interface_number("nowhere0").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::NODEV.raw_os_error()));
    }
}
