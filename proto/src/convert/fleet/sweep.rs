//! Sweeps on the wire.

use crate::message::{SweepReport, SweepResult};
use crate::port::Port;
use crate::violation::{Findings, Path, Violations};
use crate::wire;

use super::super::evidence::attempt::{MAX_ATTEMPTS, outcome_from_wire, outcome_to_wire};
use super::super::location::{position_from_wire, saturated};
use super::super::network::{certificate_from_wire, certificate_to_wire};
use super::super::time::{duration_from_wire, duration_to_wire};
use super::assignment::{held_from_wire, held_to_wire};

pub(super) fn sweep_to_wire(report: &SweepReport) -> wire::SweepReport {
    let SweepReport { held, age, results } = report;
    wire::SweepReport {
        held: Some(held_to_wire(*held)),
        age: Some(duration_to_wire(*age)),
        results: results.iter().map(result_to_wire).collect(),
    }
}

pub(super) fn sweep_from_wire(report: wire::SweepReport, path: &Path) -> Result<SweepReport, Violations> {
    let wire::SweepReport { held, age, results } = report;
    if results.len() > MAX_ATTEMPTS {
        let message = format!("{} results are too many (at most {MAX_ATTEMPTS})", results.len());
        return Err(Violations::one(&path.field("results"), message));
    }
    let mut findings = Findings::default();
    let held = match held {
        Some(held) => findings.keep(held_from_wire(held, &path.field("held"))),
        None => findings.keep(Err(Violations::one(&path.field("held"), "is missing"))),
    };
    let age = findings.keep(duration_from_wire(age, &path.field("age")));
    let mut checked = Vec::with_capacity(results.len());
    for (index, result) in results.into_iter().enumerate() {
        checked.extend(findings.keep(result_from_wire(result, &path.field("results").index(index))));
    }
    findings.finish(held.zip(age).map(|(held, age)| SweepReport { held, age, results: checked }))
}

fn result_to_wire(result: &SweepResult) -> wire::SweepResult {
    let SweepResult { position, port, outcome, took, counts, certificate } = result;
    wire::SweepResult {
        position: saturated(*position),
        port: u32::from(port.get()),
        outcome: outcome_to_wire(*outcome).into(),
        took: Some(duration_to_wire(*took)),
        counts: *counts,
        certificate: certificate.as_ref().map(certificate_to_wire),
    }
}

fn result_from_wire(result: wire::SweepResult, path: &Path) -> Result<SweepResult, Violations> {
    let wire::SweepResult { position, port, outcome, took, counts, certificate } = result;
    let mut findings = Findings::default();
    let position = findings.keep(position_from_wire(position, &path.field("position")));
    let port = findings.keep_at(&path.field("port"), Port::try_from(port));
    let outcome = findings.keep(outcome_from_wire(outcome, &path.field("outcome")));
    let took = findings.keep(duration_from_wire(took, &path.field("took")));
    let certificate = match certificate {
        None => Some(None),
        Some(certificate) => {
            findings.keep(certificate_from_wire(certificate, &path.field("certificate"))).map(Some)
        }
    };
    let result = (|| {
        Some(SweepResult {
            position: position?,
            port: port?,
            outcome: outcome?,
            took: took?,
            counts,
            certificate: certificate?,
        })
    })();
    findings.finish(result)
}
