//! Verdicts and location reports on the wire.

use crate::gateway::MAX_GATEWAYS;
use crate::ids::{BootId, EvaluationId};
use crate::location::{Basis, LinkState, Location, LocationReport, Trigger, Verdict};
use crate::port::Port;
use crate::reference_server::MAX_SERVERS;
use crate::revision::Revision;
use crate::violation::{Findings, Path, Violations};
use crate::wire;

use super::network::{address_from_wire, address_to_wire, mac_from_wire, mac_to_wire};
use super::time::{duration_from_wire, duration_to_wire, timestamp_from_wire, timestamp_to_wire};

/// More triggers than kinds of them are noise.
const MAX_TRIGGERS: usize = 16;

/// A location.
pub fn location_to_wire(location: Location) -> wire::Location {
    match location {
        Location::Internal => wire::Location::Internal,
        Location::External => wire::Location::External,
        Location::Unknown => wire::Location::Unknown,
    }
}

/// Checks a location.
///
/// # Errors
/// Absent, or a number that stands for nothing.
pub fn location_from_wire(number: i32, path: &Path) -> Result<Location, Violations> {
    match wire::Location::try_from(number) {
        Ok(wire::Location::Internal) => Ok(Location::Internal),
        Ok(wire::Location::External) => Ok(Location::External),
        Ok(wire::Location::Unknown) => Ok(Location::Unknown),
        Ok(wire::Location::Unspecified) => Err(Violations::one(path, "is missing")),
        Err(_) => Err(Violations::one(path, format!("{number} is not a location"))),
    }
}

/// A link state.
pub fn link_to_wire(link: LinkState) -> wire::LinkState {
    match link {
        LinkState::Connected => wire::LinkState::Connected,
        LinkState::Lost => wire::LinkState::Lost,
    }
}

/// Checks a link state.
///
/// # Errors
/// Absent, or a number that stands for nothing.
pub fn link_from_wire(number: i32, path: &Path) -> Result<LinkState, Violations> {
    match wire::LinkState::try_from(number) {
        Ok(wire::LinkState::Connected) => Ok(LinkState::Connected),
        Ok(wire::LinkState::Lost) => Ok(LinkState::Lost),
        Ok(wire::LinkState::Unspecified) => Err(Violations::one(path, "is missing")),
        Err(_) => Err(Violations::one(path, format!("{number} is not a link state"))),
    }
}

/// A trigger.
pub fn trigger_to_wire(trigger: Trigger) -> wire::Trigger {
    match trigger {
        Trigger::Start => wire::Trigger::Start,
        Trigger::LinkLost => wire::Trigger::LinkLost,
        Trigger::LinkConnected => wire::Trigger::LinkConnected,
        Trigger::Assignment => wire::Trigger::Assignment,
        Trigger::Recheck => wire::Trigger::Recheck,
        Trigger::ServerRequest => wire::Trigger::ServerRequest,
        Trigger::LocalRequest => wire::Trigger::LocalRequest,
        Trigger::NetworkChange => wire::Trigger::NetworkChange,
        Trigger::ResolverChange => wire::Trigger::ResolverChange,
        Trigger::Wake => wire::Trigger::Wake,
        Trigger::Confirmation => wire::Trigger::Confirmation,
    }
}

/// All triggers, in their order.
pub fn triggers_to_wire(triggers: &[Trigger]) -> Vec<i32> {
    triggers.iter().map(|trigger| trigger_to_wire(*trigger).into()).collect()
}

/// Checks all triggers.
///
/// # Errors
/// None at all, far too many, or numbers that stand for nothing.
pub fn triggers_from_wire(numbers: &[i32], path: &Path) -> Result<Vec<Trigger>, Violations> {
    if numbers.is_empty() || numbers.len() > MAX_TRIGGERS {
        return Err(Violations::one(path, format!("{} triggers (1 to {MAX_TRIGGERS})", numbers.len())));
    }
    let mut findings = Findings::default();
    let mut triggers = Vec::with_capacity(numbers.len());
    for (index, number) in numbers.iter().enumerate() {
        triggers.extend(findings.keep(trigger_from_wire(*number, &path.index(index))));
    }
    findings.finish(Some(triggers))
}

