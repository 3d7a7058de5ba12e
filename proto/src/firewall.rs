//! The firewall of a fleet: policies, what they let pass, and which machine gets which.
//!
//! ```text
//! machine ─► profile::which (first match) ─► Policy ─► ruling::rule (first match) ─► allow or block
//! ```
//!
//! [`exception`]s are made of [`port_set`]s and [`remote`]s; with a level they make a [`policy`]. [`profile`]s give machines
//! a policy. [`template`] is what a policy may begin with. [`ruling`] is the meaning of it all: what a firewall does must
//! agree with it.

pub mod exception;
pub mod name;
pub mod policy;
pub mod port_set;
pub mod profile;
pub mod remote;
pub mod ruling;
pub mod template;

use thiserror::Error;

pub use self::exception::{Action, Direction, Exception, Exceptions, InvalidExceptions, Traffic};
pub use self::name::{InvalidName, ItemName};
pub use self::policy::{Level, Mode, Policy};
pub use self::port_set::{PortRange, PortSet};
pub use self::profile::{Conditions, Platform, Profile};
pub use self::remote::{Remote, Remotes};

/// The most policies.
pub const MAX_POLICIES: usize = 64;
/// The most profiles.
pub const MAX_PROFILES: usize = 128;

/// Policies and the profiles that give them to machines. Names are unique, and every profile's policy is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firewall {
    policies: Vec<Policy>,
    profiles: Vec<Profile>,
    template: Exceptions,
}

impl Firewall {
    /// Takes them.
    ///
    /// # Errors
    /// Too many, a name twice, or a profile whose policy is not there.
    pub fn new(
        policies: Vec<Policy>,
        profiles: Vec<Profile>,
        template: Exceptions,
    ) -> Result<Self, InvalidFirewall> {
        if policies.len() > MAX_POLICIES {
            return Err(InvalidFirewall::TooManyPolicies(policies.len()));
        }
        if profiles.len() > MAX_PROFILES {
            return Err(InvalidFirewall::TooManyProfiles(profiles.len()));
        }
        for (index, policy) in policies.iter().enumerate() {
            if policies.iter().take(index).any(|earlier| earlier.name == policy.name) {
                return Err(InvalidFirewall::PolicyTwice { index, name: policy.name.clone() });
            }
        }
        for (index, profile) in profiles.iter().enumerate() {
            if profiles.iter().take(index).any(|earlier| earlier.name == profile.name) {
                return Err(InvalidFirewall::ProfileTwice { index, name: profile.name.clone() });
            }
            if !policies.iter().any(|policy| policy.name == profile.policy) {
                return Err(InvalidFirewall::NoSuchPolicy { index, policy: profile.policy.clone() });
            }
        }
        Ok(Self { policies, profiles, template })
    }

    /// Their order says nothing.
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// In their order: the first that matches a machine is its own.
    pub fn profiles(&self) -> &[Profile] {
        &self.profiles
    }

    /// What a new policy may begin with.
    pub fn template(&self) -> &Exceptions {
        &self.template
    }

    /// The policy of this name.
    pub fn policy(&self, name: &ItemName) -> Option<&Policy> {
        self.policies.iter().find(|policy| policy.name == *name)
    }

    /// Taken apart, to be changed and made anew.
    pub fn into_parts(self) -> (Vec<Policy>, Vec<Profile>, Exceptions) {
        (self.policies, self.profiles, self.template)
    }
}

/// What a fleet has before anyone has edited: one profile for all agents, whose policy lets everything pass (OfficeScan:
/// "All agents" and "All access").
impl Default for Firewall {
    fn default() -> Self {
        let name = ItemName::constant("All access");
        let policy = Policy {
            name: name.clone(),
            level: Level::Low,
            mode: Mode::Enforce,
            exceptions: Exceptions::default(),
        };
        let profile = Profile {
            name: ItemName::constant("All agents"),
            is_enabled: true,
            policy: name,
            conditions: Conditions::default(),
        };
        Self { policies: vec![policy], profiles: vec![profile], template: template::exceptions() }
    }
}

/// Not a firewall.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidFirewall {
    /// More than [`MAX_POLICIES`].
    #[error("{0} firewall policies are too many (at most {MAX_POLICIES})")]
    TooManyPolicies(usize),
    /// More than [`MAX_PROFILES`].
    #[error("{0} firewall profiles are too many (at most {MAX_PROFILES})")]
    TooManyProfiles(usize),
    /// Two policies have one name.
    #[error("there is another firewall policy \"{name}\"")]
    PolicyTwice {
        /// The second place.
        index: usize,
        /// The name.
        name: ItemName,
    },
    /// Two profiles have one name.
    #[error("there is another firewall profile \"{name}\"")]
    ProfileTwice {
        /// The second place.
        index: usize,
        /// The name.
        name: ItemName,
    },
    /// A profile's policy is not there.
    #[error("there is no firewall policy \"{policy}\"")]
    NoSuchPolicy {
        /// Of the profile.
        index: usize,
        /// Its policy.
        policy: ItemName,
    },
}

#[cfg(test)]
pub(crate) mod tests;
