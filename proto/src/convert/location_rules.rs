//! Location rules on the wire. What is the default is absent there, so that an agent of an older version takes settings
//! that use nothing new.

use std::time::Duration;

use crate::location_rules::{
    Confirmations, Criterion, Hysteresis, LocationRules, MinimumDwell, RecheckInterval, RequiredSuccesses,
    ServerConnection, Tunnels,
};
use crate::violation::{Findings, Path, Violations};
use crate::wire;

use super::time::{duration_from_wire, duration_to_wire};

/// The location rules alone.
pub fn rules_to_wire(rules: &LocationRules) -> wire::LocationRules {
    let LocationRules {
        criterion,
        server_connection,
        recheck_interval,
        required_successes,
        tunnels,
        hysteresis,
    } = rules;
    let Hysteresis { confirmations_to_internal, confirmations_to_external, minimum_dwell } = *hysteresis;
    let unless_one = |n: u32| if n == 1 { 0 } else { n };
    let criterion = match criterion {
        Criterion::ConnectionStatus => wire::LocationCriterion::Unspecified,
        Criterion::Gateway => wire::LocationCriterion::Gateway,
    };
    let tunnels = match tunnels {
        Tunnels::Count => wire::Tunnels::Unspecified,
        Tunnels::Ignore => wire::Tunnels::Ignore,
    };
    let dwell = minimum_dwell.get();
    wire::LocationRules {
        server_connection: server_connection_to_wire(*server_connection).into(),
        recheck_interval: Some(duration_to_wire(recheck_interval.get())),
        criterion: criterion.into(),
        required_successes: unless_one(u32::try_from(required_successes.get()).unwrap_or(0)),
        tunnels: tunnels.into(),
        confirmations_to_internal: unless_one(confirmations_to_internal.get()),
        confirmations_to_external: unless_one(confirmations_to_external.get()),
        minimum_dwell: (!dwell.is_zero()).then(|| duration_to_wire(dwell)),
    }
}

/// Checks the location rules alone.
///
/// # Errors
/// Every broken rule, with its path below `path`.
pub fn rules_from_wire(rules: wire::LocationRules, path: &Path) -> Result<LocationRules, Violations> {
    let wire::LocationRules {
        server_connection,
        recheck_interval,
        criterion,
        required_successes,
        tunnels,
        confirmations_to_internal,
        confirmations_to_external,
        minimum_dwell,
    } = rules;
    let mut findings = Findings::default();
    let server_connection =
        findings.keep(server_connection_from_wire(server_connection, &path.field("server_connection")));
    let recheck_interval =
        findings.keep(recheck_interval_from_wire(recheck_interval, &path.field("recheck_interval")));
    let criterion = findings.keep(criterion_from_wire(criterion, &path.field("criterion")));
    let required_successes =
        findings.keep(required_successes_from_wire(required_successes, &path.field("required_successes")));
    let tunnels = findings.keep(tunnels_from_wire(tunnels, &path.field("tunnels")));
    let mut confirmations = |n, name: &str| findings.keep(confirmations_from_wire(n, &path.field(name)));
    let confirmations_to_internal = confirmations(confirmations_to_internal, "confirmations_to_internal");
    let confirmations_to_external = confirmations(confirmations_to_external, "confirmations_to_external");
    let minimum_dwell = match minimum_dwell {
        None => Some(MinimumDwell::default()),
        some => findings.keep(minimum_dwell_from_wire(some, &path.field("minimum_dwell"))),
    };
    let rules = (|| {
        Some(LocationRules {
            criterion: criterion?,
            server_connection: server_connection?,
            recheck_interval: recheck_interval?,
            required_successes: required_successes?,
            tunnels: tunnels?,
            hysteresis: Hysteresis {
                confirmations_to_internal: confirmations_to_internal?,
                confirmations_to_external: confirmations_to_external?,
                minimum_dwell: minimum_dwell?,
            },
        })
    })();
    findings.finish(rules)
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

/// Checks a criterion; unspecified is connection status.
///
/// # Errors
/// A number that stands for nothing.
pub fn criterion_from_wire(number: i32, path: &Path) -> Result<Criterion, Violations> {
    use wire::LocationCriterion::{ConnectionStatus, Gateway, Unspecified};
    match wire::LocationCriterion::try_from(number) {
        Ok(Unspecified | ConnectionStatus) => Ok(Criterion::ConnectionStatus),
        Ok(Gateway) => Ok(Criterion::Gateway),
        Err(_) => Err(Violations::one(path, format!("{number} is not a criterion"))),
    }
}

/// Checks what is beyond a tunnel; unspecified is to count it.
///
/// # Errors
/// A number that stands for nothing.
pub fn tunnels_from_wire(number: i32, path: &Path) -> Result<Tunnels, Violations> {
    match wire::Tunnels::try_from(number) {
        Ok(wire::Tunnels::Unspecified | wire::Tunnels::Count) => Ok(Tunnels::Count),
        Ok(wire::Tunnels::Ignore) => Ok(Tunnels::Ignore),
        Err(_) => Err(Violations::one(path, format!("{number} is not a known treatment of tunnels"))),
    }
}

/// Checks how many servers must answer; 0 is 1.
///
/// # Errors
/// Out of range.
pub fn required_successes_from_wire(n: u32, path: &Path) -> Result<RequiredSuccesses, Violations> {
    RequiredSuccesses::new(n.max(1)).map_err(|error| Violations::one(path, error))
}

/// Checks how many findings in a row a change needs; 0 is 1.
///
/// # Errors
/// Out of range.
pub fn confirmations_from_wire(n: u32, path: &Path) -> Result<Confirmations, Violations> {
    Confirmations::new(n.max(1)).map_err(|error| Violations::one(path, error))
}

/// Checks how long a location stands at least.
///
/// # Errors
/// Absent or out of range.
pub fn minimum_dwell_from_wire(
    dwell: Option<prost_types::Duration>,
    path: &Path,
) -> Result<MinimumDwell, Violations> {
    let dwell: Duration = duration_from_wire(dwell, path)?;
    MinimumDwell::new(dwell).map_err(|error| Violations::one(path, error))
}
