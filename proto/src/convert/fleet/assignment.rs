//! Pushes and their answers on the wire.

use crate::ids::PushId;
use crate::message::{Assignment, AssignmentOutcome, AssignmentResult, Rejection, RejectionCode};
use crate::revision::{Digest, Held, Revision};
use crate::settings::EncodedSettings;
use crate::violation::{Findings, Path, Violation, Violations};
use crate::wire;

use super::super::time::{duration_from_wire, duration_to_wire};
use super::text_from_wire;

/// Of one violation that a peer sends.
const MAX_VIOLATION_CHARS: usize = 2_000;
/// An honest agent sends at most 101.
const MAX_VIOLATIONS: usize = 128;

/// What is held.
pub fn held_to_wire(held: Held) -> wire::Held {
    let Held { revision, digest } = held;
    wire::Held { revision: revision.get(), digest: digest.as_bytes().to_vec().into() }
}

/// Checks what is held.
///
/// # Errors
/// A revision of 0, or a digest of another length.
pub fn held_from_wire(held: wire::Held, path: &Path) -> Result<Held, Violations> {
    let wire::Held { revision, digest } = held;
    offered(revision, &digest, path)
}

fn offered(revision: u64, digest: &[u8], path: &Path) -> Result<Held, Violations> {
    let mut findings = Findings::default();
    let revision = Revision::new(revision).or_else(|| {
        findings.push(&path.field("revision"), "0 is not a revision");
        None
    });
    let digest = findings.keep_at(&path.field("digest"), Digest::try_from(digest));
    findings.finish(revision.zip(digest).map(|(revision, digest)| Held { revision, digest }))
}

/// A push; the bytes of its settings are shared, not copied.
pub fn assignment_to_wire(assignment: &Assignment) -> wire::Assignment {
    let Assignment { push_id, offered, settings, apply_jitter } = assignment;
    wire::Assignment {
        push_id: push_id.get(),
        revision: offered.revision.get(),
        digest: offered.digest.as_bytes().to_vec().into(),
        settings: settings.bytes().clone(),
        apply_jitter: Some(duration_to_wire(*apply_jitter)),
    }
}

/// Reads a push. Neither its digest nor its settings are believed by that.
///
/// # Errors
/// Every broken rule, with its path below `path`.
pub fn assignment_from_wire(assignment: wire::Assignment, path: &Path) -> Result<Assignment, Violations> {
    let wire::Assignment { push_id, revision, digest, settings, apply_jitter } = assignment;
    let mut findings = Findings::default();
    let offered = findings.keep(offered(revision, &digest, path));
    let apply_jitter = match apply_jitter {
        None => Some(std::time::Duration::ZERO),
        some => findings.keep(duration_from_wire(some, &path.field("apply_jitter"))),
    };
    let settings = EncodedSettings::from_bytes(settings);
    findings.finish(offered.zip(apply_jitter).map(|(offered, apply_jitter)| Assignment {
        push_id: PushId::new(push_id),
        offered,
        settings,
        apply_jitter,
    }))
}

/// An answer.
pub fn result_to_wire(result: &AssignmentResult) -> wire::AssignmentResult {
    use wire::assignment_result::{Applied, Applying, Outcome};
    let AssignmentResult { push_id, offered, outcome } = result;
    let outcome = match outcome {
        AssignmentOutcome::Applying => Outcome::Applying(Applying {}),
        AssignmentOutcome::Applied => Outcome::Applied(Applied {}),
        AssignmentOutcome::Rejected(rejection) => Outcome::Rejected(rejection_to_wire(rejection)),
    };
    wire::AssignmentResult {
        push_id: push_id.get(),
        revision: offered.revision.get(),
        digest: offered.digest.as_bytes().to_vec().into(),
        outcome: Some(outcome),
    }
}

/// Checks an answer.
///
/// # Errors
/// Every broken rule, with its path below `path`.
pub fn result_from_wire(result: wire::AssignmentResult, path: &Path) -> Result<AssignmentResult, Violations> {
    use wire::assignment_result::{Applied, Applying, Outcome};
    let wire::AssignmentResult { push_id, revision, digest, outcome } = result;
    let mut findings = Findings::default();
    let offered = findings.keep(offered(revision, &digest, path));
    let outcome = match outcome {
        Some(Outcome::Applying(Applying {})) => Some(AssignmentOutcome::Applying),
        Some(Outcome::Applied(Applied {})) => Some(AssignmentOutcome::Applied),
        Some(Outcome::Rejected(rejection)) => findings
            .keep(rejection_from_wire(rejection, &path.field("rejected")))
            .map(AssignmentOutcome::Rejected),
        None => findings.keep(Err(Violations::one(&path.field("outcome"), "is missing"))),
    };
    findings.finish(offered.zip(outcome).map(|(offered, outcome)| AssignmentResult {
        push_id: PushId::new(push_id),
        offered,
        outcome,
    }))
}

