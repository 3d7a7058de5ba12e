//! The sites: a router each, with the network behind it, and the internet between them, in which there is nothing.
//!
//! ```text
//!                internet 203.0.113.254   (drops what is for private networks; no way out of this machine)
//!          ┌───────────────┼────────────────┐
//!  203.0.113.1      203.0.113.2      203.0.113.3
//!       office             home             café
//!  10.20.0.0/24     192.168.1.0/24   172.20.0.0/24     where machines are plugged in
//!  fd00:20::/64                                         (a branch without IPv4: fd00:20:6::/64)
//!  10.20.1.0/24                                         the company's servers: all addresses of the office itself
//!  fd00:20:1::/64
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::Result;

use super::claim::Claim;
use super::namespace::Namespace;

/// Where a machine can be plugged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Site {
    /// The company's network.
    Office,
    /// A branch of it that has IPv6 only.
    OfficeV6,
    /// A private network at home; nothing of the company is reachable.
    Home,
    /// A captive portal answers whatever is asked for, by name or address.
    Cafe,
}

/// The address of the office's router on the internet, where the VPN gateway listens.
pub const OFFICE_OUTSIDE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
/// The UDP port of the VPN gateway.
pub const VPN_PORT: u16 = 1194;

/// An address of a server of the company: each number from 1 to 254 is one, and is there.
pub fn server_address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 20, 1, number)
}

/// As [`server_address`], IPv6.
pub fn server_address_v6(number: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0x20, 1, 0, 0, 0, 0, number.into())
}

/// An address in the office's network that no machine has.
pub const NOBODY: Ipv4Addr = Ipv4Addr::new(10, 20, 0, 66);
/// An address of the company for which the office has no route: its router says so, every time.
pub const NO_ROUTE: Ipv4Addr = Ipv4Addr::new(10, 20, 99, 1);

/// How a machine is plugged in.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The router's bridge.
    pub bridge: &'static str,
    /// The hardware address of the router there.
    pub gateway_mac: &'static str,
    /// IPv4, where it has it.
    pub v4: Option<PlanV4>,
    /// IPv6, where it has it: the network's prefix without its last group, such as `fd00:20::`.
    pub v6: Option<&'static str>,
    /// What machines ask for names.
    pub resolver: IpAddr,
}

/// The IPv4 network of a site, a /24.
#[derive(Clone, Copy, Debug)]
pub struct PlanV4 {
    /// Of the router.
    pub gateway: Ipv4Addr,
}

impl PlanV4 {
    /// An address of the network.
    pub fn address(&self, last: u8) -> Ipv4Addr {
        let [a, b, c, _] = self.gateway.octets();
        Ipv4Addr::new(a, b, c, last)
    }
}

impl Site {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Office, Self::OfficeV6, Self::Home, Self::Cafe];

    /// Its addresses and names.
    pub fn plan(self) -> Plan {
        match self {
            Self::Office => Plan {
                bridge: "lan",
                gateway_mac: "02:0f:f1:ce:00:01",
                v4: Some(PlanV4 { gateway: Ipv4Addr::new(10, 20, 0, 1) }),
                v6: Some("fd00:20::"),
                resolver: IpAddr::V4(server_address(53)),
            },
            Self::OfficeV6 => Plan {
                bridge: "lan6",
                gateway_mac: "02:0f:f1:ce:00:06",
                v4: None,
                v6: Some("fd00:20:6::"),
                resolver: IpAddr::V6(server_address_v6(53)),
            },
            Self::Home => Plan {
                bridge: "lan",
                gateway_mac: "02:40:3e:00:00:01",
                v4: Some(PlanV4 { gateway: Ipv4Addr::new(192, 168, 1, 1) }),
                v6: None,
                resolver: IpAddr::V4(Ipv4Addr::new(192, 168, 1, 1)),
            },
            Self::Cafe => Plan {
                bridge: "lan",
                gateway_mac: "02:ca:fe:00:00:01",
                v4: Some(PlanV4 { gateway: Ipv4Addr::new(172, 20, 0, 1) }),
                v6: None,
                resolver: IpAddr::V4(Ipv4Addr::new(172, 20, 0, 1)),
            },
        }
    }
}

