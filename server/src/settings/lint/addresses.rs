//! Addresses that say little about a place: those that many places have, and those that are reached from everywhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Networks that are found in many homes and pockets: network, prefix length, and who has it from the factory, as the
/// makers' manuals say.
const HOME: [(Ipv4Addr, u32, &str); 17] = [
    (Ipv4Addr::new(10, 0, 0, 0), 24, "home routers (Xfinity gateways)"),
    (Ipv4Addr::new(10, 0, 1, 0), 24, "home routers (Apple AirPort)"),
    (Ipv4Addr::new(172, 16, 0, 0), 24, "home and small office routers"),
    // moby, `default-address-pools`: the first is docker0 of every developer's machine.
    (Ipv4Addr::new(172, 17, 0, 0), 16, "containers (Docker's default bridge)"),
    (Ipv4Addr::new(172, 20, 10, 0), 28, "telephones (iPhone personal hotspot)"),
    (Ipv4Addr::new(192, 168, 0, 0), 24, "home routers (D-Link, Netgear, TP-Link, Vodafone)"),
    (Ipv4Addr::new(192, 168, 1, 0), 24, "home routers (Linksys, Asus, Netgear, Zyxel)"),
    (Ipv4Addr::new(192, 168, 2, 0), 24, "home routers (Telekom Speedport, Belkin)"),
    (Ipv4Addr::new(192, 168, 8, 0), 24, "mobile routers (Huawei)"),
    (Ipv4Addr::new(192, 168, 11, 0), 24, "home routers (Buffalo)"),
    // AOSP, tethering: the address of Wi-Fi hotspots up to Android 10.
    (Ipv4Addr::new(192, 168, 43, 0), 24, "telephones (Android hotspot)"),
    (Ipv4Addr::new(192, 168, 50, 0), 24, "home routers (Asus)"),
    (Ipv4Addr::new(192, 168, 86, 0), 24, "home routers (Google Wifi)"),
    (Ipv4Addr::new(192, 168, 100, 0), 24, "cable modems and Huawei routers"),
    (Ipv4Addr::new(192, 168, 137, 0), 24, "Windows' shared connections and mobile hotspot"),
    (Ipv4Addr::new(192, 168, 178, 0), 24, "home routers (FRITZ!Box)"),
    (Ipv4Addr::new(192, 168, 254, 0), 24, "home routers (Frontier, Westell)"),
];

/// Who else has this network, if many do.
pub(super) fn shared_with(address: IpAddr) -> Option<&'static str> {
    match address.to_canonical() {
        IpAddr::V4(v4) if v4.is_link_local() => Some("every link without a DHCP server (RFC 3927)"),
        IpAddr::V4(v4) => {
            HOME.iter().find(|(network, length, _)| is_in(v4, *network, *length)).map(|(_, _, whose)| *whose)
        }
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Some("every IPv6 link (RFC 4291, section 2.5.6)"),
        IpAddr::V6(_) => None,
    }
}

fn is_in(address: Ipv4Addr, network: Ipv4Addr, length: u32) -> bool {
    (address.to_bits() ^ network.to_bits()).leading_zeros() >= length
}

/// Whether the internet routes it (IANA special-purpose address registries; RFC 6890).
pub(super) fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            let is_carrier_grade = first == 100 && second & 0xc0 == 64;
            let is_benchmarking = first == 198 && second & 0xfe == 18;
            let is_reserved = first == 0 || first >= 224;
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_documentation()
                || is_carrier_grade
                || is_benchmarking
                || is_reserved)
        }
        IpAddr::V6(v6) => is_global(v6),
    }
}

/// 2000::/3 is all that was ever handed out; 2001:db8::/32 and 3fff::/20 are for documents.
fn is_global(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let is_documentation = (first == 0x2001 && second == 0x0db8) || (first == 0x3fff && second < 0x1000);
    first & 0xe000 == 0x2000 && !is_documentation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn home_networks_end_where_they_end() {
        for (address, shared) in [
            ("192.168.178.20", true),
            ("192.168.179.1", false),
            ("10.0.0.138", true),
            ("10.0.2.1", false),
            ("10.1.1.5", false),
            ("172.16.0.1", true),
            ("172.16.1.1", false),
            ("172.17.255.1", true),
            ("172.20.10.1", true),
            ("172.20.10.16", false),
            ("::ffff:192.168.1.1", true),
            ("169.254.3.4", true),
            ("fe80::1", true),
            ("fd12::1", false),
            ("2001:4860:4860::8888", false),
        ] {
            assert_eq!(shared_with(address.parse().unwrap()).is_some(), shared, "{address}");
        }
    }

    #[test]
    fn public_is_what_the_internet_routes() {
        for (address, public) in [
            ("8.8.8.8", true),
            ("100.63.255.255", true),
            ("100.64.0.1", false),
            ("198.17.0.1", true),
            ("198.18.0.1", false),
            ("203.0.113.5", false),
            ("10.1.1.5", false),
            ("127.0.0.1", false),
            ("240.0.0.1", false),
            ("2a00::1", true),
            ("2001:db8::1", false),
            ("3fff:fff::1", false),
            ("3fff:1000::1", true),
            ("fd00::1", false),
            ("fe80::1", false),
            ("::1", false),
        ] {
            assert_eq!(is_public(address.parse().unwrap()), public, "{address}");
        }
    }
}
