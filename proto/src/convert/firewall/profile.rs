//! Profiles on the wire.

use std::fmt;
use std::str::FromStr;

use crate::firewall::profile::{InvalidCondition, Label, Place};
use crate::firewall::{Conditions, ItemName, Platform, Profile};
use crate::violation::{Findings, Path, Violations};
use crate::wire;

/// One profile.
pub fn profile_to_wire(profile: &Profile) -> wire::FirewallProfile {
    let Profile { name, is_enabled, policy, conditions } = profile;
    wire::FirewallProfile {
        name: name.to_string(),
        enabled: *is_enabled,
        policy: policy.to_string(),
        conditions: (!conditions.are_none()).then(|| conditions_to_wire(conditions)),
    }
}

fn conditions_to_wire(conditions: &Conditions) -> wire::FirewallConditions {
    let Conditions { places, addresses, host_names, platforms, labels } = conditions;
    wire::FirewallConditions {
        locations: places.iter().map(|place| place_to_wire(Some(*place)).into()).collect(),
        addresses: texts(addresses),
        host_names: texts(host_names),
        platforms: platforms.iter().map(|platform| platform_to_wire(Some(*platform)).into()).collect(),
        labels: texts(labels),
    }
}

fn texts<T: fmt::Display>(items: &[T]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

/// Checks one profile.
///
/// # Errors
/// Every broken rule, with its path below `path`.
pub fn profile_from_wire(profile: wire::FirewallProfile, path: &Path) -> Result<Profile, Violations> {
    let wire::FirewallProfile { name, enabled, policy, conditions } = profile;
    let mut findings = Findings::default();
    let name = findings.keep_at(&path.field("name"), name.parse::<ItemName>());
    let policy = findings.keep_at(&path.field("policy"), policy.parse::<ItemName>());
    let conditions = match conditions {
        None => Some(Conditions::default()),
        Some(conditions) => findings.keep(conditions_from_wire(conditions, &path.field("conditions"))),
    };
    let profile =
        (|| Some(Profile { name: name?, is_enabled: enabled, policy: policy?, conditions: conditions? }))();
    findings.finish(profile)
}

fn conditions_from_wire(conditions: wire::FirewallConditions, path: &Path) -> Result<Conditions, Violations> {
    let wire::FirewallConditions { locations, addresses, host_names, platforms, labels } = conditions;
    let mut findings = Findings::default();
    let places = findings.keep(each(&locations, &path.field("locations"), |number, path| {
        place_from_wire(*number, path).and_then(|place| place.ok_or_else(|| missing(path)))
    }));
    let platforms = findings.keep(each(&platforms, &path.field("platforms"), |number, path| {
        platform_from_wire(*number, path).and_then(|platform| platform.ok_or_else(|| missing(path)))
    }));
    let addresses =
        findings.keep(each(&addresses, &path.field("addresses"), |text, path| parsed(text, path)));
    let host_names =
        findings.keep(each(&host_names, &path.field("host_names"), |text, path| parsed(text, path)));
    let labels = findings.keep(labels_from_wire(&labels, &path.field("labels")));
    let conditions = (|| {
        Some(Conditions {
            places: places?,
            addresses: addresses?,
            host_names: host_names?,
            platforms: platforms?,
            labels: labels?,
        })
    })();
    findings.finish(conditions)
}

fn missing(path: &Path) -> Violations {
    Violations::one(path, "is missing")
}

/// Checks labels: of a condition, or of a machine.
///
/// # Errors
/// Every broken rule, with its path below `path`.
pub fn labels_from_wire(labels: &[String], path: &Path) -> Result<Vec<Label>, Violations> {
    each(labels, path, |label, path| parsed(label, path))
}

/// Checks one label.
///
/// # Errors
/// It is none.
pub fn label_from_wire(label: &str, path: &Path) -> Result<Label, Violations> {
    parsed(label, path)
}

fn parsed<T: FromStr<Err: fmt::Display>>(text: &str, path: &Path) -> Result<T, Violations> {
    text.parse().map_err(|error: T::Err| Violations::one(path, error))
}

/// Every entry once, at most [`Conditions::MAX`].
fn each<W, T: PartialEq>(
    entries: &[W],
    path: &Path,
    read: impl Fn(&W, &Path) -> Result<T, Violations>,
) -> Result<Vec<T>, Violations> {
    if entries.len() > Conditions::MAX {
        return Err(Violations::one(path, InvalidCondition::TooMany(entries.len())));
    }
    let mut findings = Findings::default();
    let mut distinct = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        if let Some(entry) = findings.keep(read(entry, &path.index(index)))
            && !distinct.contains(&entry)
        {
            distinct.push(entry);
        }
    }
    findings.finish(Some(distinct))
}

/// Inside or outside, or not said.
pub fn place_to_wire(place: Option<Place>) -> wire::FirewallLocation {
    match place {
        None => wire::FirewallLocation::Unspecified,
        Some(Place::Internal) => wire::FirewallLocation::Internal,
        Some(Place::External) => wire::FirewallLocation::External,
    }
}

/// Checks inside or outside, or not said.
///
/// # Errors
/// A number that stands for nothing.
pub fn place_from_wire(number: i32, path: &Path) -> Result<Option<Place>, Violations> {
    match wire::FirewallLocation::try_from(number) {
        Ok(wire::FirewallLocation::Unspecified) => Ok(None),
        Ok(wire::FirewallLocation::Internal) => Ok(Some(Place::Internal)),
        Ok(wire::FirewallLocation::External) => Ok(Some(Place::External)),
        Err(_) => Err(Violations::one(path, format!("{number} is not a location"))),
    }
}

/// A platform, or none that is known.
pub fn platform_to_wire(platform: Option<Platform>) -> wire::FirewallPlatform {
    match platform {
        None => wire::FirewallPlatform::Unspecified,
        Some(Platform::Linux) => wire::FirewallPlatform::Linux,
        Some(Platform::Windows) => wire::FirewallPlatform::Windows,
        Some(Platform::Macos) => wire::FirewallPlatform::Macos,
    }
}

/// Checks a platform, or none that is known.
///
/// # Errors
/// A number that stands for nothing.
pub fn platform_from_wire(number: i32, path: &Path) -> Result<Option<Platform>, Violations> {
    match wire::FirewallPlatform::try_from(number) {
        Ok(wire::FirewallPlatform::Unspecified) => Ok(None),
        Ok(wire::FirewallPlatform::Linux) => Ok(Some(Platform::Linux)),
        Ok(wire::FirewallPlatform::Windows) => Ok(Some(Platform::Windows)),
        Ok(wire::FirewallPlatform::Macos) => Ok(Some(Platform::Macos)),
        Err(_) => Err(Violations::one(path, format!("{number} is not a platform"))),
    }
}
