//! Attempts on the wire.

use crate::evidence::{Attempt, Outcome};
use crate::port::{Port, Ports};
use crate::reference_server::MAX_SERVERS;
use crate::violation::{Findings, Path, Violations};
use crate::wire;

use super::super::fleet::text_from_wire;
use super::super::location::{position_from_wire, saturated};
use super::super::network::{
    address_from_wire, address_to_wire, certificate_from_wire, certificate_to_wire, interface_from_wire,
    interface_to_wire,
};
use super::super::time::{duration_from_wire, duration_to_wire};

pub(in super::super) const MAX_ATTEMPTS: usize = MAX_SERVERS * Ports::MAX;

pub(super) fn attempt_to_wire(attempt: &Attempt) -> wire::Attempt {
    let Attempt {
        position,
        host,
        port,
        address,
        local_address,
        started_after,
        took,
        outcome,
        os_error,
        n_addresses,
        interface,
        certificate,
        tls_error,
    } = attempt;
    wire::Attempt {
        position: saturated(*position),
        host: host.to_string(),
        port: u32::from(port.get()),
        address: address_to_wire(*address),
        local_address: address_to_wire(*local_address),
        started_after: Some(duration_to_wire(*started_after)),
        took: Some(duration_to_wire(*took)),
        outcome: outcome_to_wire(*outcome).into(),
        os_error: os_error.unwrap_or(0),
        n_addresses: saturated(*n_addresses),
        interface: interface.as_ref().map(interface_to_wire),
        certificate: certificate.as_ref().map(certificate_to_wire),
        tls_error: tls_error.iter().flat_map(|text| text.chars().take(Attempt::MAX_TLS_ERROR)).collect(),
    }
}

pub(super) fn attempts_from_wire(
    attempts: Vec<wire::Attempt>,
    path: &Path,
) -> Result<Vec<Attempt>, Violations> {
    if attempts.len() > MAX_ATTEMPTS {
        let message = format!("{} attempts are too many (at most {MAX_ATTEMPTS})", attempts.len());
        return Err(Violations::one(path, message));
    }
    let mut findings = Findings::default();
    let mut checked = Vec::with_capacity(attempts.len());
    for (index, attempt) in attempts.into_iter().enumerate() {
        checked.extend(findings.keep(attempt_from_wire(attempt, &path.index(index))));
    }
    findings.finish(Some(checked))
}

fn attempt_from_wire(attempt: wire::Attempt, path: &Path) -> Result<Attempt, Violations> {
    let wire::Attempt {
        position,
        host,
        port,
        address,
        local_address,
        started_after,
        took,
        outcome,
        os_error,
        n_addresses,
        interface,
        certificate,
        tls_error,
    } = attempt;
    let mut findings = Findings::default();
    let position = findings.keep(position_from_wire(position, &path.field("position")));
    let host = findings.keep_at(&path.field("host"), host.parse());
    let port = findings.keep_at(&path.field("port"), Port::try_from(port));
    let address = findings.keep(address_from_wire(&address, &path.field("address")));
    let local_address = findings.keep(address_from_wire(&local_address, &path.field("local_address")));
    let started_after = findings.keep(duration_from_wire(started_after, &path.field("started_after")));
    let took = findings.keep(duration_from_wire(took, &path.field("took")));
    let outcome = findings.keep(outcome_from_wire(outcome, &path.field("outcome")));
    let interface = match interface {
        None => Some(None),
        Some(interface) => findings.keep(interface_from_wire(interface, &path.field("interface"))).map(Some),
    };
    let certificate = match certificate {
        None => Some(None),
        Some(certificate) => {
            findings.keep(certificate_from_wire(certificate, &path.field("certificate"))).map(Some)
        }
    };
    let tls_error =
        findings.keep(text_from_wire(tls_error, Attempt::MAX_TLS_ERROR, &path.field("tls_error")));
    let attempt = (|| {
        Some(Attempt {
            position: position?,
            host: host?,
            port: port?,
            address: address?,
            local_address: local_address?,
            started_after: started_after?,
            took: took?,
            outcome: outcome?,
            os_error: (os_error != 0).then_some(os_error),
            n_addresses: n_addresses as usize,
            interface: interface?,
            certificate: certificate?,
            tls_error: tls_error.filter(|text| !text.is_empty()),
        })
    })();
    findings.finish(attempt)
}

/// How an attempt ended.
pub fn outcome_to_wire(outcome: Outcome) -> wire::AttemptOutcome {
    match outcome {
        Outcome::Answered => wire::AttemptOutcome::Answered,
        Outcome::Refused => wire::AttemptOutcome::Refused,
        Outcome::Timeout => wire::AttemptOutcome::Timeout,
        Outcome::Unreachable => wire::AttemptOutcome::Unreachable,
        Outcome::NameNotFound => wire::AttemptOutcome::NameNotFound,
        Outcome::ResolverFailed => wire::AttemptOutcome::ResolverFailed,
        Outcome::NotNeeded => wire::AttemptOutcome::NotNeeded,
        Outcome::LocalError => wire::AttemptOutcome::LocalError,
        Outcome::PinMismatch => wire::AttemptOutcome::PinMismatch,
        Outcome::TlsFailed => wire::AttemptOutcome::TlsFailed,
    }
}

/// Checks how an attempt ended.
///
/// # Errors
/// Absent, or a number that stands for nothing.
pub fn outcome_from_wire(number: i32, path: &Path) -> Result<Outcome, Violations> {
    match wire::AttemptOutcome::try_from(number) {
        Ok(wire::AttemptOutcome::Answered) => Ok(Outcome::Answered),
        Ok(wire::AttemptOutcome::Refused) => Ok(Outcome::Refused),
        Ok(wire::AttemptOutcome::Timeout) => Ok(Outcome::Timeout),
        Ok(wire::AttemptOutcome::Unreachable) => Ok(Outcome::Unreachable),
        Ok(wire::AttemptOutcome::NameNotFound) => Ok(Outcome::NameNotFound),
        Ok(wire::AttemptOutcome::ResolverFailed) => Ok(Outcome::ResolverFailed),
        Ok(wire::AttemptOutcome::NotNeeded) => Ok(Outcome::NotNeeded),
        Ok(wire::AttemptOutcome::LocalError) => Ok(Outcome::LocalError),
        Ok(wire::AttemptOutcome::PinMismatch) => Ok(Outcome::PinMismatch),
        Ok(wire::AttemptOutcome::TlsFailed) => Ok(Outcome::TlsFailed),
        Ok(wire::AttemptOutcome::Unspecified) => Err(Violations::one(path, "is missing")),
        Err(_) => Err(Violations::one(path, format!("{number} is not an outcome"))),
    }
}
