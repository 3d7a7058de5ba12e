//! Whether a policy is in force, and what it has counted.

use crate::firewall::ItemName;
use crate::firewall::ruling::Flow;
use crate::message::{
    EnforcementState, EnforcementStatus, FirewallHits, HostFacts, MAX_RULE_HITS, ProfileInForce, RuleHits,
};
use crate::revision::Revision;
use crate::violation::{Findings, Path, Violations};
use crate::wire;

use super::super::firewall::{action_from_wire, action_to_wire, direction_to_wire};
use super::super::location::{location_from_wire, location_to_wire};
use super::super::time::{duration_from_wire, duration_to_wire, timestamp_from_wire, timestamp_to_wire};
use super::agent::{MAX_REASON_CHARS, cut};
use super::assignment::{held_from_wire, held_to_wire};
use super::text_from_wire;

/// Whether a policy is in force. A reason that is too long is cut.
pub fn enforcement_to_wire(status: &EnforcementStatus) -> wire::EnforcementStatus {
    let EnforcementStatus { state, backend, reason, location, revision, since, profile } = status;
    let name = |of: fn(&ProfileInForce) -> &ItemName| profile.as_ref().map(|it| of(it).to_string());
    wire::EnforcementStatus {
        state: state_to_wire(*state).into(),
        backend: backend.chars().take(HostFacts::MAX_TEXT).collect(),
        reason: cut(reason),
        location: location_to_wire(*location).into(),
        revision: revision.map_or(0, Revision::get),
        since: Some(timestamp_to_wire(*since)),
        profile: name(|it| &it.profile).unwrap_or_default(),
        policy: name(|it| &it.policy).unwrap_or_default(),
    }
}

/// Checks whether a policy is in force.
///
/// # Errors
/// Every broken rule, with its path below `path`.
pub fn enforcement_from_wire(
    status: wire::EnforcementStatus,
    path: &Path,
) -> Result<EnforcementStatus, Violations> {
    let wire::EnforcementStatus { state, backend, reason, location, revision, since, profile, policy } =
        status;
    let mut findings = Findings::default();
    let state = findings.keep(state_from_wire(state, &path.field("state")));
    let backend = findings.keep(text_from_wire(backend, HostFacts::MAX_TEXT, &path.field("backend")));
    let reason = findings.keep(text_from_wire(reason, MAX_REASON_CHARS, &path.field("reason")));
    let location = findings.keep(location_from_wire(location, &path.field("location")));
    let since = findings.keep(timestamp_from_wire(since, &path.field("since")));
    let profile = if profile.is_empty() && policy.is_empty() {
        Some(None)
    } else {
        findings.keep(in_force_from_wire(&profile, &policy, path)).map(Some)
    };
    let status = (|| {
        Some(EnforcementStatus {
            state: state?,
            backend: backend?,
            reason: reason?,
            location: location?,
            revision: Revision::new(revision),
            since: since?,
            profile: profile?,
        })
    })();
    findings.finish(status)
}

fn state_to_wire(state: EnforcementState) -> wire::EnforcementState {
    match state {
        EnforcementState::Applied => wire::EnforcementState::Applied,
        EnforcementState::Observed => wire::EnforcementState::Observed,
        EnforcementState::Failed => wire::EnforcementState::Failed,
        EnforcementState::Nothing => wire::EnforcementState::Nothing,
        EnforcementState::Repaired => wire::EnforcementState::Repaired,
        EnforcementState::Unavailable => wire::EnforcementState::Unavailable,
    }
}

fn state_from_wire(state: i32, path: &Path) -> Result<EnforcementState, Violations> {
    match wire::EnforcementState::try_from(state) {
        Ok(wire::EnforcementState::Applied) => Ok(EnforcementState::Applied),
        Ok(wire::EnforcementState::Observed) => Ok(EnforcementState::Observed),
        Ok(wire::EnforcementState::Failed) => Ok(EnforcementState::Failed),
        Ok(wire::EnforcementState::Nothing) => Ok(EnforcementState::Nothing),
        Ok(wire::EnforcementState::Repaired) => Ok(EnforcementState::Repaired),
        Ok(wire::EnforcementState::Unavailable) => Ok(EnforcementState::Unavailable),
        Ok(wire::EnforcementState::Unspecified) | Err(_) => {
            Err(Violations::one(path, format!("{state} is not a state of enforcement")))
        }
    }
}

