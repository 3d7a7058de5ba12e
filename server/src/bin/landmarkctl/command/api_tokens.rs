//! `landmarkctl api-tokens`: what programs sign in with.

use serde::Serialize;

use super::Run;
use crate::cli::api_tokens::{ApiTokens, Create};
use crate::client::ApiTokenWish;
use crate::errors::{Exit, Failure, Origins, refused, refused_change};
use crate::render::api_tokens::api_tokens;
use crate::view::api_token::ApiToken;

#[derive(Serialize)]
struct ListDocument<'a> {
    api_tokens: &'a [ApiToken],
}

pub(super) async fn run(run: &Run, command: ApiTokens) -> Result<Exit, Failure> {
    match command {
        ApiTokens::Create(arguments) => create(run, arguments).await,
        ApiTokens::List { all } => list(run, all).await,
        ApiTokens::Revoke { token_id } => revoke(run, &token_id).await,
    }
}

async fn create(run: &Run, arguments: Create) -> Result<Exit, Failure> {
    let Create { role, description, lifetime } = arguments;
    let origins = Origins::none()
        .with("description", "--description")
        .with("role", "--role")
        .with("lifetime", "--lifetime");
    let mut client = run.client().await?;
    let new = client.create_api_token(&ApiTokenWish { description, role, lifetime }).await;
    let new = new.map_err(|error| refused_change("make an API token", error, &origins))?;
    run.out.result(&new, || format!("{}\n", new.secret))?;
    let until = new.token.expires_at.map(|time| run.out.paper().moment(Some(time)));
    run.out.remark(format!("good until {}", until.unwrap_or_else(|| "it is revoked".to_owned())));
    run.out.remark("it is shown this once; keep it in a file with mode 0600 and name that by --token-file");
    run.out.remark(format!("to take it back: landmarkctl api-tokens revoke {}", new.token.token_id));
    Ok(Exit::Done)
}

async fn list(run: &Run, all: bool) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let rows = client.api_tokens(all).await;
    let rows = rows.map_err(|error| refused("list the API tokens", error, &Origins::none()))?;
    if rows.is_empty() && !run.out.is_json() {
        run.out.remark("there are no API tokens: landmarkctl api-tokens create --role viewer");
        return Ok(Exit::Done);
    }
    run.out.result(&ListDocument { api_tokens: &rows }, || api_tokens(&rows, &run.out.paper()))?;
    Ok(Exit::Done)
}

async fn revoke(run: &Run, text: &str) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let rows = client.api_tokens(true).await;
    let rows = rows.map_err(|error| refused("list the API tokens", error, &Origins::none()))?;
    let found = find(&rows, text)?;
    let token = client.revoke_api_token(&found.token_id).await;
    let origins = Origins::none().with("token_id", text);
    let token = token.map_err(|error| refused_change("revoke the API token", error, &origins))?;
    if run.out.is_json() {
        run.out.document(&token)?;
    }
    run.out.remark(format!("revoked {}: it is accepted no more", token.token_id));
    Ok(Exit::Done)
}

/// The token that an id, or the beginning of one, means.
fn find<'a>(rows: &'a [ApiToken], text: &str) -> Result<&'a ApiToken, Failure> {
    let digits = |text: &str| text.trim().replace('-', "").to_ascii_lowercase();
    let wanted = digits(text);
    if wanted.is_empty() {
        return Err(Failure::usage("an empty text names no API token").hint("landmarkctl api-tokens list"));
    }
    let found: Vec<&ApiToken> =
        rows.iter().filter(|token| digits(&token.token_id).starts_with(&wanted)).collect();
    let failure =
        |message: String| Failure::new(Exit::Refused, format!("cannot revoke the API token: {message}"));
    match found.as_slice() {
        [token] => Ok(token),
        [] => Err(failure(format!("there is no token {text:?} (an id, or the beginning of one)"))
            .hint("landmarkctl api-tokens list --all")),
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

    fn token(token_id: &str) -> ApiToken {
        ApiToken {
            token_id: token_id.into(),
            description: None,
            role: None,
            account: None,
            created_at: None,
            expires_at: None,
            last_used_at: None,
            revoked: false,
        }
    }

    #[test]
    fn a_token_is_named_by_its_id_or_an_unambiguous_beginning() {
        let rows = [token("01a20963-44f2-7abc"), token("01a20963-44f3-7abc")];
        for text in ["01a20963-44f2-7abc", "01A20963-44F2", "01a2096344f2"] {
            assert_eq!(find(&rows, text).map(|token| token.token_id.as_str()), Ok("01a20963-44f2-7abc"));
        }
        assert!(find(&rows, "01a20963").unwrap_err().to_string().contains("names 2 tokens"));
        assert_eq!(find(&rows, "02").unwrap_err().exit(), Exit::Refused);
        assert_eq!(find(&rows, "-").unwrap_err().exit(), Exit::Usage);
    }
}
