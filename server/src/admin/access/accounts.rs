//! Accounts of people.

use landmark_proto::convert::time::timestamp_to_wire;
use landmark_proto::violation::{Findings, Path};
use landmark_proto::wire;

use super::{AccessCalls, name_from_wire, role_from_wire, role_to_wire};
use crate::access::{Account, Caller};
use crate::admin::error::AdminError;

impl AccessCalls {
    pub(crate) async fn list_accounts(&self) -> Result<wire::ListAccountsResponse, AdminError> {
        let accounts = self.store.accounts().await?;
        Ok(wire::ListAccountsResponse { accounts: accounts.into_iter().map(account_to_wire).collect() })
    }

    pub(crate) async fn create_account(
        &self,
        request: wire::CreateAccountRequest,
        caller: &Caller,
    ) -> Result<wire::CreateAccountResponse, AdminError> {
        let wire::CreateAccountRequest { name, role } = request;
        let mut findings = Findings::default();
        let name = findings.keep(name_from_wire(&name));
        let role = findings.keep(role_from_wire(role, &Path::root().field("role")));
        let (name, role) = findings.finish(name.zip(role))?;
        let made = self.authenticator.create_account(name, role, caller.author.clone()).await?;
        let (account, password) = made;
        Ok(wire::CreateAccountResponse {
            account: Some(account_to_wire(account)),
            one_time_password: password.reveal().to_owned(),
        })
    }

    pub(crate) async fn edit_account(
        &self,
        request: wire::EditAccountRequest,
        caller: &Caller,
    ) -> Result<wire::Account, AdminError> {
        let wire::EditAccountRequest { name, new_role, disabled } = request;
        let mut findings = Findings::default();
        let name = findings.keep(name_from_wire(&name));
        let role = match new_role {
            None => Some(None),
            Some(role) => findings.keep(role_from_wire(role, &Path::root().field("new_role"))).map(Some),
        };
        let (name, role) = findings.finish(name.zip(role))?;
        let account = self.authenticator.edit_account(&name, role, disabled, &caller.author).await?;
        Ok(account_to_wire(account))
    }

    pub(crate) async fn reset_password(
        &self,
        request: wire::ResetPasswordRequest,
        caller: &Caller,
    ) -> Result<wire::ResetPasswordResponse, AdminError> {
        let wire::ResetPasswordRequest { name } = request;
        let name = name_from_wire(&name)?;
        let (account, password) = self.authenticator.reset_password(&name, &caller.author).await?;
        Ok(wire::ResetPasswordResponse {
            account: Some(account_to_wire(account)),
            one_time_password: password.reveal().to_owned(),
        })
    }

    pub(crate) async fn remove_account(
        &self,
        request: wire::RemoveAccountRequest,
        caller: &Caller,
    ) -> Result<wire::RemoveAccountResponse, AdminError> {
        let wire::RemoveAccountRequest { name } = request;
        let name = name_from_wire(&name)?;
        let account = self.authenticator.remove_account(&name, &caller.author).await?;
        Ok(wire::RemoveAccountResponse { account: Some(account_to_wire(account)) })
    }
}

fn account_to_wire(account: Account) -> wire::Account {
    let Account { name, role, disabled, created_at, created_by, last_signed_in_at, must_change_password } =
        account;
    wire::Account {
        name: name.to_string(),
        role: role_to_wire(role).into(),
        disabled,
        created_at: Some(timestamp_to_wire(created_at)),
        created_by: created_by.to_string(),
        last_signed_in_at: last_signed_in_at.map(timestamp_to_wire),
        must_change_password,
    }
}
