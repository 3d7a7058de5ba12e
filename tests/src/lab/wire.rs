//! A cable that delays every frame, both ways: where the kernel has no netem, two tap devices and what moves frames between
//! them.

use std::time::Duration;

use anyhow::Result;
use tun_rs::Layer;

use super::namespace::Namespace;
use super::pump::{Pump, device};

/// The cable, between a port of the router's namespace and its bridge. Dropping it removes it.
#[derive(Debug)]
pub(super) struct Wire {
    _there: Pump,
    _back: Pump,
    site: Namespace,
    bridge: String,
}

impl Wire {
    /// Lays it. The port shall be attached to [`Wire::bridge`] instead of the network's own.
    pub(super) fn lay(site: &Namespace, network: &str, number: u8, one_way: Duration) -> Result<Self> {
        let (bridge, near, far) = (format!("wire{number}"), format!("near{number}"), format!("far{number}"));
        let near_end = device(site.place(), &near, Layer::L2)?;
        let far_end = device(site.place(), &far, Layer::L2)?;
        site.ip(&format!(
            "link add {bridge} type bridge mcast_snooping 0\n\
             link set {near} master {bridge} up\n\
             link set {bridge} up\n\
             link set {far} master {network} up"
        ))?;
        // The bridge is a part of the cable: the router does not answer from inside it.
        site.set(&format!("net/ipv4/conf/{bridge}/arp_ignore"), "8")?;
        site.set(&format!("net/ipv6/conf/{bridge}/disable_ipv6"), "1")?;
        Ok(Self {
            _there: Pump::start(&near_end, &far_end, one_way),
            _back: Pump::start(&far_end, &near_end, one_way),
            site: site.clone(),
            bridge,
        })
    }

    /// Where the port is attached.
    pub(super) fn bridge(&self) -> &str {
        &self.bridge
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // With the laboratory it goes anyway.
        self.site.ip(&format!("link del {}", self.bridge)).unwrap_or_default();
    }
}
