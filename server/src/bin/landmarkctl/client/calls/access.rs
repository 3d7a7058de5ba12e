//! Accounts, API tokens and signing in.

use std::time::Duration;

use landmark_proto::convert::time::duration_to_wire;
use landmark_proto::wire;

use super::owned;
use crate::client::{CallError, Client};
use crate::view::account::{Account, Caller, NewPassword, Role};
use crate::view::api_token::{ApiToken, NewApiToken};

/// An API token to be made; what is absent is the server's default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiTokenWish {
    pub(crate) description: Option<String>,
    pub(crate) role: Role,
    pub(crate) lifetime: Option<Duration>,
}

/// What is needed to sign in, apart from the passwords.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignInWish {
    pub(crate) account: String,
    pub(crate) description: String,
    pub(crate) lifetime: Option<Duration>,
}

impl Client {
    /// With a new password, which replaces the present one.
    pub(crate) async fn sign_in(
        &mut self,
        wish: &SignInWish,
        password: &str,
        new_password: Option<&str>,
    ) -> Result<NewApiToken, CallError> {
        let request = self.request(wire::SignInRequest {
            account: wish.account.clone(),
            password: password.to_owned(),
            new_password: owned(new_password),
            description: wish.description.clone(),
            lifetime: wish.lifetime.map(duration_to_wire),
        });
        Ok(self.call(async |admin| admin.sign_in(request).await).await?.into())
    }

    pub(crate) async fn sign_out(&mut self) -> Result<(), CallError> {
        let request = self.request(wire::SignOutRequest {});
        let wire::SignOutResponse {} = self.call(async |admin| admin.sign_out(request).await).await?;
        Ok(())
    }

    pub(crate) async fn caller(&mut self) -> Result<Caller, CallError> {
        let request = self.request(wire::GetCallerRequest {});
        Ok(self.call(async |admin| admin.get_caller(request).await).await?.into())
    }

    /// How many other sessions were ended.
    pub(crate) async fn change_password(&mut self, present: &str, new: &str) -> Result<u64, CallError> {
        let request = self.request(wire::ChangePasswordRequest {
            present_password: present.to_owned(),
            new_password: new.to_owned(),
        });
        let wire::ChangePasswordResponse { n_sessions_ended } =
            self.call(async |admin| admin.change_password(request).await).await?;
        Ok(n_sessions_ended)
    }

    /// By name.
    pub(crate) async fn accounts(&mut self) -> Result<Vec<Account>, CallError> {
        let request = self.request(wire::ListAccountsRequest {});
        let wire::ListAccountsResponse { accounts } =
            self.call(async |admin| admin.list_accounts(request).await).await?;
        Ok(accounts.into_iter().map(Account::from).collect())
    }

    pub(crate) async fn create_account(&mut self, name: &str, role: Role) -> Result<NewPassword, CallError> {
        let request =
            self.request(wire::CreateAccountRequest { name: name.to_owned(), role: role.to_wire().into() });
        Ok(self.call(async |admin| admin.create_account(request).await).await?.into())
    }

    /// What is absent stays as it is.
    pub(crate) async fn edit_account(
        &mut self,
        name: &str,
        role: Option<Role>,
        disabled: Option<bool>,
    ) -> Result<Account, CallError> {
        let new_role = role.map(|role| role.to_wire().into());
        let request = self.request(wire::EditAccountRequest { name: name.to_owned(), new_role, disabled });
        Ok(self.call(async |admin| admin.edit_account(request).await).await?.into())
    }

    pub(crate) async fn reset_password(&mut self, name: &str) -> Result<NewPassword, CallError> {
        let request = self.request(wire::ResetPasswordRequest { name: name.to_owned() });
        Ok(self.call(async |admin| admin.reset_password(request).await).await?.into())
    }

    /// As it was.
    pub(crate) async fn remove_account(&mut self, name: &str) -> Result<Account, CallError> {
        let request = self.request(wire::RemoveAccountRequest { name: name.to_owned() });
        let wire::RemoveAccountResponse { account } =
            self.call(async |admin| admin.remove_account(request).await).await?;
        Ok(account.unwrap_or_default().into())
    }

    pub(crate) async fn create_api_token(&mut self, wish: &ApiTokenWish) -> Result<NewApiToken, CallError> {
        let request = self.request(wire::CreateApiTokenRequest {
            description: owned(wish.description.as_deref()),
            role: wish.role.to_wire().into(),
            lifetime: wish.lifetime.map(duration_to_wire),
        });
        Ok(self.call(async |admin| admin.create_api_token(request).await).await?.into())
    }

    /// Newest first.
    pub(crate) async fn api_tokens(&mut self, include_dead: bool) -> Result<Vec<ApiToken>, CallError> {
        let request = self.request(wire::ListApiTokensRequest { include_dead });
        let wire::ListApiTokensResponse { tokens } =
            self.call(async |admin| admin.list_api_tokens(request).await).await?;
        Ok(tokens.into_iter().map(ApiToken::from).collect())
    }

    pub(crate) async fn revoke_api_token(&mut self, token_id: &str) -> Result<ApiToken, CallError> {
        let request = self.request(wire::RevokeApiTokenRequest { token_id: token_id.to_owned() });
        Ok(self.call(async |admin| admin.revoke_api_token(request).await).await?.into())
    }
}
