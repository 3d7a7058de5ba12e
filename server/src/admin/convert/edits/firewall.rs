//! Edits of the firewall from the wire: every value checked for itself. `path` is that of the edit.

use landmark_proto::convert::firewall::{
    exception_from_wire, firewall_from_wire, level_from_wire, mode_from_wire, policy_from_wire,
    profile_from_wire,
};
use landmark_proto::firewall::{Exception, ItemName, Profile};
use landmark_proto::violation::{Findings, Path, Violations};
use landmark_proto::wire;

use super::place;
use crate::settings::{Edit, ExceptionsOf, FirewallEdit};

type Checked = Result<Edit, Violations>;

pub(super) fn add_policy(edit: wire::edit::AddFirewallPolicy, path: &Path) -> Checked {
    let wire::edit::AddFirewallPolicy { policy, from_template } = edit;
    let path = path.field("add_firewall_policy").field("policy");
    let policy = policy_from_wire(given(policy, &path)?, &path)?;
    Ok(Edit::Firewall(FirewallEdit::AddPolicy { policy, from_template }))
}

pub(super) fn edit_policy(edit: wire::edit::EditFirewallPolicy, path: &Path) -> Checked {
    let wire::edit::EditFirewallPolicy { name, new_name, new_level, new_mode } = edit;
    let path = path.field("edit_firewall_policy");
    let mut findings = Findings::default();
    let name = findings.keep(name_from_wire(&name, &path.field("name")));
    if new_name.is_none() && new_level.is_none() && new_mode.is_none() {
        findings.push(&path, "nothing to change: give new_name, new_level, new_mode or several of them");
    }
    let new_name = new_name.and_then(|name| findings.keep(name_from_wire(&name, &path.field("new_name"))));
    let new_level =
        new_level.and_then(|level| findings.keep(level_from_wire(level, &path.field("new_level"))));
    let new_mode = new_mode.and_then(|mode| findings.keep(mode_from_wire(mode, &path.field("new_mode"))));
    let edit = name.map(|name| FirewallEdit::EditPolicy { name, new_name, new_level, new_mode });
    findings.finish(edit.map(Edit::Firewall))
}

pub(super) fn remove_policies(edit: wire::edit::RemoveFirewallPolicies, path: &Path) -> Checked {
    let wire::edit::RemoveFirewallPolicies { names } = edit;
    let names = names_from_wire(&names, &path.field("remove_firewall_policies").field("names"))?;
    Ok(Edit::Firewall(FirewallEdit::RemovePolicies(names)))
}

pub(super) fn add_exception(edit: wire::edit::AddFirewallException, path: &Path) -> Checked {
    let wire::edit::AddFirewallException { policy, exception, position } = edit;
    let path = path.field("add_firewall_exception");
    let mut findings = Findings::default();
    let of = findings.keep(of_from_wire(&policy, &path.field("policy")));
    let exception = findings.keep(given_exception(exception, &path.field("exception")));
    let position = position.map(place);
    let edit =
        of.zip(exception).map(|(of, exception)| FirewallEdit::AddException { of, exception, position });
    findings.finish(edit.map(Edit::Firewall))
}

pub(super) fn edit_exception(edit: wire::edit::EditFirewallException, path: &Path) -> Checked {
    let wire::edit::EditFirewallException { policy, name, exception } = edit;
    let path = path.field("edit_firewall_exception");
    let mut findings = Findings::default();
    let of = findings.keep(of_from_wire(&policy, &path.field("policy")));
    let name = findings.keep(name_from_wire(&name, &path.field("name")));
    let exception = findings.keep(given_exception(exception, &path.field("exception")));
    let edit = (|| Some(FirewallEdit::EditException { of: of?, name: name?, exception: exception? }))();
    findings.finish(edit.map(Edit::Firewall))
}

pub(super) fn move_exception(edit: wire::edit::MoveFirewallException, path: &Path) -> Checked {
    let wire::edit::MoveFirewallException { policy, name, position } = edit;
    let path = path.field("move_firewall_exception");
    let mut findings = Findings::default();
    let of = findings.keep(of_from_wire(&policy, &path.field("policy")));
    let name = findings.keep(name_from_wire(&name, &path.field("name")));
    let position = place(position);
    let edit = of.zip(name).map(|(of, name)| FirewallEdit::MoveException { of, name, position });
    findings.finish(edit.map(Edit::Firewall))
}

