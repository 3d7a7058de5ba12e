//! The firewall on the wire.

mod exception;
mod profile;

use crate::firewall::{
    Exceptions, Firewall, InvalidExceptions, InvalidFirewall, ItemName, Level, MAX_POLICIES, MAX_PROFILES,
    Mode, Policy, Profile,
};
use crate::violation::{Findings, Path, Violations};
use crate::wire;

pub use self::exception::{
    action_from_wire, action_to_wire, direction_from_wire, direction_to_wire, exception_from_wire,
    exception_to_wire,
};
pub use self::profile::{
    label_from_wire, labels_from_wire, place_from_wire, place_to_wire, platform_from_wire, platform_to_wire,
    profile_from_wire, profile_to_wire,
};

/// As part of the settings: absent for the default one, as versions wrote that did not know of it.
pub fn optional_to_wire(firewall: &Firewall) -> Option<wire::Firewall> {
    (*firewall != Firewall::default()).then(|| firewall_to_wire(firewall))
}

/// All of it.
pub fn firewall_to_wire(firewall: &Firewall) -> wire::Firewall {
    wire::Firewall {
        policies: firewall.policies().iter().map(policy_to_wire).collect(),
        profiles: firewall.profiles().iter().map(profile_to_wire).collect(),
        template: firewall.template().as_slice().iter().map(exception_to_wire).collect(),
    }
}

/// Checks all of it.
///
/// # Errors
/// Every broken rule, with its path below `path`.
pub fn firewall_from_wire(firewall: wire::Firewall, path: &Path) -> Result<Firewall, Violations> {
    let wire::Firewall { policies, profiles, template } = firewall;
    let (at_policies, at_profiles) = (path.field("policies"), path.field("profiles"));
    if policies.len() > MAX_POLICIES {
        return Err(Violations::one(&at_policies, InvalidFirewall::TooManyPolicies(policies.len())));
    }
    if profiles.len() > MAX_PROFILES {
        return Err(Violations::one(&at_profiles, InvalidFirewall::TooManyProfiles(profiles.len())));
    }
    let mut findings = Findings::default();
    let policies: Vec<Option<Policy>> = policies
        .into_iter()
        .enumerate()
        .map(|(index, policy)| findings.keep(policy_from_wire(policy, &at_policies.index(index))))
        .collect();
    let profiles: Vec<Option<Profile>> = profiles
        .into_iter()
        .enumerate()
        .map(|(index, profile)| findings.keep(profile_from_wire(profile, &at_profiles.index(index))))
        .collect();
    let template = findings.keep(exceptions_from_wire(template, &path.field("template")));
    let parts = (|| Some((all(policies)?, all(profiles)?, template?)))();
    let Some((policies, profiles, template)) = parts else { return findings.finish(None) };
    let firewall = Firewall::new(policies, profiles, template).map_err(|error| {
        let at = match &error {
            InvalidFirewall::TooManyPolicies(_) => at_policies,
            InvalidFirewall::TooManyProfiles(_) => at_profiles,
            InvalidFirewall::PolicyTwice { index, .. } => at_policies.index(*index).field("name"),
            InvalidFirewall::ProfileTwice { index, .. } => at_profiles.index(*index).field("name"),
            InvalidFirewall::NoSuchPolicy { index, .. } => at_profiles.index(*index).field("policy"),
        };
        Violations::one(&at, error)
    });
    let firewall = findings.keep(firewall);
    findings.finish(firewall)
}

fn all<T>(items: Vec<Option<T>>) -> Option<Vec<T>> {
    items.into_iter().collect()
}

/// One policy.
pub fn policy_to_wire(policy: &Policy) -> wire::FirewallPolicy {
    let Policy { name, level, mode, exceptions } = policy;
    wire::FirewallPolicy {
        name: name.to_string(),
        level: level_to_wire(*level).into(),
        mode: mode_to_wire(*mode).into(),
        exceptions: exceptions.as_slice().iter().map(exception_to_wire).collect(),
    }
}

/// Checks one policy.
///
/// # Errors
/// Every broken rule, with its path below `path`.
pub fn policy_from_wire(policy: wire::FirewallPolicy, path: &Path) -> Result<Policy, Violations> {
    let wire::FirewallPolicy { name, level, mode, exceptions } = policy;
    let mut findings = Findings::default();
    let name = findings.keep_at(&path.field("name"), name.parse::<ItemName>());
    let level = findings.keep(level_from_wire(level, &path.field("level")));
    let mode = findings.keep(mode_from_wire(mode, &path.field("mode")));
    let exceptions = findings.keep(exceptions_from_wire(exceptions, &path.field("exceptions")));
    let policy = (|| Some(Policy { name: name?, level: level?, mode: mode?, exceptions: exceptions? }))();
    findings.finish(policy)
}

/// Checks a list of exceptions.
///
/// # Errors
/// Every broken rule, with its path below `path`.
pub fn exceptions_from_wire(
    exceptions: Vec<wire::FirewallException>,
    path: &Path,
) -> Result<Exceptions, Violations> {
    if exceptions.len() > Exceptions::MAX {
        return Err(Violations::one(path, InvalidExceptions::TooMany(exceptions.len())));
    }
    let mut findings = Findings::default();
    let mut checked = Vec::with_capacity(exceptions.len());
    for (index, exception) in exceptions.into_iter().enumerate() {
        checked.extend(findings.keep(exception_from_wire(exception, &path.index(index))));
    }
    if !findings.is_empty() {
        return findings.finish(None);
    }
    Exceptions::new(checked).map_err(|error| {
        let at = match &error {
            InvalidExceptions::TooMany(_) => path.clone(),
            InvalidExceptions::Twice { index, .. } => path.index(*index).field("name"),
        };
        Violations::one(&at, error)
    })
}

/// A level.
pub fn level_to_wire(level: Level) -> wire::FirewallLevel {
    match level {
        Level::Low => wire::FirewallLevel::Low,
        Level::Medium => wire::FirewallLevel::Medium,
        Level::High => wire::FirewallLevel::High,
    }
}

/// Checks a level.
///
/// # Errors
/// Absent, or a number that stands for nothing.
pub fn level_from_wire(number: i32, path: &Path) -> Result<Level, Violations> {
    match wire::FirewallLevel::try_from(number) {
        Ok(wire::FirewallLevel::Low) => Ok(Level::Low),
        Ok(wire::FirewallLevel::Medium) => Ok(Level::Medium),
        Ok(wire::FirewallLevel::High) => Ok(Level::High),
        Ok(wire::FirewallLevel::Unspecified) => {
            Err(Violations::one(path, "is missing (low, medium or high)"))
        }
        Err(_) => Err(Violations::one(path, format!("{number} is not a firewall level"))),
    }
}

/// A mode; the usual one is left out.
pub fn mode_to_wire(mode: Mode) -> wire::FirewallMode {
    match mode {
        Mode::Enforce => wire::FirewallMode::Unspecified,
        Mode::Observe => wire::FirewallMode::Observe,
    }
}

/// Checks a mode.
///
/// # Errors
/// A number that stands for nothing.
pub fn mode_from_wire(number: i32, path: &Path) -> Result<Mode, Violations> {
    match wire::FirewallMode::try_from(number) {
        Ok(wire::FirewallMode::Unspecified | wire::FirewallMode::Enforce) => Ok(Mode::Enforce),
        Ok(wire::FirewallMode::Observe) => Ok(Mode::Observe),
        Err(_) => Err(Violations::one(path, format!("{number} is not a firewall mode"))),
    }
}
