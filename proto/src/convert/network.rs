//! Interfaces, default routes and what TLS peers show, on the wire.

use std::net::IpAddr;

use crate::attempt::PeerCertificate;
use crate::network::{DefaultRoute, Interface, MacAddress};
use crate::pin::SpkiPin;
use crate::violation::{Findings, Path, Violations};
use crate::wire;

use super::time::{timestamp_from_wire, timestamp_to_wire};

/// Of an interface's name and kind. The kernel's own limit for names is 15.
const MAX_WORD_CHARS: usize = 40;
/// Routes of a record, at most.
const MAX_ROUTES: usize = 64;

/// An address, or nothing.
pub(super) fn address_to_wire(address: Option<IpAddr>) -> String {
    address.map_or_else(String::new, |address| address.to_string())
}

pub(super) fn address_from_wire(text: &str, path: &Path) -> Result<Option<IpAddr>, Violations> {
    if text.is_empty() {
        return Ok(None);
    }
    let shown: String = text.chars().take(64).collect();
    text.parse().map(Some).map_err(|_| Violations::one(path, format!("{shown:?} is not an address")))
}

/// A hardware address, or nothing.
pub(super) fn mac_to_wire(mac: Option<MacAddress>) -> bytes::Bytes {
    mac.map_or_else(Vec::new, |mac| mac.as_bytes().to_vec()).into()
}

pub(super) fn mac_from_wire(bytes: &[u8], path: &Path) -> Result<Option<MacAddress>, Violations> {
    if bytes.is_empty() {
        return Ok(None);
    }
    MacAddress::try_from(bytes).map(Some).map_err(|error| Violations::one(path, error))
}

pub(super) fn interface_to_wire(interface: &Interface) -> wire::Interface {
    let Interface { name, kind, is_tunnel } = interface;
    let word = |text: &str| text.chars().take(MAX_WORD_CHARS).collect();
    wire::Interface { name: word(name), kind: word(kind), is_tunnel: *is_tunnel }
}

pub(super) fn interface_from_wire(interface: wire::Interface, path: &Path) -> Result<Interface, Violations> {
    let wire::Interface { name, kind, is_tunnel } = interface;
    let mut findings = Findings::default();
    for (field, text) in [("name", &name), ("kind", &kind)] {
        if text.chars().count() > MAX_WORD_CHARS || text.chars().any(char::is_control) {
            findings.push(
                &path.field(field),
                format!("is longer than {MAX_WORD_CHARS} characters or has control characters"),
            );
        }
    }
    findings.finish(Some(Interface { name, kind, is_tunnel }))
}

pub(super) fn routes_to_wire(routes: &[DefaultRoute]) -> Vec<wire::DefaultRoute> {
    let to_wire = |route: &DefaultRoute| {
        let DefaultRoute { gateway, mac, interface, metric, is_ipv6 } = route;
        wire::DefaultRoute {
            gateway: address_to_wire(*gateway),
            mac: mac_to_wire(*mac),
            interface: Some(interface_to_wire(interface)),
            metric: *metric,
            is_ipv6: *is_ipv6,
        }
    };
    routes.iter().take(MAX_ROUTES).map(to_wire).collect()
}

pub(super) fn routes_from_wire(
    routes: Vec<wire::DefaultRoute>,
    path: &Path,
) -> Result<Vec<DefaultRoute>, Violations> {
    if routes.len() > MAX_ROUTES {
        let message = format!("{} routes are too many (at most {MAX_ROUTES})", routes.len());
        return Err(Violations::one(path, message));
    }
    let mut findings = Findings::default();
    let mut checked = Vec::with_capacity(routes.len());
    for (index, route) in routes.into_iter().enumerate() {
        checked.extend(findings.keep(route_from_wire(route, &path.index(index))));
    }
    findings.finish(Some(checked))
}

fn route_from_wire(route: wire::DefaultRoute, path: &Path) -> Result<DefaultRoute, Violations> {
    let wire::DefaultRoute { gateway, mac, interface, metric, is_ipv6 } = route;
    let mut findings = Findings::default();
    let gateway = findings.keep(address_from_wire(&gateway, &path.field("gateway")));
    let mac = findings.keep(mac_from_wire(&mac, &path.field("mac")));
    let interface = match interface {
        Some(interface) => findings.keep(interface_from_wire(interface, &path.field("interface"))),
        None => findings.keep(Err(Violations::one(&path.field("interface"), "is missing"))),
    };
    let route =
        (|| Some(DefaultRoute { gateway: gateway?, mac: mac?, interface: interface?, metric, is_ipv6 }))();
    findings.finish(route)
}

/// What a TLS peer showed.
pub fn certificate_to_wire(certificate: &PeerCertificate) -> wire::PeerCertificate {
    let PeerCertificate { pin, not_after } = certificate;
    wire::PeerCertificate { pin: pin.as_bytes().to_vec().into(), not_after: not_after.map(timestamp_to_wire) }
}

/// Checks what a TLS peer showed.
///
/// # Errors
/// Every broken rule, with its path below `path`.
pub fn certificate_from_wire(
    certificate: wire::PeerCertificate,
    path: &Path,
) -> Result<PeerCertificate, Violations> {
    let wire::PeerCertificate { pin, not_after } = certificate;
    let mut findings = Findings::default();
    let pin = findings.keep_at(&path.field("pin"), SpkiPin::try_from(pin.as_ref()));
    let not_after = match not_after {
        None => Some(None),
        some => findings.keep(timestamp_from_wire(some, &path.field("not_after")).map(Some)),
    };
    findings.finish(pin.zip(not_after).map(|(pin, not_after)| PeerCertificate { pin, not_after }))
}
