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

async fn revoke(run: &Run, text: &str) -> Result<Exit, Failure> {
    let origins = Origins::none().with("token_id", text);
    let mut client = run.client().await?;
    let rows = client.tokens(true).await;
    let rows = rows.map_err(|error| refused("list the join tokens", error, &Origins::none()))?;
    let found = find(&rows, text)?;
    if found.revoked {
        if run.out.is_json() {
            run.out.document(found)?;
        }
        run.out.remark(format!("{} was revoked already: nobody joins with it", found.token_id));
        return Ok(Exit::Done);
    }
    let token = client.revoke_token(&found.token_id).await;
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

/// The token that an id, or the beginning of one, means.
fn find<'a>(rows: &'a [Token], text: &str) -> Result<&'a Token, Failure> {
    let digits = |text: &str| text.trim().replace('-', "").to_ascii_lowercase();
    let wanted = digits(text);
    let failure =
        |message: String| Failure::new(Exit::Refused, format!("cannot revoke the join token: {message}"));
    if wanted.is_empty() {
        return Err(Failure::usage("an empty text names no join token").hint("landmarkctl tokens list"));
    }
    let found: Vec<&Token> =
        rows.iter().filter(|token| digits(&token.token_id).starts_with(&wanted)).collect();
    match found.as_slice() {
        [] => Err(failure(format!("there is no token {text:?} (an id, or the beginning of one)"))
            .hint("landmarkctl tokens list --all")),
        [token] => Ok(token),
        [..] => Err(found
            .iter()
            .take(5)
            .fold(failure(format!("{text:?} names {} tokens", found.len())), |failure, token| {
                failure.detail(token.token_id.clone())
            })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(token_id: &str) -> Token {
        Token {
            token_id: token_id.into(),
            description: None,
            created_at: None,
            created_by: None,
            expires_at: None,
            max_uses: 1,
            n_uses: 0,
            revoked: false,
        }
    }

    #[test]
    fn a_token_is_named_by_its_id_or_an_unambiguous_beginning() {
        let rows = [token("01a20963-44f2-7abc"), token("01a20963-44f3-7abc")];
        for text in ["01a20963-44f2-7abc", "01A20963-44F2", "01a2096344f2", " 01a20963-44f2-7 "] {
            assert_eq!(
                find(&rows, text).map(|token| token.token_id.as_str()),
                Ok("01a20963-44f2-7abc"),
                "{text}"
            );
        }
        insta::assert_snapshot!(find(&rows, "01a20963").unwrap_err(), @r#"
        landmarkctl: cannot revoke the join token: "01a20963" names 2 tokens
          01a20963-44f2-7abc
          01a20963-44f3-7abc
        "#);
        insta::assert_snapshot!(find(&rows, "02").unwrap_err(), @r#"
        landmarkctl: cannot revoke the join token: there is no token "02" (an id, or the beginning of one)
        hint: landmarkctl tokens list --all
        "#);
        assert_eq!(find(&rows, "-").unwrap_err().exit(), Exit::Usage);
    }
}
