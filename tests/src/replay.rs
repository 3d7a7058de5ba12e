//! Gives the verdict of an evidence again, from nothing but its record.
//!
//! It must not know how an agent came to it.

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use landmark_proto::convert::evidence::decode;
use landmark_proto::evidence::{Evidence, replay};
use landmark_proto::explain::document;
use serde_json::Value;

/// Reads the record of an evidence, as `landmark-agent explain --json` prints it.
///
/// # Errors
/// There is none.
pub fn record(evidence: &Value) -> Result<Evidence> {
    let record = evidence["record"].as_str().with_context(|| format!("no record in {evidence}"))?;
    decode(&STANDARD.decode(record)?).with_context(|| evidence.to_string())
}

/// Fails unless the verdict follows from the record, and the document says what the record says.
///
/// # Errors
/// It does not.
pub fn check(evidence: &Value) -> Result<()> {
    let record = record(evidence)?;
    let again = replay(&record);
    ensure!(again == record.verdict, "the evidence gives {again:?}: {evidence}");
    ensure!(document(&record) == *evidence, "the document says something else than its record: {evidence}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use landmark_proto::ids::{BootId, EvaluationId};
    use landmark_proto::location::{Basis, LinkState, Location, Trigger, Verdict};

    use super::*;

    fn evidence(location: Location) -> Value {
        document(&Evidence {
            evaluation: EvaluationId::new(1),
            boot_id: "00000000-0000-0000-0000-000000000000".parse::<BootId>().unwrap(),
            started_at: SystemTime::UNIX_EPOCH,
            triggers: vec![Trigger::Start],
            link: LinkState::Lost,
            held: None,
            attempts: Vec::new(),
            default_routes: Vec::new(),
            standing: None,
            verdict: Verdict { location, basis: Basis::NoAssignment },
            decided_in: Duration::ZERO,
            settled_in: Duration::ZERO,
        })
    }

    #[test]
    fn a_verdict_that_follows_passes_and_another_does_not() {
        check(&evidence(Location::Unknown)).unwrap();
        let error = check(&evidence(Location::Internal)).unwrap_err();
        assert!(error.to_string().contains("the evidence gives"), "{error}");
    }

    #[test]
    fn a_document_that_was_embellished_is_found() {
        let mut evidence = evidence(Location::Unknown);
        evidence["location"] = "internal".into();
        assert!(check(&evidence).unwrap_err().to_string().contains("something else"));
        evidence["record"] = "AAAA".into();
        assert!(check(&evidence).is_err());
    }
}
