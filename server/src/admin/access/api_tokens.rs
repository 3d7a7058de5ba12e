//! API tokens of programs. Everybody has those of their own account; whoever manages accounts has all.

use std::time::{Duration, SystemTime};

use landmark_proto::convert::time::{duration_from_wire, timestamp_to_wire};
use landmark_proto::ids::ApiTokenId;
use landmark_proto::violation::{Findings, Path, Violations};
use landmark_proto::wire;

use super::{AccessCalls, role_from_wire, role_to_wire};
use crate::access::{ApiToken, Caller, CallerKind, InvalidApiToken, NewApiToken, Permission, Role};
use crate::admin::error::AdminError;

impl AccessCalls {
    pub(crate) async fn create_token(
        &self,
        request: wire::CreateApiTokenRequest,
        caller: &Caller,
    ) -> Result<wire::CreateApiTokenResponse, AdminError> {
        let permission = Permission::ManageAccounts;
        // Nobody would know of a token that one without an account made.
        if caller.account().is_none() && !caller.may(permission) {
            return Err(AdminError::NotPermitted { permission, caller: caller.clone() });
        }
        let new = token_from_wire(request, caller.role)?;
        let (token, secret) = self.authenticator.create_api_token(new, caller).await?;
        Ok(wire::CreateApiTokenResponse {
            token: Some(token_to_wire(token)),
            secret: secret.reveal().to_owned(),
        })
    }

    pub(crate) async fn list_tokens(
        &self,
        request: wire::ListApiTokensRequest,
        caller: &Caller,
    ) -> Result<wire::ListApiTokensResponse, AdminError> {
        let wire::ListApiTokensRequest { include_dead } = request;
        let now = SystemTime::now();
        let mut tokens = self.store.api_tokens().await?;
        tokens.retain(|token| has(caller, token) && (include_dead || token.is_alive(now)));
        Ok(wire::ListApiTokensResponse { tokens: tokens.into_iter().map(token_to_wire).collect() })
    }

    pub(crate) async fn revoke_token(
        &self,
        request: wire::RevokeApiTokenRequest,
        caller: &Caller,
    ) -> Result<wire::ApiToken, AdminError> {
        let wire::RevokeApiTokenRequest { token_id } = request;
        let id: ApiTokenId = token_id.trim().parse().map_err(|error| AdminError::field("token_id", error))?;
        let unknown = || AdminError::NoApiToken(id.to_string());
        let tokens = self.store.api_tokens().await?;
        // Another's is told apart from none by nobody.
        tokens.iter().find(|token| token.token_id == id && has(caller, token)).ok_or_else(unknown)?;
        let token = self.authenticator.revoke_api_token(id, &caller.author).await?.ok_or_else(unknown)?;
        Ok(token_to_wire(token))
    }
}

/// Whether a token is one of the caller's.
fn has(caller: &Caller, token: &ApiToken) -> bool {
    let is_itself = matches!(
        &caller.kind,
        CallerKind::ApiToken { token_id, .. } if *token_id == token.token_id.to_string()
    );
    let is_of_account = token.account.is_some() && token.account == caller.account();
    is_itself || is_of_account || caller.may(Permission::ManageAccounts)
}

fn token_from_wire(request: wire::CreateApiTokenRequest, most: Role) -> Result<NewApiToken, Violations> {
    let wire::CreateApiTokenRequest { description, role, lifetime } = request;
    let mut findings = Findings::default();
    let path = Path::root().field("role");
    let role = role_from_wire(role, &path).and_then(|role| {
        if role <= most {
            return Ok(role);
        }
        Err(Violations::one(&path, format!("{role} is more than your own role ({most})")))
    });
    let role = findings.keep(role);
    let lifetime = match lifetime {
        None => Some(NewApiToken::DEFAULT_LIFETIME),
        lifetime => findings.keep(duration_from_wire(lifetime, &Path::root().field("lifetime"))),
    };
    // What is wrong with the others is told also where the role is not one.
    let checked = lifetime.and_then(|lifetime: Duration| {
        let role = role.unwrap_or(Role::Viewer);
        findings.keep(NewApiToken::by_hand(&description, role, lifetime).map_err(invalid_token))
    });
    findings.finish(checked)
}

/// At the field that it comes from.
pub(super) fn invalid_token(error: InvalidApiToken) -> Violations {
    let field = match error {
        InvalidApiToken::Description { .. } => "description",
        InvalidApiToken::Lifetime { .. } => "lifetime",
    };
    Violations::one(&Path::root().field(field), error)
}

pub(super) fn token_to_wire(token: ApiToken) -> wire::ApiToken {
    let ApiToken {
        token_id,
        description,
        role,
        account,
        by_sign_in: _,
        created_at,
        expires_at,
        last_used_at,
        revoked,
    } = token;
    wire::ApiToken {
        token_id: token_id.to_string(),
        description,
        role: role_to_wire(role).into(),
        account: account.map(|account| account.to_string()).unwrap_or_default(),
        created_at: Some(timestamp_to_wire(created_at)),
        expires_at: Some(timestamp_to_wire(expires_at)),
        last_used_at: last_used_at.map(timestamp_to_wire),
        revoked,
    }
}

#[cfg(test)]
mod tests {
    use prost_types::Duration as WireDuration;

    use super::*;

    #[test]
    fn every_bad_value_of_a_token_is_named() {
        let request = wire::CreateApiTokenRequest {
            description: "x".repeat(201),
            role: wire::Role::Administrator.into(),
            lifetime: None,
        };
        assert_eq!(
            token_from_wire(request, Role::Operator).unwrap_err().to_string(),
            "role: administrator is more than your own role (operator); \
             description: a description of 201 characters is too long (at most 200)"
        );
        let lifetime = Some(WireDuration { seconds: 59, nanos: 0 });
        let request = wire::CreateApiTokenRequest { lifetime, ..Default::default() };
        assert_eq!(
            token_from_wire(request, Role::Operator).unwrap_err().to_string(),
            "role: a role is missing; lifetime: a lifetime of 59s is out of range (1 min to 366 d)"
        );
    }
}
