//! Serves the ledger to the rest of the agent: one offer at a time, stored, then published, then answered.
//!
//! It must not know what is done with what it publishes.

use std::convert::Infallible;
use std::time::SystemTime;

use landmark_proto::message::{Assignment, Rejection, RejectionCode};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinError;
use tracing::{debug, error, info, warn};

use super::refused::Refused;
use super::{Accepted, Ledger, Taken};

/// What the answer to an offer is.
pub type Answer = Result<Taken, Rejection>;

/// Where offers are made and what is held is seen. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LedgerHandle {
    offers: mpsc::Sender<(Assignment, oneshot::Sender<Answer>)>,
    held: watch::Receiver<Option<Accepted>>,
    refused: watch::Receiver<Option<Refused>>,
}

/// The task behind a [`LedgerHandle`].
#[derive(Debug)]
pub struct LedgerTask {
    ledger: Ledger,
    offers: mpsc::Receiver<(Assignment, oneshot::Sender<Answer>)>,
    held: watch::Sender<Option<Accepted>>,
    /// What was refused last; nothing once an offer was taken.
    refused: watch::Sender<Option<Refused>>,
}

/// The ledger's task has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the ledger is closed")]
pub struct Closed;

/// The ledger's task cannot go on.
#[derive(Debug, Error)]
pub enum LedgerTaskError {
    /// Nobody can make offers any more.
    #[error("nobody is left to make offers")]
    Closed,
    /// Storing panicked.
    #[error("storing an assignment failed")]
    Store(#[source] JoinError),
}

/// Opens the channels of a ledger. What it holds is published at once.
pub fn channel(ledger: Ledger) -> (LedgerHandle, LedgerTask) {
    // One: an agent has one session, and a session at most one unanswered push.
    let (offers_tx, offers_rx) = mpsc::channel(1);
    let (held_tx, held_rx) = watch::channel(ledger.accepted().cloned());
    let (refused_tx, refused_rx) = watch::channel(None);
    (
        LedgerHandle { offers: offers_tx, held: held_rx, refused: refused_rx },
        LedgerTask { ledger, offers: offers_rx, held: held_tx, refused: refused_tx },
    )
}

impl LedgerHandle {
    /// Offers an assignment. Once it answers `Accepted`, the assignment is on the disk and published.
    ///
    /// # Errors
    /// The agent is stopping.
    pub async fn offer(&self, offer: Assignment) -> Result<Answer, Closed> {
        let (answer_tx, answer_rx) = oneshot::channel();
        self.offers.send((offer, answer_tx)).await.map_err(|_| Closed)?;
        answer_rx.await.map_err(|_| Closed)
    }

    /// Follows what is held.
    pub fn held(&self) -> watch::Receiver<Option<Accepted>> {
        self.held.clone()
    }

    /// Follows what was refused last, until an offer is taken.
    pub fn refused(&self) -> watch::Receiver<Option<Refused>> {
        self.refused.clone()
    }
}

impl LedgerTask {
    /// Serves offers until nobody can make one.
    ///
    /// # Errors
    /// Always: why it ended.
    pub async fn run(mut self) -> Result<Infallible, LedgerTaskError> {
        loop {
            let (offer, answer_tx) = self.offers.recv().await.ok_or(LedgerTaskError::Closed)?;
            let offered = offer.offered;
            let mut ledger = self.ledger;
            let (ledger, answer, refused) = tokio::task::spawn_blocking(move || {
                let answer = ledger.offer(&offer);
                let rejection = answer.as_ref().err();
                let refused = rejection.map(|rejection| Refused::new(&offer, rejection, SystemTime::now()));
                (ledger, answer, refused)
            })
            .await
            .map_err(LedgerTaskError::Store)?;
            self.ledger = ledger;
            if let Ok(Taken::Accepted(accepted)) = &answer {
                info!(revision = %offered, digest = %offered.digest, "assignment accepted");
                self.held.send_replace(Some(accepted.clone()));
            }
            self.publish_refused(refused);
            // Whoever asked may be gone with its session; what was stored stays true.
            answer_tx.send(answer).ok();
        }
    }

    /// Logs a refusal once, though every session begins with the same offer again.
    fn publish_refused(&self, refused: Option<Refused>) {
        self.refused.send_if_modified(|known| {
            match (&*known, &refused) {
                (None, None) => return false,
                (Some(known), Some(again)) if (known.offered, known.code) == (again.offered, again.code) => {
                    debug!(revision = %again.offered, code = ?again.code, "assignment refused again");
                    return false;
                }
                (_, Some(refused)) => log(refused, self.ledger.accepted()),
                (Some(_), None) => {}
            }
            *known = refused;
            true
        });
    }
}

fn log(refused: &Refused, held: Option<&Accepted>) {
    let held = held.map(|accepted| accepted.held().revision.get());
    let revision = refused.offered.revision.get();
    let why = refused.why();
    let code = refused.code;
    match code {
        // The server has two contents for one revision: someone must look.
        RejectionCode::Conflict | RejectionCode::Digest => {
            error!(revision, held, ?code, why, "assignment refused: it is not what it claims to be");
        }
        RejectionCode::Outdated
        | RejectionCode::Invalid
        | RejectionCode::Unsupported
        | RejectionCode::TooLarge
        | RejectionCode::Storage => warn!(revision, held, ?code, why, "assignment refused"),
    }
}

/// Tells of damaged files, at the start.
pub fn log_damage(damages: &[super::Damage], held: Option<&Accepted>) {
    for damage in damages {
        warn!(%damage, "the ledger is damaged");
    }
    if !damages.is_empty() {
        match held {
            Some(accepted) => {
                warn!(revision = %accepted.held(), "the assignment of the ledger before it is held instead");
            }
            None => warn!("no assignment is held, until the server gives one"),
        }
    }
}

#[cfg(test)]
mod tests {
    use landmark_daemon::error::Chain;

    use super::*;
    use crate::ledger::testing::{offer, settings};

    #[tokio::test]
    async fn what_was_accepted_is_published_before_it_is_answered() {
        let folder = tempfile::tempdir().unwrap();
        let (ledger, _) = Ledger::open(folder.path(), Default::default());
        let (handle, task) = channel(ledger);
        let held = handle.held();
        let mut shown = handle.refused();
        let serve = task.run();
        let ask = async move {
            let answer = handle.offer(offer(3, &settings(&["a"]))).await.unwrap().unwrap();
            let Taken::Accepted(accepted) = answer else { panic!("{answer:?}") };
            assert_eq!(held.borrow().as_ref(), Some(&accepted));
            let refused = handle.offer(offer(2, &settings(&["b"]))).await.unwrap().unwrap_err();
            assert_eq!(refused.code, RejectionCode::Outdated);
            assert_eq!(shown.borrow().as_ref().map(|refused| refused.offered.revision.get()), Some(2));
            // The same again is no news; one that is taken ends it.
            shown.mark_unchanged();
            handle.offer(offer(2, &settings(&["b"]))).await.unwrap().unwrap_err();
            assert!(!shown.has_changed().unwrap());
            handle.offer(offer(3, &settings(&["a"]))).await.unwrap().unwrap();
            assert_eq!(*shown.borrow(), None);
            assert_eq!(held.borrow().as_ref(), Some(&accepted));
        };
        let (ended, ()) = tokio::join!(serve, ask);
        assert_eq!(Chain(&ended.unwrap_err()).to_string(), "nobody is left to make offers");
    }
}
