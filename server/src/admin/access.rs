//! Calls about accounts, API tokens and signing in.

use std::net::IpAddr;

use landmark_proto::wire;

use super::error::AdminError;
use crate::access::Caller;

#[derive(Debug)]
pub(crate) struct AccessCalls {}

impl AccessCalls {
    pub(crate) fn caller(&self, _caller: &Caller) -> wire::Caller {
        wire::Caller::default()
    }

    pub(crate) async fn sign_in(
        &self,
        _request: wire::SignInRequest,
        _peer: Option<IpAddr>,
    ) -> Result<wire::SignInResponse, AdminError> {
        Err(AdminError::Stopping)
    }

    pub(crate) async fn sign_out(&self, _caller: &Caller) -> Result<wire::SignOutResponse, AdminError> {
        Err(AdminError::Stopping)
    }

    pub(crate) async fn change_password(
        &self,
        _request: wire::ChangePasswordRequest,
        _caller: &Caller,
    ) -> Result<wire::ChangePasswordResponse, AdminError> {
        Err(AdminError::Stopping)
    }

    pub(crate) async fn list_accounts(&self) -> Result<wire::ListAccountsResponse, AdminError> {
        Err(AdminError::Stopping)
    }

    pub(crate) async fn create_account(
        &self,
        _request: wire::CreateAccountRequest,
        _caller: &Caller,
    ) -> Result<wire::CreateAccountResponse, AdminError> {
        Err(AdminError::Stopping)
    }

    pub(crate) async fn edit_account(
        &self,
        _request: wire::EditAccountRequest,
        _caller: &Caller,
    ) -> Result<wire::Account, AdminError> {
        Err(AdminError::Stopping)
    }

    pub(crate) async fn reset_password(
        &self,
        _request: wire::ResetPasswordRequest,
        _caller: &Caller,
    ) -> Result<wire::ResetPasswordResponse, AdminError> {
        Err(AdminError::Stopping)
    }

    pub(crate) async fn remove_account(
        &self,
        _request: wire::RemoveAccountRequest,
        _caller: &Caller,
    ) -> Result<wire::RemoveAccountResponse, AdminError> {
        Err(AdminError::Stopping)
    }

    pub(crate) async fn create_token(
        &self,
        _request: wire::CreateApiTokenRequest,
        _caller: &Caller,
    ) -> Result<wire::CreateApiTokenResponse, AdminError> {
        Err(AdminError::Stopping)
    }

    pub(crate) async fn list_tokens(
        &self,
        _request: wire::ListApiTokensRequest,
        _caller: &Caller,
    ) -> Result<wire::ListApiTokensResponse, AdminError> {
        Err(AdminError::Stopping)
    }

    pub(crate) async fn revoke_token(
        &self,
        _request: wire::RevokeApiTokenRequest,
        _caller: &Caller,
    ) -> Result<wire::ApiToken, AdminError> {
        Err(AdminError::Stopping)
    }
}