/// The routers' namespaces.
#[derive(Clone, Debug)]
pub(super) struct Routers {
    pub(super) internet: Namespace,
    pub(super) office: Namespace,
    pub(super) home: Namespace,
    pub(super) cafe: Namespace,
}

impl Routers {
    pub(super) fn make(claim: &Claim) -> Result<Self> {
        let routers = Self {
            internet: Namespace::make(claim, "internet")?,
            office: Namespace::make(claim, "office")?,
            home: Namespace::make(claim, "home")?,
            cafe: Namespace::make(claim, "cafe")?,
        };
        let internet = &routers.internet;
        forward(internet)?;
        // What providers do with packets for private networks: nothing comes back.
        internet.ip("link add net type bridge\n\
                     addr add 203.0.113.254/24 dev net\n\
                     link set net up\n\
                     route add blackhole 10.0.0.0/8\n\
                     route add blackhole 172.16.0.0/12\n\
                     route add blackhole 192.168.0.0/16")?;
        for (last, router, sites) in [
            (1, &routers.office, &[Site::Office, Site::OfficeV6][..]),
            (2, &routers.home, &[Site::Home][..]),
            (3, &routers.cafe, &[Site::Cafe][..]),
        ] {
            connect(router, internet, last)?;
            for site in sites {
                network(router, site.plan())?;
            }
        }
        servers(&routers.office)?;
        Ok(routers)
    }

    pub(super) fn of(&self, site: Site) -> &Namespace {
        match site {
            Site::Office | Site::OfficeV6 => &self.office,
            Site::Home => &self.home,
            Site::Cafe => &self.cafe,
        }
    }
}

fn forward(router: &Namespace) -> Result<()> {
    router.set("net/ipv4/ip_forward", "1")?;
    router.set("net/ipv6/conf/all/forwarding", "1")
}

/// Connects a router to the internet, as a private network is: nobody outside begins a conversation.
fn connect(router: &Namespace, internet: &Namespace, last: u8) -> Result<()> {
    forward(router)?;
    router.ip(&format!(
        "link add wan type veth peer name to{last} netns {internet}\n\
         addr add 203.0.113.{last}/24 dev wan\n\
         link set wan up\n\
         route add default via 203.0.113.254",
        internet = internet.name()
    ))?;
    internet.ip(&format!("link set to{last} master net up"))?;
    router.nft(&format!(
        "table inet router {{\n\
         chain arriving {{ type filter hook input priority 0; policy accept;\n\
         \x20 iifname wan udp dport {VPN_PORT} accept\n\
         \x20 iifname wan ct state new drop\n\
         }}\n\
         chain passing {{ type filter hook forward priority 0; policy accept;\n\
         \x20 iifname wan ct state new drop\n\
         }}\n\
         chain leaving {{ type nat hook postrouting priority 100; policy accept;\n\
         \x20 oifname wan masquerade\n\
         }}\n\
         }}\n"
    ))
}

fn network(router: &Namespace, plan: Plan) -> Result<()> {
    let Plan { bridge, gateway_mac, v4, v6, .. } = plan;
    // Without snooping no neighbour discovery is lost while the bridge learns who listens.
    let mut commands = format!(
        "link add {bridge} address {gateway_mac} type bridge mcast_snooping 0\nlink set {bridge} up\n"
    );
    if let Some(PlanV4 { gateway }) = v4 {
        commands.push_str(&format!("addr add {gateway}/24 dev {bridge}\n"));
    }
    if let Some(prefix) = v6 {
        commands.push_str(&format!("addr add {prefix}1/64 dev {bridge} nodad\n"));
    }
    router.ip(&commands)
}

/// The addresses of the company's servers, all of them at once: a program listens on any without further ado.
fn servers(office: &Namespace) -> Result<()> {
    // IPv6 takes only single addresses for its own, and this for permission to listen on others.
    office.set("net/ipv6/ip_nonlocal_bind", "1")?;
    office.ip("route add local 10.20.1.0/24 dev lo\nroute add local fd00:20:1::/64 dev lo")?;
    // The kernel's own answer for a route of kind `unreachable` is rationed, whatever is set.
    office.nft("add rule inet router passing ip daddr 10.20.99.0/24 reject with icmp host-unreachable\n")
}
