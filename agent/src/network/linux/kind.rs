//! Decides what an interface is and whether it is a tunnel, from what the kernel says of it. It must not see its name.
//!
//! A tunnel carries packets inside others: an answer that comes through it says where the tunnel's far end is, not where
//! this machine is. A link layer over the machine's own wire or radio is none, whatever it adds (VLAN tags, MACsec, a
//! bridge). Where the kernel gives no kind, the link layer says: an interface that has none of its own (`ARPHRD_NONE`) is
//! taken for a tunnel, for nearly all of them are, and a modem that is wrongly left out is seen sooner than a tunnel that
//! makes outside look inside.

/// `IFLA_INFO_KIND` (`rtnl_link_ops.kind` in the kernel's sources) of what carries packets inside others. Pseudowires of
/// L2TP are missing: the kernel tells them from Ethernet by nothing that rtnetlink says.
const TUNNELS: [&str; 22] = [
    "amt",
    "bareudp",
    "erspan",
    // Overlays of Ethernet over UDP: what leaves here arrives on another site's bridge.
    "geneve",
    "vxlan",
    "gre",
    "gretap",
    "gtp",
    "ip6erspan",
    "ip6gre",
    "ip6gretap",
    "ip6tnl",
    "ipip",
    "ovpn",
    "ovpn-dco",
    // Also a modem's or PPPoE's way to the provider: never the office network, so that nothing is lost.
    "ppp",
    "sit",
    // tun and tap: one driver, one kind. A virtual machine's tap is a bridge's port, and nothing leaves through it.
    "tun",
    "vti",
    "vti6",
    "wireguard",
    "xfrm",
];

/// Kinds without a link layer of their own that are a radio's: mobile network modems.
const MODEMS: [&str; 3] = ["mhi_net", "rmnet", "wwan"];

/// Kinds that put frames on another interface of this machine, with the addresses of this one; they are tunnels where
/// that one is.
const STACKED: [&str; 6] = ["ipvlan", "ipvtap", "macsec", "macvlan", "macvtap", "vlan"];

const ARPHRD_PPP: u16 = 512;
const ARPHRD_TUNNEL: u16 = 768;
const ARPHRD_TUNNEL6: u16 = 769;
const ARPHRD_SIT: u16 = 776;
const ARPHRD_IPDDP: u16 = 777;
const ARPHRD_IPGRE: u16 = 778;
const ARPHRD_IP6GRE: u16 = 823;
const ARPHRD_NONE: u16 = 65534;

/// Characters of a kind, at most; the kernel's longest has 14.
const MAX_KIND_CHARS: usize = 32;

/// What to call an interface with this `IFLA_INFO_KIND` and link layer (`ARPHRD_*`), and whether it is a tunnel.
pub(super) fn kind_of(info_kind: Option<&str>, arphrd: u16) -> (String, bool) {
    let (layer, is_tunnel_layer) = match arphrd {
        ARPHRD_PPP => ("ppp", true),
        ARPHRD_TUNNEL => ("ipip", true),
        ARPHRD_TUNNEL6 => ("tunnel6", true),
        ARPHRD_SIT => ("sit", true),
        ARPHRD_IPDDP => ("ipddp", true),
        ARPHRD_IPGRE => ("gre", true),
        ARPHRD_IP6GRE => ("gre6", true),
        ARPHRD_NONE => ("none", true),
        1 => ("ether", false),
        24 => ("ieee1394", false),
        32 => ("infiniband", false),
        280 => ("can", false),
        519 => ("rawip", false),
        772 => ("loopback", false),
        801..=803 => ("ieee802.11", false),
        804 => ("ieee802.15.4", false),
        825 => ("6lowpan", false),
        _ => ("", false),
    };
    match info_kind.filter(|kind| !kind.is_empty()) {
        Some(kind) => {
            let is_tunnel = TUNNELS.contains(&kind) || (is_tunnel_layer && !MODEMS.contains(&kind));
            (kind.chars().take(MAX_KIND_CHARS).collect(), is_tunnel)
        }
        None if layer.is_empty() => (format!("link layer {arphrd}"), is_tunnel_layer),
        None => (layer.to_owned(), is_tunnel_layer),
    }
}

