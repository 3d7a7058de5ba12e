//! What the location task is given, and where it is asked.

use std::sync::Arc;

use landmark_proto::ids::BootId;
use landmark_proto::location::LinkState;
use landmark_proto::message::Tuning;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};

use crate::ledger::Accepted;
use crate::location::{Decided, EvidenceLog};
use crate::network::Changes;

/// What the location depends on.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The link to the server.
    pub link: watch::Receiver<LinkState>,
    /// The assignment that is held.
    pub held: watch::Receiver<Option<Accepted>>,
    /// The server's timing.
    pub tuning: watch::Receiver<Tuning>,
    /// What is noticed of the machine's network.
    pub changes: watch::Receiver<Changes>,
}

/// What the agent's own configuration and machine say.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether loopback addresses may be tried.
    pub allow_loopback: bool,
    /// This boot.
    pub boot_id: BootId,
}

/// Where the location is asked for and seen. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LocationHandle {
    requests: mpsc::Sender<Request>,
    decided: watch::Receiver<Option<Arc<Decided>>>,
    evidence: EvidenceLog,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// An administrator.
    ByServer,
    /// Someone on this machine.
    OnThisMachine,
}

/// An evaluation that was asked for did not come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotEvaluated {
    /// Too many ask.
    #[error("too many evaluations are being asked for")]
    Busy,
    /// The agent is stopping.
    #[error("the agent is stopping")]
    Stopping,
}

#[derive(Debug)]
pub(super) struct Request {
    pub(super) asked: Asked,
    pub(super) answer: oneshot::Sender<Arc<Decided>>,
}

impl LocationHandle {
    pub(super) fn new(
        requests: mpsc::Sender<Request>,
        decided: watch::Receiver<Option<Arc<Decided>>>,
        evidence: EvidenceLog,
    ) -> Self {
        Self { requests, decided, evidence }
    }

    /// Evaluates now and returns the verdict as soon as it is given.
    ///
    /// # Errors
    /// Too many ask, or the agent is stopping.
    pub async fn evaluate(&self, asked: Asked) -> Result<Arc<Decided>, NotEvaluated> {
        let (answer, answered) = oneshot::channel();
        self.requests.try_send(Request { asked, answer }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => NotEvaluated::Busy,
            mpsc::error::TrySendError::Closed(_) => NotEvaluated::Stopping,
        })?;
        answered.await.map_err(|_| NotEvaluated::Stopping)
    }

    /// Follows where this machine is; `None` before the first verdict. It changes as soon as a verdict is given, and once
    /// more when that verdict is settled.
    pub fn decided(&self) -> watch::Receiver<Option<Arc<Decided>>> {
        self.decided.clone()
    }

    /// Why it was decided so.
    pub fn evidence(&self) -> &EvidenceLog {
        &self.evidence
    }
}