/// Checks what made an agent look.
///
/// # Errors
/// Absent, or a number that stands for nothing.
pub fn trigger_from_wire(number: i32, path: &Path) -> Result<Trigger, Violations> {
    match wire::Trigger::try_from(number) {
        Ok(wire::Trigger::Start) => Ok(Trigger::Start),
        Ok(wire::Trigger::LinkLost) => Ok(Trigger::LinkLost),
        Ok(wire::Trigger::LinkConnected) => Ok(Trigger::LinkConnected),
        Ok(wire::Trigger::Assignment) => Ok(Trigger::Assignment),
        Ok(wire::Trigger::Recheck) => Ok(Trigger::Recheck),
        Ok(wire::Trigger::ServerRequest) => Ok(Trigger::ServerRequest),
        Ok(wire::Trigger::LocalRequest) => Ok(Trigger::LocalRequest),
        Ok(wire::Trigger::NetworkChange) => Ok(Trigger::NetworkChange),
        Ok(wire::Trigger::ResolverChange) => Ok(Trigger::ResolverChange),
        Ok(wire::Trigger::Wake) => Ok(Trigger::Wake),
        Ok(wire::Trigger::Confirmation) => Ok(Trigger::Confirmation),
        Ok(wire::Trigger::Unspecified) => Err(Violations::one(path, "is missing")),
        Err(_) => Err(Violations::one(path, format!("{number} is not a trigger"))),
    }
}

/// Why a location was decided.
pub fn basis_to_wire(basis: &Basis) -> wire::Basis {
    use wire::basis::{
        GatewayListed, Kind, NoGatewayListed, NoneReachable, ReferenceServerAnswered, TooFewAnswered,
    };
    let kind = match basis {
        Basis::ManagementServer => Kind::ManagementServer(wire::basis::ManagementServer {}),
        Basis::ReferenceServer { host, port, position } => Kind::ReferenceServer(ReferenceServerAnswered {
            host: host.to_string(),
            port: u32::from(port.get()),
            position: saturated(*position),
        }),
        Basis::NoneReachable { n_attempts } => {
            Kind::NoneReachable(NoneReachable { attempts: saturated(*n_attempts) })
        }
        Basis::ListDisabled => Kind::ListDisabled(wire::basis::ListDisabled {}),
        Basis::NoAssignment => Kind::NoAssignment(wire::basis::NoAssignment {}),
        Basis::TooFewAnswered { n_answered, n_required, n_attempts } => {
            Kind::TooFewAnswered(TooFewAnswered {
                answered: saturated(*n_answered),
                required: saturated(*n_required),
                attempts: saturated(*n_attempts),
            })
        }
        Basis::Gateway { address, mac, position } => Kind::Gateway(GatewayListed {
            address: address.to_string(),
            mac: mac_to_wire(*mac),
            position: saturated(*position),
        }),
        Basis::NoGateway { seen } => Kind::NoGateway(NoGatewayListed { address: address_to_wire(*seen) }),
    };
    wire::Basis { kind: Some(kind) }
}

/// Checks why a location was decided.
///
/// # Errors
/// Absent, or with a host, port or position that cannot be.
pub fn basis_from_wire(basis: Option<wire::Basis>, path: &Path) -> Result<Basis, Violations> {
    use wire::basis::{
        GatewayListed, Kind, NoGatewayListed, NoneReachable, ReferenceServerAnswered, TooFewAnswered,
    };
    let Some(wire::Basis { kind: Some(kind) }) = basis else {
        return Err(Violations::one(path, "is missing"));
    };
    match kind {
        Kind::ManagementServer(wire::basis::ManagementServer {}) => Ok(Basis::ManagementServer),
        Kind::ReferenceServer(ReferenceServerAnswered { host, port, position }) => {
            let path = path.field("reference_server");
            let mut findings = Findings::default();
            let host = findings.keep_at(&path.field("host"), host.parse());
            let port = findings.keep_at(&path.field("port"), Port::try_from(port));
            let position = findings.keep(position_from_wire(position, &path.field("position")));
            let parts = host.zip(port).zip(position);
            findings.finish(parts.map(|((host, port), position)| Basis::ReferenceServer {
                host,
                port,
                position,
            }))
        }
        Kind::NoneReachable(NoneReachable { attempts }) => {
            Ok(Basis::NoneReachable { n_attempts: attempts as usize })
        }
        Kind::ListDisabled(wire::basis::ListDisabled {}) => Ok(Basis::ListDisabled),
        Kind::NoAssignment(wire::basis::NoAssignment {}) => Ok(Basis::NoAssignment),
        Kind::TooFewAnswered(TooFewAnswered { answered, required, attempts }) => Ok(Basis::TooFewAnswered {
            n_answered: answered as usize,
            n_required: required as usize,
            n_attempts: attempts as usize,
        }),
        Kind::Gateway(GatewayListed { address, mac, position }) => {
            gateway_basis_from_wire(&address, &mac, position, &path.field("gateway"))
        }
        Kind::NoGateway(NoGatewayListed { address }) => {
            let path = path.field("no_gateway").field("address");
            address_from_wire(&address, &path).map(|seen| Basis::NoGateway { seen })
        }
    }
}

