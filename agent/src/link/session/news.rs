//! What happened in the agent that the server is to know, and what happened to the network that the session is to know.

use std::time::Instant;

use landmark_proto::convert::fleet::agent_message_to_wire;
use landmark_proto::message::{AgentMessage, MAX_MESSAGE_BYTES};
use landmark_proto::wire;
use prost::Message as _;
use tracing::debug;

use super::Session;
use crate::ledger::Accepted;
use crate::report;

/// Of a record of evidence, so that its message has room for its frame; that of the longest list with the longest names is
/// larger.
const EVIDENCE_BYTES: usize = MAX_MESSAGE_BYTES - 16 * 1024;

impl Session {
    /// Looks whether what was pushed is in effect by now.
    pub(super) fn progress(&mut self) {
        let enforcement = self.parties.enforcement.borrow_and_update().clone();
        if enforcement != self.told {
            self.told.clone_from(&enforcement);
            if let Some(status) = enforcement.clone() {
                self.conversation.enforced(status);
            }
        }
        if let Some(offered) = self.conversation.applying() {
            let decided = self.decided.borrow_and_update().clone();
            if report::is_applied(offered, decided.as_deref(), enforcement.as_ref()) {
                self.conversation.applied();
            }
        }
        self.notice();
    }

    /// Looks at what else the server wants to know, and at the network.
    fn notice(&mut self) {
        let changes = *self.parties.changes.borrow_and_update();
        let before = std::mem::replace(&mut self.noticed, changes);
        if (changes.network, changes.wake) != (before.network, before.wake) {
            self.conversation.doubt_way(Instant::now());
        }
        self.wanted.mark_unchanged();
        self.conversation.has_evidence(self.parties.location.evidence().has_unseen());
        let hits = self.parties.hits.borrow_and_update().clone();
        for news in hits.iter().filter(|news| !self.told_hits.contains(news)) {
            self.conversation.counted(news.clone());
        }
        self.told_hits = hits;
        let swept = self.swept.borrow_and_update().clone();
        if swept != self.told_sweep {
            self.told_sweep.clone_from(&swept);
            let held = self.parties.ledger.held().borrow().as_ref().map(Accepted::held);
            // Of another list than the one held it would say nothing.
            if let Some(swept) = swept.filter(|swept| Some(swept.held()) == held) {
                self.conversation.swept(swept.report(tokio::time::Instant::now()));
            }
        }
    }

    /// The oldest evidence that the server does not have and that fits into a message.
    pub(super) fn evidence(&mut self, now: Instant) -> Option<wire::AgentMessage> {
        let log = self.parties.location.evidence();
        while let Some(evidence) = log.unseen() {
            let evaluation = evidence.evaluation;
            let message = agent_message_to_wire(&AgentMessage::Evidence(Box::new(evidence)));
            if message.encoded_len() <= EVIDENCE_BYTES {
                self.conversation.sent_evidence(evaluation, now);
                return Some(message);
            }
            debug!(%evaluation, "evidence is too large to be sent");
            log.seen(evaluation);
        }
        self.conversation.has_evidence(false);
        None
    }
}
