//! Agents on the wire, and the wishes about them.

use landmark_proto::convert::evidence as convert_evidence;
use landmark_proto::convert::fleet::assignment::rejection_to_wire;
use landmark_proto::convert::fleet::{enforcement_to_wire, facts_to_wire};
use landmark_proto::convert::location::{
    basis_to_wire, location_from_wire, location_to_wire, report_to_wire,
};
use landmark_proto::convert::time::timestamp_to_wire;
use landmark_proto::location::Location;
use landmark_proto::message::EnforcementState;
use landmark_proto::violation::{Findings, Path, Violations};
use landmark_proto::wire;

use crate::fleet::{Agent, AgentFilter, AgentView, AssignmentState, Reported};
use crate::store::StoredEvidence;

/// Longer than any id or host name.
const MAX_TEXT: usize = 255;

/// One row of the table.
pub(super) fn agent_to_wire(AgentView { agent, state }: &AgentView) -> wire::Agent {
    let connection = if agent.online { wire::Connection::Online } else { wire::Connection::Offline };
    let verdict = agent.location.as_ref().map(|reported| &reported.report.verdict);
    wire::Agent {
        agent_id: agent.agent_id.to_string(),
        host_name: agent.facts.host_name.clone(),
        connection: connection.into(),
        connection_since: agent.connection_since.map(timestamp_to_wire),
        // An agent that never reported is in an unknown place.
        location: location_to_wire(verdict.map_or(Location::Unknown, |verdict| verdict.location)).into(),
        basis: verdict.map(|verdict| basis_to_wire(&verdict.basis)),
        location_since: agent.location.as_ref().map(|reported| timestamp_to_wire(reported.report.at)),
        location_reported_at: agent.location.as_ref().map(|reported| timestamp_to_wire(reported.received_at)),
        held_revision: agent.held.map_or(0, |held| held.revision.get()),
        assignment_state: state_to_wire(*state).into(),
        enforcement: agent.enforcement.as_ref().map(enforcement_to_wire),
        cloned: agent.boots.is_cloned(),
        enrolled_at: Some(timestamp_to_wire(agent.enrolled_at)),
        agent_version: agent.facts.agent_version.clone(),
    }
}

/// All that is known of one.
pub(super) fn detail_to_wire(view: &AgentView, history: &[Reported], n_flips: u32) -> wire::AgentDetail {
    let agent: &Agent = &view.agent;
    // A refusal of an assignment that is not in force any more explains nothing.
    let refused = agent.refused.as_ref().filter(|_| view.state == AssignmentState::Rejected);
    wire::AgentDetail {
        agent: Some(agent_to_wire(view)),
        facts: Some(facts_to_wire(&agent.facts)),
        peer_address: agent.peer_address.map(|address| address.to_string()).unwrap_or_default(),
        rejection: refused.map(|refused| rejection_to_wire(&refused.rejection)),
        certificate_expires_at: Some(timestamp_to_wire(agent.certificate_expires_at)),
        history: history.iter().map(reported_to_wire).collect(),
        n_history_lost: agent.n_history_lost,
        n_flips_last_hour: n_flips,
    }
}

fn reported_to_wire(Reported { report, received_at }: &Reported) -> wire::LocationHistory {
    wire::LocationHistory {
        report: Some(report_to_wire(report)),
        received_at: Some(timestamp_to_wire(*received_at)),
    }
}

/// What an agent saw.
pub(super) fn evidence_to_wire(stored: &StoredEvidence) -> wire::AgentEvidence {
    let StoredEvidence { evidence, received_at, follows } = stored;
    wire::AgentEvidence {
        evidence: Some(convert_evidence::to_wire(evidence)),
        received_at: Some(timestamp_to_wire(*received_at)),
        follows: *follows,
    }
}

fn state_to_wire(state: AssignmentState) -> wire::AssignmentState {
    match state {
        AssignmentState::Current => wire::AssignmentState::Current,
        AssignmentState::Behind => wire::AssignmentState::Behind,
        AssignmentState::Rejected => wire::AssignmentState::Rejected,
        AssignmentState::None => wire::AssignmentState::None,
    }
}

