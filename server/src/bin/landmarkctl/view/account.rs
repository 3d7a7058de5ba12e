//! Accounts, and who calls.

use jiff::Timestamp;
use landmark_proto::wire;
use serde::Serialize;

/// What someone may do; each may what the one before may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// Sees everything that is no secret
    Viewer,
    /// Edits the draft, and asks agents to look again
    Operator,
    /// Assigns, removes agents, and manages join tokens, accounts and API tokens
    Administrator,
}

impl Role {
    pub(crate) fn to_wire(self) -> wire::Role {
        match self {
            Self::Viewer => wire::Role::Viewer,
            Self::Operator => wire::Role::Operator,
            Self::Administrator => wire::Role::Administrator,
        }
    }

    pub(super) fn read(role: wire::Role) -> Option<Self> {
        match role {
            wire::Role::Unspecified => None,
            wire::Role::Viewer => Some(Self::Viewer),
            wire::Role::Operator => Some(Self::Operator),
            wire::Role::Administrator => Some(Self::Administrator),
        }
    }

    /// As everywhere.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Administrator => "administrator",
        }
    }
}

/// One person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) role: Option<Role>,
    pub(crate) disabled: bool,
    pub(crate) created_at: Option<Timestamp>,
    pub(crate) created_by: Option<String>,
    pub(crate) last_signed_in_at: Option<Timestamp>,
    pub(crate) must_change_password: bool,
}

/// An account with a new password: the only time it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct NewPassword {
    pub(crate) account: Account,
    pub(crate) one_time_password: String,
}

/// How a caller has proved who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CallerKind {
    TokenFile,
    ApiToken,
    Console,
}

/// Who calls, and what it may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Caller {
    pub(crate) name: String,
    pub(crate) role: Option<Role>,
    pub(crate) kind: Option<CallerKind>,
    pub(crate) permissions: Vec<String>,
    pub(crate) token_id: Option<String>,
    pub(crate) expires_at: Option<Timestamp>,
}

impl From<wire::Account> for Account {
    fn from(account: wire::Account) -> Self {
        let role = Role::read(account.role());
        let wire::Account {
            name,
            role: _,
            disabled,
            created_at,
            created_by,
            last_signed_in_at,
            must_change_password,
        } = account;
        Self {
            name,
            role,
            disabled,
            created_at: super::time(created_at),
            created_by: super::text(created_by),
            last_signed_in_at: super::time(last_signed_in_at),
            must_change_password,
        }
    }
}

impl From<wire::CreateAccountResponse> for NewPassword {
    fn from(response: wire::CreateAccountResponse) -> Self {
        let wire::CreateAccountResponse { account, one_time_password } = response;
        Self { account: account.unwrap_or_default().into(), one_time_password }
    }
}

impl From<wire::ResetPasswordResponse> for NewPassword {
    fn from(response: wire::ResetPasswordResponse) -> Self {
        let wire::ResetPasswordResponse { account, one_time_password } = response;
        Self { account: account.unwrap_or_default().into(), one_time_password }
    }
}

impl From<wire::Caller> for Caller {
    fn from(caller: wire::Caller) -> Self {
        let role = Role::read(caller.role());
        let kind = match caller.kind() {
            wire::CallerKind::Unspecified => None,
            wire::CallerKind::TokenFile => Some(CallerKind::TokenFile),
            wire::CallerKind::ApiToken => Some(CallerKind::ApiToken),
            wire::CallerKind::Console => Some(CallerKind::Console),
        };
        let wire::Caller { name, role: _, kind: _, permissions, token_id, expires_at } = caller;
        Self {
            name,
            role,
            kind,
            permissions,
            token_id: super::text(token_id),
            expires_at: super::time(expires_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_a_document_for_scripts() {
        let caller = wire::Caller {
            name: "mia".into(),
            role: wire::Role::Operator.into(),
            kind: wire::CallerKind::ApiToken.into(),
            permissions: vec!["view".into(), "edit-draft".into()],
            token_id: "01a2".into(),
            expires_at: None,
        };
        let text = serde_json::to_string(&Caller::from(caller)).unwrap();
        assert_eq!(
            text,
            r#"{"name":"mia","role":"operator","kind":"api_token","permissions":["view","edit-draft"],"token_id":"01a2","expires_at":null}"#
        );
    }

    #[test]
    fn a_role_of_a_newer_server_is_absent() {
        let account = wire::Account { name: "mia".into(), role: 9, ..wire::Account::default() };
        assert_eq!(Account::from(account).role, None);
        for role in [Role::Viewer, Role::Operator, Role::Administrator] {
            assert_eq!(Role::read(role.to_wire()), Some(role));
        }
    }
}
