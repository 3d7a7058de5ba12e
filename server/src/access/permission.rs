//! What can be permitted, and which roles are made of it.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// One thing that someone may do or not. Editing and assigning are apart: a change can be prepared by one person and
/// released by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Permission {
    /// To see everything that is no secret.
    View,
    /// To change the draft.
    EditDraft,
    /// To ask agents to look again, and to try every reference server.
    OperateAgents,
    /// To make the draft, or an older assignment, what agents hold.
    Assign,
    /// To refuse an agent's certificate from now on.
    RemoveAgents,
    /// To let machines join.
    ManageJoinTokens,
    /// To decide about other people's accounts and API tokens.
    ManageAccounts,
}

impl Permission {
    /// All of them.
    pub(crate) const ALL: [Self; 7] = [
        Self::View,
        Self::EditDraft,
        Self::OperateAgents,
        Self::Assign,
        Self::RemoveAgents,
        Self::ManageJoinTokens,
        Self::ManageAccounts,
    ];

    /// As scripts and refusals name it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::EditDraft => "edit-draft",
            Self::OperateAgents => "operate-agents",
            Self::Assign => "assign",
            Self::RemoveAgents => "remove-agents",
            Self::ManageJoinTokens => "manage-join-tokens",
            Self::ManageAccounts => "manage-accounts",
        }
    }

    /// For people, after "may not": "may not assign".
    pub(crate) const fn deed(self) -> &'static str {
        match self {
            Self::View => "look at the fleet",
            Self::EditDraft => "edit the draft",
            Self::OperateAgents => "ask agents to look again",
            Self::Assign => "assign",
            Self::RemoveAgents => "remove agents",
            Self::ManageJoinTokens => "manage join tokens",
            Self::ManageAccounts => "manage accounts",
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What someone is, in rising order of what they may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// Looks.
    Viewer,
    /// Looks, and edits the draft.
    Operator,
    /// May everything.
    Administrator,
}

impl Role {
    /// All of them, the least first.
    pub(crate) const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Administrator];

    /// As settings, scripts and people name it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Administrator => "administrator",
        }
    }

    /// What it is made of.
    pub(crate) const fn permissions(self) -> &'static [Permission] {
        match self {
            Self::Viewer => &[Permission::View],
            Self::Operator => &[Permission::View, Permission::EditDraft, Permission::OperateAgents],
            Self::Administrator => &Permission::ALL,
        }
    }

    /// Whether it has a permission.
    pub(crate) fn may(self, permission: Permission) -> bool {
        self.permissions().contains(&permission)
    }

    /// The least role that has it.
    pub(crate) fn least_with(permission: Permission) -> Self {
        Self::ALL.into_iter().find(|role| role.may(permission)).unwrap_or(Self::Administrator)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No role is called so.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is not a role (viewer, operator or administrator)")]
pub(crate) struct InvalidRole(String);

impl FromStr for Role {
    type Err = InvalidRole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| InvalidRole(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_what_the_one_before_may_and_more() {
        for pair in Role::ALL.windows(2) {
            let [less, more] = pair else { panic!() };
            assert!(less.permissions().iter().all(|permission| more.may(*permission)));
            assert!(more.permissions().len() > less.permissions().len());
        }
        assert_eq!(Role::Administrator.permissions(), Permission::ALL);
    }

    #[test]
    fn whoever_edits_does_not_assign() {
        assert!(Role::Operator.may(Permission::EditDraft));
        assert!(!Role::Operator.may(Permission::Assign));
        assert!(!Role::Viewer.may(Permission::EditDraft));
        assert_eq!(Role::least_with(Permission::Assign), Role::Administrator);
        assert_eq!(Role::least_with(Permission::EditDraft), Role::Operator);
    }

    #[test]
    fn roles_have_names() {
        for role in Role::ALL {
            assert_eq!(role.name().parse(), Ok(role));
        }
        assert_eq!(
            "root".parse::<Role>().unwrap_err().to_string(),
            "\"root\" is not a role (viewer, operator or administrator)"
        );
    }
}