pub(super) fn remove_exceptions(edit: wire::edit::RemoveFirewallExceptions, path: &Path) -> Checked {
    let wire::edit::RemoveFirewallExceptions { policy, names } = edit;
    let path = path.field("remove_firewall_exceptions");
    let mut findings = Findings::default();
    let of = findings.keep(of_from_wire(&policy, &path.field("policy")));
    let names = findings.keep(names_from_wire(&names, &path.field("names")));
    let edit = of.zip(names).map(|(of, names)| FirewallEdit::RemoveExceptions { of, names });
    findings.finish(edit.map(Edit::Firewall))
}

pub(super) fn add_profile(edit: wire::edit::AddFirewallProfile, path: &Path) -> Checked {
    let wire::edit::AddFirewallProfile { profile, position } = edit;
    let profile = given_profile(profile, &path.field("add_firewall_profile").field("profile"))?;
    Ok(Edit::Firewall(FirewallEdit::AddProfile { profile, position: position.map(place) }))
}

pub(super) fn edit_profile(edit: wire::edit::EditFirewallProfile, path: &Path) -> Checked {
    let wire::edit::EditFirewallProfile { name, profile } = edit;
    let path = path.field("edit_firewall_profile");
    let mut findings = Findings::default();
    let name = findings.keep(name_from_wire(&name, &path.field("name")));
    let profile = findings.keep(given_profile(profile, &path.field("profile")));
    let edit = name.zip(profile).map(|(name, profile)| FirewallEdit::EditProfile { name, profile });
    findings.finish(edit.map(Edit::Firewall))
}

pub(super) fn move_profile(edit: wire::edit::MoveFirewallProfile, path: &Path) -> Checked {
    let wire::edit::MoveFirewallProfile { name, position } = edit;
    let name = name_from_wire(&name, &path.field("move_firewall_profile").field("name"))?;
    Ok(Edit::Firewall(FirewallEdit::MoveProfile { name, position: place(position) }))
}

pub(super) fn remove_profiles(edit: wire::edit::RemoveFirewallProfiles, path: &Path) -> Checked {
    let wire::edit::RemoveFirewallProfiles { names } = edit;
    let names = names_from_wire(&names, &path.field("remove_firewall_profiles").field("names"))?;
    Ok(Edit::Firewall(FirewallEdit::RemoveProfiles(names)))
}

pub(super) fn replace(edit: wire::edit::ReplaceFirewall, path: &Path) -> Checked {
    let wire::edit::ReplaceFirewall { firewall } = edit;
    let path = path.field("replace_firewall").field("firewall");
    let firewall = firewall_from_wire(given(firewall, &path)?, &path)?;
    Ok(Edit::Firewall(FirewallEdit::Replace(firewall)))
}

pub(super) fn reset_template(
    wire::edit::ResetFirewallTemplate {}: wire::edit::ResetFirewallTemplate,
) -> Edit {
    Edit::Firewall(FirewallEdit::ResetTemplate)
}

fn given<T>(value: Option<T>, path: &Path) -> Result<T, Violations> {
    value.ok_or_else(|| Violations::one(path, "is missing"))
}

fn given_exception(exception: Option<wire::FirewallException>, path: &Path) -> Result<Exception, Violations> {
    exception_from_wire(given(exception, path)?, path)
}

fn given_profile(profile: Option<wire::FirewallProfile>, path: &Path) -> Result<Profile, Violations> {
    profile_from_wire(given(profile, path)?, path)
}

/// No name stands for the template.
fn of_from_wire(policy: &str, path: &Path) -> Result<ExceptionsOf, Violations> {
    if policy.is_empty() {
        return Ok(ExceptionsOf::Template);
    }
    name_from_wire(policy, path).map(ExceptionsOf::Policy)
}

fn name_from_wire(name: &str, path: &Path) -> Result<ItemName, Violations> {
    name.parse().map_err(|error| Violations::one(path, error))
}

fn names_from_wire(names: &[String], path: &Path) -> Result<Vec<ItemName>, Violations> {
    if names.is_empty() {
        return Err(Violations::one(path, "at least one name is needed"));
    }
    let mut findings = Findings::default();
    let mut checked = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        checked.extend(findings.keep(name_from_wire(name, &path.index(index))));
    }
    findings.finish(Some(checked))
}

#[cfg(test)]
mod tests;
