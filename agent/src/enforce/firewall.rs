//! The firewall: makes the policy of a machine's profile real with nf_tables.
//!
//! ```text
//! Policy ┐
//!        ├► render (pure) ─► Ruleset ─► plan (pure) ─► netfilter (one transaction) ─► read back
//! Ground ┘      │
//!               ├► flows (pure): which flows from before are cut, and which are so no longer
//!               └► hits (pure): what the rules have counted
//! ```
//!
//! [`enforcer`] does it, [`system`] is the kernel; [`names`] and [`touched`] tell what changes; [`local`] is what an operator
//! at the machine asks. [`ruleset`] is what is rendered, compared and told. None of it knows how a location was decided.

pub mod enforcer;
pub mod flows;
pub mod ground;
pub mod hits;
pub mod local;
pub mod names;
pub mod plan;
pub mod protocol;
pub mod render;
pub mod ruleset;
pub mod system;
pub mod text;
pub mod touched;

#[cfg(test)]
pub(crate) mod evaluate;
#[cfg(test)]
pub(crate) mod testing;
