//! When to act: at once for something new, again after a failure, now and then to repair, and soon where somebody else has
//! changed what is ours. Pure.

use std::time::Duration;

use landmark_proto::message::EnforcementState;

/// Before the first retry; doubled with every failure, up to the repair interval.
const RETRY: Duration = Duration::from_secs(5);
/// Between two looks at what somebody else has touched; doubled with every repair in a row, up to [`MAX_PEACE`]: who writes
/// over our rules again and again shall neither win for long nor keep the machine busy.
const PEACE: Duration = Duration::from_millis(500);
const MAX_PEACE: Duration = Duration::from_secs(60);

/// The last try, as far as planning needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Last<W> {
    /// What was to be brought about.
    pub wanted: Option<W>,
    /// What became of it.
    pub state: EnforcementState,
    /// Whether something was made that can be changed behind our back.
    pub is_kept: bool,
    /// How often in a row it has failed.
    pub n_failures: u32,
    /// How often in a row something had to be repaired.
    pub n_repairs: u32,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<W> {
    /// Bring about what is wanted now.
    Enforce(W),
    /// Say that there is nothing to enforce.
    SayNothing,
    /// It is as it should be; look again after this time.
    Rest(Option<Duration>),
}

/// Decides what to do about `wanted`, `since` after the end of the last try. `is_doubted`: somebody else has touched what is
/// ours since then.
pub fn plan<W: Clone + PartialEq>(
    wanted: Option<&W>,
    last: Option<&Last<W>>,
    (since, is_doubted): (Duration, bool),
    repair: Duration,
) -> Step<W> {
    let Some(last) = last.filter(|last| last.wanted.as_ref() == wanted) else {
        return wanted.cloned().map_or(Step::SayNothing, Step::Enforce);
    };
    let pause = match (last.state, last.is_kept) {
        // Doubt does not make a failure less likely, but nobody should go without a firewall for long.
        (EnforcementState::Failed, is_kept) => {
            doubled(RETRY, last.n_failures, if is_kept { repair.min(MAX_PEACE) } else { repair })
        }
        // Nothing was changed, so nothing can have been changed back.
        (_, false) => return Step::Rest(None),
        (_, true) if is_doubted => doubled(PEACE, last.n_repairs, MAX_PEACE).min(repair),
        (_, true) => repair,
    };
    if since < pause {
        return Step::Rest(Some(pause - since));
    }
    wanted.cloned().map_or(Step::SayNothing, Step::Enforce)
}

/// The first time once, the second time twice, the third time four times as long, up to `most`.
fn doubled(first: Duration, n: u32, most: Duration) -> Duration {
    first.saturating_mul(1 << n.saturating_sub(1).min(16)).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPAIR: Duration = Duration::from_secs(300);

    fn last(wanted: Option<u32>, state: EnforcementState, n_failures: u32) -> Last<u32> {
        let is_kept = state == EnforcementState::Applied;
        Last { wanted, state, is_kept, n_failures, n_repairs: 0 }
    }

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn whatever_is_new_is_enforced_at_once() {
        let old = last(Some(1), EnforcementState::Failed, 9);
        for last in [None, Some(old), Some(last(None, EnforcementState::Nothing, 0))] {
            let step = plan(Some(&2), last.as_ref(), (Duration::ZERO, false), REPAIR);
            assert_eq!(step, Step::Enforce(2));
        }
    }

    #[test]
    fn that_there_is_nothing_to_enforce_is_said_once() {
        assert_eq!(plan::<u32>(None, None, (Duration::ZERO, false), REPAIR), Step::SayNothing);
        let said = last(None, EnforcementState::Nothing, 0);
        assert_eq!(plan(None, Some(&said), (seconds(9_999), true), REPAIR), Step::Rest(None));
    }

    #[test]
    fn what_stands_while_there_is_nothing_to_enforce_is_repaired_too() {
        let standing = Last { is_kept: true, ..last(None, EnforcementState::Nothing, 0) };
        let plan = |about| plan(None, Some(&standing), about, REPAIR);
        assert_eq!(plan((seconds(10), false)), Step::Rest(Some(seconds(290))));
        assert_eq!(plan((seconds(10), true)), Step::SayNothing);
        assert_eq!(plan((seconds(300), false)), Step::SayNothing);
    }

    #[test]
    fn a_firewall_that_failed_is_tried_at_least_every_minute() {
        let failed = Last { is_kept: true, ..last(Some(1), EnforcementState::Failed, 9) };
        assert_eq!(
            plan(Some(&1), Some(&failed), (Duration::ZERO, false), REPAIR),
            Step::Rest(Some(MAX_PEACE))
        );
    }

    #[test]
    fn what_was_applied_is_repaired_now_and_then() {
        let applied = last(Some(1), EnforcementState::Applied, 0);
        let plan = |since| plan(Some(&1), Some(&applied), (since, false), REPAIR);
        assert_eq!(plan(seconds(10)), Step::Rest(Some(seconds(290))));
        assert_eq!(plan(seconds(300)), Step::Enforce(1));
    }

    #[test]
    fn failures_are_retried_ever_more_seldom_up_to_the_repair_interval() {
        for is_doubted in [false, true] {
            let pauses: Vec<u64> = (1..=8)
                .map(|n_failures| {
                    let failed = last(Some(1), EnforcementState::Failed, n_failures);
                    match plan(Some(&1), Some(&failed), (Duration::ZERO, is_doubted), REPAIR) {
                        Step::Rest(Some(pause)) => pause.as_secs(),
                        other @ (Step::Enforce(_) | Step::SayNothing | Step::Rest(None)) => {
                            panic!("{other:?}")
                        }
                    }
                })
                .collect();
            assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300]);
        }
    }

    #[test]
    fn what_somebody_else_touched_is_looked_at_at_once_and_then_ever_more_seldom() {
        let pauses: Vec<u128> = (0..10)
            .map(|n_repairs| {
                let touched = Last { n_repairs, ..last(Some(1), EnforcementState::Applied, 0) };
                match plan(Some(&1), Some(&touched), (Duration::ZERO, true), REPAIR) {
                    Step::Rest(Some(pause)) => pause.as_millis(),
                    other @ (Step::Enforce(_) | Step::SayNothing | Step::Rest(None)) => panic!("{other:?}"),
                }
            })
            .collect();
        assert_eq!(pauses, [500, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
        let touched = last(Some(1), EnforcementState::Applied, 0);
        let step = plan(Some(&1), Some(&touched), (seconds(1), true), REPAIR);
        assert_eq!(
            step,
            Step::Enforce(1),
            "the first time is repaired at once, for it is long after the last look"
        );
    }

    #[test]
    fn who_changes_nothing_never_wakes_up_by_itself() {
        for state in [EnforcementState::Observed, EnforcementState::Unavailable] {
            let observed = last(Some(1), state, 0);
            assert_eq!(plan(Some(&1), Some(&observed), (seconds(9_999), true), REPAIR), Step::Rest(None));
        }
    }
}
