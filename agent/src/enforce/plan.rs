//! When to act: at once for something new, again after a failure, and now and then to repair. Pure.

use std::time::Duration;

use landmark_proto::message::EnforcementState;

use crate::policy::Desired;

/// Before the first retry; doubled with every failure, up to the repair interval.
const RETRY: Duration = Duration::from_secs(5);

/// The last try, as far as planning needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Last {
    /// What was to be brought about.
    pub desired: Option<Desired>,
    /// What became of it.
    pub state: EnforcementState,
    /// How often in a row it has failed.
    pub n_failures: u32,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Bring about what is desired now.
    Enforce(Desired),
    /// Say that there is nothing to enforce.
    SayNothing,
    /// It is as it should be; look again after this time.
    Rest(Option<Duration>),
}

/// Decides what to do about `desired`, `since` after the end of the last try.
pub fn plan(desired: Option<&Desired>, last: Option<&Last>, since: Duration, repair: Duration) -> Step {
    let Some(last) = last.filter(|last| last.desired.as_ref() == desired) else {
        return desired.map_or(Step::SayNothing, |desired| Step::Enforce(*desired));
    };
    let Some(desired) = desired else { return Step::Rest(None) };
    let pause = match last.state {
        // Nothing was changed, so nothing can have been changed back.
        EnforcementState::Observed | EnforcementState::Nothing | EnforcementState::Unavailable => {
            return Step::Rest(None);
        }
        EnforcementState::Applied | EnforcementState::Repaired => repair,
        EnforcementState::Failed => {
            let doublings = last.n_failures.saturating_sub(1).min(16);
            RETRY.saturating_mul(1 << doublings).min(repair)
        }
    };
    if since >= pause { Step::Enforce(*desired) } else { Step::Rest(Some(pause - since)) }
}

#[cfg(test)]
mod tests {
    use landmark_proto::location::Location;
    use landmark_proto::revision::{Digest, Held, Revision};

    use super::*;
    use crate::policy::Policy;

    const REPAIR: Duration = Duration::from_secs(300);

    fn desired(revision: u64) -> Desired {
        let held = Held { revision: Revision::new(revision).unwrap(), digest: Digest::of(b"") };
        Desired { held, location: Location::Internal, policy: Policy::Internal }
    }

    fn last(desired: Option<Desired>, state: EnforcementState, n_failures: u32) -> Last {
        Last { desired, state, n_failures }
    }

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn whatever_is_new_is_enforced_at_once() {
        let old = last(Some(desired(1)), EnforcementState::Failed, 9);
        for last in [None, Some(old), Some(last(None, EnforcementState::Nothing, 0))] {
            let step = plan(Some(&desired(2)), last.as_ref(), Duration::ZERO, REPAIR);
            assert_eq!(step, Step::Enforce(desired(2)));
        }
    }

    #[test]
    fn that_there_is_nothing_to_enforce_is_said_once() {
        assert_eq!(plan(None, None, Duration::ZERO, REPAIR), Step::SayNothing);
        let said = last(None, EnforcementState::Nothing, 0);
        assert_eq!(plan(None, Some(&said), seconds(9_999), REPAIR), Step::Rest(None));
    }

    #[test]
    fn what_was_applied_is_repaired_now_and_then() {
        let applied = last(Some(desired(1)), EnforcementState::Applied, 0);
        let plan = |since| plan(Some(&desired(1)), Some(&applied), since, REPAIR);
        assert_eq!(plan(seconds(10)), Step::Rest(Some(seconds(290))));
        assert_eq!(plan(seconds(300)), Step::Enforce(desired(1)));
    }

    #[test]
    fn failures_are_retried_ever_more_seldom_up_to_the_repair_interval() {
        let pauses: Vec<u64> = (1..=8)
            .map(|n_failures| {
                let failed = last(Some(desired(1)), EnforcementState::Failed, n_failures);
                match plan(Some(&desired(1)), Some(&failed), Duration::ZERO, REPAIR) {
                    Step::Rest(Some(pause)) => pause.as_secs(),
                    other @ (Step::Enforce(_) | Step::SayNothing | Step::Rest(None)) => panic!("{other:?}"),
                }
            })
            .collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300]);
    }

    #[test]
    fn an_observer_never_wakes_up_by_itself() {
        let observed = last(Some(desired(1)), EnforcementState::Observed, 0);
        assert_eq!(plan(Some(&desired(1)), Some(&observed), seconds(9_999), REPAIR), Step::Rest(None));
    }
}
