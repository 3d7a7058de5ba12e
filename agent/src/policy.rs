//! Which policy shall be in force. Pure: what is held and where the machine is go in, what to enforce comes out.
//!
//! It must not know how a policy is made real, nor why the machine is where it is.

use std::fmt;

use landmark_proto::location::Location;
use landmark_proto::revision::Held;

use crate::ledger::Accepted;

/// What shall be in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Desired {
    /// The assignment that it comes from.
    pub held: Held,
    /// Where the machine is.
    pub location: Location,
    /// Which of the assignment's policies follows from that.
    pub policy: Policy,
}

/// One of an assignment's policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Policy {
    /// What is meant for machines inside the company network.
    Internal,
    /// What is meant for all others.
    External,
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Internal => "internal",
            Self::External => "external",
        })
    }
}

/// What follows from the assignment held and the location decided; nothing without an assignment.
///
/// A location that is not known yet is treated as external: the stricter policy until the contrary is proved.
pub fn desired(accepted: Option<&Accepted>, location: Location) -> Option<Desired> {
    let held = accepted?.held();
    let policy = match location {
        Location::Internal => Policy::Internal,
        Location::External | Location::Unknown => Policy::External,
    };
    Some(Desired { held, location, policy })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::testing::{accepted, settings};

    #[test]
    fn every_location_has_its_policy() {
        let accepted = accepted(4, &settings(&["a"]));
        for (location, policy) in [
            (Location::Internal, Policy::Internal),
            (Location::External, Policy::External),
            (Location::Unknown, Policy::External),
        ] {
            let expected = Desired { held: accepted.held(), location, policy };
            assert_eq!(desired(Some(&accepted), location), Some(expected));
        }
    }

    #[test]
    fn without_an_assignment_there_is_nothing_to_enforce() {
        for location in [Location::Internal, Location::External, Location::Unknown] {
            assert_eq!(desired(None, location), None);
        }
    }
}
