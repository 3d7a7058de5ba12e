//! Session messages on the wire: [`agent`] for what agents say, [`server`] for what servers say.

pub mod agent;
pub mod assignment;
pub mod enforcement;
pub mod server;
mod sweep;

pub use agent::{agent_message_from_wire, agent_message_to_wire, facts_from_wire, facts_to_wire};
pub use enforcement::enforcement_to_wire;
pub use server::{server_message_from_wire, server_message_to_wire};

use crate::violation::{Path, Violations};

/// A text for people of at most `max` characters.
pub(super) fn text_from_wire(text: String, max: usize, path: &Path) -> Result<String, Violations> {
    let n_chars = text.chars().count();
    if n_chars <= max {
        Ok(text)
    } else {
        Err(Violations::one(path, format!("{n_chars} characters are too many (at most {max})")))
    }
}
