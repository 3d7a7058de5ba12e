//! Settings on the wire.

use crate::firewall::Firewall;
use crate::host::Host;
use crate::pin::{InvalidPins, Pins, SpkiPin};
use crate::port::{InvalidPorts, Port, Ports};
use crate::reference_server::{InvalidList, MAX_SERVERS, Probe, ReferenceServer, ReferenceServerList};
use crate::settings::Settings;
use crate::violation::{Findings, Path, Violations};
use crate::wire;

use super::firewall;
use super::gateways::{gateways_from_wire, gateways_to_wire};
use super::location_rules::{rules_from_wire, rules_to_wire};

/// As they are encoded, stored and pushed.
pub fn to_wire(settings: &Settings) -> wire::Settings {
    let Settings { reference_servers, location, gateways, firewall } = settings;
    wire::Settings {
        reference_servers: Some(list_to_wire(reference_servers)),
        location: Some(rules_to_wire(location)),
        gateways: gateways_to_wire(gateways),
        firewall: firewall::optional_to_wire(firewall),
    }
}

/// Checks everything.
///
/// # Errors
/// Every broken rule, with its path.
pub fn from_wire(settings: wire::Settings) -> Result<Settings, Violations> {
    let wire::Settings { reference_servers, location, gateways, firewall } = settings;
    let mut findings = Findings::default();
    let path = Path::root().field("reference_servers");
    let reference_servers = match reference_servers {
        Some(list) => findings.keep(list_from_wire(list, &path)),
        None => findings.keep(Err(Violations::one(&path, "is missing"))),
    };
    let path = Path::root().field("location");
    let location = match location {
        Some(rules) => findings.keep(rules_from_wire(rules, &path)),
        None => findings.keep(Err(Violations::one(&path, "is missing"))),
    };
    let gateways = findings.keep(gateways_from_wire(&gateways, &Path::root().field("gateways")));
    let firewall = match firewall {
        Some(firewall) => {
            findings.keep(firewall::firewall_from_wire(firewall, &Path::root().field("firewall")))
        }
        None => Some(Firewall::default()),
    };
    let settings = (|| {
        Some(Settings {
            reference_servers: reference_servers?,
            location: location?,
            gateways: gateways?,
            firewall: firewall?,
        })
    })();
    findings.finish(settings)
}

/// The list alone.
pub fn list_to_wire(list: &ReferenceServerList) -> wire::ReferenceServerList {
    wire::ReferenceServerList {
        enabled: list.is_enabled(),
        servers: list.servers().iter().map(server_to_wire).collect(),
    }
}

/// Checks the list alone.
///
/// # Errors
/// Every broken rule, with its path below `path`.
pub fn list_from_wire(
    list: wire::ReferenceServerList,
    path: &Path,
) -> Result<ReferenceServerList, Violations> {
    let wire::ReferenceServerList { enabled, servers } = list;
    let path = path.field("servers");
    let mut findings = Findings::default();
    // A list that is too long is refused before its entries are read: no peer makes us list a million violations.
    if servers.len() > MAX_SERVERS {
        return Err(Violations::one(
            &path,
            InvalidList::TooMany { n_servers: servers.len(), max: MAX_SERVERS },
        ));
    }
    let servers: Vec<Option<ReferenceServer>> = servers
        .into_iter()
        .enumerate()
        .map(|(index, server)| findings.keep(server_from_wire(server, &path.index(index))))
        .collect();
    let Some(servers) = servers.into_iter().collect::<Option<Vec<_>>>() else {
        return findings.finish(None);
    };
    let list = match ReferenceServerList::new(enabled, servers) {
        Ok(list) => Some(list),
        Err(error) => {
            let path = match &error {
                InvalidList::TooMany { .. } => path,
                InvalidList::Twice { index, .. } => path.index(*index).field("host"),
            };
            findings.push(&path, error);
            None
        }
    };
    findings.finish(list)
}

/// One entry.
pub fn server_to_wire(server: &ReferenceServer) -> wire::ReferenceServer {
    let ReferenceServer { host, ports, probe } = server;
    wire::ReferenceServer {
        host: host.to_string(),
        ports: ports.as_slice().iter().map(|port| u32::from(port.get())).collect(),
        tls: probe.pins().map(tls_to_wire),
    }
}

/// Checks one entry.
///
/// # Errors
/// Every broken rule, with its path below `path`.
pub fn server_from_wire(server: wire::ReferenceServer, path: &Path) -> Result<ReferenceServer, Violations> {
    let wire::ReferenceServer { host, ports, tls } = server;
    let mut findings = Findings::default();
    let host = findings.keep_at(&path.field("host"), host.parse::<Host>());
    let ports = findings.keep(ports_from_wire(&ports, &path.field("ports")));
    let probe = match tls {
        None => Some(Probe::Tcp),
        Some(tls) => findings.keep(pins_from_wire(&tls, &path.field("tls"))).map(Probe::Tls),
    };
    let server = (|| Some(ReferenceServer { host: host?, ports: ports?, probe: probe? }))();
    findings.finish(server)
}

fn tls_to_wire(pins: &Pins) -> wire::TlsProbe {
    wire::TlsProbe { pins: pins.as_slice().iter().map(|pin| pin.as_bytes().to_vec().into()).collect() }
}

/// Checks the pins of one entry.
///
/// # Errors
/// Every broken rule, with its path below `path`.
pub fn pins_from_wire(tls: &wire::TlsProbe, path: &Path) -> Result<Pins, Violations> {
    let wire::TlsProbe { pins } = tls;
    let path = path.field("pins");
    if pins.len() > Pins::MAX {
        return Err(Violations::one(&path, InvalidPins::TooMany(pins.len())));
    }
    let mut findings = Findings::default();
    let mut checked = Vec::with_capacity(pins.len());
    for (index, pin) in pins.iter().enumerate() {
        checked.extend(findings.keep_at(&path.index(index), SpkiPin::try_from(pin.as_ref())));
    }
    if !findings.is_empty() {
        return findings.finish(None);
    }
    Pins::new(checked).map_err(|error| {
        let path = match &error {
            InvalidPins::None | InvalidPins::TooMany(_) => path.clone(),
            InvalidPins::Twice { index, .. } => path.index(*index),
        };
        Violations::one(&path, error)
    })
}

/// Checks the ports of one entry.
///
/// # Errors
/// Every broken rule, with its path below `path`.
pub fn ports_from_wire(numbers: &[u32], path: &Path) -> Result<Ports, Violations> {
    let mut findings = Findings::default();
    let mut ports = Vec::new();
    for (index, number) in numbers.iter().enumerate() {
        ports.extend(findings.keep_at(&path.index(index), Port::try_from(*number)));
    }
    if !findings.is_empty() {
        return findings.finish(None);
    }
    Ports::new(ports).map_err(|error| {
        let path = match &error {
            InvalidPorts::None | InvalidPorts::TooMany(_) => path.clone(),
            InvalidPorts::Twice { index, .. } => path.index(*index),
        };
        Violations::one(&path, error)
    })
}
