//! Evidence on the wire, in local documents and in files.

pub mod attempt;

use prost::Message as _;
use thiserror::Error;

use crate::evidence::{Evidence, finding};
use crate::hysteresis::Standing;
use crate::ids::{BootId, EvaluationId};
use crate::location::{Basis, Verdict};
use crate::revision::{Digest, Held, Revision};
use crate::settings::Settings;
use crate::violation::{Findings, Path, Violations};
use crate::wire;

use self::attempt::{attempt_to_wire, attempts_from_wire};
use super::gateways::gateways_to_wire;
use super::location as convert_location;
use super::network::{routes_from_wire, routes_to_wire};
use super::settings as convert_settings;
use super::time::{duration_from_wire, duration_to_wire, timestamp_from_wire, timestamp_to_wire};

/// The record as bytes: what is stored, and what a document carries.
pub fn encode(evidence: &Evidence) -> Vec<u8> {
    to_wire(evidence).encode_to_vec()
}

/// Reads a record that [`encode`] made.
///
/// # Errors
/// Not a record, or one that breaks a rule.
pub fn decode(bytes: &[u8]) -> Result<Evidence, InvalidRecord> {
    let message =
        wire::Evidence::decode(bytes).map_err(|error| InvalidRecord::Malformed(error.to_string()))?;
    from_wire(message).map_err(InvalidRecord::Invalid)
}

/// Bytes that are not the record of an evaluation.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidRecord {
    /// Not the message.
    #[error("not evidence: {0}")]
    Malformed(String),
    /// Rules are broken.
    #[error("{0}")]
    Invalid(Violations),
}

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
        default_routes,
        standing,
        verdict,
        decided_in,
        settled_in,
    } = evidence;
    let settings = held.as_ref().map(|(_, settings)| convert_settings::to_wire(settings));
    let gateways = held.as_ref().map(|(_, settings)| gateways_to_wire(&settings.gateways));
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
        rule: rule(evidence).into(),
        location: convert_location::location_to_wire(verdict.location).into(),
        basis: Some(convert_location::basis_to_wire(&verdict.basis)),
        decided_in: Some(duration_to_wire(*decided_in)),
        settled_in: Some(duration_to_wire(*settled_in)),
        gateways: gateways.unwrap_or_default(),
        default_routes: routes_to_wire(default_routes),
        standing: standing.as_ref().map(standing_to_wire),
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
        gateways,
        default_routes,
        standing,
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
            // No location depends on a firewall.
            let settings = wire::Settings { reference_servers, location: rules, gateways, firewall: None };
            let settings: Option<Settings> = findings.keep(convert_settings::from_wire(settings));
            digest.zip(settings).map(|(digest, settings)| Some((Held { revision, digest }, settings)))
        }
    };
    let attempts = findings.keep(attempts_from_wire(attempts, &root.field("attempts")));
    let default_routes = findings.keep(routes_from_wire(default_routes, &root.field("default_routes")));
    let standing = match standing {
        None => Some(None),
        Some(standing) => findings.keep(standing_from_wire(standing, &root.field("standing"))).map(Some),
    };
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
            default_routes: default_routes?,
            standing: standing?,
            verdict: Verdict { location: location?, basis: basis? },
            decided_in: decided_in?,
            settled_in: settled_in?,
        })
    })();
    findings.finish(evidence)
}

fn standing_to_wire(standing: &Standing) -> wire::Standing {
    let Standing { verdict, n_contradictions, dwelt } = standing;
    wire::Standing {
        location: convert_location::location_to_wire(verdict.location).into(),
        basis: Some(convert_location::basis_to_wire(&verdict.basis)),
        n_contradictions: *n_contradictions,
        dwelt: Some(duration_to_wire(*dwelt)),
    }
}

fn standing_from_wire(standing: wire::Standing, path: &Path) -> Result<Standing, Violations> {
    let wire::Standing { location, basis, n_contradictions, dwelt } = standing;
    let mut findings = Findings::default();
    let location = findings.keep(convert_location::location_from_wire(location, &path.field("location")));
    let basis = findings.keep(convert_location::basis_from_wire(basis, &path.field("basis")));
    let dwelt = findings.keep(duration_from_wire(dwelt, &path.field("dwelt")));
    let standing = (|| {
        let verdict = Verdict { location: location?, basis: basis? };
        Some(Standing { verdict, n_contradictions, dwelt: dwelt? })
    })();
    findings.finish(standing)
}

fn rule(evidence: &Evidence) -> wire::Rule {
    if evidence.standing.is_some() && finding(evidence).location != evidence.verdict.location {
        return wire::Rule::HeldBack;
    }
    match evidence.verdict.basis {
        Basis::ManagementServer => wire::Rule::LinkConnected,
        Basis::ReferenceServer { .. } => wire::Rule::ReferenceServerAnswered,
        Basis::NoneReachable { .. } => wire::Rule::NoneReachable,
        Basis::TooFewAnswered { .. } => wire::Rule::TooFewAnswered,
        Basis::ListDisabled => wire::Rule::ListDisabled,
        Basis::NoAssignment => wire::Rule::NoAssignment,
        Basis::Gateway { .. } => wire::Rule::GatewayListed,
        Basis::NoGateway { .. } => wire::Rule::NoGatewayListed,
    }
}
