//! Linux: os-release(5), uname(2), the kernel's boot id (proc_sys_kernel(5)), CLOCK_BOOTTIME, tcp(7), unix(7).

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use landmark_proto::firewall::Platform;
use landmark_proto::ids::BootId;
use landmark_proto::message::HostFacts;
use rustix::io::Errno;
use rustix::net::netdevice::name_to_index;
use rustix::net::{AddressFamily, SocketType, socket};
use rustix::system::uname;
use rustix::time::{ClockId, clock_gettime};
use socket2::{SockRef, Socket};

use crate::machine::{AGENT_VERSION, MachineError};

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
const OS_RELEASE: [&str; 2] = ["/etc/os-release", "/usr/lib/os-release"];
/// resolv.conf(5).
pub(crate) const RESOLV_CONF: &str = "/etc/resolv.conf";
/// Whom a resolver of this machine asks, where the file above names only that one: systemd-resolved, NetworkManager's and
/// Debian's dnsmasq.
pub(crate) const UPLINKS_RESOLV_CONF: [&str; 3] = [
    "/run/systemd/resolve/resolv.conf",
    "/run/NetworkManager/no-stub-resolv.conf",
    "/run/dnsmasq/resolv.conf",
];
/// hosts(5).
pub(crate) const HOSTS: &str = "/etc/hosts";

/// Bytes in the path of a Unix socket, at most: `sun_path` has 108, of which the last is zero.
pub(crate) const MAX_SOCKET_PATH_BYTES: usize = 107;

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

/// Which boot this is.
pub(crate) fn boot_id() -> Result<BootId, MachineError> {
    let path = Path::new(BOOT_ID);
    let text = fs::read_to_string(path).map_err(|source| MachineError::Read { path: path.into(), source })?;
    text.trim().parse().map_err(|source| MachineError::Invalid { path: path.into(), source })
}

/// What this machine calls itself.
pub(crate) fn facts() -> HostFacts {
    let names = uname();
    let os_release = OS_RELEASE.iter().find_map(|path| fs::read_to_string(path).ok()).unwrap_or_default();
    HostFacts {
        host_name: host_name(),
        operating_system: pretty_name(&os_release).unwrap_or_else(|| "Linux".to_owned()),
        kernel: names.release().to_string_lossy().into_owned(),
        architecture: names.machine().to_string_lossy().into_owned(),
        agent_version: AGENT_VERSION.to_owned(),
        platform: Platform::here(),
        labels: Vec::new(),
    }
}

/// The name of this machine, as it has it: with or without its domain.
pub(crate) fn host_name() -> String {
    uname().nodename().to_string_lossy().into_owned()
}

/// The value of `PRETTY_NAME`, without its quotes.
fn pretty_name(os_release: &str) -> Option<String> {
    let value = os_release.lines().find_map(|line| line.trim().strip_prefix("PRETTY_NAME="))?;
    let value = value.trim();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
    let value = quote.map_or(value, |quote| value.trim_matches(quote));
    (!value.is_empty()).then(|| value.to_owned())
}

/// Since the machine booted, sleep included.
pub(crate) fn since_boot() -> Duration {
    // CLOCK_BOOTTIME is never negative, and a nanosecond field is below 10^9 (clock_gettime(2)).
    Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
}

/// Since the machine booted, without sleep.
pub(crate) fn awake() -> Duration {
    // As above, of CLOCK_MONOTONIC.
    Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default()
}

/// The number of the interface with this name.
///
/// # Errors
/// There is none (`ENODEV`), or no socket to ask with.
pub(crate) fn interface_number(name: &str) -> io::Result<u32> {
    let any_socket = socket(AddressFamily::UNIX, SocketType::DGRAM, None)?;
    Ok(name_to_index(any_socket, name)?)
}

/// Gives a connection up whose bytes stay unacknowledged for so long.
///
/// # Errors
/// The system refuses.
pub(crate) fn limit_unacknowledged(socket: &Socket, limit: Duration) -> io::Result<()> {
    socket.set_tcp_user_timeout(Some(limit))
}

/// What a socket is to the system.
pub(crate) use std::os::fd::AsFd as Descriptor;

/// Sets the mark by which rules of routing and of the packet filter know a socket.
///
/// # Errors
/// Not permitted (`CAP_NET_ADMIN`).
pub(crate) fn set_mark(socket: &impl Descriptor, mark: u32) -> io::Result<()> {
    SockRef::from(socket).set_mark(mark)
}

/// A short path to a folder that is open, and as long as it is.
pub(crate) fn short_path_of(folder: &File) -> PathBuf {
    Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_since_boot_goes_forward_and_counts_sleep() {
        let uptime = fs::read_to_string("/proc/uptime").unwrap();
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

    #[test]
    fn reads_the_pretty_name_with_and_without_quotes() {
        let debian = "NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";
        assert_eq!(pretty_name(debian).as_deref(), Some("Debian GNU/Linux 12 (bookworm)"));
        assert_eq!(pretty_name("PRETTY_NAME='Arch Linux'").as_deref(), Some("Arch Linux"));
        assert_eq!(pretty_name("PRETTY_NAME=Void").as_deref(), Some("Void"));
        assert_eq!(pretty_name("NAME=x\nPRETTY_NAME=\"\""), None);
    }
}
