//! A laboratory of network namespaces: a company's office, a home, a café with a captive portal, a branch with IPv6 only, and
//! the internet between them. Nothing of it is connected to the network of this machine.
//!
//! ```text
//! claim ─► namespace ─► site (routers and their networks) ─► laptop (plugged in and out; wire: a delay; tunnel: a VPN)
//!                        │
//!                        ├─► dns, portal, listener: who answers there, and how badly
//!                        ├─► faults: what packets meet on their way
//!                        └─► echo, probe, flow: whether connections pass, new ones and old ones
//! wall_clock: one that jumps, for one program
//! island: a namespace alone, without any of it
//! ```
//!
//! Several laboratories stand side by side. A laboratory goes when its value is dropped; that of a process which was killed
//! goes when the next one is made.

mod claim;
mod pump;
mod tunnel;
mod wire;

pub mod dns;
pub mod echo;
pub mod faults;
pub mod flow;
pub mod island;
pub mod laptop;
pub mod listener;
pub mod namespace;
pub mod portal;
pub mod probe;
pub mod site;
pub mod wall_clock;

use std::cell::Cell;
use std::net::{IpAddr, SocketAddrV4};
use std::process::Command;

use anyhow::Result;

pub use claim::{GATE, LOCKS};
pub use dns::{Dns, Manner};
pub use echo::Echo;
pub use faults::{Fault, Faults, Traffic};
pub use flow::Flow;
pub use island::Island;
pub use laptop::Laptop;
pub use listener::{Full, HalfOpen, Listener};
pub use namespace::Namespace;
pub use portal::Portal;
pub use site::{Site, server_address, server_address_v6};
pub use tunnel::{DEVICE as VPN_DEVICE, INNER_ADDRESS as VPN_ADDRESS};
pub use wall_clock::WallClock;

use self::claim::Claim;
use self::site::Routers;
use crate::fleet::Server;
use crate::place::Place;
use crate::scratch::{Journal, Scratch};
use crate::skip;

/// Of [`server_address`]: where the management server stands.
pub const MANAGEMENT: u8 = 10;
/// What the company calls itself.
pub const DOMAIN: &str = "corp.example";

/// The laboratory.
#[derive(Debug)]
pub struct Lab {
    office_dns: Dns,
    home_dns: Dns,
    portal: Portal,
    office_faults: Faults,
    routers: Routers,
    journal: Journal,
    n_laptops: Cell<u8>,
    // Last: the namespaces go when nobody of ours uses them.
    claim: Claim,
}

impl Lab {
    /// Builds it. `None`: this machine does not allow it, and that has been said.
    ///
    /// # Errors
    /// Nothing may be skipped here, or the kernel refuses.
    pub fn build(scratch: &Scratch) -> Result<Option<Self>> {
        if let Some(reason) = obstacle() {
            skip::skip(&reason)?;
            return Ok(None);
        }
        let claim = Claim::take()?;
        let routers = Routers::make(&claim)?;
        let resolvers = [IpAddr::V4(server_address(53)), IpAddr::V6(server_address_v6(53))];
        let lab = Self {
            office_dns: Dns::start(routers.office.place(), &resolvers)?,
            home_dns: Dns::start(routers.home.place(), &[Site::Home.plan().resolver])?,
            portal: Portal::open(&routers.cafe)?,
            office_faults: Faults::new(&routers.office)?,
            routers,
            journal: scratch.journal().clone(),
            n_laptops: Cell::new(0),
            claim,
        };
        lab.name("landmark", MANAGEMENT);
        Ok(Some(lab))
    }

    /// The office's router, which is all of the company's servers too.
    pub fn office(&self) -> &Place {
        self.routers.office.place()
    }

    /// The router of a site.
    pub fn router(&self, site: Site) -> &Namespace {
        self.routers.of(site)
    }

    /// The internet.
    pub fn internet(&self) -> &Namespace {
        &self.routers.internet
    }

    /// The company's resolver.
    pub fn dns(&self) -> &Dns {
        &self.office_dns
    }

    /// The resolver at home, which knows no name.
    pub fn home_dns(&self) -> &Dns {
        &self.home_dns
    }

    /// The café's.
    pub fn portal(&self) -> &Portal {
        &self.portal
    }

    /// What packets meet in the office.
    pub fn faults(&self) -> &Faults {
        &self.office_faults
    }

    /// Gives a server of the company a name under [`DOMAIN`], for both of its addresses.
    pub fn name(&self, short: &str, number: u8) -> String {
        let name = format!("{short}.{DOMAIN}");
        self.office_dns.name(&name, &[server_address(number).into(), server_address_v6(number).into()]);
        name
    }

    /// Lets a server of the company answer on another port than its own, such as the one that portals play.
    ///
    /// # Errors
    /// The kernel lacks what it needs.
    pub fn publish(&self, server: SocketAddrV4, port: u16) -> Result<()> {
        self.routers.office.nft(&format!(
            "add table ip published\n\
             add chain ip published asking {{ type nat hook prerouting priority -100; policy accept; }}\n\
             add rule ip published asking ip daddr {host} tcp dport {port} dnat to {server}\n",
            host = server.ip()
        ))
    }

    /// The management server in the office, not started.
    ///
    /// # Errors
    /// No ports or folders.
    pub fn server(&self, scratch: &Scratch) -> Result<Server> {
        Server::placed(scratch, "server", self.office().clone(), server_address(MANAGEMENT).into())
    }

    /// A machine, not plugged in.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn laptop(&self, name: &str) -> Result<Laptop> {
        let number = self.n_laptops.get() + 1;
        self.n_laptops.set(number);
        Laptop::make(&self.claim, &self.routers, self.journal.clone(), number, name)
    }
}

/// Why there can be no laboratory on this machine.
fn obstacle() -> Option<String> {
    if !skip::is_root() {
        return Some("network namespaces need root".to_owned());
    }
    for (program, package) in [("ip", "iproute2"), ("nft", "nftables")] {
        if Command::new(program).arg("-V").output().is_err() {
            return Some(format!("{program} is not installed (apt-get install {package})"));
        }
    }
    let allowed = Command::new("unshare").args(["--net", "true"]).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        return Some("network namespaces cannot be made here".to_owned());
    }
    (!std::path::Path::new("/dev/net/tun").exists()).then(|| "there is no /dev/net/tun here".to_owned())
}
