//! Edits of the firewall: policies, their exceptions, profiles, the template.

mod list;

use landmark_proto::firewall::{
    Exception, Exceptions, Firewall, ItemName, Level, Mode, Policy, Profile, template,
};
use landmark_proto::violation::{Findings, Path, Violations};

use self::list::{List, quoted};

/// One edit of the firewall, already checked for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FirewallEdit {
    /// A new policy.
    AddPolicy {
        /// What to add.
        policy: Policy,
        /// Whether it gets the exceptions of the template if it has none of its own.
        from_template: bool,
    },
    /// Changes a policy; profiles follow a new name.
    EditPolicy {
        /// The policy.
        name: ItemName,
        /// What it shall be called.
        new_name: Option<ItemName>,
        /// What shall become of connections that no exception matches.
        new_level: Option<Level>,
        /// Whether it shall be made real.
        new_mode: Option<Mode>,
    },
    /// Takes policies away that no profile uses.
    RemovePolicies(Vec<ItemName>),
    /// A new exception.
    AddException {
        /// Of what.
        of: ExceptionsOf,
        /// What to add.
        exception: Exception,
        /// From 0; at the end if there is none.
        position: Option<usize>,
    },
    /// Puts another exception in the place of one.
    EditException {
        /// Of what.
        of: ExceptionsOf,
        /// The exception.
        name: ItemName,
        /// What shall stand there.
        exception: Exception,
    },
    /// Puts an exception somewhere else.
    MoveException {
        /// Of what.
        of: ExceptionsOf,
        /// The exception.
        name: ItemName,
        /// From 0, counted after the exception was taken out.
        position: usize,
    },
    /// Takes exceptions away.
    RemoveExceptions {
        /// Of what.
        of: ExceptionsOf,
        /// The exceptions.
        names: Vec<ItemName>,
    },
    /// A new profile.
    AddProfile {
        /// What to add.
        profile: Profile,
        /// From 0. If there is none: above the first profile that is enabled and matches every machine, behind which it
        /// would never match, else at the end.
        position: Option<usize>,
    },
    /// Puts another profile in the place of one.
    EditProfile {
        /// The profile.
        name: ItemName,
        /// What shall stand there.
        profile: Profile,
    },
    /// Puts a profile somewhere else.
    MoveProfile {
        /// The profile.
        name: ItemName,
        /// From 0, counted after the profile was taken out.
        position: usize,
    },
    /// Takes profiles away.
    RemoveProfiles(Vec<ItemName>),
    /// Puts another firewall in the place of the present one.
    Replace(Firewall),
    /// Back to the exceptions that a template has from the start.
    ResetTemplate,
}

/// Whose exceptions are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExceptionsOf {
    /// Those of the template.
    Template,
    /// Those of this policy.
    Policy(ItemName),
}

impl FirewallEdit {
    /// As its field is called on the wire, and so in paths.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AddPolicy { .. } => "add_firewall_policy",
            Self::EditPolicy { .. } => "edit_firewall_policy",
            Self::RemovePolicies(_) => "remove_firewall_policies",
            Self::AddException { .. } => "add_firewall_exception",
            Self::EditException { .. } => "edit_firewall_exception",
            Self::MoveException { .. } => "move_firewall_exception",
            Self::RemoveExceptions { .. } => "remove_firewall_exceptions",
            Self::AddProfile { .. } => "add_firewall_profile",
            Self::EditProfile { .. } => "edit_firewall_profile",
            Self::MoveProfile { .. } => "move_firewall_profile",
            Self::RemoveProfiles(_) => "remove_firewall_profiles",
            Self::Replace(_) => "replace_firewall",
            Self::ResetTemplate => "reset_firewall_template",
        }
    }
}

/// The firewall under edit.
pub(super) struct Draft {
    policies: Vec<PolicyDraft>,
    profiles: Vec<Profile>,
    template: Vec<Exception>,
}

#[derive(Clone)]
struct PolicyDraft {
    name: ItemName,
    level: Level,
    mode: Mode,
    exceptions: Vec<Exception>,
}

impl From<Policy> for PolicyDraft {
    fn from(Policy { name, level, mode, exceptions }: Policy) -> Self {
        Self { name, level, mode, exceptions: exceptions.into_vec() }
    }
}

impl From<Firewall> for Draft {
    fn from(firewall: Firewall) -> Self {
        let (policies, profiles, template) = firewall.into_parts();
        let policies = policies.into_iter().map(PolicyDraft::from).collect();
        Self { policies, profiles, template: template.into_vec() }
    }
}

