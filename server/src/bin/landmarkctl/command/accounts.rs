//! `landmarkctl accounts`: who can sign in, and what they may.

use serde::Serialize;

use super::{Run, confirm};
use crate::cli::accounts::{Accounts, Edit};
use crate::errors::{Exit, Failure, Origins, refused, refused_change};
use crate::render::accounts::accounts;
use crate::view::account::{Account, NewPassword, Role};

#[derive(Serialize)]
struct ListDocument<'a> {
    accounts: &'a [Account],
}

pub(super) async fn run(run: &Run, command: Accounts) -> Result<Exit, Failure> {
    match command {
        Accounts::List => list(run).await,
        Accounts::Create { name, role } => create(run, &name, role).await,
        Accounts::Edit(arguments) => edit(run, arguments).await,
        Accounts::ResetPassword { name, yes } => reset_password(run, &name, yes).await,
        Accounts::Remove { name, yes } => remove(run, &name, yes).await,
    }
}

async fn list(run: &Run) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let rows = client.accounts().await;
    let rows = rows.map_err(|error| refused("list the accounts", error, &Origins::none()))?;
    if rows.is_empty() && !run.out.is_json() {
        run.out.remark("there are no accounts: landmarkctl accounts create NAME --role administrator");
        return Ok(Exit::Done);
    }
    run.out.result(&ListDocument { accounts: &rows }, || accounts(&rows, &run.out.paper()))?;
    Ok(Exit::Done)
}

async fn create(run: &Run, name: &str, role: Role) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let new = client.create_account(name, role).await;
    let new = new.map_err(|error| refused_change("make the account", error, &named(name)))?;
    tell(run, &new)
}

async fn edit(run: &Run, arguments: Edit) -> Result<Exit, Failure> {
    let Edit { name, role, disable, enable } = arguments;
    let disabled = (disable || enable).then_some(disable);
    let mut client = run.client().await?;
    let account = client.edit_account(&name, role, disabled).await;
    let account = account.map_err(|error| refused_change("edit the account", error, &named(&name)))?;
    if run.out.is_json() {
        run.out.document(&account)?;
        return Ok(Exit::Done);
    }
    let role = account.role.map_or("of a role unknown here", Role::word);
    let state =
        if account.disabled { ", disabled: its sessions are over, its API tokens refused" } else { "" };
    run.out.remark(format!("{} is {role}{state}", account.name));
    Ok(Exit::Done)
}

async fn reset_password(run: &Run, name: &str, yes: bool) -> Result<Exit, Failure> {
    if !yes {
        let consequence = "the present password is void then, and the sessions of the account are over";
        confirm(run, &format!("give {name} a new password"), consequence).await?;
    }
    let mut client = run.client().await?;
    let new = client.reset_password(name).await;
    let new = new.map_err(|error| refused_change("reset the password", error, &named(name)))?;
    tell(run, &new)
}

async fn remove(run: &Run, name: &str, yes: bool) -> Result<Exit, Failure> {
    if !yes {
        confirm(run, &format!("remove the account {name}"), "its sessions and API tokens are over then")
            .await?;
    }
    let mut client = run.client().await?;
    let account = client.remove_account(name).await;
    let account = account.map_err(|error| refused_change("remove the account", error, &named(name)))?;
    if run.out.is_json() {
        run.out.document(&account)?;
        return Ok(Exit::Done);
    }
    run.out.remark(format!("removed {}, with its sessions and API tokens", account.name));
    Ok(Exit::Done)
}

/// The password is data, everything about it a remark.
fn tell(run: &Run, new: &NewPassword) -> Result<Exit, Failure> {
    run.out.result(new, || format!("{}\n", new.one_time_password))?;
    let name = &new.account.name;
    run.out.remark(format!("this is {name}'s password for once: it is replaced at the first sign-in"));
    run.out.remark("it is shown this once; tell it by a way that only its owner hears");
    Ok(Exit::Done)
}

fn named(name: &str) -> Origins {
    Origins::none().with("name", name).with("role", "--role").with("new_role", "--role")
}