fn in_force_from_wire(profile: &str, policy: &str, path: &Path) -> Result<ProfileInForce, Violations> {
    let mut findings = Findings::default();
    let profile = findings.keep_at(&path.field("profile"), profile.parse::<ItemName>());
    let policy = findings.keep_at(&path.field("policy"), policy.parse::<ItemName>());
    findings.finish(profile.zip(policy).map(|(profile, policy)| ProfileInForce { profile, policy }))
}

/// What was counted.
pub(super) fn hits_to_wire(hits: &FirewallHits) -> wire::FirewallHits {
    let FirewallHits { held, in_force: ProfileInForce { profile, policy }, is_observing, counted_for, hits } =
        hits;
    wire::FirewallHits {
        held: Some(held_to_wire(*held)),
        profile: profile.to_string(),
        policy: policy.to_string(),
        observing: *is_observing,
        counted_for: Some(duration_to_wire(*counted_for)),
        hits: hits.iter().take(MAX_RULE_HITS).map(rule_to_wire).collect(),
    }
}

/// Checks what was counted.
pub(super) fn hits_from_wire(hits: wire::FirewallHits, path: &Path) -> Result<FirewallHits, Violations> {
    let wire::FirewallHits { held, profile, policy, observing, counted_for, hits } = hits;
    let at_hits = path.field("hits");
    if hits.len() > MAX_RULE_HITS {
        let message = format!("{} counters are too many (at most {MAX_RULE_HITS})", hits.len());
        return Err(Violations::one(&at_hits, message));
    }
    let mut findings = Findings::default();
    let held = match held {
        Some(held) => findings.keep(held_from_wire(held, &path.field("held"))),
        None => findings.keep(Err(Violations::one(&path.field("held"), "is missing"))),
    };
    let in_force = findings.keep(in_force_from_wire(&profile, &policy, path));
    let counted_for = findings.keep(duration_from_wire(counted_for, &path.field("counted_for")));
    let mut checked = Vec::with_capacity(hits.len());
    for (index, hit) in hits.into_iter().enumerate() {
        checked.extend(findings.keep(rule_from_wire(hit, &at_hits.index(index))));
    }
    let hits = (|| {
        Some(FirewallHits {
            held: held?,
            in_force: in_force?,
            is_observing: observing,
            counted_for: counted_for?,
            hits: checked,
        })
    })();
    findings.finish(hits)
}

fn rule_to_wire(hits: &RuleHits) -> wire::RuleHits {
    let RuleHits { exception, flow, action, n_packets, n_bytes } = hits;
    wire::RuleHits {
        exception: exception.as_ref().map_or_else(String::new, ItemName::to_string),
        direction: direction_to_wire((*flow).into()).into(),
        action: action_to_wire(*action).into(),
        n_packets: *n_packets,
        n_bytes: *n_bytes,
    }
}

fn rule_from_wire(hits: wire::RuleHits, path: &Path) -> Result<RuleHits, Violations> {
    let wire::RuleHits { exception, direction, action, n_packets, n_bytes } = hits;
    let mut findings = Findings::default();
    let exception = if exception.is_empty() {
        Some(None)
    } else {
        findings.keep_at(&path.field("exception"), exception.parse::<ItemName>()).map(Some)
    };
    let flow = match wire::FirewallDirection::try_from(direction) {
        Ok(wire::FirewallDirection::Inbound) => Some(Flow::Inbound),
        Ok(wire::FirewallDirection::Outbound) => Some(Flow::Outbound),
        Ok(wire::FirewallDirection::Both | wire::FirewallDirection::Unspecified) | Err(_) => {
            findings.push(&path.field("direction"), format!("{direction} is not one direction"));
            None
        }
    };
    let action = findings.keep(action_from_wire(action, &path.field("action")));
    let hits =
        (|| Some(RuleHits { exception: exception?, flow: flow?, action: action?, n_packets, n_bytes }))();
    findings.finish(hits)
}
