//! Offers what is pushed to the ledger, one at a time, and once more what only the disk did not take.

use std::time::{Duration, Instant};

use landmark_proto::message::{Assignment, RejectionCode};

use super::Session;
use crate::ledger::task::Answer;

/// How long a disk that took no assignment is left alone, before the same one is offered to it again.
const STORE_AGAIN: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 30 });

impl Session {
    pub(super) fn offer(&mut self, assignment: Assignment) {
        if self.offering.is_some() {
            self.next_offer = Some(assignment);
            return;
        }
        self.unstored = None;
        self.judge(assignment);
    }

    fn judge(&mut self, assignment: Assignment) {
        let ledger = self.parties.ledger.clone();
        self.offering = Some(Box::pin(async move {
            let answer = ledger.offer(assignment.clone()).await;
            (assignment, answer)
        }));
    }

    pub(super) fn judged(&mut self, assignment: Assignment, answer: Answer) {
        let refused = answer.err();
        let is_disk = refused.as_ref().is_some_and(|refused| refused.code == RejectionCode::Storage);
        let is_known = self.unstored.take().is_some() && is_disk;
        if !is_known {
            self.conversation.judged(assignment.push_id, assignment.offered, refused);
        }
        if let Some(next) = self.next_offer.take() {
            self.offer(next);
        } else if is_disk {
            self.unstored = Some((assignment, Instant::now() + STORE_AGAIN));
        }
    }

    /// A full disk must not keep an old assignment in force until the server happens to push again.
    pub(super) fn store_again(&mut self) {
        if self.offering.is_some() {
            return;
        }
        if let Some((assignment, again_at)) = &self.unstored
            && *again_at <= Instant::now()
        {
            self.judge(assignment.clone());
        }
    }
}