fn gateway_basis_from_wire(
    address: &str,
    mac: &[u8],
    position: u32,
    path: &Path,
) -> Result<Basis, Violations> {
    let mut findings = Findings::default();
    let address_path = path.field("address");
    let address = findings.keep(address_from_wire(address, &address_path)).and_then(|address| {
        if address.is_none() {
            findings.push(&address_path, "is missing");
        }
        address
    });
    let mac = findings.keep(mac_from_wire(mac, &path.field("mac")));
    let position = position as usize;
    if position >= MAX_GATEWAYS {
        findings.push(&path.field("position"), format!("{position} is beyond the longest list of gateways"));
    }
    findings.finish(address.zip(mac).map(|(address, mac)| Basis::Gateway { address, mac, position }))
}

/// A place in the list.
pub(super) fn position_from_wire(position: u32, path: &Path) -> Result<usize, Violations> {
    let position = position as usize;
    if position < MAX_SERVERS {
        Ok(position)
    } else {
        Err(Violations::one(
            path,
            format!("{position} is beyond the longest list (0 to {})", MAX_SERVERS - 1),
        ))
    }
}

/// Counts of things of which there are at most a few thousand.
pub(super) fn saturated(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// One record of a history.
pub fn report_to_wire(report: &LocationReport) -> wire::LocationReport {
    let LocationReport {
        at,
        boot_id,
        since_boot,
        verdict,
        triggers,
        revision,
        evaluation,
        decided_in,
        n_flips,
    } = report;
    wire::LocationReport {
        at: Some(timestamp_to_wire(*at)),
        boot_id: boot_id.to_string(),
        since_boot: Some(duration_to_wire(*since_boot)),
        location: location_to_wire(verdict.location).into(),
        basis: Some(basis_to_wire(&verdict.basis)),
        triggers: triggers_to_wire(triggers),
        revision: revision.map_or(0, Revision::get),
        evaluation: evaluation.get(),
        decided_in: Some(duration_to_wire(*decided_in)),
        n_flips: *n_flips,
    }
}

/// Checks one record of a history.
///
/// # Errors
/// Every broken rule, with its path below `path`.
pub fn report_from_wire(report: wire::LocationReport, path: &Path) -> Result<LocationReport, Violations> {
    let wire::LocationReport {
        at,
        boot_id,
        since_boot,
        location,
        basis,
        triggers,
        revision,
        evaluation,
        decided_in,
        n_flips,
    } = report;
    let mut findings = Findings::default();
    let at = findings.keep(timestamp_from_wire(at, &path.field("at")));
    let boot_id = findings.keep_at(&path.field("boot_id"), boot_id.parse::<BootId>());
    let since_boot = findings.keep(duration_from_wire(since_boot, &path.field("since_boot")));
    let location = findings.keep(location_from_wire(location, &path.field("location")));
    let basis = findings.keep(basis_from_wire(basis, &path.field("basis")));
    let triggers = findings.keep(triggers_from_wire(&triggers, &path.field("triggers")));
    let decided_in = findings.keep(duration_from_wire(decided_in, &path.field("decided_in")));
    let report = (|| {
        Some(LocationReport {
            at: at?,
            boot_id: boot_id?,
            since_boot: since_boot?,
            verdict: Verdict { location: location?, basis: basis? },
            triggers: triggers?,
            revision: Revision::new(revision),
            evaluation: EvaluationId::new(evaluation),
            decided_in: decided_in?,
            n_flips,
        })
    })();
    findings.finish(report)
}