impl Draft {
    pub(super) fn apply(&mut self, edit: &FirewallEdit, path: &Path) -> Result<(), Violations> {
        match edit {
            FirewallEdit::AddPolicy { policy, from_template } => {
                self.add_policy(policy, *from_template, &path.field("policy"))
            }
            FirewallEdit::EditPolicy { name, new_name, new_level, new_mode } => {
                let policy = self.edit_policy(name, new_name.as_ref(), path)?;
                policy.level = new_level.unwrap_or(policy.level);
                policy.mode = new_mode.unwrap_or(policy.mode);
                Ok(())
            }
            FirewallEdit::RemovePolicies(names) => self.remove_policies(names, path),
            FirewallEdit::AddException { of, exception, position } => {
                self.exceptions(of, path)?.insert(exception.clone(), *position, path, "exception")
            }
            FirewallEdit::EditException { of, name, exception } => {
                self.exceptions(of, path)?.replace(name, exception, path, "exception")
            }
            FirewallEdit::MoveException { of, name, position } => {
                self.exceptions(of, path)?.move_to(name, *position, path)
            }
            FirewallEdit::RemoveExceptions { of, names } => self.exceptions(of, path)?.remove(names, path),
            FirewallEdit::AddProfile { profile, position } => self.add_profile(profile, *position, path),
            FirewallEdit::EditProfile { name, profile } => {
                self.check_policy_of(profile, path)?;
                List::of(&mut self.profiles).replace(name, profile, path, "profile")
            }
            FirewallEdit::MoveProfile { name, position } => {
                List::of(&mut self.profiles).move_to(name, *position, path)
            }
            FirewallEdit::RemoveProfiles(names) => List::of(&mut self.profiles).remove(names, path),
            FirewallEdit::Replace(firewall) => {
                *self = firewall.clone().into();
                Ok(())
            }
            FirewallEdit::ResetTemplate => {
                self.template = template::exceptions().into_vec();
                Ok(())
            }
        }
    }

    /// What the edits have made.
    ///
    /// # Errors
    /// None: every edit keeps the rules. Whoever breaks that learns it here.
    pub(super) fn finish(self, path: &Path) -> Result<Firewall, Violations> {
        let failed = |error: &dyn std::fmt::Display| Violations::one(path, error);
        let exceptions = |exceptions| Exceptions::new(exceptions).map_err(|error| failed(&error));
        let policy = |PolicyDraft { name, level, mode, exceptions: list }| {
            Ok::<_, Violations>(Policy { name, level, mode, exceptions: exceptions(list)? })
        };
        let policies = self.policies.into_iter().map(policy).collect::<Result<_, _>>()?;
        Firewall::new(policies, self.profiles, exceptions(self.template)?).map_err(|error| failed(&error))
    }

    fn add_policy(&mut self, policy: &Policy, from_template: bool, path: &Path) -> Result<(), Violations> {
        let mut policy = PolicyDraft::from(policy.clone());
        let list = List::of(&mut self.policies);
        list.check_room(path)?;
        list.check_free(&policy.name, None, &path.field("name"))?;
        if from_template && policy.exceptions.is_empty() {
            policy.exceptions.clone_from(&self.template);
        }
        self.policies.push(policy);
        Ok(())
    }

    /// Gives the policy its new name, and to the profiles that use it.
    fn edit_policy(
        &mut self,
        name: &ItemName,
        new_name: Option<&ItemName>,
        path: &Path,
    ) -> Result<&mut PolicyDraft, Violations> {
        let list = List::of(&mut self.policies);
        if let Some(new_name) = new_name {
            let place = list.position(name, &path.field("name"))?;
            list.check_free(new_name, Some(place), &path.field("new_name"))?;
        }
        let policy = list.into_item(name, &path.field("name"))?;
        if let Some(new_name) = new_name {
            let users = self.profiles.iter_mut().filter(|profile| profile.policy == *name);
            users.for_each(|profile| profile.policy = new_name.clone());
            policy.name = new_name.clone();
        }
        Ok(policy)
    }

    fn remove_policies(&mut self, names: &[ItemName], path: &Path) -> Result<(), Violations> {
        let mut findings = Findings::default();
        for (index, name) in names.iter().enumerate() {
            let users = self.profiles.iter().filter(|profile| profile.policy == *name);
            let users: Vec<&ItemName> = users.map(|profile| &profile.name).collect();
            if !users.is_empty() {
                let message = format!(
                    "the firewall policy \"{name}\" is that of the profiles {}: give them another policy first, or \
                     remove them",
                    quoted(&users)
                );
                findings.push(&path.field("names").index(index), message);
            }
        }
        findings.finish(Some(()))?;
        List::of(&mut self.policies).remove(names, path)
    }

    fn exceptions(&mut self, of: &ExceptionsOf, path: &Path) -> Result<List<'_, Exception>, Violations> {
        let name = match of {
            ExceptionsOf::Template => return Ok(List::within(&mut self.template, "the template".to_owned())),
            ExceptionsOf::Policy(name) => name,
        };
        let policy = List::of(&mut self.policies).into_item(name, &path.field("policy"))?;
        Ok(List::within(&mut policy.exceptions, format!("the firewall policy \"{name}\"")))
    }

    fn add_profile(
        &mut self,
        profile: &Profile,
        position: Option<usize>,
        path: &Path,
    ) -> Result<(), Violations> {
        self.check_policy_of(profile, path)?;
        let takes_all = |profile: &Profile| profile.is_enabled && profile.conditions.are_none();
        let position = position.or_else(|| self.profiles.iter().position(takes_all));
        List::of(&mut self.profiles).insert(profile.clone(), position, path, "profile")
    }

    fn check_policy_of(&self, profile: &Profile, path: &Path) -> Result<(), Violations> {
        if self.policies.iter().any(|policy| policy.name == profile.policy) {
            return Ok(());
        }
        let message = format!("there is no firewall policy \"{}\"; add it first", profile.policy);
        Err(Violations::one(&path.field("profile").field("policy"), message))
    }
}

#[cfg(test)]
mod tests;
