//! The fleet.
pub mod agent;
pub use agent::{Agent, AssignmentState, Boots, Refused, Reported};
