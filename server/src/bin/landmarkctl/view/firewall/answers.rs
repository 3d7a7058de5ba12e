//! What the server answers about the firewall: which profile a machine would get, and what the firewalls have counted.

use jiff::Timestamp;
use landmark_proto::wire;
use serde::Serialize;

use super::{Action, Direction, Place, Platform, Policy, Profile};
use crate::view;

/// Which profile a machine gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Which {
    /// Absent: of the draft.
    pub(crate) revision: Option<u64>,
    /// Absent: none matches.
    pub(crate) profile: Option<Profile>,
    pub(crate) policy: Option<Policy>,
    /// Those before it; all, if none matches.
    pub(crate) skipped: Vec<Skipped>,
    /// What was gone by; absent and empty: not known.
    pub(crate) location: Option<Place>,
    pub(crate) host_name: Option<String>,
    pub(crate) addresses: Vec<String>,
    pub(crate) platform: Option<Platform>,
    pub(crate) labels: Vec<String>,
}

/// A profile that does not match, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Skipped {
    pub(crate) name: String,
    pub(crate) reasons: Vec<String>,
}

/// What all firewalls have counted under the present assignment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Hits {
    pub(crate) revision: Option<u64>,
    pub(crate) n_agents: u64,
    pub(crate) n_enrolled: u64,
    pub(crate) oldest_report_at: Option<Timestamp>,
    pub(crate) newest_report_at: Option<Timestamp>,
    pub(crate) hits: Vec<RuleHits>,
}

/// What one exception, or the level of a policy, has decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct RuleHits {
    pub(crate) policy: String,
    /// Absent: the level of the policy.
    pub(crate) exception: Option<String>,
    pub(crate) direction: Option<Direction>,
    pub(crate) action: Option<Action>,
    /// Whether what is blocked passes and is only counted.
    pub(crate) observing: bool,
    pub(crate) n_agents: u64,
    pub(crate) n_packets: u64,
    pub(crate) n_bytes: u64,
}

impl From<wire::WhichFirewallProfileResponse> for Which {
    fn from(answer: wire::WhichFirewallProfileResponse) -> Self {
        let wire::WhichFirewallProfileResponse {
            revision,
            profile,
            policy,
            skipped,
            location,
            host_name,
            addresses,
            platform,
            labels,
        } = answer;
        Self {
            revision: view::revision(revision),
            profile: profile.map(Profile::from),
            policy: policy.map(Policy::from),
            skipped: skipped
                .into_iter()
                .map(|wire::FirewallProfileSkipped { name, reasons }| Skipped { name, reasons })
                .collect(),
            location: Place::read(location),
            host_name: view::text(host_name),
            addresses,
            platform: Platform::read(platform),
            labels,
        }
    }
}

impl From<wire::ListFirewallHitsResponse> for Hits {
    fn from(answer: wire::ListFirewallHitsResponse) -> Self {
        let wire::ListFirewallHitsResponse {
            revision,
            n_agents,
            n_enrolled,
            hits,
            oldest_report_at,
            newest_report_at,
        } = answer;
        Self {
            revision: view::revision(revision),
            n_agents,
            n_enrolled,
            oldest_report_at: view::time(oldest_report_at),
            newest_report_at: view::time(newest_report_at),
            hits: hits.into_iter().map(RuleHits::from).collect(),
        }
    }
}

impl From<wire::FleetRuleHits> for RuleHits {
    fn from(hits: wire::FleetRuleHits) -> Self {
        let wire::FleetRuleHits {
            policy,
            exception,
            direction,
            action,
            observing,
            n_agents,
            n_packets,
            n_bytes,
        } = hits;
        Self {
            policy,
            exception: view::text(exception),
            direction: Direction::read(direction),
            action: Action::read(action),
            observing,
            n_agents,
            n_packets,
            n_bytes,
        }
    }
}
