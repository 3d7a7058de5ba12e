//! Why a session ends. How it is told to the agent stands in [`crate::status`].

use std::time::Duration;

use landmark_proto::violation::Violations;
use thiserror::Error;

/// The end of a session.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum End {
    /// The agent said goodbye, closed its side, or its connection broke.
    #[error("the agent left")]
    Left,
    /// We are stopping; the agent was told when to come back.
    #[error("the server is stopping")]
    Drained,
    /// The same identity opened another session.
    #[error("a newer session of this agent took over")]
    Superseded,
    /// An administrator removed the agent.
    #[error(
        "this agent was removed; to enrol the machine again: landmark-agent enroll --force with a new join string"
    )]
    Removed,
    /// The certificate is ours, but names an agent that we do not have.
    #[error(
        "this agent is unknown here, though its certificate is of this fleet: the server's database was restored or \
         replaced; enrol the machine again with a new join token"
    )]
    Unknown,
    /// The agent broke a rule of the protocol.
    #[error("{0}")]
    Invalid(Violations),
    /// No hello in time.
    #[error("no hello within {} s", .0.as_secs())]
    NoHello(Duration),
    /// No heartbeat for three intervals.
    #[error("no message for {} s", .0.as_secs())]
    Overdue(Duration),
    /// The agent does not read.
    #[error("nothing could be sent for {} s", .0.as_secs())]
    Blocked(Duration),
    /// The agent keeps a newer assignment back.
    #[error("a push was not answered within {} s, and a newer assignment waits", .0.as_secs())]
    Unanswered(Duration),
    /// A bug of ours, contained in this session.
    #[error("the session failed")]
    Panicked,
}

impl End {
    /// For metrics.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Drained => "drained",
            Self::Superseded => "superseded",
            Self::Removed => "removed",
            Self::Unknown => "unknown",
            Self::Invalid(_) => "invalid",
            Self::NoHello(_) => "no_hello",
            Self::Overdue(_) => "overdue",
            Self::Blocked(_) => "blocked",
            Self::Unanswered(_) => "unanswered",
            Self::Panicked => "panicked",
        }
    }
}
