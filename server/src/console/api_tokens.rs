//! API tokens, on the page of one's own account and on that of all accounts.

use std::time::SystemTime;

use landmark_proto::wire;

use super::fields::Fields;
use super::form::Errors;
use super::format::Moment;
use super::wired;

/// One token.
#[derive(Clone, Debug)]
pub(super) struct TokenRow {
    pub(super) id: String,
    pub(super) description: String,
    pub(super) account: String,
    pub(super) role: &'static str,
    pub(super) created: Moment,
    pub(super) expires: Moment,
    pub(super) last_used: Option<Moment>,
}

impl TokenRow {
    pub(super) fn new(token: wire::ApiToken, now: SystemTime) -> Self {
        Self {
            role: role_name(token.role()),
            id: token.token_id,
            description: token.description,
            account: token.account,
            created: Moment::new(wired::time(token.created_at), now),
            expires: Moment::new(wired::time(token.expires_at), now),
            last_used: wired::time_if_any(token.last_used_at).map(|at| Moment::new(at, now)),
        }
    }
}

/// The form of a new one, as it was typed.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    pub(super) description: String,
    pub(super) role: String,
    pub(super) days: String,
}

impl Default for Typed {
    fn default() -> Self {
        Self { description: String::new(), role: "viewer".to_owned(), days: "90".to_owned() }
    }
}

impl Typed {
    pub(super) fn read(fields: &Fields) -> Self {
        Self {
            description: fields.text("description").to_owned(),
            role: fields.text("role").to_owned(),
            days: fields.text("lifetime").to_owned(),
        }
    }

    pub(super) fn request(&self) -> Result<wire::CreateApiTokenRequest, Errors> {
        let days: Option<i64> = self.days.parse().ok().filter(|days| (1..=366).contains(days));
        let Some(days) = days else {
            let message = format!("{:?} is not a number of days (1 to 366)", self.days);
            return Err(Errors::at("lifetime", message));
        };
        Ok(wire::CreateApiTokenRequest {
            description: self.description.clone(),
            role: role_of(&self.role).into(),
            lifetime: Some(prost_types::Duration { seconds: days * 86_400, nanos: 0 }),
        })
    }
}

pub(super) fn role_name(role: wire::Role) -> &'static str {
    match role {
        wire::Role::Viewer => "viewer",
        wire::Role::Operator => "operator",
        wire::Role::Administrator => "administrator",
        wire::Role::Unspecified => "",
    }
}

/// What the contract calls it; what is none is left to the administration to refuse.
pub(super) fn role_of(name: &str) -> wire::Role {
    match name {
        "viewer" => wire::Role::Viewer,
        "operator" => wire::Role::Operator,
        "administrator" => wire::Role::Administrator,
        _ => wire::Role::Unspecified,
    }
}
