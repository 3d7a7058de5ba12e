//! What an agent saw, as it sent it.

use jiff::Timestamp;
use landmark_proto::convert::evidence::from_wire;
use landmark_proto::evidence::Evidence;
use landmark_proto::explain;
use landmark_proto::wire;
use serde::{Serialize, Serializer};

/// The newest records of one agent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct AgentEvidence {
    pub(crate) agent_id: String,
    pub(crate) host_name: String,
    /// Oldest first, as the agent itself tells them.
    pub(crate) evaluations: Vec<Received>,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Received {
    pub(crate) received_at: Option<Timestamp>,
    /// Whether the verdict follows from the rest of the record.
    pub(crate) follows: bool,
    /// The same document as the agent's own; absent for one that this version cannot read.
    #[serde(serialize_with = "document")]
    pub(crate) evidence: Option<Evidence>,
}

fn document<S: Serializer>(evidence: &Option<Evidence>, serializer: S) -> Result<S::Ok, S::Error> {
    evidence.as_ref().map(explain::document).serialize(serializer)
}

impl From<wire::ListAgentEvidenceResponse> for AgentEvidence {
    fn from(response: wire::ListAgentEvidenceResponse) -> Self {
        let wire::ListAgentEvidenceResponse { agent_id, host_name, evidence } = response;
        Self { agent_id, host_name, evaluations: evidence.into_iter().rev().map(Received::from).collect() }
    }
}

impl From<wire::AgentEvidence> for Received {
    fn from(received: wire::AgentEvidence) -> Self {
        let wire::AgentEvidence { evidence, received_at, follows } = received;
        let evidence = evidence.and_then(|evidence| from_wire(evidence).ok());
        Self { received_at: super::time(received_at), follows, evidence }
    }
}
