//! Edits of the firewall, as they are sent.

use landmark_proto::convert::firewall::{
    exception_to_wire, firewall_to_wire, level_to_wire, policy_to_wire, profile_to_wire,
};
use landmark_proto::firewall::{Exception, Firewall, ItemName, Level, Mode, Policy, Profile};
use landmark_proto::wire;
use landmark_proto::wire::edit as kind;

/// One edit of the firewall. Places count from 0, as on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FirewallEdit {
    AddPolicy {
        policy: Policy,
        from_template: bool,
    },
    ChangePolicy {
        name: ItemName,
        new_name: Option<ItemName>,
        new_level: Option<Level>,
        new_mode: Option<Mode>,
    },
    RemovePolicies(Vec<ItemName>),
    AddException {
        owner: Owner,
        exception: Exception,
        position: Option<u32>,
    },
    /// `exception` takes the place of the one with this name.
    ChangeException {
        owner: Owner,
        name: ItemName,
        exception: Exception,
    },
    MoveException {
        owner: Owner,
        name: ItemName,
        position: u32,
    },
    RemoveExceptions {
        owner: Owner,
        names: Vec<ItemName>,
    },
    ResetTemplate,
    AddProfile {
        profile: Profile,
        position: Option<u32>,
    },
    /// `profile` takes the place of the one with this name.
    ChangeProfile {
        name: ItemName,
        profile: Profile,
    },
    MoveProfile {
        name: ItemName,
        position: u32,
    },
    RemoveProfiles(Vec<ItemName>),
    Replace(Box<Firewall>),
}

/// Whose exceptions they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Policy(ItemName),
    /// What a new policy may begin with.
    Template,
}

impl Owner {
    fn into_wire(self) -> String {
        match self {
            Self::Policy(name) => name.to_string(),
            Self::Template => String::new(),
        }
    }
}

impl From<FirewallEdit> for kind::Kind {
    fn from(edit: FirewallEdit) -> Self {
        match edit {
            FirewallEdit::AddPolicy { policy, from_template } => {
                let policy = Some(policy_to_wire(&policy));
                Self::AddFirewallPolicy(kind::AddFirewallPolicy { policy, from_template })
            }
            FirewallEdit::ChangePolicy { name, new_name, new_level, new_mode } => {
                Self::EditFirewallPolicy(kind::EditFirewallPolicy {
                    name: name.to_string(),
                    new_name: new_name.map(|name| name.to_string()),
                    new_level: new_level.map(|level| level_to_wire(level).into()),
                    new_mode: new_mode.map(|mode| new_mode_to_wire(mode).into()),
                })
            }
            FirewallEdit::RemovePolicies(list) => {
                Self::RemoveFirewallPolicies(kind::RemoveFirewallPolicies { names: names(&list) })
            }
            FirewallEdit::AddException { owner, exception, position } => {
                let exception = Some(exception_to_wire(&exception));
                let policy = owner.into_wire();
                Self::AddFirewallException(kind::AddFirewallException { policy, exception, position })
            }
            FirewallEdit::ChangeException { owner, name, exception } => {
                let exception = Some(exception_to_wire(&exception));
                let (policy, name) = (owner.into_wire(), name.to_string());
                Self::EditFirewallException(kind::EditFirewallException { policy, name, exception })
            }
            FirewallEdit::MoveException { owner, name, position } => {
                let (policy, name) = (owner.into_wire(), name.to_string());
                Self::MoveFirewallException(kind::MoveFirewallException { policy, name, position })
            }
            FirewallEdit::RemoveExceptions { owner, names: list } => {
                let (policy, names) = (owner.into_wire(), names(&list));
                Self::RemoveFirewallExceptions(kind::RemoveFirewallExceptions { policy, names })
            }
            FirewallEdit::ResetTemplate => Self::ResetFirewallTemplate(kind::ResetFirewallTemplate {}),
            FirewallEdit::AddProfile { profile, position } => {
                let profile = Some(profile_to_wire(&profile));
                Self::AddFirewallProfile(kind::AddFirewallProfile { profile, position })
            }
            FirewallEdit::ChangeProfile { name, profile } => {
                let (name, profile) = (name.to_string(), Some(profile_to_wire(&profile)));
                Self::EditFirewallProfile(kind::EditFirewallProfile { name, profile })
            }
            FirewallEdit::MoveProfile { name, position } => {
                let name = name.to_string();
                Self::MoveFirewallProfile(kind::MoveFirewallProfile { name, position })
            }
            FirewallEdit::RemoveProfiles(list) => {
                Self::RemoveFirewallProfiles(kind::RemoveFirewallProfiles { names: names(&list) })
            }
            FirewallEdit::Replace(firewall) => {
                let firewall = Some(firewall_to_wire(&firewall));
                Self::ReplaceFirewall(kind::ReplaceFirewall { firewall })
            }
        }
    }
}

/// Said outright: absent is "unchanged" here.
fn new_mode_to_wire(mode: Mode) -> wire::FirewallMode {
    match mode {
        Mode::Enforce => wire::FirewallMode::Enforce,
        Mode::Observe => wire::FirewallMode::Observe,
    }
}

fn names(list: &[ItemName]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_the_policy_without_a_name() {
        let owner = |owner: Owner| owner.into_wire();
        assert_eq!(owner(Owner::Template), "");
        assert_eq!(owner(Owner::Policy("a b".parse().unwrap())), "a b");
    }

    #[test]
    fn a_policy_goes_back_to_enforcing_by_saying_so() {
        let edit = FirewallEdit::ChangePolicy {
            name: "a".parse().unwrap(),
            new_name: None,
            new_level: None,
            new_mode: Some(Mode::Enforce),
        };
        let kind::Kind::EditFirewallPolicy(edit) = edit.into() else { panic!("another kind") };
        assert_eq!(edit.new_mode, Some(wire::FirewallMode::Enforce.into()));
        assert_eq!((edit.new_name, edit.new_level), (None, None));
    }
}
