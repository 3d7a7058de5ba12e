//! What may be done to settings, as plain functions: edits of a draft, and the difference of two settings.
//!
//! Must not know: the store, the wire, clocks.

pub mod diff;
pub mod edit;

pub use self::diff::{Change, ChangeKind, diff};
pub use self::edit::{Edit, MaxServers, NewRules, apply};
