//! Makes the desired policy real, and keeps it so.
//!
//! ```text
//! Accepted ──────┐
//! Decided ───────┼─► policy::desired ─┐
//! surroundings ──┤                    ├─► plan (pure) ─► backend ─► EnforcementStatus
//!                └─► Ground ──────────┘      ▲                          │
//! names ─────────────┘                       └──── repair, retry ◄──────┘
//! ```
//!
//! [`plan`] decides when to act; the [`firewall`] and an operator's [`command`] are the ways to act, and observing the way
//! not to; [`document`] is what a command gets; [`surroundings`] is what of the machine matters; [`task`] runs them. None of
//! them knows how a location was decided.

pub mod backend;
pub mod command;
pub mod document;
pub mod firewall;
pub mod plan;
pub mod surroundings;
pub mod task;

use std::sync::Arc;
use std::time::Duration;

use self::command::Command;
use self::firewall::ground::Ground;
use crate::policy::Desired;

/// The way in which a policy becomes real on this machine, as its owner has configured it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Means {
    /// The firewall, where the agent may write to it; else nothing is changed.
    Auto,
    /// The firewall; where the agent may not write to it, that is a failure.
    Nftables,
    /// The operator's program.
    Command(Command),
    /// Nothing is changed.
    Observe,
}

/// How often, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// With what.
    pub means: Means,
    /// How often the policy in force is brought about again, should something have changed it behind our back.
    pub repair_interval: Duration,
}

/// What shall be brought about: a policy, and what of the machine its making depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The policy.
    pub desired: Desired,
    /// What the firewall's rules rest on; empty where no firewall is written.
    pub ground: Arc<Ground>,
}