/// Whether an interface of this kind is a tunnel where the one below it is.
pub(super) fn is_stacked(kind: &str) -> bool {
    STACKED.contains(&kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_and_a_link_layer_say_what_an_interface_is() {
        const ETHER: u16 = 1;
        for (info_kind, arphrd, kind, is_tunnel) in [
            // What a machine stands on.
            (None, ETHER, "ether", false),
            (None, 772, "loopback", false),
            (None, 801, "ieee802.11", false),
            (Some("veth"), ETHER, "veth", false),
            (Some("bridge"), ETHER, "bridge", false),
            (Some("bond"), ETHER, "bond", false),
            (Some("vlan"), ETHER, "vlan", false),
            (Some("macsec"), ETHER, "macsec", false),
            (Some("dummy"), ETHER, "dummy", false),
            (Some("ipoib"), 32, "ipoib", false),
            (Some("vrf"), ETHER, "vrf", false),
            // Modems have no link layer either.
            (Some("wwan"), ARPHRD_NONE, "wwan", false),
            (Some("rmnet"), 519, "rmnet", false),
            (None, 519, "rawip", false),
            // Tunnels by kind, those that look like Ethernet included.
            (Some("tun"), ARPHRD_NONE, "tun", true),
            (Some("tun"), ETHER, "tun", true),
            (Some("wireguard"), ARPHRD_NONE, "wireguard", true),
            (Some("ovpn"), ARPHRD_NONE, "ovpn", true),
            (Some("ipip"), ARPHRD_TUNNEL, "ipip", true),
            (Some("ip6tnl"), ARPHRD_TUNNEL6, "ip6tnl", true),
            (Some("sit"), ARPHRD_SIT, "sit", true),
            (Some("gre"), ARPHRD_IPGRE, "gre", true),
            (Some("gretap"), ETHER, "gretap", true),
            (Some("ip6gre"), ARPHRD_IP6GRE, "ip6gre", true),
            (Some("ip6gretap"), ETHER, "ip6gretap", true),
            (Some("erspan"), ETHER, "erspan", true),
            (Some("vti"), ARPHRD_TUNNEL, "vti", true),
            (Some("vti6"), ARPHRD_TUNNEL6, "vti6", true),
            (Some("xfrm"), ARPHRD_NONE, "xfrm", true),
            (Some("ppp"), ARPHRD_PPP, "ppp", true),
            (Some("vxlan"), ETHER, "vxlan", true),
            (Some("geneve"), ETHER, "geneve", true),
            // Tunnels by link layer: old drivers give no kind, new ones one that is not known here.
            (None, ARPHRD_PPP, "ppp", true),
            (None, ARPHRD_TUNNEL, "ipip", true),
            (None, ARPHRD_IPGRE, "gre", true),
            (None, ARPHRD_NONE, "none", true),
            (Some("newvpn"), ARPHRD_NONE, "newvpn", true),
            (Some("newlan"), ETHER, "newlan", false),
            // Nothing to go by.
            (Some(""), ETHER, "ether", false),
            (None, 9_999, "link layer 9999", false),
        ] {
            let expected = (kind.to_owned(), is_tunnel);
            assert_eq!(kind_of(info_kind, arphrd), expected, "{info_kind:?} {arphrd}");
        }
    }

    #[test]
    fn a_kind_is_never_longer_than_a_word() {
        assert_eq!(kind_of(Some(&"k".repeat(5_000)), 1).0.len(), MAX_KIND_CHARS);
    }

    #[test]
    fn a_vlan_stands_on_another_interface_and_a_tunnel_does_not() {
        assert!(is_stacked("vlan"));
        assert!(!is_stacked("veth") && !is_stacked("gre") && !is_stacked("bridge"));
    }
}
