//! Settings on the wire.

use crate::host::Host;
use crate::port::{InvalidPorts, Port, Ports};
use crate::reference_server::{InvalidList, MAX_SERVERS, ReferenceServer, ReferenceServerList};
use crate::settings::{LocationRules, RecheckInterval, ServerConnection, Settings};
use crate::violation::{Findings, Path, Violations};
use crate::wire;

use super::time::{duration_from_wire, duration_to_wire};

/// As they are encoded, stored and pushed.
pub fn to_wire(settings: &Settings) -> wire::Settings {
    let Settings { reference_servers, location } = settings;
    wire::Settings {
        reference_servers: Some(list_to_wire(reference_servers)),
        location: Some(rules_to_wire(location)),
    }
}

/// Checks everything.
///
/// # Errors
/// Every broken rule, with its path.
pub fn from_wire(settings: wire::Settings) -> Result<Settings, Violations> {
    let wire::Settings { reference_servers, location } = settings;
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
    let settings = reference_servers
        .zip(location)
        .map(|(reference_servers, location)| Settings { reference_servers, location });
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
    let ReferenceServer { host, ports } = server;
    wire::ReferenceServer {
        host: host.to_string(),
        ports: ports.as_slice().iter().map(|port| u32::from(port.get())).collect(),
    }
}

/// Checks one entry.
///
/// # Errors
/// Every broken rule, with its path below `path`.
pub fn server_from_wire(server: wire::ReferenceServer, path: &Path) -> Result<ReferenceServer, Violations> {
    let wire::ReferenceServer { host, ports } = server;
    let mut findings = Findings::default();
    let host = findings.keep_at(&path.field("host"), host.parse::<Host>());
    let ports = findings.keep(ports_from_wire(&ports, &path.field("ports")));
    findings.finish(host.zip(ports).map(|(host, ports)| ReferenceServer { host, ports }))
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

/// The location rules alone.
pub fn rules_to_wire(rules: &LocationRules) -> wire::LocationRules {
    let LocationRules { server_connection, recheck_interval } = rules;
    wire::LocationRules {
        server_connection: server_connection_to_wire(*server_connection).into(),
        recheck_interval: Some(duration_to_wire(recheck_interval.get())),
    }
}

/// Checks the location rules alone.
///
/// # Errors
/// Every broken rule, with its path below `path`.
pub fn rules_from_wire(rules: wire::LocationRules, path: &Path) -> Result<LocationRules, Violations> {
    let wire::LocationRules { server_connection, recheck_interval } = rules;
    let mut findings = Findings::default();
    let server_connection =
        findings.keep(server_connection_from_wire(server_connection, &path.field("server_connection")));
    let recheck_interval =
        findings.keep(recheck_interval_from_wire(recheck_interval, &path.field("recheck_interval")));
    findings.finish(
        server_connection.zip(recheck_interval).map(|(server_connection, recheck_interval)| LocationRules {
            server_connection,
            recheck_interval,
        }),
    )
}

/// What being connected means.
pub fn server_connection_to_wire(meaning: ServerConnection) -> wire::ServerConnection {
    match meaning {
        ServerConnection::MeansInternal => wire::ServerConnection::MeansInternal,
        ServerConnection::SaysNothing => wire::ServerConnection::SaysNothing,
    }
}

/// Checks what being connected means.
///
/// # Errors
/// A number that stands for nothing.
pub fn server_connection_from_wire(number: i32, path: &Path) -> Result<ServerConnection, Violations> {
    match wire::ServerConnection::try_from(number) {
        Ok(wire::ServerConnection::MeansInternal) => Ok(ServerConnection::MeansInternal),
        Ok(wire::ServerConnection::SaysNothing) => Ok(ServerConnection::SaysNothing),
        Ok(wire::ServerConnection::Unspecified) => Err(Violations::one(path, "is missing")),
        Err(_) => Err(Violations::one(path, format!("{number} is not a known meaning"))),
    }
}

/// Checks a recheck interval.
///
/// # Errors
/// Absent or out of range.
pub fn recheck_interval_from_wire(
    interval: Option<prost_types::Duration>,
    path: &Path,
) -> Result<RecheckInterval, Violations> {
    let interval = duration_from_wire(interval, path)?;
    RecheckInterval::new(interval).map_err(|error| Violations::one(path, error))
}
