//! Evidence on the wire, in local documents and in files.

use std::net::IpAddr;

use crate::evidence::{Attempt, Evidence, Outcome};
use crate::ids::{BootId, EvaluationId};
use crate::location::Verdict;
use crate::port::{Port, Ports};
use crate::reference_server::MAX_SERVERS;
use crate::revision::{Digest, Held, Revision};
use crate::settings::Settings;
use crate::violation::{Findings, Path, Violations};
use crate::wire;

use super::location as convert_location;
use super::location::{position_from_wire, saturated};
use super::settings as convert_settings;
use super::time::{duration_from_wire, duration_to_wire, timestamp_from_wire, timestamp_to_wire};

const MAX_ATTEMPTS: usize = MAX_SERVERS * Ports::MAX;

/// The whole record. The rule is the wire's own redundancy, for readers who do not know the rules.
pub fn to_wire(evidence: &Evidence) -> wire::Evidence {
    let Evidence {
        evaluation,
        boot_id,
        started_at,
        triggers,
        link,
        held,
        attempts,
        verdict,
        decided_in,
        settled_in,
    } = evidence;
    let settings = held.as_ref().map(|(_, settings)| convert_settings::to_wire(settings));
    let held = held.as_ref().map(|(held, _)| *held);
    let (reference_servers, rules) =
        settings.map_or((None, None), |settings| (settings.reference_servers, settings.location));
    wire::Evidence {
        evaluation: evaluation.get(),
        boot_id: boot_id.to_string(),
        started_at: Some(timestamp_to_wire(*started_at)),
        triggers: convert_location::triggers_to_wire(triggers),
        revision: held.map_or(0, |held| held.revision.get()),
        digest: held.map_or_else(Vec::new, |held| held.digest.as_bytes().to_vec()).into(),
        link: convert_location::link_to_wire(*link).into(),
        reference_servers,
        rules,
        attempts: attempts.iter().map(attempt_to_wire).collect(),
        rule: rule(verdict).into(),
        location: convert_location::location_to_wire(verdict.location).into(),
        basis: Some(convert_location::basis_to_wire(&verdict.basis)),
        decided_in: Some(duration_to_wire(*decided_in)),
        settled_in: Some(duration_to_wire(*settled_in)),
    }
}

/// Checks the whole record, except that its verdict follows from it: that is what a replay is for.
///
/// # Errors
/// Every broken rule, with its path.
pub fn from_wire(evidence: wire::Evidence) -> Result<Evidence, Violations> {
    let wire::Evidence {
        evaluation,
        boot_id,
        started_at,
        triggers,
        revision,
        digest,
        link,
        reference_servers,
        rules,
        attempts,
        rule: _,
        location,
        basis,
        decided_in,
        settled_in,
    } = evidence;
    let root = Path::root();
    let mut findings = Findings::default();
    let boot_id = findings.keep_at(&root.field("boot_id"), boot_id.parse::<BootId>());
    let started_at = findings.keep(timestamp_from_wire(started_at, &root.field("started_at")));
    let triggers = findings.keep(convert_location::triggers_from_wire(&triggers, &root.field("triggers")));
    let link = findings.keep(convert_location::link_from_wire(link, &root.field("link")));
    let held = match Revision::new(revision) {
        None => Some(None),
        Some(revision) => {
            let digest = findings.keep_at(&root.field("digest"), Digest::try_from(digest.as_ref()));
            let settings = wire::Settings { reference_servers, location: rules };
            let settings: Option<Settings> = findings.keep(convert_settings::from_wire(settings));
            digest.zip(settings).map(|(digest, settings)| Some((Held { revision, digest }, settings)))
        }
    };
    let attempts = findings.keep(attempts_from_wire(attempts, &root.field("attempts")));
    let location = findings.keep(convert_location::location_from_wire(location, &root.field("location")));
    let basis = findings.keep(convert_location::basis_from_wire(basis, &root.field("basis")));
    let decided_in = findings.keep(duration_from_wire(decided_in, &root.field("decided_in")));
    let settled_in = findings.keep(duration_from_wire(settled_in, &root.field("settled_in")));
    let evidence = (|| {
        Some(Evidence {
            evaluation: EvaluationId::new(evaluation),
            boot_id: boot_id?,
            started_at: started_at?,
            triggers: triggers?,
            link: link?,
            held: held?,
            attempts: attempts?,
            verdict: Verdict { location: location?, basis: basis? },
            decided_in: decided_in?,
            settled_in: settled_in?,
        })
    })();
    findings.finish(evidence)
}

