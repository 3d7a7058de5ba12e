//! Evidence as a document for programs: everything that the record has.

use std::time::Duration;

use landmark_proto::evidence::{Attempt, Evidence, Outcome};
use serde_json::{Value, json};

use super::status::{basis, link_state, location, time, trigger_word};

/// All of it.
pub fn document(evidence: &Evidence) -> Value {
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
    json!({
        "evaluation": evaluation.get(),
        "boot_id": boot_id.to_string(),
        "started_at": time(*started_at),
        "triggers": triggers.iter().map(|trigger| trigger_word(*trigger)).collect::<Vec<_>>(),
        "link": link_state(*link),
        "revision": held.as_ref().map(|(held, _)| held.revision.get()),
        "digest": held.as_ref().map(|(held, _)| held.digest.to_string()),
        "attempts": attempts.iter().map(attempt).collect::<Vec<_>>(),
        "location": location(verdict.location),
        "basis": basis(&verdict.basis),
        "decided_in_ms": milliseconds(*decided_in),
        "settled_in_ms": milliseconds(*settled_in),
    })
}

fn attempt(attempt: &Attempt) -> Value {
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
    json!({
        "position": position + 1,
        "host": host.to_string(),
        "port": port.get(),
        "address": address,
        "local_address": local_address,
        "started_after_ms": milliseconds(*started_after),
        "took_ms": milliseconds(*took),
        "outcome": word(*outcome),
        "os_error": os_error,
        "n_addresses": n_addresses,
    })
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Answered => "answered",
        Outcome::Refused => "refused",
        Outcome::Timeout => "timeout",
        Outcome::Unreachable => "unreachable",
        Outcome::NameNotFound => "name_not_found",
        Outcome::ResolverFailed => "resolver_failed",
        Outcome::NotNeeded => "not_needed",
        Outcome::LocalError => "local_error",
    }
}

fn milliseconds(duration: Duration) -> f64 {
    // Microseconds are more than enough.
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
