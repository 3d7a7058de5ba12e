//! Gateways on the wire.

use crate::gateway::{Gateway, GatewayList, InvalidGateway, InvalidGatewayList, MAX_GATEWAYS};
use crate::violation::{Findings, Path, Violations};
use crate::wire;

use super::network::{address_from_wire, mac_from_wire, mac_to_wire};

/// The list.
pub fn gateways_to_wire(gateways: &GatewayList) -> Vec<wire::Gateway> {
    gateways.as_slice().iter().map(gateway_to_wire).collect()
}

/// Checks the list.
///
/// # Errors
/// Every broken rule, with its path below `path`.
pub fn gateways_from_wire(gateways: &[wire::Gateway], path: &Path) -> Result<GatewayList, Violations> {
    if gateways.len() > MAX_GATEWAYS {
        return Err(Violations::one(path, InvalidGatewayList::TooMany(gateways.len())));
    }
    let mut findings = Findings::default();
    let mut checked = Vec::with_capacity(gateways.len());
    for (index, gateway) in gateways.iter().enumerate() {
        checked.extend(findings.keep(gateway_from_wire(gateway, &path.index(index))));
    }
    if !findings.is_empty() {
        return findings.finish(None);
    }
    GatewayList::new(checked).map_err(|error| {
        let path = match &error {
            InvalidGatewayList::TooMany(_) => path.clone(),
            InvalidGatewayList::Twice { index, .. } => path.index(*index),
        };
        Violations::one(&path, error)
    })
}

/// One entry.
pub fn gateway_to_wire(gateway: &Gateway) -> wire::Gateway {
    wire::Gateway { address: gateway.address().to_string(), mac: mac_to_wire(gateway.mac()) }
}

/// Checks one entry.
///
/// # Errors
/// Every broken rule, with its path below `path`.
pub fn gateway_from_wire(gateway: &wire::Gateway, path: &Path) -> Result<Gateway, Violations> {
    let wire::Gateway { address, mac } = gateway;
    let mut findings = Findings::default();
    let address_path = path.field("address");
    let address = findings.keep(address_from_wire(address, &address_path)).and_then(|address| {
        if address.is_none() {
            findings.push(&address_path, "is missing");
        }
        address
    });
    let mac = findings.keep(mac_from_wire(mac, &path.field("mac")));
    let Some((address, mac)) = address.zip(mac) else { return findings.finish(None) };
    Gateway::new(address, mac).map_err(|error| match error {
        InvalidGateway::Address { .. } => Violations::one(&address_path, error),
        InvalidGateway::Hardware { .. } => Violations::one(&path.field("mac"), error),
    })
}