fn rule(verdict: &Verdict) -> wire::Rule {
    use crate::location::Basis;
    match verdict.basis {
        Basis::ManagementServer => wire::Rule::LinkConnected,
        Basis::ReferenceServer { .. } => wire::Rule::ReferenceServerAnswered,
        Basis::NoneReachable { .. } => wire::Rule::NoneReachable,
        Basis::ListDisabled => wire::Rule::ListDisabled,
        Basis::NoAssignment => wire::Rule::NoAssignment,
    }
}

fn attempt_to_wire(attempt: &Attempt) -> wire::Attempt {
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
    } = attempt;
    let text = |address: &Option<IpAddr>| address.map_or_else(String::new, |address| address.to_string());
    wire::Attempt {
        position: saturated(*position),
        host: host.to_string(),
        port: u32::from(port.get()),
        address: text(address),
        local_address: text(local_address),
        started_after: Some(duration_to_wire(*started_after)),
        took: Some(duration_to_wire(*took)),
        outcome: outcome_to_wire(*outcome).into(),
        os_error: os_error.unwrap_or(0),
        n_addresses: saturated(*n_addresses),
    }
}

fn attempts_from_wire(attempts: Vec<wire::Attempt>, path: &Path) -> Result<Vec<Attempt>, Violations> {
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
        })
    })();
    findings.finish(attempt)
}

fn address_from_wire(text: &str, path: &Path) -> Result<Option<IpAddr>, Violations> {
    if text.is_empty() {
        return Ok(None);
    }
    let shown: String = text.chars().take(64).collect();
    text.parse().map(Some).map_err(|_| Violations::one(path, format!("{shown:?} is not an address")))
}

fn outcome_to_wire(outcome: Outcome) -> wire::AttemptOutcome {
    match outcome {
        Outcome::Answered => wire::AttemptOutcome::Answered,
        Outcome::Refused => wire::AttemptOutcome::Refused,
        Outcome::Timeout => wire::AttemptOutcome::Timeout,
        Outcome::Unreachable => wire::AttemptOutcome::Unreachable,
        Outcome::NameNotFound => wire::AttemptOutcome::NameNotFound,
        Outcome::ResolverFailed => wire::AttemptOutcome::ResolverFailed,
        Outcome::NotNeeded => wire::AttemptOutcome::NotNeeded,
        Outcome::LocalError => wire::AttemptOutcome::LocalError,
    }
}

fn outcome_from_wire(number: i32, path: &Path) -> Result<Outcome, Violations> {
    match wire::AttemptOutcome::try_from(number) {
        Ok(wire::AttemptOutcome::Answered) => Ok(Outcome::Answered),
        Ok(wire::AttemptOutcome::Refused) => Ok(Outcome::Refused),
        Ok(wire::AttemptOutcome::Timeout) => Ok(Outcome::Timeout),
        Ok(wire::AttemptOutcome::Unreachable) => Ok(Outcome::Unreachable),
        Ok(wire::AttemptOutcome::NameNotFound) => Ok(Outcome::NameNotFound),
        Ok(wire::AttemptOutcome::ResolverFailed) => Ok(Outcome::ResolverFailed),
        Ok(wire::AttemptOutcome::NotNeeded) => Ok(Outcome::NotNeeded),
        Ok(wire::AttemptOutcome::LocalError) => Ok(Outcome::LocalError),
        Ok(wire::AttemptOutcome::Unspecified) => Err(Violations::one(path, "is missing")),
        Err(_) => Err(Violations::one(path, format!("{number} is not an outcome"))),
    }
}
