//! The firewall: makes the policy of a machine's profile real with nf_tables.
//!
//! ```text
//! Policy ┐
//!        ├► render (pure) ─► Ruleset ─► plan (pure) ─► netfilter (one transaction) ─► read back
//! Ground ┘
//! ```
//!
//! [`ruleset`] is what is rendered, compared and told. None of it knows how a location was decided.

pub mod ground;
pub mod ruleset;
