//! What an agent saw: judged here, written by the writer. The agent may have one record under way, and so many within a
//! minute; whatever exceeds that costs nothing but its decoding.

use landmark_proto::evidence::{Evidence, replay};
use tracing::warn;

use super::Session;
use crate::fleet::slots::Slots;
use crate::fleet::telemetry;
use crate::store::EvidenceRecord;

impl Session {
    /// Hands what an agent saw to the writer. What there is no room for is not acknowledged, and comes again.
    pub(super) fn take_evidence(&self, evidence: &Evidence) {
        if !self.outbound.with(Slots::begin_evidence) {
            telemetry::evidence_deferred();
            return;
        }
        let agent_id = self.peer.agent_id;
        let is_submitted = self.shared.may_send_evidence(agent_id)
            && {
                let record = EvidenceRecord::new(agent_id, evidence);
                if !record.follows() && self.shared.may_be_warned_of(agent_id) {
                    warn!(
                        evaluation = %evidence.evaluation, location = %evidence.verdict.location,
                        basis = %evidence.verdict.basis, follows = %replay(evidence).location,
                        "the verdict of an agent does not follow from what it says it saw; further ones of this agent are \
                         not told of for an hour"
                    );
                }
                self.shared.writer.submit_evidence(record, &self.outbound).is_ok()
            };
        if !is_submitted {
            telemetry::evidence_deferred();
            self.outbound.with(|slots| slots.finish_evidence(None, std::time::Instant::now()));
        }
    }
}
