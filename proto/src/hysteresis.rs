//! Hysteresis: what a finding must have behind it before it changes the location.
//!
//! Pure: how often and how long is told. The first finding under an assignment, a finding that the place is unknown, and
//! one that only changes why, stand at once. A connection to the management server is proof by mutual TLS and needs no
//! confirmation; the minimum dwell holds for it too, for a link that comes and goes is what it is there against.

use std::time::Duration;

use crate::location::{Basis, Location, Verdict};
use crate::location_rules::Hysteresis;

/// The location that stands, and what speaks against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The verdict that was given last.
    pub verdict: Verdict,
    /// Findings in a row, the present one included, that say another location.
    pub n_contradictions: u32,
    /// Since the location changed last.
    pub dwelt: Duration,
}

/// The verdict that follows from a finding; `None` stands for the first one under an assignment.
pub fn tempered(rules: Hysteresis, standing: Option<&Standing>, finding: Verdict) -> Verdict {
    match standing {
        Some(standing)
            if contradicts(&standing.verdict, &finding) && !suffices(rules, standing, &finding) =>
        {
            standing.verdict.clone()
        }
        Some(_) | None => finding,
    }
}

/// Whether a finding is another place than the one that stands. Unknown is none.
pub fn contradicts(standing: &Verdict, finding: &Verdict) -> bool {
    use Location::{External, Internal};
    matches!((standing.location, finding.location), (Internal, External) | (External, Internal))
}

/// How many findings in a row it takes to change the location to what this one says.
pub fn confirmations(rules: Hysteresis, finding: &Verdict) -> u32 {
    match (finding.location, &finding.basis) {
        (_, Basis::ManagementServer) => 1,
        (Location::Internal, _) => rules.confirmations_to_internal.get(),
        (Location::External | Location::Unknown, _) => rules.confirmations_to_external.get(),
    }
}

fn suffices(rules: Hysteresis, standing: &Standing, finding: &Verdict) -> bool {
    standing.n_contradictions >= confirmations(rules, finding) && standing.dwelt >= rules.minimum_dwell.get()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::location_rules::{Confirmations, MinimumDwell};

    fn verdict(location: Location) -> Verdict {
        let basis = match location {
            Location::Internal => Basis::Gateway { address: [10, 0, 0, 1].into(), mac: None, position: 0 },
            Location::External => Basis::NoneReachable { n_attempts: 1 },
            Location::Unknown => Basis::NoAssignment,
        };
        Verdict { location, basis }
    }

    fn rules(to_internal: u32, to_external: u32, dwell_s: u64) -> Hysteresis {
        Hysteresis {
            confirmations_to_internal: Confirmations::new(to_internal).unwrap(),
            confirmations_to_external: Confirmations::new(to_external).unwrap(),
            minimum_dwell: MinimumDwell::new(Duration::from_secs(dwell_s)).unwrap(),
        }
    }

    #[test]
    fn the_whole_truth_table() {
        use Location::{External, Internal, Unknown};
        for (rules, from, n_contradictions, dwelt_s, finding, expected) in [
            (rules(1, 1, 0), Internal, 1, 0, External, External),
            (rules(1, 1, 0), External, 1, 0, Internal, Internal),
            (rules(1, 3, 0), Internal, 2, 900, External, Internal),
            (rules(1, 3, 0), Internal, 3, 0, External, External),
            (rules(1, 3, 0), External, 1, 0, Internal, Internal),
            (rules(2, 1, 0), External, 1, 900, Internal, External),
            (rules(2, 1, 0), External, 2, 0, Internal, Internal),
            (rules(1, 1, 60), External, 9, 59, Internal, External),
            (rules(1, 1, 60), External, 9, 60, Internal, Internal),
            (rules(9, 9, 60), Unknown, 0, 0, Internal, Internal),
            (rules(9, 9, 60), Internal, 0, 0, Unknown, Unknown),
            (rules(9, 9, 60), Internal, 0, 0, Internal, Internal),
        ] {
            let dwelt = Duration::from_secs(dwelt_s);
            let standing = Standing { verdict: verdict(from), n_contradictions, dwelt };
            let given = tempered(rules, Some(&standing), verdict(finding));
            assert_eq!(given, verdict(expected), "{rules:?} {standing:?} {finding}");
        }
        let first = tempered(rules(9, 9, 60), None, verdict(External));
        assert_eq!(first, verdict(External));
    }

    #[test]
    fn a_connection_needs_no_confirmation_but_heeds_the_dwell() {
        let connected = Verdict { location: Location::Internal, basis: Basis::ManagementServer };
        let standing = |dwelt_s| Standing {
            verdict: verdict(Location::External),
            n_contradictions: 1,
            dwelt: Duration::from_secs(dwelt_s),
        };
        assert_eq!(tempered(rules(9, 9, 60), Some(&standing(60)), connected.clone()), connected);
        let held_back = tempered(rules(9, 9, 60), Some(&standing(59)), connected);
        assert_eq!(held_back.location, Location::External);
    }

    #[test]
    fn another_reason_for_the_same_place_stands_at_once() {
        let other = Verdict { location: Location::External, basis: Basis::ListDisabled };
        let standing =
            Standing { verdict: verdict(Location::External), n_contradictions: 0, dwelt: Duration::ZERO };
        assert_eq!(tempered(rules(9, 9, 60), Some(&standing), other.clone()), other);
    }
}
