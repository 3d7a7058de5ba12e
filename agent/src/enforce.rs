//! Makes the desired policy real, and keeps it so.
//!
//! ```text
//! Accepted ┐
//!          ├─► policy::desired ─► plan (pure) ─► backend ─► EnforcementStatus
//! Decided  ┘                        ▲                            │
//!                                   └──── repair, retry ◄────────┘
//! ```
//!
//! [`plan`] decides when to act, [`command`] and observing are the ways to act, [`document`] is what a command gets,
//! [`task`] runs them. None of them knows how a location was decided.

pub mod command;
pub mod document;
pub mod firewall;
pub mod plan;
pub mod task;

use std::time::Duration;

use landmark_proto::message::EnforcementState;

use self::command::Command;
use crate::policy::Desired;

/// The way in which a policy becomes real on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Plans and reports, changes nothing.
    Observe,
    /// Runs the operator's program.
    Command(Command),
}

/// How often, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// With what.
    pub backend: Backend,
    /// How often the policy in force is brought about again, should something have changed it behind our back.
    pub repair_interval: Duration,
}

/// What became of one try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempted {
    /// In force or not.
    pub state: EnforcementState,
    /// Why; empty when applied.
    pub reason: String,
}

impl Backend {
    /// As it is called in the configuration and in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Command(_) => "command",
        }
    }

    async fn enforce(&self, desired: &Desired) -> Attempted {
        match self {
            Self::Observe => Attempted {
                state: EnforcementState::Observed,
                reason: "this agent only observes (its own configuration: enforce.backend)".to_owned(),
            },
            Self::Command(command) => match command.run(desired).await {
                Ok(()) => Attempted { state: EnforcementState::Applied, reason: String::new() },
                Err(error) => {
                    let reason = landmark_daemon::error::Chain(&error).to_string();
                    Attempted { state: EnforcementState::Failed, reason }
                }
            },
        }
    }
}
