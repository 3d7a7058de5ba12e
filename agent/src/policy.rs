//! Which policy shall be in force. Pure: what is held, where the machine is and what it is go in, what to enforce comes out.
//!
//! It must not know how a policy is made real, nor why the machine is where it is.

use std::fmt;
use std::sync::Arc;

use landmark_proto::firewall;
use landmark_proto::firewall::ItemName;
use landmark_proto::firewall::profile::{Facts, which};
use landmark_proto::location::Location;
use landmark_proto::message::ProfileInForce;
use landmark_proto::revision::Held;

use crate::ledger::Accepted;

/// What shall be in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// The assignment that it comes from.
    pub held: Held,
    /// Where the machine is.
    pub location: Location,
    /// Which of the assignment's policies follows from that.
    pub policy: Policy,
    /// What the firewall shall let pass; none if no profile is for this machine.
    pub firewall: Option<Arc<Chosen>>,
}

/// The firewall policy of a machine, and the profile that gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Of the profile.
    pub profile: ItemName,
    /// What it gave.
    pub policy: firewall::Policy,
}

impl Chosen {
    /// By their names.
    pub fn names(&self) -> ProfileInForce {
        ProfileInForce { profile: self.profile.clone(), policy: self.policy.name.clone() }
    }
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

/// What follows from the assignment held, the location decided and what is known of this machine; nothing without an
/// assignment. The place in `machine` does not count: it is that of the location.
///
/// A location that is not known yet is treated as external: the stricter policy until the contrary is proved.
pub fn desired(accepted: Option<&Accepted>, location: Location, machine: &Facts) -> Option<Desired> {
    let accepted = accepted?;
    let policy = match location {
        Location::Internal => Policy::Internal,
        Location::External | Location::Unknown => Policy::External,
    };
    let facts = Facts { place: Some(location.into()), ..machine.clone() };
    let firewall = which(&accepted.settings().firewall, &facts)
        .found
        .map(|(profile, policy)| Arc::new(Chosen { profile: profile.name.clone(), policy: policy.clone() }));
    Some(Desired { held: accepted.held(), location, policy, firewall })
}

#[cfg(test)]
mod tests {
    use landmark_proto::firewall::profile::Place;
    use landmark_proto::firewall::{Conditions, Exceptions, Firewall, Level, Mode, Profile};
    use landmark_proto::settings::Settings;

    use super::*;
    use crate::ledger::testing::{accepted, settings};

    /// One policy for inside, one for outside, and none for machines that are not labelled.
    fn two_places() -> Settings {
        let policy = |name: &str, level| firewall::Policy {
            name: name.parse().unwrap(),
            level,
            mode: Mode::Enforce,
            exceptions: Exceptions::default(),
        };
        let profile = |name: &str, policy: &str, place| Profile {
            name: name.parse().unwrap(),
            is_enabled: true,
            policy: policy.parse().unwrap(),
            conditions: Conditions {
                places: vec![place],
                labels: vec!["managed=yes".parse().unwrap()],
                ..Conditions::default()
            },
        };
        let firewall = Firewall::new(
            vec![policy("open", Level::Low), policy("shut", Level::High)],
            vec![profile("office", "open", Place::Internal), profile("road", "shut", Place::External)],
            Exceptions::default(),
        );
        Settings { firewall: firewall.unwrap(), ..settings(&["a"]) }
    }

    #[test]
    fn every_location_has_its_policy() {
        let accepted = accepted(4, &two_places());
        let machine = Facts { labels: vec!["managed=yes".parse().unwrap()], ..Facts::default() };
        for (location, policy, profile, firewall) in [
            (Location::Internal, Policy::Internal, "office", "open"),
            (Location::External, Policy::External, "road", "shut"),
            (Location::Unknown, Policy::External, "road", "shut"),
        ] {
            let found = desired(Some(&accepted), location, &machine).unwrap();
            assert_eq!((found.held, found.location, found.policy), (accepted.held(), location, policy));
            let chosen = found.firewall.unwrap();
            assert_eq!((chosen.profile.as_str(), chosen.policy.name.as_str()), (profile, firewall));
        }
    }

    #[test]
    fn a_machine_that_no_profile_is_for_has_no_firewall_policy() {
        let accepted = accepted(4, &two_places());
        let found = desired(Some(&accepted), Location::External, &Facts::default()).unwrap();
        assert_eq!((found.policy, found.firewall), (Policy::External, None));
    }

    #[test]
    fn without_an_assignment_there_is_nothing_to_enforce() {
        for location in [Location::Internal, Location::External, Location::Unknown] {
            assert_eq!(desired(None, location, &Facts::default()), None);
        }
    }
}
