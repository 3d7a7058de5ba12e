//! Policies: a level, and the exceptions from it.

use std::fmt;

use super::exception::{Action, Direction, Exceptions};
use super::name::ItemName;

/// What may pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Unique in the fleet.
    pub name: ItemName,
    /// What becomes of a connection that no exception matches.
    pub level: Level,
    /// Whether it is made real.
    pub mode: Mode,
    /// In their order.
    pub exceptions: Exceptions,
}

/// What becomes of a connection that no exception matches (OfficeScan, security levels).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Everything passes.
    Low,
    /// Inbound is blocked, outbound passes.
    Medium,
    /// Nothing passes.
    High,
}

impl Level {
    /// What it says of a connection in one direction.
    pub fn action(self, direction: Direction) -> Action {
        match (self, direction) {
            (Self::Low, _) | (Self::Medium, Direction::Outbound) => Action::Allow,
            (Self::Medium, Direction::Inbound | Direction::Both) | (Self::High, _) => Action::Block,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        })
    }
}

/// Whether a policy is made real.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// What is blocked is dropped.
    #[default]
    Enforce,
    /// What is blocked passes and is counted.
    Observe,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Enforce => "enforce",
            Self::Observe => "observe",
        })
    }
}
