//! A machine that is carried from site to site: one network cable, plugged in and out, with what its network tells it
//! (address, default route, resolver) in the place of DHCP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::claim::Claim;
use super::namespace::Namespace;
use super::site::{Routers, Site};
use super::tunnel::Tunnel;
use super::wire::Wire;
use crate::place::Place;
use crate::scratch::Journal;

/// The machine's network interface.
pub const INTERFACE: &str = "eth0";

/// The machine.
#[derive(Debug)]
pub struct Laptop {
    // Before the cable is.
    wire: Option<Wire>,
    tunnel: Option<Tunnel>,
    namespace: Namespace,
    routers: Routers,
    journal: Journal,
    number: u8,
    /// The last part of its addresses.
    last: u8,
    /// In whose namespace the other end of the cable is.
    other_end: Namespace,
    plugged: Option<Site>,
    delay: Duration,
}

impl Laptop {
    pub(super) fn make(
        claim: &Claim,
        routers: &Routers,
        journal: Journal,
        number: u8,
        name: &str,
    ) -> Result<Self> {
        let namespace = Namespace::make(claim, name)?;
        let last = 100 + number;
        let other_end = routers.internet.clone();
        // The machine's hardware address stays the same wherever it is.
        namespace.ip(&format!(
            "link add {INTERFACE} address 02:1a:b7:00:00:{number:02x} type veth peer name port{number} netns {there}\n\
             link set {INTERFACE} up",
            there = other_end.name()
        ))?;
        let laptop = Self {
            wire: None,
            tunnel: None,
            namespace,
            routers: routers.clone(),
            journal,
            number,
            last,
            other_end,
            plugged: None,
            delay: Duration::ZERO,
        };
        // Before the first process sees it, or it would see that of this machine for ever.
        laptop.use_resolver(None)?;
        Ok(laptop)
    }

    /// Where its programs run.
    pub fn place(&self) -> Place {
        self.namespace.place().clone()
    }

    /// Its namespace, for what else can happen to a machine.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Where it is plugged in.
    pub fn site(&self) -> Option<Site> {
        self.plugged
    }

    /// Its IPv4 address where it is plugged in.
    pub fn address(&self) -> Option<Ipv4Addr> {
        self.plugged?.plan().v4.map(|network| network.address(self.last))
    }

    /// Its IPv6 address where it is plugged in.
    pub fn address_v6(&self) -> Option<Ipv6Addr> {
        format!("{}{}", self.plugged?.plan().v6?, self.last).parse().ok()
    }

    /// The cables that it is plugged in with from now on take this long, each way.
    pub fn delay_by(&mut self, one_way: Duration) {
        self.delay = one_way;
    }

    /// Plugs it in: out of where it is, into this site, with the addresses of there.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn plug(&mut self, site: Site) -> Result<()> {
        self.unplug()?;
        self.journal.note(&format!("plug {} in at {site:?}", self.namespace.name()));
        let router = self.routers.of(site).clone();
        let plan = site.plan();
        let bridge = if self.delay.is_zero() {
            plan.bridge.to_owned()
        } else {
            let wire = Wire::lay(&router, plan.bridge, self.number, self.delay)?;
            self.wire.insert(wire).bridge().to_owned()
        };
        let port = self.port();
        if self.other_end.name() != router.name() {
            self.other_end.ip(&format!("link set {port} netns {}", router.name()))?;
            self.other_end = router.clone();
        }
        router.ip(&format!("link set {port} master {bridge} up"))?;
        self.plugged = Some(site);
        self.configure(self.last)?;
        self.use_resolver(Some(plan.resolver))
    }

    /// Pulls the cable: no carrier, and what the network had told is forgotten.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn unplug(&mut self) -> Result<()> {
        if self.plugged.take().is_none() {
            return Ok(());
        }
        self.journal.note(&format!("unplug {}", self.namespace.name()));
        self.cable(false)?;
        self.wire = None;
        self.namespace
            .ip(&format!("addr flush dev {INTERFACE} scope global\nroute flush dev {INTERFACE}"))?;
        self.use_resolver(None)
    }

    /// Another address of the same network, as after a new lease.
    ///
    /// # Errors
    /// It is not plugged in, or the kernel refuses.
    pub fn change_address(&mut self) -> Result<()> {
        ensure!(self.plugged.is_some(), "not plugged in");
        self.last = if self.last < 150 { self.last + 100 } else { self.last - 100 };
        self.configure(self.last)
    }

    /// Pulls the cable and plugs it in again where it is, this many times, as fast as the kernel takes it; addresses and
    /// routes stay. The kernel tells the machine's programs of it once a second at most, and not at all if it ends as it began.
    ///
    /// # Errors
    /// It is not plugged in, or the kernel refuses.
    pub fn flap(&self, times: usize) -> Result<()> {
        ensure!(self.plugged.is_some(), "not plugged in");
        let port = self.port();
        self.other_end.ip(&format!("link set {port} down\nlink set {port} up\n").repeat(times))
    }

    /// Brings the VPN to the office up or down.
    ///
    /// # Errors
    /// It is not plugged in, or the kernel refuses.
    pub fn vpn(&mut self, up: bool) -> Result<()> {
        self.journal.note(&format!("VPN of {}: {}", self.namespace.name(), if up { "up" } else { "down" }));
        self.tunnel = None;
        let site = self.plugged.map(|site| site.plan().resolver);
        if !up {
            return self.use_resolver(site);
        }
        self.tunnel = Some(Tunnel::bring_up(&self.namespace, &self.routers.office)?);
        self.use_resolver(Some(Tunnel::resolver()))
    }

    /// Whether it has the VPN up, which need not still lead anywhere.
    pub fn has_vpn(&self) -> bool {
        self.tunnel.is_some()
    }

    /// Writes resolv.conf, where it stands.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn use_resolver(&self, resolver: Option<IpAddr>) -> Result<()> {
        let line = resolver.map_or_else(String::new, |address| format!("nameserver {address}\n"));
        self.namespace.write_etc("resolv.conf", &line).map(drop)
    }

    /// Whether there is something at the other end of the cable; addresses and routes stay.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn cable(&self, connected: bool) -> Result<()> {
        let state = if connected { "up" } else { "down" };
        self.other_end.ip(&format!("link set {} {state}", self.port()))
    }

    /// Takes the addresses with this last part, and the routes.
    fn configure(&self, last: u8) -> Result<()> {
        let plan = self.plugged.context("not plugged in")?.plan();
        let mut commands = format!("addr flush dev {INTERFACE} scope global\n");
        if let Some(network) = plan.v4 {
            let (address, gateway) = (network.address(last), network.gateway);
            commands.push_str(&format!("addr add {address}/24 dev {INTERFACE}\n"));
            commands.push_str(&format!("route replace default via {gateway} dev {INTERFACE}\n"));
        }
        if let Some(prefix) = plan.v6 {
            commands.push_str(&format!("addr add {prefix}{last}/64 dev {INTERFACE} nodad\n"));
            commands.push_str(&format!("route replace default via {prefix}1 dev {INTERFACE}\n"));
        }
        self.namespace.ip(&commands)
    }

    fn port(&self) -> String {
        format!("port{}", self.number)
    }
}
