//! Which addresses are tried, and in which order.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use landmark_proto::host::{self, Host, Zone};
use landmark_proto::port::Port;

use crate::platform;

/// Which addresses are tried, whether written or resolved.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules {
    /// Where it is false, no entry can make this machine its own reference server.
    pub(crate) allow_loopback: bool,
}

impl Rules {
    /// Whether the address is tried.
    pub(crate) fn allow(self, address: IpAddr) -> bool {
        match never_tried(address) {
            Some(Reason::Forbidden(_)) => false,
            Some(Reason::Loopback) => self.allow_loopback,
            None => true,
        }
    }
}

/// Why an address is not tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// By no agent.
    Forbidden(&'static str),
    /// Unless the agent's own configuration allows it.
    Loopback,
}

/// Why the address is not tried, by any agent or by one that has not been told to; `None` for all usual ones.
pub(crate) fn never_tried(address: IpAddr) -> Option<Reason> {
    let forbidden = host::forbidden(address).map(Reason::Forbidden);
    forbidden.or_else(|| address.to_canonical().is_loopback().then_some(Reason::Loopback))
}

/// The address of a host that is written as one.
///
/// # Errors
/// Its zone is no interface of this machine; or it is a name.
pub(crate) fn written(host: &Host, port: Port) -> io::Result<SocketAddr> {
    match host {
        Host::V4(address) => Ok(SocketAddr::from((*address, port.get()))),
        Host::V6(address, zone) => {
            let scope = zone.as_ref().map_or(Ok(0), interface)?;
            Ok(SocketAddr::V6(SocketAddrV6::new(*address, port.get(), 0, scope)))
        }
        Host::Name(_) => Err(io::Error::from(io::ErrorKind::InvalidInput)),
    }
}

/// The number of an interface, given by its number or name.
fn interface(zone: &Zone) -> io::Result<u32> {
    zone.as_str().parse().or_else(|_| platform::interface_number(zone.as_str()))
}

/// The families alternate, beginning with that of the first; each keeps its order (RFC 8305, section 4).
pub(crate) fn interleaved(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.iter().copied().partition(|address| address.is_ipv6() == first_is_v6);
    let mut second = second.into_iter();
    let mut order = Vec::with_capacity(addresses.len());
    for address in first {
        order.push(address);
        order.extend(second.next());
    }
    order.extend(second);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port() -> Port {
        "80".parse().unwrap()
    }

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect()
    }

    #[test]
    fn families_alternate_beginning_with_the_first() {
        assert_eq!(
            interleaved(&addresses(&["::1", "::2", "::3", "10.0.0.1"])),
            addresses(&["::1", "10.0.0.1", "::2", "::3"])
        );
        assert_eq!(
            interleaved(&addresses(&["10.0.0.1", "10.0.0.2", "::1", "::2", "::3"])),
            addresses(&["10.0.0.1", "::1", "10.0.0.2", "::2", "::3"])
        );
        assert_eq!(interleaved(&[]), []);
    }

    #[test]
    fn loopback_is_tried_only_where_allowed_and_metadata_never() {
        let allowed = |text: &str, allow_loopback| Rules { allow_loopback }.allow(text.parse().unwrap());
        for loopback in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(allowed(loopback, true), "{loopback}");
            assert!(!allowed(loopback, false), "{loopback}");
        }
        for never in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "ff02::1",
        ] {
            assert!(!allowed(never, true), "{never}");
        }
        for usual in ["10.1.1.5", "192.168.0.1", "fe80::1", "2001:db8::1"] {
            assert!(allowed(usual, false), "{usual}");
        }
    }

    #[test]
    fn a_zone_is_an_interface_of_this_machine() {
        let address = |text: &str| written(&text.parse().unwrap(), port());
        assert_eq!(address("fe80::1%7").unwrap().to_string(), "[fe80::1%7]:80");
        let Ok(SocketAddr::V6(by_name)) = address("fe80::1%lo") else { panic!("lo is on every machine") };
        assert_ne!(by_name.scope_id(), 0);
        let error = address("fe80::1%nowhere0").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::NODEV.raw_os_error()));
        assert_eq!(address("10.0.0.1").unwrap().to_string(), "10.0.0.1:80");
    }
}
