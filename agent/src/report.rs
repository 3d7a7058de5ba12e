//! What the agent says of itself, as plain functions of what is so: what is held, what was decided, what was enforced,
//! what waits in the outbox.
//!
//! It must not know how any of it is sent.

use landmark_proto::message::{AssignmentOutcome, AssignmentResult, EnforcementStatus, Hello, OutboxRange};
use landmark_proto::revision::Held;

use crate::location::Decided;
use crate::machine::Machine;

/// Whether an assignment is not only held but in effect: this machine's location was decided under it, and the policy
/// that follows was brought about, or tried in vain and reported so.
pub fn is_applied(offered: Held, decided: Option<&Decided>, enforcement: Option<&EnforcementStatus>) -> bool {
    let decided = decided
        .filter(|decided| decided.accepted.as_ref().is_some_and(|accepted| accepted.held() == offered));
    decided.zip(enforcement).is_some_and(|(decided, enforcement)| {
        enforcement.revision == Some(offered.revision) && enforcement.location == decided.verdict.location
    })
}

/// The first message of a session. The last answer to a push is brought up to date: what was being applied when the
/// last session ended may be applied by now.
pub fn hello(
    machine: &Machine,
    held: Option<Held>,
    last_result: Option<&AssignmentResult>,
    outbox: OutboxRange,
    (decided, enforcement): (Option<&Decided>, Option<&EnforcementStatus>),
) -> Hello {
    let last_result = last_result.cloned().map(|result| match result.outcome {
        AssignmentOutcome::Applying if is_applied(result.offered, decided, enforcement) => {
            AssignmentResult { outcome: AssignmentOutcome::Applied, ..result }
        }
        AssignmentOutcome::Applying | AssignmentOutcome::Applied | AssignmentOutcome::Rejected(_) => result,
    });
    Hello {
        boot_id: machine.boot_id,
        facts: machine.facts.clone(),
        held,
        last_result,
        outbox,
        enforcement: enforcement.cloned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use landmark_proto::ids::{BootId, EvaluationId, OutboxId, PushId, Sequence};
    use landmark_proto::location::{Basis, Location, Trigger, Verdict};
    use landmark_proto::message::{EnforcementState, HostFacts};
    use uuid::Uuid;

    use super::*;
    use crate::ledger::Accepted;
    use crate::ledger::testing::{accepted, settings};
    use crate::location::Standing;

    fn decided(accepted: Option<Accepted>, location: Location) -> Decided {
        Decided {
            verdict: Verdict { location, basis: Basis::ManagementServer },
            standing: Standing::Settled,
            accepted,
            triggers: vec![Trigger::Assignment],
            evaluation: EvaluationId::new(1),
            at: SystemTime::UNIX_EPOCH,
            since_boot: Duration::ZERO,
            decided_in: Duration::ZERO,
            n_flips: 0,
            held_back: None,
        }
    }

    fn enforced(revision: u64, location: Location, state: EnforcementState) -> EnforcementStatus {
        EnforcementStatus {
            state,
            backend: "command".into(),
            reason: String::new(),
            location,
            revision: landmark_proto::revision::Revision::new(revision),
            since: SystemTime::UNIX_EPOCH,
            profile: None,
        }
    }

    #[test]
    fn an_assignment_is_applied_once_it_was_evaluated_and_enforced() {
        use EnforcementState::{Applied, Failed};
        use Location::{External, Internal};
        let (old, new) = (accepted(6, &settings(&["a"])), accepted(7, &settings(&["b"])));
        let offered = new.held();
        for (decided_under, enforced_as, expected) in [
            (None, None, false),
            (Some(decided(Some(old), Internal)), Some(enforced(7, Internal, Applied)), false),
            (Some(decided(None, Internal)), Some(enforced(7, Internal, Applied)), false),
            (Some(decided(Some(new.clone()), Internal)), None, false),
            (Some(decided(Some(new.clone()), Internal)), Some(enforced(6, Internal, Applied)), false),
            (Some(decided(Some(new.clone()), Internal)), Some(enforced(7, External, Applied)), false),
            (Some(decided(Some(new.clone()), Internal)), Some(enforced(7, Internal, Applied)), true),
            (Some(decided(Some(new), Internal)), Some(enforced(7, Internal, Failed)), true),
        ] {
            let applied = is_applied(offered, decided_under.as_ref(), enforced_as.as_ref());
            assert_eq!(applied, expected, "{decided_under:?} {enforced_as:?}");
        }
    }

    #[test]
    fn a_hello_brings_the_last_answer_up_to_date() {
        let machine = Machine { boot_id: BootId::from_uuid(Uuid::nil()), facts: HostFacts::default() };
        let outbox = OutboxRange {
            outbox_id: OutboxId::from_uuid(Uuid::nil()),
            first: Sequence::default(),
            next: Sequence::default(),
        };
        let held = accepted(7, &settings(&["b"]));
        let applying = AssignmentResult {
            push_id: PushId::default(),
            offered: held.held(),
            outcome: AssignmentOutcome::Applying,
        };
        let outcome = |state: (Option<&Decided>, Option<&EnforcementStatus>)| {
            hello(&machine, Some(held.held()), Some(&applying), outbox, state).last_result.unwrap().outcome
        };
        assert_eq!(outcome((None, None)), AssignmentOutcome::Applying);
        let decided = decided(Some(held.clone()), Location::Internal);
        let enforced = enforced(7, Location::Internal, EnforcementState::Observed);
        assert_eq!(outcome((Some(&decided), Some(&enforced))), AssignmentOutcome::Applied);
    }
}