/// A refusal.
pub fn rejection_to_wire(rejection: &Rejection) -> wire::assignment_result::Rejected {
    let Rejection { code, violations, still_held } = rejection;
    wire::assignment_result::Rejected {
        code: rejection_code_to_wire(*code).into(),
        violations: violations.as_ref().map_or_else(Vec::new, violations_to_wire),
        still_held: still_held.map(held_to_wire),
    }
}

/// Checks a refusal.
///
/// # Errors
/// Every broken rule, with its path below `path`.
pub fn rejection_from_wire(
    rejection: wire::assignment_result::Rejected,
    path: &Path,
) -> Result<Rejection, Violations> {
    let wire::assignment_result::Rejected { code, violations, still_held } = rejection;
    let mut findings = Findings::default();
    let code = findings.keep(rejection_code_from_wire(code, &path.field("code")));
    let violations = findings.keep(violations_from_wire(violations, &path.field("violations")));
    let still_held = match still_held {
        None => Some(None),
        Some(held) => findings.keep(held_from_wire(held, &path.field("still_held"))).map(Some),
    };
    let rejection = (|| Some(Rejection { code: code?, violations: violations?, still_held: still_held? }))();
    findings.finish(rejection)
}

/// Which kind of refusal.
pub fn rejection_code_to_wire(code: RejectionCode) -> wire::RejectionCode {
    match code {
        RejectionCode::Outdated => wire::RejectionCode::Outdated,
        RejectionCode::Conflict => wire::RejectionCode::Conflict,
        RejectionCode::Digest => wire::RejectionCode::Digest,
        RejectionCode::Invalid => wire::RejectionCode::Invalid,
        RejectionCode::Unsupported => wire::RejectionCode::Unsupported,
        RejectionCode::TooLarge => wire::RejectionCode::TooLarge,
        RejectionCode::Storage => wire::RejectionCode::Storage,
    }
}

fn rejection_code_from_wire(number: i32, path: &Path) -> Result<RejectionCode, Violations> {
    match wire::RejectionCode::try_from(number) {
        Ok(wire::RejectionCode::Outdated) => Ok(RejectionCode::Outdated),
        Ok(wire::RejectionCode::Conflict) => Ok(RejectionCode::Conflict),
        Ok(wire::RejectionCode::Digest) => Ok(RejectionCode::Digest),
        Ok(wire::RejectionCode::Invalid) => Ok(RejectionCode::Invalid),
        Ok(wire::RejectionCode::Unsupported) => Ok(RejectionCode::Unsupported),
        Ok(wire::RejectionCode::TooLarge) => Ok(RejectionCode::TooLarge),
        Ok(wire::RejectionCode::Storage) => Ok(RejectionCode::Storage),
        Ok(wire::RejectionCode::Unspecified) => Err(Violations::one(path, "is missing")),
        Err(_) => Err(Violations::one(path, format!("{number} is not a rejection code"))),
    }
}

/// Broken rules, in their order.
pub fn violations_to_wire(violations: &Violations) -> Vec<wire::Violation> {
    let to_wire =
        |Violation { path, message }: &Violation| wire::Violation { path: cut(path), message: cut(message) };
    violations.as_slice().iter().map(to_wire).collect()
}

/// So that what one side says is never too long for the other.
fn cut(text: &str) -> String {
    text.chars().take(MAX_VIOLATION_CHARS).collect()
}

fn violations_from_wire(
    violations: Vec<wire::Violation>,
    path: &Path,
) -> Result<Option<Violations>, Violations> {
    if violations.len() > MAX_VIOLATIONS {
        let message = format!("{} violations are too many (at most {MAX_VIOLATIONS})", violations.len());
        return Err(Violations::one(path, message));
    }
    let mut findings = Findings::default();
    let mut checked = Vec::with_capacity(violations.len());
    for (index, wire::Violation { path: named, message }) in violations.into_iter().enumerate() {
        let path = path.index(index);
        let named = findings.keep(text_from_wire(named, MAX_VIOLATION_CHARS, &path.field("path")));
        let message = findings.keep(text_from_wire(message, MAX_VIOLATION_CHARS, &path.field("message")));
        checked.extend(named.zip(message).map(|(path, message)| Violation { path, message }));
    }
    findings.finish(Some(Violations::from_vec(checked)))
}
