//! Calls about accounts, API tokens and signing in.

use std::sync::Arc;

use landmark_proto::violation::{Path, Violations};
use landmark_proto::wire;

use crate::access::{AccountName, Authenticator, Role};
use crate::store::Store;

mod accounts;
mod api_tokens;
mod sign_in;

/// Answers them; who may ask what was settled before, apart from whose API tokens are whose.
#[derive(Debug)]
pub(crate) struct AccessCalls {
    pub(super) store: Store,
    pub(super) authenticator: Arc<Authenticator>,
}

fn role_to_wire(role: Role) -> wire::Role {
    match role {
        Role::Viewer => wire::Role::Viewer,
        Role::Operator => wire::Role::Operator,
        Role::Administrator => wire::Role::Administrator,
    }
}

fn role_from_wire(number: i32, path: &Path) -> Result<Role, Violations> {
    match wire::Role::try_from(number) {
        Ok(wire::Role::Viewer) => Ok(Role::Viewer),
        Ok(wire::Role::Operator) => Ok(Role::Operator),
        Ok(wire::Role::Administrator) => Ok(Role::Administrator),
        Ok(wire::Role::Unspecified) => Err(Violations::one(path, "a role is missing")),
        Err(_) => Err(Violations::one(path, format!("{number} is not a role"))),
    }
}

fn name_from_wire(name: &str) -> Result<AccountName, Violations> {
    name.parse().map_err(|error| Violations::one(&Path::root().field("name"), error))
}
