//! `landmarkctl tokens`: what makes a machine an agent.

use serde::Serialize;

use super::Run;
use crate::cli::tokens::{Create, Tokens};
use crate::client::TokenWish;
use crate::errors::{Exit, Failure, Origins, refused, refused_change};
use crate::render::tokens::tokens;
use crate::view::token::Token;

#[derive(Serialize)]
struct ListDocument<'a> {
    tokens: &'a [Token],
}

pub(super) async fn run(run: &Run, command: Tokens) -> Result<Exit, Failure> {
    match command {
        Tokens::Create(arguments) => create(run, arguments).await,
        Tokens::List { all } => list(run, all).await,
        Tokens::Revoke { token_id } => revoke(run, &token_id).await,
    }
}

async fn create(run: &Run, arguments: Create) -> Result<Exit, Failure> {
    let Create { description, uses, lifetime, addresses } = arguments;
    let mut origins = Origins::none()
        .with("description", "--description")
        .with("max_uses", "--uses")
        .with("lifetime", "--lifetime")
        .with("addresses", "--address");
    for (index, address) in addresses.iter().enumerate() {
        origins.add(format!("addresses[{index}]"), format!("--address {address}"));
    }
    let wish = TokenWish { description, max_uses: uses, lifetime, addresses };
    let mut client = run.client().await?;
    let new = client.create_token(&wish).await;
    let new = new.map_err(|error| refused_change("create a join token", error, &origins))?;
    run.out.result(&new, || format!("{}\n", new.join_command))?;
    let token = &new.token;
    let machines = match token.max_uses {
        1 => "one machine".to_owned(),
        n => format!("{n} machines"),
    };
    let until = token.expires_at.map(|time| format!(", until {}", run.out.paper().moment(Some(time))));
    run.out.remark(format!(
        "run this as root on the machine that shall join: good for {machines}{}",
        until.unwrap_or_default()
    ));
    run.out.remark("it is shown this once; whoever has it can join");
    run.out.remark(format!("to take it back: landmarkctl tokens revoke {}", token.token_id));
    Ok(Exit::Done)
}

async fn list(run: &Run, all: bool) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let rows = client.tokens(all).await;
    let rows = rows.map_err(|error| refused("list the join tokens", error, &Origins::none()))?;
    if rows.is_empty() && !run.out.is_json() {
        run.out.remark(if all {
            "there are no join tokens: landmarkctl tokens create"
        } else {
            "no join token lets a machine in: landmarkctl tokens create (those that are over: tokens list --all)"
        });
        return Ok(Exit::Done);
    }
    run.out.result(&ListDocument { tokens: &rows }, || tokens(&rows, &run.out.paper()))?;
    Ok(Exit::Done)
}

async fn revoke(run: &Run, token_id: &str) -> Result<Exit, Failure> {
    let origins = Origins::none().with("token_id", token_id);
    let mut client = run.client().await?;
    let token = client.revoke_token(token_id).await;
    let token = token.map_err(|error| refused_change("revoke the join token", error, &origins))?;
    if run.out.is_json() {
        run.out.document(&token)?;
    }
    run.out.remark(format!(
        "revoked {}: nobody joins with it any more; {} joined before and stay agents",
        token.token_id,
        match token.n_uses {
            1 => "1 machine".to_owned(),
            n => format!("{n} machines"),
        }
    ));
    Ok(Exit::Done)
}
