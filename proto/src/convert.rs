//! Wire to model and back: the last files that see generated types. What comes in is checked whole, every violation
//! named by its path; what goes out cannot be wrong.
//!
//! Every conversion takes its message apart field by field, so that a new field on the wire breaks the build here.

pub mod evidence;
pub mod firewall;
pub mod fleet;
pub mod gateways;
pub mod location;
pub mod location_rules;
pub mod network;
pub mod settings;
pub mod time;

#[cfg(test)]
mod tests;