/// Which agents someone wants to see.
pub(super) fn filter_from_wire(filter: Option<wire::AgentFilter>) -> Result<AgentFilter, Violations> {
    let Some(filter) = filter else { return Ok(AgentFilter::default()) };
    let wire::AgentFilter { text, location, connection, assignment_state, enforcement_state, cloned } =
        filter;
    let path = Path::root().field("filter");
    let mut findings = Findings::default();
    if text.len() > MAX_TEXT {
        findings.push(&path.field("text"), format!("is too long (at most {MAX_TEXT} bytes)"));
    }
    let location = match location {
        0 => None,
        number => findings.keep(location_from_wire(number, &path.field("location"))),
    };
    let online = match wire::Connection::try_from(connection) {
        Ok(wire::Connection::Unspecified) => None,
        Ok(wire::Connection::Online) => Some(true),
        Ok(wire::Connection::Offline) => Some(false),
        Err(_) => {
            findings.push(&path.field("connection"), format!("{connection} is not a known connection"));
            None
        }
    };
    let assignment_state = match wire::AssignmentState::try_from(assignment_state) {
        Ok(wire::AssignmentState::Unspecified) => None,
        Ok(wire::AssignmentState::Current) => Some(AssignmentState::Current),
        Ok(wire::AssignmentState::Behind) => Some(AssignmentState::Behind),
        Ok(wire::AssignmentState::Rejected) => Some(AssignmentState::Rejected),
        Ok(wire::AssignmentState::None) => Some(AssignmentState::None),
        Err(_) => {
            let message = format!("{assignment_state} is not a known state");
            findings.push(&path.field("assignment_state"), message);
            None
        }
    };
    let enforcement_state = match wire::EnforcementState::try_from(enforcement_state) {
        Ok(wire::EnforcementState::Unspecified) => None,
        Ok(wire::EnforcementState::Applied) => Some(EnforcementState::Applied),
        Ok(wire::EnforcementState::Observed) => Some(EnforcementState::Observed),
        Ok(wire::EnforcementState::Failed) => Some(EnforcementState::Failed),
        Ok(wire::EnforcementState::Nothing) => Some(EnforcementState::Nothing),
        Ok(wire::EnforcementState::Repaired) => Some(EnforcementState::Repaired),
        Ok(wire::EnforcementState::Unavailable) => Some(EnforcementState::Unavailable),
        Err(_) => {
            let message = format!("{enforcement_state} is not a known state");
            findings.push(&path.field("enforcement_state"), message);
            None
        }
    };
    let mut filter = AgentFilter::default().with_text(&text);
    (filter.location, filter.online, filter.assignment_state) = (location, online, assignment_state);
    (filter.enforcement_state, filter.cloned) = (enforcement_state, cloned);
    findings.finish(Some(filter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bad_value_of_a_filter_is_named() {
        let bad = wire::AgentFilter {
            location: 9,
            connection: 9,
            assignment_state: 9,
            enforcement_state: 9,
            text: "x".repeat(256),
            ..wire::AgentFilter::default()
        };
        assert_eq!(filter_from_wire(Some(bad)).unwrap_err().as_slice().len(), 5);
        assert_eq!(filter_from_wire(None).unwrap(), AgentFilter::default());
        let some = wire::AgentFilter {
            text: "Web".to_owned(),
            location: wire::Location::Internal.into(),
            connection: wire::Connection::Offline.into(),
            assignment_state: wire::AssignmentState::None.into(),
            enforcement_state: wire::EnforcementState::Repaired.into(),
            cloned: true,
        };
        let mut expected = AgentFilter::default().with_text("web");
        expected.location = Some(Location::Internal);
        expected.online = Some(false);
        expected.assignment_state = Some(AssignmentState::None);
        expected.enforcement_state = Some(EnforcementState::Repaired);
        expected.cloned = true;
        assert_eq!(filter_from_wire(Some(some)).unwrap(), expected);
    }
}
