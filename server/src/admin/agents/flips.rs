//! How often an agent's location changed between internal and external of late. Pure.

use std::time::{Duration, SystemTime};

use landmark_proto::location::Location;

use crate::fleet::Reported;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Of a history, newest first, the changes within the last hour by the agent's clock. Between two places a machine may
/// have been where nobody knew.
pub(super) fn n_flips(history: &[Reported], now: SystemTime) -> u32 {
    let mut before = None;
    let mut n_flips = 0;
    for Reported { report, .. } in history.iter().rev() {
        let location = report.verdict.location;
        if location == Location::Unknown {
            continue;
        }
        // What a clock that is fast calls the future is of late, too.
        let is_of_late = now.duration_since(report.at).is_ok_and(|age| age < HOUR) || report.at > now;
        if before.is_some_and(|before| before != location) && is_of_late {
            n_flips += 1;
        }
        before = Some(location);
    }
    n_flips
}

#[cfg(test)]
mod tests {
    use landmark_proto::ids::{BootId, EvaluationId};
    use landmark_proto::location::Location::{External, Internal, Unknown};
    use landmark_proto::location::{Basis, LocationReport, Trigger, Verdict};
    use uuid::Uuid;

    use super::*;

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    /// Oldest first: minutes ago and where.
    fn history(records: &[(u64, Location)]) -> Vec<Reported> {
        let reported = |(minutes, location): &(u64, Location)| {
            let at = now() - Duration::from_secs(minutes * 60);
            let report = LocationReport {
                at,
                boot_id: BootId::from_uuid(Uuid::nil()),
                since_boot: Duration::ZERO,
                verdict: Verdict { location: *location, basis: Basis::ListDisabled },
                triggers: vec![Trigger::Recheck],
                revision: None,
                evaluation: EvaluationId::new(1),
                decided_in: Duration::ZERO,
                n_flips: 0,
            };
            Reported { report, received_at: at }
        };
        records.iter().rev().map(reported).collect()
    }

    #[test]
    fn only_changes_between_internal_and_external_of_the_last_hour_count() {
        for (records, expected) in [
            (vec![], 0),
            (vec![(5, Internal)], 0),
            (vec![(90, Internal), (5, External)], 1),
            (vec![(90, Internal), (61, External)], 0),
            (vec![(90, Internal), (60, External), (59, Internal)], 1),
            (vec![(9, Internal), (8, Internal), (7, External), (6, External)], 1),
            (vec![(9, Unknown), (8, Internal), (7, Unknown), (6, Internal)], 0),
            (vec![(9, Internal), (8, Unknown), (7, External), (6, Internal)], 2),
        ] {
            assert_eq!(n_flips(&history(&records), now()), expected, "{records:?}");
        }
    }

    #[test]
    fn a_clock_that_is_fast_does_not_hide_them() {
        let history = history(&[(9, Internal), (8, External)]);
        assert_eq!(n_flips(&history, now() - HOUR), 1);
    }
}
