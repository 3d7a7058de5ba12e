//! Who calls; signing in and out; one's own password.

use std::net::IpAddr;

use landmark_proto::convert::time::{duration_from_wire, timestamp_to_wire};
use landmark_proto::violation::{Findings, Path};
use landmark_proto::wire;

use super::api_tokens::{invalid_token, token_to_wire};
use super::{AccessCalls, role_to_wire};
use crate::access::{Caller, CallerKind, NewApiToken, Password, SignInError};
use crate::admin::error::AdminError;

impl AccessCalls {
    /// Who calls, and what they may.
    pub(crate) fn caller(&self, caller: &Caller) -> wire::Caller {
        let Caller { author, role, kind } = caller;
        let expires_at = kind.expires_at();
        let (kind, token_id) = match kind {
            CallerKind::TokenFile => (wire::CallerKind::TokenFile, String::new()),
            CallerKind::ApiToken { token_id, .. } => (wire::CallerKind::ApiToken, token_id.clone()),
            CallerKind::Session { .. } => (wire::CallerKind::Console, String::new()),
        };
        wire::Caller {
            name: author.to_string(),
            role: role_to_wire(*role).into(),
            kind: kind.into(),
            permissions: role.permissions().iter().map(ToString::to_string).collect(),
            token_id,
            expires_at: expires_at.map(timestamp_to_wire),
        }
    }

    pub(crate) async fn sign_in(
        &self,
        request: wire::SignInRequest,
        peer: Option<IpAddr>,
    ) -> Result<wire::SignInResponse, AdminError> {
        let wire::SignInRequest { account, password, new_password, description, lifetime } = request;
        let password = Password::presented(password);
        let mut findings = Findings::default();
        let lifetime = match lifetime {
            None => Some(NewApiToken::DEFAULT_SIGN_IN_LIFETIME),
            lifetime => findings.keep(duration_from_wire(lifetime, &Path::root().field("lifetime"))),
        };
        let new = lifetime.and_then(|lifetime| {
            findings.keep(NewApiToken::by_sign_in(&description, lifetime).map_err(invalid_token))
        });
        let new = findings.finish(new)?;
        let new_password = (!new_password.is_empty()).then_some(new_password);
        let signed_in = self.authenticator.sign_in(&account, password, new_password, peer).await?;
        let (token, secret) = self.authenticator.token_after_sign_in(&signed_in, new).await?;
        Ok(wire::SignInResponse { token: Some(token_to_wire(token)), secret: secret.reveal().to_owned() })
    }

    /// Ends what the call came with: an API token, or a session of the console.
    pub(crate) async fn sign_out(&self, caller: &Caller) -> Result<wire::SignOutResponse, AdminError> {
        match &caller.kind {
            CallerKind::TokenFile => return Err(AdminError::NotSignedIn),
            CallerKind::ApiToken { token_id, .. } => {
                let id = token_id.parse().map_err(|_| AdminError::NoApiToken(token_id.clone()))?;
                self.authenticator.revoke_api_token(id, &caller.author).await?;
            }
            CallerKind::Session { session, .. } => self.authenticator.end_session(session).await?,
        }
        Ok(wire::SignOutResponse {})
    }

    pub(crate) async fn change_password(
        &self,
        request: wire::ChangePasswordRequest,
        caller: &Caller,
    ) -> Result<wire::ChangePasswordResponse, AdminError> {
        let wire::ChangePasswordRequest { present_password, new_password } = request;
        let present = Password::presented(present_password);
        let account = caller.account().ok_or_else(|| AdminError::NoOwnAccount(caller.clone()))?;
        let changed = self.authenticator.change_password(&account, present, new_password, &caller.kind).await;
        let n_sessions_ended = changed.map_err(|error| {
            if matches!(error, SignInError::Refused) {
                return AdminError::field("present_password", format!("it is not the password of {account}"));
            }
            error.into()
        })?;
        Ok(wire::ChangePasswordResponse { n_sessions_ended })
    }
}
