//! What may be done to settings, as plain functions: edits of a draft, the difference of two settings, and what is
//! doubtful in them.
//!
//! Must not know: the store, the wire, clocks.

pub mod diff;
pub mod edit;
pub mod lint;

pub use self::diff::{Change, ChangeKind, diff};
pub use self::edit::{Edit, ExceptionsOf, FirewallEdit, MaxServers, NewRules, apply};
pub use self::lint::lint;
