//! What is known of this machine: facts for people, and which boot this is.
//!
//! How a platform is asked stands in its own file; this one knows none of them.

use std::io;
use std::path::PathBuf;

use landmark_proto::firewall::profile::{Facts, Label};
use landmark_proto::ids::{BootId, InvalidId};
use landmark_proto::message::HostFacts;
use thiserror::Error;

use crate::platform;

/// The version of this agent.
pub const AGENT_VERSION: &str = env!("CARGO_PKG_VERSION");

/// This boot of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Made anew at every boot.
    pub boot_id: BootId,
    /// For people.
    pub facts: HostFacts,
}

/// The machine does not tell what an agent must know.
#[derive(Debug, Error)]
pub enum MachineError {
    /// The boot id cannot be read.
    #[error("cannot read the boot id from {}", path.display())]
    Read {
        /// Where it should be.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What should be a boot id is something else.
    #[error("{} has no boot id", path.display())]
    Invalid {
        /// Where it should be.
        path: PathBuf,
        /// What it is not.
        source: InvalidId,
    },
}

impl Machine {
    /// Looks around. `name` is what the machine is called, instead of its host name; `labels` are its owner's.
    ///
    /// # Errors
    /// The boot cannot be identified. A fact that cannot be found out is left empty.
    pub fn read(name: Option<&str>, labels: &[Label]) -> Result<Self, MachineError> {
        let mut facts = platform::facts();
        if let Some(name) = name {
            name.clone_into(&mut facts.host_name);
        }
        facts.labels = labels.to_vec();
        Ok(Self { boot_id: platform::boot_id()?, facts: clean(facts) })
    }

    /// What the conditions of profiles go by, as far as it never changes while the agent runs.
    pub fn conditions(&self) -> Facts {
        let HostFacts { host_name, platform, labels, .. } = &self.facts;
        Facts {
            host_name: Some(host_name.clone()).filter(|name| !name.is_empty()),
            platform: *platform,
            labels: labels.clone(),
            ..Facts::default()
        }
    }
}

/// As the wire wants it: no control characters, bounded.
fn clean(facts: HostFacts) -> HostFacts {
    let clean =
        |text: String| text.chars().filter(|c| !c.is_control()).take(HostFacts::MAX_TEXT).collect::<String>();
    HostFacts {
        host_name: clean(facts.host_name),
        operating_system: clean(facts.operating_system),
        kernel: clean(facts.kernel),
        architecture: clean(facts.architecture),
        agent_version: clean(facts.agent_version),
        platform: facts.platform,
        labels: facts.labels,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_name_and_a_boot() {
        let machine = Machine::read(None, &[]).unwrap();
        assert_eq!(machine.boot_id, Machine::read(None, &[]).unwrap().boot_id);
        assert!(!machine.facts.host_name.is_empty());
        assert!(!machine.facts.operating_system.is_empty());
        assert_eq!(machine.facts.agent_version, AGENT_VERSION);
    }

    #[test]
    fn an_owner_may_call_it_otherwise() {
        let machine = Machine::read(Some("reception-3"), &[]).unwrap();
        assert_eq!(machine.facts.host_name, "reception-3");
    }

    #[test]
    fn facts_have_no_control_characters_and_a_bounded_length() {
        let facts = HostFacts { host_name: format!("a\n{}", "b".repeat(300)), ..HostFacts::default() };
        assert_eq!(clean(facts).host_name, format!("a{}", "b".repeat(254)));
    }
}
